from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from emotionnet.curation.download import hosts as module
from emotionnet.curation.download.hosts import Host, Hosts

Timed = Callable[[Callable[[], Coroutine[Any, Any, None]]], None]


@pytest.fixture
def timed(monkeypatch: pytest.MonkeyPatch) -> Timed:
    """Runs something in a loop whose time passes only while somebody sleeps."""

    def run(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        now, yielded = [0.0], asyncio.sleep

        async def sleep(seconds: float) -> None:
            now[0] += seconds
            await yielded(0)

        async def main() -> None:
            monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: now[0])
            monkeypatch.setattr(asyncio, "sleep", sleep)
            await work()

        asyncio.run(main())

    return run


def a_host(at_once: int, delay: float, room: int = 99) -> Host:
    return Host(at_once, delay, asyncio.Semaphore(room), 60.0)


def test_requests_begin_a_delay_apart(timed: Timed) -> None:
    began = []

    async def work() -> None:
        host = a_host(4, 2.0)
        for _ in range(3):
            async with host.turn():
                began.append(asyncio.get_running_loop().time())

    timed(work)
    assert began == [0.0, 2.0, 4.0]


def test_a_pause_holds_for_the_next_request(timed: Timed) -> None:
    async def work() -> None:
        host = a_host(4, 0.0)
        host.pause(30.0)
        host.pause(10.0)  # a shorter one does not shorten it
        assert not host.is_idle
        async with host.turn():
            assert asyncio.get_running_loop().time() == 30.0
            assert not host.is_idle
        assert host.is_idle

    timed(work)


def test_no_more_than_so_many_at_once() -> None:
    most = now = 0

    async def one(host: Host) -> None:
        nonlocal most, now
        async with host.turn():
            now += 1
            most = max(most, now)
            await asyncio.sleep(0)
            now -= 1

    async def work() -> None:
        host = a_host(3, 0.0)
        await asyncio.gather(*(one(host) for _ in range(20)))
        assert host.is_idle

    asyncio.run(work())
    assert most == 3


def test_hosts_that_nobody_waits_for_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_KNOWN", 2)

    async def work() -> None:
        hosts = Hosts(1, 1.0, together=9, down_after=60.0)
        busy = hosts.of("busy")
        async with busy.turn():
            hosts.of("idle")
            hosts.of("third")
            assert hosts.of("busy") is busy
            hosts.slow_down("busy", 5.0)
            assert busy.delay == 5.0
            hosts.slow_down("busy", 0.1)  # never faster than the user says
            assert busy.delay == 1.0

    asyncio.run(work())


def test_requests_that_waited_for_room_begin_a_delay_apart_too(timed: Timed) -> None:
    began = []

    async def work() -> None:
        room = asyncio.Semaphore(1)
        host = Host(4, 2.0, room, 60.0)

        async def one() -> None:
            async with host.turn():
                began.append(asyncio.get_running_loop().time())

        await room.acquire()
        waiting = [asyncio.create_task(one()) for _ in range(3)]
        for _ in range(9):
            await asyncio.sleep(1.0)
        room.release()
        await asyncio.gather(*waiting)

    timed(work)
    assert len(began) == 3
    assert min(later - earlier for earlier, later in itertools.pairwise(began)) >= 2.0


def test_a_host_that_answers_nothing_for_long_is_down_for_as_long(timed: Timed) -> None:
    async def work() -> None:
        host = a_host(1, 0.0)
        for _ in range(30):  # a short while may pass, however often it was asked
            host.was_silent()
        await asyncio.sleep(59.0)
        host.was_silent()
        assert not host.is_down
        await asyncio.sleep(1.0)
        host.was_silent()
        assert host.is_down
        assert not host.is_idle  # it would be forgotten
        await asyncio.sleep(60.0)
        assert not host.is_down
        host.was_silent()
        assert host.is_down  # one more is enough
        host.answered()
        assert not host.is_down

    timed(work)


def test_a_host_that_is_seldom_asked_is_not_down(timed: Timed) -> None:
    async def work() -> None:
        host = a_host(1, 0.0)
        for _ in range(module.FEWEST_SILENT - 1):
            await asyncio.sleep(100.0)
            host.was_silent()
        assert not host.is_down
        host.answered()
        host.was_silent()
        assert not host.is_down

    timed(work)
