"""Downloading as one would write it by hand: aiohttp in a loop, which writes what it gets, and no more."""

from __future__ import annotations

import asyncio
import itertools
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import aiohttp


def make_plain(*, urls: Sequence[str], out: Path, connections: int) -> Callable[[], float]:
    """URLs per second of a plain loop: nothing is checked, hashed, decoded or written down.

    Args:
        urls: What is fetched in a round.
        out: Where a folder goes in each round; made where it is missing.
        connections: Open at once.
    """
    rounds = itertools.count()

    def one_round() -> float:
        folder = out / str(next(rounds))
        folder.mkdir(parents=True)
        started = time.perf_counter()
        asyncio.run(_fetch_all(urls, folder, connections))
        seconds = time.perf_counter() - started
        shutil.rmtree(folder)
        return len(urls) / seconds

    return one_round


async def _fetch_all(urls: Sequence[str], folder: Path, connections: int) -> None:
    waiting = iter(enumerate(urls))
    connector = aiohttp.TCPConnector(limit=connections)
    async with aiohttp.ClientSession(connector=connector, raise_for_status=True) as session:

        async def fetch() -> None:
            for number, url in waiting:
                async with session.get(url) as answer:
                    (folder / f"{number}.jpg").write_bytes(await answer.read())

        await asyncio.gather(*(fetch() for _ in range(connections)))
