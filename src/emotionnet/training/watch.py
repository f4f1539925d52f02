"""Which process of a training died or hangs: each tells how far it is, each reads all, one says it.

Processes tell it through a store of PyTorch's, which torchrun serves. A thread does so, since the main one
may be deep in a collective operation that never ends, and it ends its process when another is lost.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from typing import Literal, NoReturn, Protocol

from emotionnet.training.beats import Beat, Doing, Sight, is_gone, lost_line, own_beat, together, verdict

INTERVAL = 1.0  # seconds between two looks
TERMINATED = 3.0  # seconds to find out why the system ends this process
VERDICT = "verdict"
STORE = "cannot be reached, or the store of all processes on its machine"


class Store(Protocol):
    """What is used of a store of torch.distributed."""

    def set(self, key: str, value: str) -> None: ...

    def multi_get(self, keys: list[str]) -> list[bytes]: ...

    def compare_set(self, key: str, expected: str, desired: str) -> bytes: ...

    def check(self, keys: list[str]) -> bool: ...


class Watch:
    """Tells of this process and watches the others, from `start` to `stop`.

    Args:
        store: Where processes tell of themselves.
        rank: Which of them this is.
        world: How many there are.
        timeout: Seconds that one may stand still while others wait.
        advice: Makes what a person can do, for the end of the line.
    """

    def __init__(
        self, store: Store, rank: int, world: int, *, timeout: float, advice: Callable[[], str]
    ) -> None:
        self.store, self.rank, self.timeout, self.advice = store, rank, timeout, advice
        self.keys = [f"beat/{number}" for number in range(world)]
        self.beat, self.lock = own_beat(), threading.Lock()
        self.seen: list[tuple[Beat, float, float]] = []  # when each told and moved last
        self.stopped, self.thread = threading.Event(), threading.Thread(target=self._watch, daemon=True)
        self.signals: tuple[int, int] = os.pipe()
        self.tell()

    def start(self) -> None:
        """Begin, once all have told of themselves: SIGTERM is answered by the thread from now on."""
        for end in self.signals:
            os.set_blocking(end, False)
        if threading.current_thread() is threading.main_thread():
            self.handler = signal.signal(signal.SIGTERM, lambda *_: None)
            self.wakeup = signal.set_wakeup_fd(self.signals[1], warn_on_full_buffer=False)
        self.thread.start()

    def stop(self, doing: Literal["left", "failed"]) -> None:
        """End, and tell the others that this process goes, and how."""
        self.stopped.set()
        self.thread.join()
        self._change(doing=doing)
        with contextlib.suppress(RuntimeError):  # the store is gone
            self.tell()
            self._see_off()
        if threading.current_thread() is threading.main_thread():
            signal.set_wakeup_fd(self.wakeup)
            signal.signal(signal.SIGTERM, self.handler)
        for end in self.signals:
            os.close(end)

    def at(self, place: str, *, patient: bool = False) -> None:
        """Tell where this process is; it may take any time there when `patient`."""
        self._change(place=place, doing="prepares" if patient else "steps", moves=self.beat.moves + 1)

    @contextlib.contextmanager
    def doing(self, what: Doing) -> Iterator[None]:
        """Within the block this process does something else."""
        before = self.beat.doing
        self._change(doing=what, moves=self.beat.moves + 1)
        try:
            yield
        finally:
            self._change(doing=before, moves=self.beat.moves + 1)

    def tell(self) -> None:
        """Tell the others of this process."""
        with self.lock:
            self.beat = replace(self.beat, beats=self.beat.beats + 1)
            text = json.dumps(asdict(self.beat))
        self.store.set(self.keys[self.rank], text)

    def speaks(self) -> bool:
        """Whether this process says why all end: the first that asks does, and is not ended meanwhile."""
        self.stopped.set()
        mine = str(self.rank)
        try:
            return self.store.compare_set(VERDICT, "", mine).decode() == mine
        except RuntimeError:  # the store does not answer
            return True

    def await_verdict(self) -> None:
        """Give the thread the time to find who is lost; it ends this process then."""
        time.sleep(self.timeout + TERMINATED)

    def _see_off(self) -> None:
        """Process 0 may keep the store: it leaves once the others have left, within moments."""
        deadline = time.monotonic() + TERMINATED
        while self.rank == 0 and self.beat.doing == "left" and time.monotonic() < deadline:
            self._read()
            if all(beat.doing in ("left", "failed") for beat, _, _ in self.seen):
                break
            time.sleep(INTERVAL / 20)

    def _change(self, **values: object) -> None:
        with self.lock:
            self.beat = replace(self.beat, **values)  # type: ignore[arg-type]

    def _watch(self) -> None:
        while not self.stopped.is_set():
            ready = select.select([self.signals[0]], [], [], INTERVAL)[0]
            if ready and signal.SIGTERM in os.read(self.signals[0], 4096):
                self._terminated()
            if not self.stopped.is_set():
                self._look()

    def _look(self) -> None:
        """Tell, read, and end this process if another is lost."""
        fault, found = "", None
        try:
            self.tell()
            self._read()
            if self.store.check([VERDICT]) and not self.stopped.is_set():
                self._end("")
        except RuntimeError:  # what torch says of a store that does not answer
            fault = f"the store of the processes does not answer; {self.advice()}"
            found = (0, STORE) if self.seen else None
        found = verdict(self._sights(), self.timeout) or found
        if found is not None:
            fault = lost_line(found[0], [beat for beat, _, _ in self.seen], found[1], self.advice())
        if fault and not self.stopped.is_set():
            self._end(fault)

    def _read(self) -> None:
        now, seen = time.monotonic(), []
        for rank, content in enumerate(self.store.multi_get(self.keys)):
            beat = Beat(**json.loads(content))
            before, told, moved = self.seen[rank] if self.seen else (beat, now, now)
            told = told if beat.beats == before.beats else now
            seen.append((beat, told, moved if beat.moves == before.moves else now))
        self.seen = seen

    def _sights(self) -> list[Sight]:
        now, mine = time.monotonic(), self.beat
        return [
            Sight(beat, now - told, now - moved, gone=together(beat, mine) and is_gone(beat.pid))
            for beat, told, moved in self.seen
        ]

    def _terminated(self) -> None:
        """The system ends this process: torchrun does so when another is lost."""
        deadline = time.monotonic() + TERMINATED
        while time.monotonic() < deadline and not self.stopped.is_set():
            self._look()
            time.sleep(INTERVAL / 10)
        if not self.stopped.is_set():
            self._end(f"stopped by the system (SIGTERM); {self.advice()}")

    def _end(self, line: str) -> NoReturn:
        """End this process here and now: the main thread may never come back from where it is.

        One process says why, the first that comes to it.
        """
        if line and self.speaks():
            sys.stderr.flush()
            os.write(2, f"error: {line}\n".encode(errors="replace"))
        os._exit(1)
