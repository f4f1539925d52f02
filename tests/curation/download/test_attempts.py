from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from emotionnet.config import DownloadConfig
from emotionnet.curation.download import attempts
from emotionnet.curation.download.attempts import Attempts
from emotionnet.curation.download.ledger import Outcome, Waiting
from emotionnet.curation.download.lost import Lost


@pytest.mark.parametrize(
    ("asked_by", "queue"), [("http://b.org:81/y", "b.org 81"), ("http://a.org/x", "a.org")]
)
def test_a_pause_is_one_of_the_host_that_asks_for_it(
    monkeypatch: pytest.MonkeyPatch, asked_by: str, queue: str
) -> None:
    """Which a redirect may have led to."""
    pauses: list[tuple[str, float]] = []

    @contextlib.asynccontextmanager
    async def busy(*_: Any) -> AsyncIterator[None]:
        raise Lost("status 429", passing=True, wait=7.0, status=429).at(asked_by)
        yield

    async def keep(*_: Any) -> Outcome:
        raise AssertionError

    def line(name: str) -> Any:
        return SimpleNamespace(pause=lambda seconds: pauses.append((name, seconds)))

    monkeypatch.setattr(attempts, "followed", busy)
    web: Any = SimpleNamespace(hosts=SimpleNamespace(of=line))
    robots: Any = SimpleNamespace(require=None)
    config = DownloadConfig(source=Path(__file__), attempts=3)
    tried = Attempts(config, web, robots, keep)
    found = asyncio.run(tried.outcome(Waiting(5, "http://a.org/x", 1)))
    assert (found.id, found.state, found.reason, found.attempts) == (5, "failed", "status 429", 3)
    assert found.final_url == asked_by
    assert pauses == [(queue, 7.0)]  # one of three attempts was made before; after the last nobody waits
    assert tried.made == {}
