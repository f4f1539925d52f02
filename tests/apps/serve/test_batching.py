"""Pictures of many requests through one network, on means of colours."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from emotionnet.apps.serve.batching import Batcher
from emotionnet.apps.serve.errors import BusyError, RefusedError
from emotionnet.apps.serve.limits import Limits
from emotionnet.data.images import Preprocessing, evaluation_input
from emotionnet.inference.outputs import Outputs
from tests.apps.serve.conftest import MeansBackend, picture

HOW = Preprocessing(8, 1.0, (0.5,) * 3, (0.25,) * 3)


@pytest.fixture
def make(backend: MeansBackend) -> Iterator[Callable[..., Batcher]]:
    made: list[Batcher] = []

    def one(**limits: int) -> Batcher:
        made.append(Batcher(backend, HOW, Limits(**limits)))
        return made[-1]

    yield one
    backend.gate.set()
    for batcher in made:
        batcher.close()


def greys(count: int) -> list[bytes]:
    return [picture((10 * number,) * 3) for number in range(count)]


def rows(told: list[Outputs | RefusedError]) -> list[float]:
    found = []
    for one in told:
        assert isinstance(one, Outputs)
        assert one.scores.shape == (1, 3)
        found.append(float(one.features[0, 0]))
    return found


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.002)


async def started(task: asyncio.Task[object], holds: Callable[[], bool]) -> None:
    """Let a task come as far as something holds."""
    await asyncio.sleep(0)
    await asyncio.to_thread(until, holds)
    assert not task.done()


def test_each_picture_gets_its_own_outputs_in_order(make: Callable[..., Batcher]) -> None:
    contents = greys(20)
    expected = [float(evaluation_input(one, HOW).mean()) for one in contents]
    assert rows(asyncio.run(make().outputs(contents))) == pytest.approx(expected, abs=1e-6)


def test_what_waits_while_the_network_is_busy_goes_through_it_together(
    make: Callable[..., Batcher], backend: MeansBackend
) -> None:
    batcher = make()

    async def ask() -> list[list[Outputs | RefusedError]]:
        backend.gate.clear()
        first = asyncio.create_task(batcher.outputs(greys(1)))
        await started(first, lambda: backend.sizes == [1])  # alone: nobody waits for company
        others = [asyncio.create_task(batcher.outputs([one])) for one in greys(6)]
        await started(others[-1], lambda: batcher._decoded.qsize() == 6)
        backend.gate.set()
        return await asyncio.gather(first, *others)

    told = asyncio.run(ask())
    assert backend.sizes == [1, 4, 2]
    assert [rows(one)[0] for one in told[1:]] == rows(asyncio.run(batcher.outputs(greys(6))))


def test_a_limit_of_one_keeps_pictures_apart(make: Callable[..., Batcher], backend: MeansBackend) -> None:
    asyncio.run(make(batch=1).outputs(greys(5)))
    assert backend.sizes == [1] * 5


def test_more_than_may_wait_is_turned_away_with_the_seconds_that_it_takes(
    make: Callable[..., Batcher], backend: MeansBackend
) -> None:
    batcher = make(waiting=3)

    async def ask() -> int:
        backend.gate.clear()
        waiting = asyncio.create_task(batcher.outputs(greys(3)))
        await started(waiting, lambda: len(backend.sizes) == 1)
        assert batcher.is_full
        with pytest.raises(BusyError) as busy:
            await batcher.outputs(greys(1))
        backend.gate.set()
        await waiting
        assert not batcher.is_full
        assert len(await batcher.outputs(greys(3))) == 3
        return busy.value.retry_after

    assert asyncio.run(ask()) == 1


def test_a_picture_that_cannot_be_read_leaves_its_neighbours_alone(make: Callable[..., Batcher]) -> None:
    good = picture()
    told = asyncio.run(make().outputs([good, b"text", good[:45], good]))
    assert isinstance(told[1], RefusedError)
    assert isinstance(told[2], RefusedError)
    assert (told[1].status, told[1].code, told[2].status) == (415, "no_picture", 422)
    assert rows([told[0], told[3]]) == rows([told[0], told[0]])


def test_pictures_of_a_request_that_was_given_up_are_not_computed(
    make: Callable[..., Batcher], backend: MeansBackend
) -> None:
    batcher = make()

    async def ask() -> None:
        backend.gate.clear()
        first = asyncio.create_task(batcher.outputs(greys(1)))
        await started(first, lambda: len(backend.sizes) == 1)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(batcher.outputs(greys(8)), 0.05)
        backend.gate.set()
        await first
        await batcher.outputs(greys(2))

    asyncio.run(ask())
    assert sum(backend.sizes) == 3


def test_a_fault_of_the_network_reaches_whoever_waits_and_ends_nothing(
    make: Callable[..., Batcher], backend: MeansBackend
) -> None:
    batcher = make()
    backend.error = RuntimeError("no more")
    with pytest.raises(RuntimeError, match="no more"):
        asyncio.run(batcher.outputs(greys(3)))
    backend.error = None
    np.testing.assert_array_less(rows(asyncio.run(batcher.outputs(greys(2)))), 0)
