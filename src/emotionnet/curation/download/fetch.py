"""A URL to the answer that it leads to: redirects followed, what hosts say honoured, faults told apart."""

from __future__ import annotations

import contextlib
import random
from collections.abc import AsyncIterator, Awaitable, Callable

from emotionnet.curation.download.headers import retry_after
from emotionnet.curation.download.lost import Lost
from emotionnet.curation.download.places import Place, place_of
from emotionnet.curation.download.web import Answer, Web

REDIRECTS = frozenset({301, 302, 303, 307, 308})
BUSY = frozenset({429, 503})


@contextlib.asynccontextmanager
async def followed(
    web: Web, place: Place, most: int, before: Callable[[Place], Awaitable[None]]
) -> AsyncIterator[tuple[Answer, Place]]:
    """Ask for a URL, and for where its answer redirects to.

    Args:
        web: Makes the requests.
        place: The URL.
        most: Redirects that are followed.
        before: Called before each request; raises `Lost` where it must not be made.

    Yields:
        The first answer that is no redirect, and whose it is.

    Raises:
        Lost: As `Web.asked`, or the redirects lead in a circle, too far, or to no URL.
    """
    seen: set[str] = set()
    try:
        while True:
            seen.add(str(place.url))
            await before(place)
            async with web.asked(place) as answer:
                if answer.status not in REDIRECTS:
                    yield answer, place
                    return
                target = answer.headers.get("Location", "")
            place = _next(target, place, seen, most)
    except Lost as lost:
        raise lost.at(str(place.url)) from None


def _next(target: str, place: Place, seen: set[str], most: int) -> Place:
    if not target:
        raise Lost("bad redirect", "it names no URL")
    try:
        following = place_of(target, base=place.url)
    except Lost as lost:
        raise lost if lost.refused else Lost("bad redirect", lost.detail) from None
    if str(following.url) in seen:
        raise Lost("redirect loop", str(following.url))
    if len(seen) > most:
        raise Lost("too many redirects", f"more than {most}")
    return following


def require_ok(answer: Answer, longest: float) -> None:
    """Check that an answer's status is 200.

    Raises:
        Lost: It is not; those of 5xx and 429 may pass, at a time that the host may name.
    """
    status = answer.status
    if status == 200:
        return
    wait = retry_after(answer.headers.get("Retry-After"), longest=longest) if status in BUSY else None
    passing = status >= 500 or status == 429
    raise Lost(f"status {status}", passing=passing, wait=wait, status=status)


def drawn_wait(seed: str, attempt: int, *, backoff: float, longest: float) -> float:
    """Seconds between an attempt and the next: exponential back-off, full jitter.

    See https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/.

    Args:
        seed: What is waited for, and the seed of the download.
        attempt: How many were made; from 1 on.
        backoff: Most seconds after the first.
        longest: Most seconds after any.
    """
    most = min(longest, backoff * 2.0 ** min(attempt - 1, 60))
    return random.Random(f"{seed} {attempt}").uniform(0.0, most)
