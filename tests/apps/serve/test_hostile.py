"""Uploads that no server should be given get an answer that says so, and cost little."""

from __future__ import annotations

import asyncio
import resource
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import httpx
import numpy as np
import pytest
from fastapi import FastAPI

from emotionnet.apps.serve.app import create_app
from emotionnet.apps.serve.service import Service
from tests.apps.serve.conftest import picture
from tests.apps.serve.hostile import KINDS, hostile

GROWTH = 200e6  # bytes
AT_ONCE = 8
CODES = {"no_picture", "unreadable_picture", "too_many_pixels", "too_many_scans"}
NAMES = ("a.png", "../../../etc/passwd", "a\\b.jpg", "\u202egnp.exe", "x" * 500, "", "a.svg", "\0.png")


@pytest.mark.parametrize("count", [300, pytest.param(2_000, marks=pytest.mark.slow)])
@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's, of odd files
def test_hostile_uploads_are_refused(service: Service, count: int) -> None:
    app = create_app(service)
    asyncio.run(_answers(app, [("a.png", picture())], well=True))
    before = _memory()
    told = asyncio.run(_answers(app, hostile(count), well=False))
    assert len(told) == count
    assert {status // 100 for _, status, _ in told} == {4}, [one for one in told if one[1] // 100 != 4]
    assert {code for _, _, code in told} == {
        "no_picture",
        "unreadable_picture",
        "too_many_pixels",
        "too_many_scans",
    }
    kinds = Counter(name.partition("-")[0] for name, _, _ in told)
    assert set(kinds) == {kind.__name__ for kind in KINDS}
    assert _memory() - before < GROWTH
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before < 1.5 * GROWTH
    asyncio.run(_answers(app, [("a.png", picture())], well=True))


async def _answers(
    app: FastAPI, uploads: Iterable[tuple[str, bytes]], *, well: bool
) -> Sequence[tuple[str, int, str]]:
    """What each is told: its name, the status and the code; some come as forms, under odd names."""
    transport = httpx.ASGITransport(app)
    told: list[tuple[str, int, str]] = []
    waiting = iter(enumerate(uploads))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:

        async def ask() -> None:
            for number, (name, content) in waiting:
                if number % 2:
                    files = {"files": (NAMES[number // 2 % len(NAMES)] or "x", content)}
                    answer = await client.post("/v1/predict", files=files)
                else:
                    headers = {"content-type": "image/png"}
                    answer = await client.post("/v1/predict", content=content, headers=headers)
                code = "" if answer.status_code == 200 else answer.json()["error"]["code"]
                assert well == (answer.status_code == 200), (name, answer.text)
                told.append((name, answer.status_code, code))

        await asyncio.gather(*(ask() for _ in range(AT_ONCE)))
    return told


def _memory() -> float:
    """What this process holds now, bytes."""
    pages = int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[1])
    return float(np.int64(pages) * resource.getpagesize())
