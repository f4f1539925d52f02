"""Work that stands in line for a few threads."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from emotionnet.apps.serve.errors import BusyError

Answer = TypeVar("Answer")


class Line:
    """Threads for one kind of work, and how many may wait for them."""

    def __init__(self, name: str, threads: int, most: int, seconds: float) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._most, self._seconds = most, seconds
        self._count, self._lock = 0, threading.Lock()

    async def do(self, work: Callable[[], Answer]) -> Answer:
        """Do it in a thread.

        Raises:
            BusyError: As many as may are at work or wait.
        """
        return await asyncio.wrap_future(self._begun(work))  # nameless: a fault in it would keep itself alive

    def _begun(self, work: Callable[[], Answer]) -> Future[Answer]:
        with self._lock:
            if self._count >= self._most:
                raise BusyError(self._count * self._seconds)
            self._count += 1
        future = self._pool.submit(work)
        future.add_done_callback(self._leave)  # when the work is over, not when its caller gave it up
        return future

    def _leave(self, _: Future[Any]) -> None:
        with self._lock:
            self._count -= 1

    def close(self) -> None:
        """End the threads; what they work at is finished."""
        self._pool.shutdown()
