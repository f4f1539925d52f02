from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from emotionnet.apps.bench import peers
from emotionnet.apps.bench.rounds import Contender, Rates

MakeContender = Callable[..., Contender]


@pytest.fixture
def contender(monkeypatch: pytest.MonkeyPatch) -> MakeContender:
    """A factory: `contender("ours", "counting", rates=[1.0], log=path)`; see contenders.py for the makers."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent))

    def make(name: str, maker: str, **arguments: Any) -> Contender:
        return Contender(name, f"contenders:make_{maker}", arguments)

    return make


@pytest.fixture
def race_at_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str], dict[str, Contender]]:
    """`race_at_once("train")`: there each contender does one round in the test; gives them by name."""

    def replace(section: str) -> dict[str, Contender]:
        seen: dict[str, Contender] = {}

        def race(contenders: Sequence[Contender], *, rounds: int = 1, warm_up: int = 1) -> Rates:
            seen.update({one.name: one for one in contenders})
            ready = {one.name: _maker(one)(**one.arguments) for one in contenders}
            return Rates({name: [one_round()] for name, one_round in ready.items()})

        monkeypatch.setattr(f"emotionnet.apps.bench.{section}.race", race)
        return seen

    monkeypatch.setenv("EMOTIONNET_CACHE", str(tmp_path / "cache"))  # contenders set their own
    return replace


@pytest.fixture
def no_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    """The peers load pictures in the test's own process."""
    batches = peers._batches

    def here(files: Sequence[Path], batch: int, *, workers: int) -> Iterator[Any]:
        return batches(files, batch, workers=0)

    monkeypatch.setattr(peers, "_batches", here)


def _maker(contender: Contender) -> Callable[..., Callable[[], float]]:
    module, _, name = contender.make.partition(":")
    found: Callable[..., Callable[[], float]] = getattr(importlib.import_module(module), name)
    return found
