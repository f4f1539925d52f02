"""Pictures of many requests, decoded by all cores and put through one network together.

Nothing waits for company: what is there when the network is free goes through it at once. Threads decode and
put their arrays into one queue; a thread for each way to compute takes from it.
"""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from emotionnet.apps.serve.errors import BusyError, RefusedError
from emotionnet.apps.serve.limits import Limits
from emotionnet.apps.serve.pictures import Pixels, look, refusal
from emotionnet.data.images import Preprocessing, evaluation_input
from emotionnet.inference.backends import Backend, calls_of, usable_cores
from emotionnet.inference.outputs import Array, Outputs
from emotionnet.records import DataError

MOST_READERS = 16
FIRST_GUESS = 0.05  # seconds for a picture, before any was timed
MEMORY = 0.9  # share of the pace that is kept when another batch was timed

Call = Callable[[Array], Outputs]
Item = TypeVar("Item")


@dataclass(frozen=True)
class _Waiting:
    """A decoded picture and where its outputs go."""

    array: Array
    future: Future[Outputs]


class Batcher:
    """A network that many requests share.

    Args:
        backend: What computes it.
        how: Preprocessing of the pictures.
        limits: How many pictures may wait, and what is decoded at all.
    """

    def __init__(self, backend: Backend, how: Preprocessing, limits: Limits) -> None:
        calls = calls_of(backend)
        readers = min(max(2, usable_cores()), MOST_READERS)
        self._how, self._limits = how, limits
        self._batch = min(backend.step, limits.batch or backend.step)
        self._decoded: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._ahead = threading.Semaphore(2 * self._batch * len(calls) + readers)
        self._pixels = Pixels(limits.pixels)
        self._waiting, self._pace, self._closed = 0, FIRST_GUESS, False
        self._readers = ThreadPoolExecutor(readers, thread_name_prefix="decode")
        self._threads = [
            threading.Thread(target=self._work, args=(call, len(calls)), name="network", daemon=True)
            for call in calls
        ]
        for thread in self._threads:
            thread.start()

    @property
    def pixels(self) -> Pixels:
        """What all decoding of this server shares."""
        return self._pixels

    @property
    def is_full(self) -> bool:
        """Whether another picture would be turned away."""
        return self._waiting >= self._limits.waiting

    async def outputs(self, contents: Sequence[bytes]) -> list[Outputs | RefusedError]:
        """What the network says of each picture; or why it cannot be read.

        Raises:
            BusyError: More pictures wait than may; none of these was taken.
        """
        if self._waiting + len(contents) > self._limits.waiting:
            raise BusyError(self._waiting * self._pace)
        self._waiting += len(contents)
        try:
            started = [self._started(content) for content in contents]
            return await asyncio.gather(*map(_awaited, started))
        finally:
            self._waiting -= len(contents)

    def close(self) -> None:
        """Let the threads end; what waits is computed before."""
        self._readers.shutdown()
        self._decoded.put(None)
        for thread in self._threads:
            thread.join()

    def _started(self, content: bytes) -> Future[Outputs]:
        future: Future[Outputs] = Future()
        self._readers.submit(self._read, content, future)
        return future

    def _read(self, content: bytes, future: Future[Outputs]) -> None:
        if future.cancelled():
            return
        self._ahead.acquire()
        try:
            with self._pixels.held(look(content, self._limits)):
                array = evaluation_input(content, self._how)
        except Exception as error:  # whatever it is, somebody waits for it
            self._ahead.release()
            _fail(future, refusal(error) if isinstance(error, DataError) else error)
        else:
            self._decoded.put(_Waiting(array, future))

    def _work(self, call: Call, threads: int) -> None:
        while (first := self._decoded.get()) is not None:
            some = with_company(self._decoded, first, self._batch)
            wanted = [one for one in some if one.future.set_running_or_notify_cancel()]
            if wanted:
                began = time.monotonic()
                _compute(call, wanted)
                pace = (time.monotonic() - began) / len(wanted) / threads
                self._pace = MEMORY * self._pace + (1 - MEMORY) * pace
            self._ahead.release(len(some))
        self._decoded.put(None)  # for the next thread


def with_company(waiting: queue.SimpleQueue[Item | None], first: Item, most: int) -> list[Item]:
    """What was taken from a queue, and what waits there already; None, which ends the queue, stays in it.

    Args:
        waiting: The queue.
        first: What was taken from it.
        most: How many are wanted, with the first.
    """
    some = [first]
    while len(some) < most:
        try:
            one = waiting.get_nowait()
        except queue.Empty:
            break
        if one is None:
            waiting.put(None)
            break
        some.append(one)
    return some


def _compute(call: Call, some: Sequence[_Waiting]) -> None:
    try:
        told = call(np.stack([one.array for one in some]))
    except Exception as error:  # whatever it is, somebody waits for it
        for one in some:
            one.future.set_exception(error)
        return
    for row, one in enumerate(some):
        one.future.set_result(told.take(slice(row, row + 1)))


def _fail(future: Future[Outputs], error: Exception) -> None:
    if future.set_running_or_notify_cancel():
        future.set_exception(error.again() if isinstance(error, RefusedError) else error)


async def _awaited(future: Future[Outputs]) -> Outputs | RefusedError:
    try:
        return await asyncio.wrap_future(future)
    except RefusedError as error:
        return error
