"""Which process is named when processes that train together stop."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import Any

import pytest

from emotionnet.training import watch as room
from emotionnet.training.beats import Beat, Doing, Sight, is_gone, lost_line, own_beat, together, verdict
from emotionnet.training.watch import Watch

TIMEOUT = 60.0


def sight(
    doing: Doing = "steps", *, silent: float = 1, still: float = 1, gone: bool = False, moves: int = 9
) -> Sight:
    return Sight(Beat("a", "pids", 7, "step 9 of epoch 1", doing, moves), silent, still, gone)


@pytest.mark.parametrize(
    ("sights", "named"),
    [
        ([sight(), sight()], None),
        ([sight("waits"), sight(gone=True)], (1, "has died")),
        ([sight("waits"), sight("left", gone=True, silent=500, still=500)], None),
        ([sight("waits"), sight("failed")], (1, "stopped with an error of its own")),
        # silence: half the time, all of it for one that prepares
        ([sight("waits"), sight(silent=30)], None),
        ([sight("waits"), sight(silent=31)], (1, "has died or hangs: no sign of life for 31 s")),
        ([sight("waits"), sight("prepares", silent=59)], None),
        ([sight("waits"), sight("prepares", silent=61)], (1, "has died or hangs: no sign of life for 61 s")),
        # no step: only where all others wait as long
        ([sight("waits", still=61), sight(still=60)], None),
        ([sight("waits", still=61), sight(still=61)], (1, "hangs: no step for 61 s while others wait")),
        ([sight("waits", still=61), sight("prepares", still=900)], None),
        ([sight("waits", still=61), sight(still=900), sight(still=2)], None),
        (
            [sight("waits", still=61), sight("left"), sight(still=62)],
            (2, "hangs: no step for 62 s while others wait"),
        ),
        ([sight("left"), sight(still=900)], None),  # it alone is left: it may work on
        # all stand still, none or each of them waits: the one that came least far
        ([sight(still=61), sight(still=61, moves=8)], (1, "hangs: no step for 61 s while others wait")),
        (
            [sight("waits", still=61), sight("waits", still=61, moves=8)],
            (1, "hangs: no step for 61 s while others wait"),
        ),
        # the dead come first
        ([sight(silent=99), sight(gone=True)], (1, "has died")),
    ],
)
def test_the_verdict(sights: list[Sight], named: tuple[int, str] | None) -> None:
    assert verdict(sights, TIMEOUT) == named


def test_the_line_names_process_machine_and_place() -> None:
    beats = [Beat("a", "", 4710, "step 12 of epoch 3"), Beat("b", "", 4711, "step 12 of epoch 3")]
    assert lost_line(1, beats, "died", "restart with --resume") == (
        "rank 1 of 2 (pid 4711 on host b) died; last seen in step 12 of epoch 3; restart with --resume"
    )


def test_a_process_that_ended_is_gone_even_before_its_parent_asked_after_it() -> None:
    assert not is_gone(os.getpid())
    process = subprocess.Popen([sys.executable, "-c", ""])
    deadline = time.monotonic() + 20
    while not is_gone(process.pid) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert is_gone(process.pid)
    process.wait()
    assert is_gone(process.pid)


class Kept:
    """A store in memory."""

    def __init__(self) -> None:
        self.values: dict[str, bytes] = {}
        self.broken = False

    def set(self, key: str, value: str) -> None:
        if self.broken:
            raise RuntimeError("no store")
        self.values[key] = value.encode()

    def multi_get(self, keys: list[str]) -> list[bytes]:
        return [self.values[key] for key in keys]

    def compare_set(self, key: str, expected: str, desired: str) -> bytes:
        assert expected == ""
        return self.values.setdefault(key, desired.encode())

    def check(self, keys: list[str]) -> bool:
        return all(key in self.values for key in keys)


class Ended(BaseException):
    """In place of the end of this process."""


@pytest.fixture
def pair(monkeypatch: pytest.MonkeyPatch) -> tuple[Kept, Watch, Watch]:
    """Two watches in this process, whose looks are made by hand."""

    def ends(status: int) -> None:
        assert status == 1
        raise Ended

    monkeypatch.setattr(os, "_exit", ends)
    store = Kept()
    first, second = (Watch(store, rank, 2, timeout=TIMEOUT, advice=lambda: "again") for rank in (0, 1))
    return store, first, second


def test_one_says_who_is_lost_and_the_others_end_too(
    pair: tuple[Kept, Watch, Watch], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    _, first, second = pair
    first._look()
    second.at("step 3 of epoch 2")
    second._look()
    monkeypatch.setattr(room, "is_gone", lambda _: True)
    with pytest.raises(Ended):
        first._look()
    told = capfd.readouterr().err
    assert told.startswith("error: rank 0 of 2 (pid ")  # both are gone as it sees it: the first is named
    assert told.count("\n") == 1
    with pytest.raises(Ended):
        second._look()
    assert not capfd.readouterr().err, "it was said already"


def test_a_store_that_does_not_answer_is_named(
    pair: tuple[Kept, Watch, Watch], capfd: pytest.CaptureFixture[str]
) -> None:
    store, first, _ = pair
    store.broken = True
    with pytest.raises(Ended):
        first._look()
    assert capfd.readouterr().err == "error: the store of the processes does not answer; again\n"


def test_who_kept_a_store_that_is_gone_is_named(
    pair: tuple[Kept, Watch, Watch], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    store, _, second = pair
    second._look()
    store.broken = True
    monkeypatch.setattr(room, "is_gone", lambda _: True)
    with pytest.raises(Ended):
        second._look()
    assert "error: rank 0 of 2 (pid " in capfd.readouterr().err


def test_a_lost_machine_with_the_store_is_named(
    pair: tuple[Kept, Watch, Watch], capfd: pytest.CaptureFixture[str]
) -> None:
    """The first process was alive when it was heard of last, on a machine that nobody can ask any more."""
    store, first, second = pair
    first.at("step 3 of epoch 2")
    first.tell()
    second._look()
    store.broken = True
    with pytest.raises(Ended):
        second._look()
    told = capfd.readouterr().err
    assert told.startswith(
        f"error: rank 0 of 2 (pid {first.beat.pid} on host {first.beat.host}) cannot be reached"
    )
    assert told.endswith(
        ", or the store of all processes on its machine; last seen in step 3 of epoch 2; again\n"
    )


def test_sigterm_without_a_lost_process_is_told(
    pair: tuple[Kept, Watch, Watch], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(room, "TERMINATED", 0.2)
    _, first, _ = pair
    with pytest.raises(Ended):
        first._terminated()
    assert capfd.readouterr().err == "error: stopped by the system (SIGTERM); again\n"


def test_who_says_why_all_end_is_not_ended_before_it_has(
    pair: tuple[Kept, Watch, Watch], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    _, first, second = pair
    assert first.speaks()
    assert not second.speaks()
    monkeypatch.setattr(room, "is_gone", lambda _: True)
    for watch in (first, second):
        watch._look()
        watch._terminated()
    assert not capfd.readouterr().err


def test_a_process_tells_what_it_does_and_that_it_moves(pair: tuple[Kept, Watch, Watch]) -> None:
    _, first, _ = pair
    before = first.beat
    first.at("step 1 of epoch 1")
    assert (first.beat.place, first.beat.doing) == ("step 1 of epoch 1", "steps")
    with first.doing("waits"):
        during = first.beat
    assert [during.doing, first.beat.doing] == ["waits", "steps"]
    assert first.beat.moves == before.moves + 3
    first.at("the end", patient=True)
    assert first.beat.doing == "prepares"


def test_the_thread_beats_until_it_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "INTERVAL", 0.01)
    store: Any = Kept()
    watch = Watch(store, 0, 1, timeout=TIMEOUT, advice=str)
    watch.start()
    deadline = time.monotonic() + 20
    while watch.beat.beats < 5 and time.monotonic() < deadline:
        time.sleep(0.01)
    watch.stop("left")
    assert watch.beat.beats >= 5
    assert b'"doing": "left"' in store.values["beat/0"]
    assert not watch.thread.is_alive()


def test_who_keeps_the_store_leaves_last(
    pair: tuple[Kept, Watch, Watch], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, first, second = pair
    monkeypatch.setattr(room, "INTERVAL", 0.01)
    first.start()
    slept: list[float] = []
    sleep = time.sleep

    def sleeps(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 3:
            second._change(doing="left")
            second.tell()
        sleep(seconds)

    monkeypatch.setattr(time, "sleep", sleeps)
    first.stop("left")
    assert len(slept) == 3, "it waits until the other has left, and no longer"


def test_hosts_and_namespaces_tell_pids_apart() -> None:
    mine = own_beat()
    assert mine.pid == os.getpid()
    assert together(mine, mine)
    assert not together(mine, Beat("elsewhere", mine.space, mine.pid, ""))
    assert not together(mine, Beat(mine.host, "another", mine.pid, ""))
