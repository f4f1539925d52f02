from __future__ import annotations

import asyncio
import contextlib
import resource
import socket
import threading
from typing import Any

import aiohttp
import pytest
from aiohttp.abc import ResolveResult

from emotionnet.curation.download import connecting
from emotionnet.curation.download.connecting import Addresses, Fenced, Resolver, allow_many, new_session
from emotionnet.curation.download.lost import Lost
from emotionnet.curation.download.web import faults


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "10.0.0.1",
        "::1",
        "::ffff:127.0.0.1",
        "2130706433",
        "0x7f.1",
        "0177.0.0.1",
        "127.1",
        "1.2.3.0x4",
    ],
)
def test_addresses_that_are_never_asked(host: str) -> None:
    with pytest.raises(Lost) as caught:
        Addresses(()).require(host)
    assert (caught.value.state, caught.value.reason) == ("refused", "private address")


@pytest.mark.parametrize("host", ["8.8.8.8", "2606:4700::1111", "example.org", "7up.com", "a.1b"])
def test_hosts_that_may_be_asked_as_far_as_their_spelling_goes(host: str) -> None:
    Addresses(()).require(host)


def test_only_what_is_allowed_by_name_may_be_private() -> None:
    addresses = Addresses(["127.0.0.1", "[::1]"])
    addresses.require("127.0.0.1")
    addresses.require("::1")
    with pytest.raises(Lost):
        addresses.require("127.0.0.2")


def _found(*hosts: str) -> list[ResolveResult]:
    return [ResolveResult(hostname="", host=host, port=80, family=0, proto=0, flags=0) for host in hosts]


def test_of_a_name_only_public_addresses_are_kept() -> None:
    kept = Addresses(()).keep("a.org", _found("10.0.0.1", "8.8.8.8", "::1"))
    assert [one["host"] for one in kept] == ["8.8.8.8"]


def test_a_name_of_private_addresses_is_refused_and_they_are_told() -> None:
    with pytest.raises(Lost) as caught:
        Addresses(()).keep("inside.org", _found("10.0.0.1", "::1"))
    assert (caught.value.reason, caught.value.detail) == ("private address", "inside.org is 10.0.0.1, ::1")


def _info(address: str) -> tuple[Any, ...]:
    return socket.AF_INET, socket.SOCK_STREAM, 0, "", (address, 80)


def test_the_fence_lets_through_what_is_public_or_was_allowed_by_name() -> None:
    addresses = Addresses(["near.org"])
    with pytest.raises(Fenced, match=r"10\.0\.0\.1 must not be connected to"):
        addresses.socket_for(_info("10.0.0.1"))
    addresses.keep("near.org", _found("10.0.0.1"))
    for address in ("10.0.0.1", "8.8.8.8"):
        with addresses.socket_for(_info(address)) as made:
            assert not made.getblocking()


def test_a_session_connects_to_no_private_address_even_when_nobody_looked_before() -> None:
    """The fence alone, and a name that the system knows, in front of a listener that counts."""

    async def connected(url: str, allow: tuple[str, ...] = ()) -> None:
        async with new_session(Addresses(allow), "test") as session, session.get(url):
            pass

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0)
        port = listener.getsockname()[1]
        with pytest.raises(aiohttp.ClientConnectorError) as caught:
            asyncio.run(connected(f"http://127.0.0.1:{port}/"))
        assert isinstance(caught.value.os_error, Fenced)
        with pytest.raises(Lost):
            asyncio.run(connected(f"http://localhost:{port}/"))
        with pytest.raises(BlockingIOError):
            listener.accept()


def test_an_allowed_name_is_resolved() -> None:
    async def resolved() -> list[ResolveResult]:
        return await Resolver(Addresses(["localhost"])).resolve("LOCALHOST", 80)

    assert "127.0.0.1" in [one["host"] for one in asyncio.run(resolved())]


def test_many_names_are_looked_up_at_once_and_many_files_may_be_open() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    together = threading.Barrier(50)

    async def work() -> None:
        allow_many(50)
        loop = asyncio.get_running_loop()  # where the loop looks names up, 50 wait for each other
        await asyncio.gather(*(loop.run_in_executor(None, together.wait, 20) for _ in range(50)))

    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 512), hard))
        asyncio.run(work())
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (min(hard, 65_536), hard)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_host_that_takes_too_long_to_connect_to_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connecting, "_TO_CONNECT", 0.05)

    async def work(port: int) -> None:
        async with new_session(Addresses(["127.0.0.1"]), "us") as session:
            with pytest.raises(Lost) as caught, faults():
                await session.get(f"http://127.0.0.1:{port}/")
        assert (caught.value.reason, caught.value.passing) == ("connection", True)

    with socket.socket() as host, contextlib.ExitStack() as others:
        host.bind(("127.0.0.1", 0))
        host.listen(0)
        for _ in range(4):  # nobody takes them: the next gets no answer
            other = others.enter_context(socket.socket())
            other.setblocking(False)
            other.connect_ex(host.getsockname())
        asyncio.run(work(host.getsockname()[1]))
