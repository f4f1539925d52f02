"""All hosts at once, each with a line of its own; what became of each URL goes to the ledger in batches."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

from emotionnet.config import DownloadConfig
from emotionnet.curation.download.attempts import Attempts
from emotionnet.curation.download.keeping import Keeper
from emotionnet.curation.download.ledger import Ledger, Outcome, Waiting
from emotionnet.curation.download.pictures import picture_of
from emotionnet.curation.download.robots import Robots
from emotionnet.curation.download.web import Web

MOST_HOSTS = 512  # whose lines are open at once
PATIENCE = 4  # URLs of a host that are under way, for each request at once: others wait for another attempt
COMMIT_EVERY = 0.25  # seconds

P = ParamSpec("P")
Value = TypeVar("Value")


class Crawl:
    """A download under way. Use it in one event loop.

    Args:
        config: How hosts are asked.
        ledger: What waits, and what became of it.
        keeper: Where pictures go.
    """

    def __init__(self, config: DownloadConfig, ledger: Ledger, keeper: Keeper) -> None:
        self._config, self._ledger, self._keeper = config, ledger, keeper
        self._outcomes: list[Outcome] = []
        self._attempts: Attempts | None = None
        self._books = ThreadPoolExecutor(1, "ledger")  # one thread: the ledger's
        self._eyes = ThreadPoolExecutor(os.cpu_count(), "pictures")
        self._all: asyncio.Task[None] | None = None
        self.fetched = 0

    async def some(self) -> int | None:
        """Go on for a moment, and commit what came.

        Returns:
            URLs that have a state now; None: nothing waits any more.

        Raises:
            DataError: The ledger cannot be read or written.
            OSError: A picture cannot be written.
            asyncio.CancelledError: It was told to stop, and all that came is committed.
        """
        if self._all is None:
            self._all = asyncio.create_task(self._every_host())
        await asyncio.wait({self._all}, timeout=COMMIT_EVERY)
        over = self._all.done()
        done = await self._commit()
        if over and not done:
            self._eyes.shutdown()
            self._books.shutdown()
            self._all.result()
            return None
        return done

    def stop(self) -> None:
        """Ask nobody any more; `some` has to be called until it raises."""
        if self._all is not None:
            self._all.cancel()

    async def _commit(self) -> int:
        outcomes, self._outcomes = self._outcomes, []
        tried = dict(self._attempts.made) if self._attempts else {}
        if outcomes or tried:
            await self._book(self._write, outcomes, tried)
            self.fetched += sum(one.sha256 is not None for one in outcomes)
        return len(outcomes)

    def _write(self, outcomes: Sequence[Outcome], tried: Mapping[int, int]) -> None:
        placed = self._keeper.place(outcomes)
        self._ledger.commit(placed, tried)
        self._keeper.show(placed)

    async def _every_host(self) -> None:
        lines = asyncio.Semaphore(MOST_HOSTS)
        try:
            async with Web(self._config) as web, asyncio.TaskGroup() as hosts:
                robots = Robots(
                    web,
                    self._config,
                    read=lambda origin: self._book(self._ledger.robots, origin),
                    keep=lambda *row: self._book(self._ledger.keep_robots, *row),
                )
                self._attempts = Attempts(self._config, web, robots, self._store)
                last = ""
                while (host := await self._book(self._ledger.next_host, last)) is not None:
                    await lines.acquire()
                    line = hosts.create_task(self._host(host, self._attempts))
                    line.add_done_callback(lambda _: lines.release())
                    last = host
        except BaseExceptionGroup as group:
            raise _first(group) from None

    async def _host(self, host: str, attempts: Attempts) -> None:
        """All that waits for one host, in the order of the list."""
        most = PATIENCE * self._config.per_host
        under_way, last = asyncio.Semaphore(most), 0

        async def one(waiting: Waiting) -> None:
            outcome = await attempts.outcome(waiting)  # first: meanwhile there is another list
            self._outcomes.append(outcome)

        async with asyncio.TaskGroup() as urls:
            while page := await self._book(self._ledger.waiting, host, last, most):
                for waiting in page:
                    await under_way.acquire()
                    urls.create_task(one(waiting)).add_done_callback(lambda _: under_way.release())
                last = page[-1].id

    async def _store(self, number: int, content: bytes) -> Outcome:
        return await asyncio.get_running_loop().run_in_executor(self._eyes, self._keep, number, content)

    def _keep(self, number: int, content: bytes) -> Outcome:
        shrink = self._config.store == "short_side_256"
        kept = picture_of(content, max_pixels=self._config.max_pixels, shrink=shrink)
        self._keeper.take(number, kept)
        return Outcome(
            number,
            "stored",
            sha256=kept.sha256,
            look=kept.look,
            path=kept.path,
            bytes=len(kept.content),
            width=kept.width,
            height=kept.height,
            type=kept.type,
        )

    async def _book(self, work: Callable[P, Value], *args: P.args, **kwargs: P.kwargs) -> Value:
        """Let the ledger's thread do something."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._books, partial(work, *args, **kwargs))


def _first(group: BaseExceptionGroup) -> BaseException:
    """Of the faults that ended the tasks of a group the first; it tells enough."""
    found: BaseException = group
    while isinstance(found, BaseExceptionGroup):
        found = found.exceptions[0]
    return found
