"""A URL is tried until it has a state."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace

from emotionnet.config import DownloadConfig
from emotionnet.curation.download.fetch import drawn_wait, followed, require_ok
from emotionnet.curation.download.headers import may_keep
from emotionnet.curation.download.ledger import Outcome, Waiting
from emotionnet.curation.download.lost import Lost
from emotionnet.curation.download.places import Place, place_of
from emotionnet.curation.download.robots import Robots
from emotionnet.curation.download.web import Web

Store = Callable[[int, bytes], Awaitable[Outcome]]  # number of the URL and its body to what is kept


class Attempts:
    """Tries URLs.

    Args:
        config: How often, and how long between.
        web: Makes the requests.
        robots: Say which may be made.
        store: Takes what came; raises `Lost` where it is no picture.
    """

    def __init__(self, config: DownloadConfig, web: Web, robots: Robots, store: Store) -> None:
        self._config, self._web, self._robots, self._store = config, web, robots, store
        self.made: dict[int, int] = {}  # attempts so far, by URL that is to be tried again

    async def outcome(self, waiting: Waiting) -> Outcome:
        """Try a URL as often as it is worth it."""
        began, attempt = time.time(), waiting.attempts
        while True:
            attempt += 1
            try:
                found = await self._try(waiting)
                break
            except Lost as lost:
                if not lost.passing or attempt >= self._config.attempts:
                    found = _lost(waiting.id, lost)
                    break
                self.made[waiting.id] = attempt
                await self._wait(waiting, attempt, lost)
        self.made.pop(waiting.id, None)
        return replace(found, attempts=attempt, began=began, ended=time.time())

    async def _wait(self, waiting: Waiting, attempt: int, lost: Lost) -> None:
        """Until the next attempt: as long as the host says, which holds for all that is asked of it."""
        if lost.wait is not None:
            self._web.hosts.of(place_of(lost.url or waiting.url).queue).pause(lost.wait)
            return
        config = self._config
        what = f"{config.seed} {waiting.url}"
        await asyncio.sleep(drawn_wait(what, attempt, backoff=config.backoff, longest=config.longest_wait))

    async def _try(self, waiting: Waiting) -> Outcome:
        config, start = self._config, place_of(waiting.url)
        async with followed(self._web, start, config.redirects, self._robots.require) as (answer, place):
            require_ok(answer, config.longest_wait)
            if config.robots and not may_keep(answer.headers.getall("X-Robots-Tag", ()), config.user_agent):
                raise Lost("X-Robots-Tag", refused=True, status=answer.status)
            kept = await self._store(waiting.id, await answer.body(config.max_bytes))
            return replace(kept, status=answer.status, final_url=_final(place, start))


def _final(place: Place, start: Place) -> str | None:
    """Where redirects led; None: there was none."""
    return None if place == start else str(place.url)


def _lost(number: int, lost: Lost) -> Outcome:
    return Outcome(number, lost.state, lost.reason, lost.detail, final_url=lost.url, status=lost.status)
