"""Load on a small server whose answers are known."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import closing

import pytest

from emotionnet.apps.bench.load import Load, closed_load, open_load, requests_of

ANSWER = b"HTTP/1.1 %d X\r\nContent-Length: 5\r\n%s\r\nhello"


@pytest.fixture
def port() -> Iterator[int]:
    """A server that answers 200 to `good`, 429 to `busy`, 500 to `bad`; to `none` it ends without an answer.

    To `last` it answers 200 and closes.
    """
    loop, ready = asyncio.new_event_loop(), threading.Event()
    listening = socket.create_server(("127.0.0.1", 0))

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await reader.readuntil(b"\r\n\r\n"):
            body = await reader.readexactly(int(head.split(b"Content-Length: ")[1].split()[0]))
            status = {b"busy": 429, b"bad": 500}.get(body, 200)
            if body != b"none":
                writer.write(ANSWER % (status, b"Connection: close\r\n" if body == b"last" else b""))
            if body in (b"none", b"last"):
                break
        writer.close()

    async def quiet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await answer(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def serve() -> None:
        server = await asyncio.start_server(quiet, sock=listening)
        ready.set()
        async with server:
            await stopping.wait()

    stopping = asyncio.Event()
    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    assert ready.wait(10)
    with closing(loop):
        yield listening.getsockname()[1]
        loop.call_soon_threadsafe(stopping.set)
        thread.join(10)


def test_a_request_holds_the_picture() -> None:
    (request,) = requests_of([b"good"])
    assert request.startswith(b"POST /v1/predict HTTP/1.1\r\nHost: 127.0.0.1\r\n")
    assert request.endswith(b"\r\nContent-Length: 4\r\n\r\ngood")


def test_clients_ask_until_the_time_is_over(port: int) -> None:
    load = closed_load(port, requests_of([b"good", b"busy", b"bad"]), clients=3, seconds=0.2)
    assert set(load.statuses) == {200, 429, 500}
    assert load.unanswered == 0
    assert load.errors == load.statuses[500]
    assert len(load.seconds) == sum(load.statuses.values())
    assert load.wall >= 0.2
    assert load.per_second == load.statuses[200] / load.wall


def test_clients_end_with_their_connection(port: int) -> None:
    load = closed_load(port, requests_of([b"last", b"none"]), clients=2, seconds=60)
    assert (load.statuses[200], load.unanswered, load.errors) == (1, 1, 1)


def test_requests_come_at_their_rate_whether_or_not_others_are_answered(port: int) -> None:
    load = open_load(port, requests_of([b"good"]), rate=200, seconds=0.5)
    assert 60 < load.statuses[200] < 140  # 100 on average; by the seed always the same
    assert max(load.seconds) < 5
    assert load.errors == 0


def test_good_answers_alone_count() -> None:
    load = Load(wall=2.0)
    load.statuses.update({200: 10, 429: 5, 503: 1})
    assert (load.per_second, load.errors) == (5.0, 1)
