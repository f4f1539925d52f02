"""Connections on which nothing is asked."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from uvicorn import Config

from emotionnet.apps.serve import server

HEAD = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"
SECONDS = 0.3


@pytest.fixture
def port(app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A server that waits for heads and in silence for `SECONDS`."""
    monkeypatch.setattr(server, "HEAD_SECONDS", SECONDS)
    monkeypatch.setattr(server, "IDLE_SECONDS", SECONDS)
    begun = threading.Event()
    config = Config(app, http=server.BoundedProtocol, lifespan="off", log_config=None, log_level="error")
    running = server.CalmServer(config, begun.set)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=running.run, kwargs={"sockets": [listening]})
        thread.start()
        assert begun.wait(20)
        yield listening.getsockname()[1]
        running.should_exit = True
        thread.join(20)


def answers(port: int, first: bytes, drip: bytes) -> bytes:
    """All that a connection brings on which a drop comes again and again, until the server closes it."""
    found, deadline = b"", time.monotonic() + 20 * SECONDS
    with socket.create_connection(("127.0.0.1", port)) as channel:
        channel.settimeout(SECONDS / 8)
        channel.sendall(first)
        while time.monotonic() < deadline:
            try:
                more = channel.recv(65536)
                if not more:
                    return found
                found += more
            except TimeoutError:
                channel.sendall(drip)
            except ConnectionResetError:
                return found
    raise AssertionError("the connection is open still")


@pytest.mark.parametrize(
    ("first", "drip", "status"),
    [
        (b"", b"", 408),
        (HEAD, b"a: b\r\n", 408),
        (HEAD + b"\r\n", b"", 200),
        (HEAD + b"\r\n", b"\r\n", 200),
        (HEAD + b"Content-Length: 999\r\n\r\n", b"x", 200),
        (b"POST /v1/predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 999999999\r\n\r\n", b"x", 415),
    ],
    ids=["nothing", "a head", "after an answer", "ends of lines", "a body nobody reads", "a refused body"],
)
def test_a_connection_ends_on_which_nothing_is_asked(
    port: int, first: bytes, drip: bytes, status: int
) -> None:
    assert answers(port, first, drip).startswith(b"HTTP/1.1 %d " % status)


def test_a_connection_stays_while_it_is_used(port: int) -> None:
    body = b'{"status": "ok"}'
    with socket.create_connection(("127.0.0.1", port), timeout=20) as channel:
        for times in (1, 1, 1, 1, 1, 1, 3):  # the last are answered one after the other
            time.sleep(SECONDS / 3)
            channel.sendall((HEAD + b"\r\n") * times)
            found = b""
            while found.count(body) < times:
                more = channel.recv(65536)
                assert more
                found += more
            assert found.count(b"HTTP/1.1 200 ") == times
