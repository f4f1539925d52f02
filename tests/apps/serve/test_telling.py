"""Predictions of many requests at once are those of each alone."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence

import numpy as np
import pytest

from emotionnet.apps.serve.telling import Teller
from emotionnet.inference.outputs import Outputs
from emotionnet.inference.predictor import Predictor
from emotionnet.inference.results import Prediction


def an_output(rng: np.random.Generator, count: int) -> Outputs:
    features, scores, projection = (rng.normal(size=(count, 3)).astype(np.float32) for _ in range(3))
    return Outputs(features, scores, projection)


class Held:
    """A predictor that waits until it may go on; `counts` are the pictures of each of its calls."""

    def __init__(self, predictor: Predictor) -> None:
        self.predictor, self.counts = predictor, list[int]()
        self.asked, self.go = threading.Event(), threading.Event()

    def predictions(self, names: Sequence[str], outputs: Outputs, top: int) -> list[Prediction]:
        self.asked.set()
        self.go.wait(10)
        self.counts.append(len(names))
        if "broken" in names:
            raise ValueError("broken")
        return self.predictor.predictions(names, outputs, top)


def told(held: Held, asked: Sequence[tuple[Sequence[str], Outputs, int]]) -> list[object]:
    async def ask() -> list[object]:
        teller = Teller(held)  # type: ignore[arg-type]
        waiting = [asyncio.create_task(teller.predictions(*asked[0]))]
        await asyncio.to_thread(held.asked.wait, 10)
        waiting += [asyncio.create_task(teller.predictions(*one)) for one in asked[1:]]
        await asyncio.sleep(0)  # all of them are in line then
        held.go.set()
        found: list[object] = await asyncio.gather(*waiting, return_exceptions=True)
        teller.close()
        return found

    return asyncio.run(ask())


def test_requests_that_wait_are_told_together_and_each_gets_its_own(predictor: Predictor) -> None:
    rng = np.random.default_rng(0)
    asked = [(["a"], an_output(rng, 1), 2), (["b", "c"], an_output(rng, 2), 1), (["d"], an_output(rng, 1), 3)]
    held = Held(predictor)
    found = told(held, asked)
    assert held.counts == [1, 3]  # the first alone, since nothing waited; then the others
    for (names, outputs, top), predictions in zip(asked, found, strict=True):
        alone = predictor.predictions(names, outputs, top)
        assert isinstance(predictions, list)
        for one, same in zip(predictions, alone, strict=True):
            assert (one.image, len(one.emotions), len(one.tags)) == (same.image, top, top)
            assert [score.name for score in one.emotions] == [score.name for score in same.emotions]
            assert [score.value for score in one.tags] == pytest.approx(
                [score.value for score in same.tags], abs=1e-6
            )


def test_a_fault_is_told_to_all_that_wait_for_it_and_the_next_are_answered(predictor: Predictor) -> None:
    rng = np.random.default_rng(0)
    first, broken, beside = ((name, an_output(rng, 1), 1) for name in ("first", "broken", "beside"))
    found = told(Held(predictor), [([name], outputs, top) for name, outputs, top in (first, broken, beside)])
    assert isinstance(found[0], list)
    assert [type(one) for one in found[1:]] == [ValueError, ValueError]
