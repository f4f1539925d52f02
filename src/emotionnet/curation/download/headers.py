"""What hosts say in the headers of a response: when to come again, and what may not be kept."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from email.utils import parsedate_to_datetime

NOT_OURS = frozenset({"noai", "noimageai", "none"})
_WITH_VALUE = frozenset({"unavailable_after", "max-snippet", "max-image-preview", "max-video-preview"})


def retry_after(value: str | None, *, longest: float) -> float | None:
    """Seconds until another attempt, as `Retry-After` has it: a number of them, or a date.

    Args:
        value: The header; None: there is none.
        longest: The most seconds to wait.

    Returns:
        0 to `longest`; None where nothing can be understood.
    """
    if value is None:
        return None
    text = value.strip()
    if re.fullmatch(r"[0-9]{1,12}", text):
        return min(float(text), longest)
    try:
        until = parsedate_to_datetime(text).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None
    return min(max(until - time.time(), 0.0), longest)


def may_keep(values: Iterable[str], agent: str) -> bool:
    """Whether headers `X-Robots-Tag` let us keep a picture: none says noai, noimageai or none to us.

    Args:
        values: The headers, such as "noindex" or "otherbot: noai, nofollow".
        agent: Our name.

    Example:
        >>> may_keep(["noindex"], "emotionnet"), may_keep(["noindex, NoAI"], "emotionnet")
        (True, False)
        >>> may_keep(["otherbot: noai"], "emotionnet"), may_keep(["emotionnet: noai"], "emotionnet")
        (True, False)
    """
    for value in values:
        to_us = True
        for part in value.lower().split(","):
            name, colon, rule = part.strip().partition(":")
            if colon and name.strip() not in _WITH_VALUE:  # a name: what follows is said to it
                to_us = name.strip() in ("*", agent.lower())
                name = rule
            if to_us and name.strip() in NOT_OURS:
                return False
    return True
