"""What robots.txt says: asked for once for each origin, kept in the ledger for a day.

As Google reads it (https://developers.google.com/search/docs/crawling-indexing/robots/robots_txt): without a
file all is allowed; while the host cannot say, nothing is.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from protego import Protego

from emotionnet.config import DownloadConfig
from emotionnet.curation.download.fetch import drawn_wait, followed, require_ok
from emotionnet.curation.download.lost import Lost
from emotionnet.curation.download.places import Place, place_of
from emotionnet.curation.download.web import Web

FRESH = 24 * 3600.0  # seconds
MOST_BYTES = 500 * 1024
_MOST_REDIRECTS = 5
_MOST_KNOWN = 5_000
_PASSED_ON = ("private address", "host not found")  # what is as true of the picture

Read = Callable[[str], Awaitable[tuple[bytes, float] | None]]
Keep = Callable[[str, bytes, float], Awaitable[None]]


class Robots:
    """The rules of all origins.

    Args:
        web: Makes the requests.
        config: Who we are, how often a file is tried.
        read: Gives what is kept of an origin: the file, and when it was fetched.
        keep: Keeps it.
    """

    def __init__(self, web: Web, config: DownloadConfig, read: Read, keep: Keep) -> None:
        self._web, self._config, self._read, self._keep = web, config, read, keep
        self._known: dict[str, asyncio.Task[tuple[Protego, float]]] = {}

    async def require(self, place: Place) -> None:
        """Check that a URL may be asked for; a delay that the origin asks for holds from then on.

        Raises:
            Lost: It may not, or the origin cannot say.
        """
        if not self._config.robots:
            return
        loading = self._rules(place)
        rules, fetched = await asyncio.shield(loading)
        if time.time() - fetched > FRESH:  # a download may take days
            if self._known.get(place.origin) is loading:
                del self._known[place.origin]
            rules, _ = await asyncio.shield(self._rules(place))
        agent = self._config.user_agent
        if (delay := rules.crawl_delay(agent)) is not None:
            if delay > self._config.longest_wait:  # nobody is asked faster than they say
                raise Lost("robots.txt", f"Crawl-delay of {delay:g} s", refused=True)
            self._web.hosts.slow_down(place.queue, float(delay))
        if not rules.can_fetch(str(place.url), agent):
            raise Lost("robots.txt", refused=True)

    def _rules(self, place: Place) -> asyncio.Task[tuple[Protego, float]]:
        if place.origin not in self._known:
            if len(self._known) >= _MOST_KNOWN:
                self._known = {origin: task for origin, task in self._known.items() if not task.done()}
            loading = self._known[place.origin] = asyncio.create_task(self._load(place.origin))
            loading.add_done_callback(_looked_at)
        return self._known[place.origin]

    async def _load(self, origin: str) -> tuple[Protego, float]:
        kept = await self._read(origin)
        if kept is None or time.time() - kept[1] > FRESH:
            kept = await self._fetched(origin), time.time()
            await self._keep(origin, *kept)
        return Protego.parse(kept[0].decode("utf-8-sig", "replace")), kept[1]

    async def _fetched(self, origin: str) -> bytes:
        """The file of an origin, as far as it is read; empty where there is none."""
        place, config, attempt = place_of(f"{origin}/robots.txt"), self._config, 1
        while True:
            try:
                return await self._asked(place)
            except Lost as lost:
                if lost.status is not None and 400 <= lost.status < 500 and lost.status != 429:
                    return b""
                if lost.reason in _PASSED_ON and not lost.passing:
                    raise
                if not lost.passing or attempt >= config.attempts:
                    raise Lost("robots.txt unreachable", lost.reason) from None
                wait = drawn_wait(
                    f"{config.seed} {origin}", attempt, backoff=config.backoff, longest=config.longest_wait
                )
                await asyncio.sleep(lost.wait or wait)
                attempt += 1

    async def _asked(self, place: Place) -> bytes:
        async with followed(self._web, place, _MOST_REDIRECTS, _nothing) as (answer, _):
            require_ok(answer, self._config.longest_wait)
            return await answer.body(MOST_BYTES, whole=False)


async def _nothing(place: Place) -> None:
    """Robots.txt itself needs no leave."""


def _looked_at(task: asyncio.Task[tuple[Protego, float]]) -> None:
    """Take the fault of a task that nobody waits for any more, which asyncio would print otherwise."""
    if not task.cancelled():
        task.exception()
