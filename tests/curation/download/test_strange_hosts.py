"""Hosts that answer what no server should, and one whose robots.txt changes."""

import asyncio
import contextlib
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from protego import Protego

from emotionnet.config import DownloadConfig
from emotionnet.curation.download import robots
from emotionnet.curation.download.lost import Lost
from emotionnet.curation.download.places import place_of
from emotionnet.curation.download.run import download

from .conftest import WriteList, ledger_rows

EMPTY = b"Content-Length: 0\r\n\r\n"
HEAD = b"HTTP/1.1 200 OK\r\n"
ANSWERS = {  # path to the answer, the reason and a part of the detail
    "encoding": (HEAD + b"Content-Encoding: \xff\xfe\r\n" + EMPTY, "packed body", r"\udcff\udcfe"),
    "bytes": (b"HTTP/1.1 302 a\r\nLocation: http://\xff/\r\n" + EMPTY, "bad redirect", r"\udcff"),
    "bracket": (b"HTTP/1.1 302 a\r\nLocation: //[::1\r\n" + EMPTY, "bad redirect", "//[::1"),
    "nowhere": (b"HTTP/1.1 302 a\r\n" + EMPTY, "bad redirect", "it names no URL"),
    "junk": (b"\x00\xff\xfe junk\r\n\r\n", "no HTTP", "Bad status line: Expected HTTP/"),
    "number": (b"HTTP/1.1 99999 \xff\r\n\r\n", "no HTTP", "Invalid response status"),
    "negative": (HEAD + b"Content-Length: -5\r\n\r\n", "no HTTP", "Content-Length"),
    "upgrade": (b"HTTP/1.1 101 a\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n", "status 101", ""),
    "headers": (HEAD + b"X-Robots-Tag: a\r\n" * 20_000, "no HTTP", "headers"),
    "header": (HEAD + b"X: " + b"a" * 100_000 + b"\r\n\r\n", "no HTTP", ""),
    "later": (b"HTTP/1.1 503 a\r\nRetry-After: \xff" + b"9" * 99 + b"\r\n" + EMPTY, "status 503", ""),
}


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
        path = (await reader.readuntil(b"\r\n\r\n")).split()[1].decode().strip("/")
        writer.write(ANSWERS[path][0] if path in ANSWERS else b"HTTP/1.1 404 a\r\n" + EMPTY)
        await writer.drain()
    writer.close()


@pytest.fixture
def strange_host() -> Iterator[str]:
    """Its origin."""
    loop, ready = asyncio.new_event_loop(), threading.Event()
    origins: list[str] = []

    async def serve() -> None:
        server = await asyncio.start_server(_answer, "127.0.0.1", 0)
        origins.append(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        ready.set()
        with contextlib.suppress(asyncio.CancelledError):
            async with server:
                await server.serve_forever()

    task = loop.create_task(serve())
    thread = threading.Thread(target=loop.run_until_complete, args=(task,))
    thread.start()
    ready.wait()
    yield origins[0]
    loop.call_soon_threadsafe(task.cancel)
    thread.join()
    loop.close()


def test_no_answer_stops_a_download(strange_host: str, write_list: WriteList, tmp_path: Path) -> None:
    source = write_list([f"{strange_host}/{path}" for path in ANSWERS])
    download(
        DownloadConfig(source=source, out=tmp_path / "out", attempts=1, timeout=5.0, allow=("127.0.0.1",))
    )
    found = {urlsplit(url).path.strip("/"): row for url, row in ledger_rows(tmp_path / "out").items()}
    assert {path: row["reason"] for path, row in found.items()} == {
        path: reason for path, (_, reason, _) in ANSWERS.items()
    }
    for path, (_, _, detail) in ANSWERS.items():
        assert detail in found[path]["detail"]
        assert "\n" not in found[path]["detail"]
        assert len(found[path]["detail"]) <= 200


def test_details_are_short_lines_of_any_bytes() -> None:
    assert Lost("x", "a\n  b\udcff" + "c" * 300).detail == "a b\\udcff" + "c" * 191


def test_robots_txt_is_asked_for_again_after_a_day(monkeypatch: pytest.MonkeyPatch) -> None:
    files = [b"User-agent: *\nDisallow:", b"User-agent: *\nDisallow: /"]
    asked: list[str] = []
    kept: dict[str, tuple[bytes, float]] = {}

    async def read(origin: str) -> tuple[bytes, float] | None:
        return kept.get(origin)

    async def keep(origin: str, content: bytes, fetched: float) -> None:
        kept[origin] = content, fetched

    class Told(robots.Robots):
        async def _fetched(self, origin: str) -> bytes:
            asked.append(origin)
            return files[len(asked) - 1]

    async def visit() -> None:
        rules = Told(None, DownloadConfig(source=Path(__file__)), read, keep)  # type: ignore[arg-type]
        page, now = place_of("https://example.org/a.jpg"), time.time()
        await asyncio.gather(*(rules.require(page) for _ in range(5)))
        assert len(asked) == 1
        monkeypatch.setattr(time, "time", lambda: now + robots.FRESH + 60)
        found = await asyncio.gather(*(rules.require(page) for _ in range(5)), return_exceptions=True)
        assert [str(one) for one in found] == [str(Lost("robots.txt"))] * 5
        assert asked == ["https://example.org:443"] * 2

    asyncio.run(visit())


def test_patterns_of_robots_txt_cannot_hold_everybody_up() -> None:
    """Two million years for who tries all ways that stars can match."""
    rules = Protego.parse("User-agent: *\nDisallow: /" + "*a" * 30 + "b$\n")
    began = time.monotonic()
    assert rules.can_fetch("https://example.org/" + "a" * 8000, "emotionnet")
    assert time.monotonic() - began < 1
