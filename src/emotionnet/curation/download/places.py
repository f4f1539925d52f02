"""What a URL asks of whom: checked before anybody is asked."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from yarl import URL

from emotionnet.curation.download.lost import Lost
from emotionnet.data.shares import Share

_PORTS = {"http": 80, "https": 443}
_LONGEST = 8000  # characters; longer ones are refused by most servers


@dataclass(frozen=True)
class Place:
    """A URL that may be asked for, as far as its spelling goes.

    Args:
        url: As it is sent.
        host: Name or address, IPv6 without brackets.
        queue: Host, and port where it is not the usual one: who waits in one line.
        origin: What a robots.txt holds for.
    """

    url: URL
    host: str
    queue: str
    origin: str


def place_of(text: str, base: URL | None = None) -> Place:
    """Take a URL apart.

    Args:
        text: The URL; behind a redirect it may be relative to `base`.
        base: Whose answer named it.

    Raises:
        Lost: It is no URL; or of another scheme than http and https, or with a user's name in it.
    """
    try:
        url = URL(text.strip()) if base is None else base.join(URL(text.strip()))
        host, port = (url.raw_host or "").lower().rstrip("."), url.port
    except (ValueError, TypeError, UnicodeError):
        raise Lost("not a URL", f"{text!a:.150}") from None
    if not url.scheme or len(text) > _LONGEST:
        raise Lost("not a URL", f"{text!a:.150}")
    if url.scheme not in _PORTS:
        raise Lost("scheme", f"{url.scheme:.60}", refused=True)
    if not host:
        raise Lost("not a URL", f"{text!a:.150}")
    if url.user is not None or url.password is not None:
        raise Lost("user name in the URL", refused=True)
    queue = host if port == _PORTS[url.scheme] else f"{host} {port}"
    bare = f"[{host}]" if ":" in host else host
    return Place(url.with_fragment(None), host, queue, f"{url.scheme}://{bare}:{port}")


def share_takes(share: Share, host: str) -> bool:
    """Whether a host is one of this share's: the same on every machine, and all its URLs with it."""
    digest = hashlib.sha256(host.encode()).digest()
    return int.from_bytes(digest[:8], "big") % share.count == share.number
