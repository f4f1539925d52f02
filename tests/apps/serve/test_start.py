"""The server as its user starts it: a process, its address, its end."""

from __future__ import annotations

import http.client
import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from emotionnet.apps.serve import start
from emotionnet.apps.serve.server import HEAD_BYTES
from emotionnet.data.addresses import is_loopback
from emotionnet.records import DataError
from tests.apps.serve.conftest import picture

REQUEST = (
    b"POST /v1/predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: image/png\r\nContent-Length: %d\r\n\r\n%s"
)
Start = Callable[..., tuple[subprocess.Popen[str], str]]


@pytest.fixture
def started(squares: Path) -> Iterator[Start]:
    """Starts `emotionnet serve` and tells its process and its address."""
    processes: list[subprocess.Popen[str]] = []

    def begin(*options: str, **environment: str) -> tuple[subprocess.Popen[str], str]:
        command = [
            sys.executable,
            "-m",
            "emotionnet",
            "serve",
            str(squares / "model"),
            "--port",
            "0",
            *options,
        ]
        process = subprocess.Popen(
            [*command, "--backend", "onnxruntime"],
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **environment},
        )
        processes.append(process)
        assert process.stderr is not None
        assert select.select([process.stderr], [], [], 60)[0]
        line = process.stderr.readline()
        assert line.startswith("serving "), line
        return process, line.removeprefix("serving ").strip()

    yield begin
    for process in processes:
        process.kill()
        process.communicate()


def port_of(address: str) -> int:
    found = re.search(r":(\d+)/", address)
    assert found
    return int(found[1])


def connect(address: str) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port_of(address)), timeout=30)


def get(address: str, path: str, **headers: str) -> tuple[int, bytes]:
    with closing(http.client.HTTPConnection("127.0.0.1", port_of(address), timeout=30)) as asked:
        asked.request("GET", path, headers=headers)
        with asked.getresponse() as answer:
            return answer.status, answer.read()


def raw(address: str, content: bytes) -> bytes:
    with connect(address) as channel:
        channel.sendall(content)
        found = b""
        while more := channel.recv(65536):
            found += more
        return found


class Client(threading.Thread):
    """Asks again and again on one connection until the server closes it; counts questions and answers."""

    def __init__(self, address: str) -> None:
        super().__init__()
        self.channel = connect(address)
        self.asked = self.answered = 0

    def run(self) -> None:
        content = picture()
        request = REQUEST % (len(content), content)
        with self.channel, self.channel.makefile("rb") as answers:
            while True:
                self.channel.sendall(request)
                self.asked += 1
                head = list(iter(answers.readline, b"\r\n"))
                if not head[0].startswith(b"HTTP/1.1 200"):
                    return
                fields = dict(line.decode().lower().strip().split(": ", 1) for line in head[1:])
                self.answered += bool(answers.read(int(fields["content-length"])))
                if fields.get("connection") == "close":
                    return


def test_sigterm_under_load_answers_what_was_asked_and_ends_well(started: Start) -> None:
    process, address = started()
    clients = [Client(address) for _ in range(12)]
    idle = connect(address)
    for client in clients:
        client.start()
    deadline = time.monotonic() + 20
    while min(client.answered for client in clients) < 3:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    for client in clients:
        client.join(30)
    assert [client.answered for client in clients] == [client.asked for client in clients]
    assert process.wait(30) == 0
    assert process.stderr is not None
    assert process.stderr.read() == ""
    idle.close()
    with pytest.raises(ConnectionRefusedError):
        connect(address)


def test_heads_of_requests_end_or_are_refused(started: Start) -> None:
    process, address = started("--host", "localhost")
    assert re.fullmatch(r"http://localhost:\d+/", address)
    start_line = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
    assert raw(address, start_line + b"\r\n").startswith(b"HTTP/1.1 200 OK\r\n")
    for head in (b"X: " + b"x" * HEAD_BYTES, b"X: y\r\n" * (HEAD_BYTES // 6)):
        answer = raw(address, start_line + head)
        assert answer.startswith(b"HTTP/1.1 431 ")
        assert b'"code": "too_large"' in answer
    malformed = raw(address, b"\0\r\n\r\n")
    assert malformed.startswith(b"HTTP/1.1 400 ")
    assert json.loads(malformed.partition(b"\r\n\r\n")[2])["error"]["code"] == "malformed"
    assert b"server:" not in raw(address, start_line + b"\r\n").lower()
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 0


def test_where_others_reach_it_a_new_token_is_printed_and_needed(started: Start) -> None:
    _, address = started("--host", "0.0.0.0")
    found = re.fullmatch(rf"http://{re.escape(socket.gethostname())}:\d+/\?token=([\w-]{{32}})", address)
    assert found
    assert get(address, "/v1/labels")[0] == 401
    assert get(address, "/v1/labels", Authorization=f"Bearer {found[1]}")[0] == 200


def test_a_token_of_the_environment_is_needed_and_not_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(start.TOKEN, "x" * 16)
    assert start._token("0.0.0.0") == start._token("127.0.0.1") == ("x" * 16, False)
    for bad in ("", "x" * 15, "ä" * 16):
        monkeypatch.setenv(start.TOKEN, bad)
        with pytest.raises(DataError, match=r"^\$EMOTIONNET_TOKEN: must be at least 16 ASCII characters$"):
            start._token("127.0.0.1")


@pytest.mark.parametrize(
    ("host", "own"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.168.0.1", False),
        ("localhost.example", False),
        ("", False),
    ],
)
def test_what_the_loopback_is(host: str, own: bool) -> None:
    assert is_loopback(host) is own


def test_an_address_in_use_or_of_another_machine_is_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        where, what = f"127.0.0.1:{port}", "address already in use: choose another --port or --host"
        with pytest.raises(DataError) as error:
            start.serve("none", index=None, host="127.0.0.1", port=port)
        assert str(error.value) == f"{where}: must be free to listen at; {what}"
    with pytest.raises(DataError, match=r"^203\.0\.113\.1:0: must be free to listen at; cannot assign"):
        start.serve("none", index=None, host="203.0.113.1", port=0)
    with pytest.raises(DataError, match=r"^a b:0: must be an address of this machine; "):
        start.serve("none", index=None, host="a b", port=0)


def test_a_missing_package_is_told_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(start, "find_spec", lambda name: None if name == "uvicorn" else object())
    said = r"^the package uvicorn must be installed; it is not: pip install 'emotionnet\[serve\]'$"
    with pytest.raises(DataError, match=said):
        start.serve("none", index=None, host="127.0.0.1", port=0)
