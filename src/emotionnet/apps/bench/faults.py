"""What a server on the web may answer, by kind: pictures as they should be, and every way to go wrong.

Kinds stand in `KINDS`; the number of a request, from 0 on, tells pictures of a kind apart.
"""

from __future__ import annotations

import functools
import gzip
import io
import itertools
import struct
import tempfile
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from emotionnet.apps.bench.photographs import photographs

SIDE, QUALITY = 256, 90  # of a picture of about 20 kB
MARKED_BITS = 24  # of a picture's number
HUGE = 2 * 10**9  # bytes of a body that nobody wants
UNPACKED = 2 * 10**7  # bytes in a bomb
BOMB_SIDE = 60_000  # pixels of a picture whose file is small
LATE, DRIP = 0.1, 0.02  # seconds before an answer, and before each byte of a slow body
PIECE = bytes(2**16)
JPEG = ("Content-Type", "image/jpeg")


@dataclass(frozen=True)
class Asked:
    """A request: `nth` is 1 the first time that the URL is asked for; `traps` are places never to go to."""

    number: int
    nth: int
    host: str
    path: str
    traps: Mapping[str, int]


@dataclass(frozen=True)
class Reply:
    """An answer.

    Args:
        pieces: Of the body.
        length: What Content-Length claims; None: the body is sent in chunks.
        status: HTTP's.
        headers: Besides those of the length.
        pause: Seconds before each piece; the head goes with the first.
        cut: The connection ends with the last piece, whatever was claimed.
    """

    pieces: Iterable[bytes] = ()
    length: int | None = 0
    status: int = 200
    headers: tuple[tuple[str, str], ...] = (JPEG,)
    pause: float = 0.0
    cut: bool = False


Answer = Callable[[Asked], Reply | None]  # None: there is none, ever


def whole(body: bytes, *headers: tuple[str, str], status: int = 200) -> Reply:
    """An answer whose length is told and right; without headers it is said to be a JPEG."""
    return Reply((body,), len(body), status, headers or (JPEG,))


@functools.cache
def _base() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        (path,) = photographs(Path(folder), 1, width=SIDE, height=SIDE)
        with Image.open(path) as image:
            content = io.BytesIO()
            image.save(content, format="JPEG", quality=QUALITY, subsampling="4:4:4")
    return content.getvalue()


def picture(number: int) -> bytes:
    """A JPEG of 256 x 256 pixels and about 20 kB, another for each number below 2^24.

    The number's bits are added to the table that low frequencies are multiplied with: no two have the same
    pixels, and none has to be encoded.
    """
    content = bytearray(_base())
    table = content.index(b"\xff\xdb") + 5  # after the marker, the length and the table's own number
    for bit in range(MARKED_BITS):
        content[table + 1 + bit] += number >> bit & 1
    return bytes(content)


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


@functools.cache
def pixel_bomb() -> bytes:
    """A PNG of 20 kB whose pixels would take gigabytes."""
    head = struct.pack(">IIBBBBB", BOMB_SIDE, BOMB_SIDE, 8, 2, 0, 0, 0)
    pixels = zlib.compress(bytes(UNPACKED), 9)
    parts = _chunk(b"IHDR", head) + _chunk(b"IDAT", pixels) + _chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


@functools.cache
def gzip_bomb() -> bytes:
    """A body of 20 kB that says it is packed, and is a thousand times as large."""
    return gzip.compress(bytes(UNPACKED), 9)


def _zeros() -> Iterable[bytes]:
    return itertools.repeat(PIECE, HUGE // len(PIECE))


def _to(place: str, status: int = 302) -> Reply:
    return Reply(status=status, headers=(("Location", place),))


def _fine(asked: Asked) -> Reply:
    return whole(picture(asked.number))


def _after_two(status: int, *headers: tuple[str, str]) -> Answer:
    return lambda asked: whole(b"later", *headers, status=status) if asked.nth <= 2 else _fine(asked)


def _status(status: int, *headers: tuple[str, str]) -> Answer:
    return lambda asked: whole(b"no", *headers, status=status)  # noqa: ARG005


def _body(body: Callable[[Asked], bytes], *headers: tuple[str, str]) -> Answer:
    return lambda asked: whole(body(asked), *headers)


def _trap(host: str, listener: str) -> Answer:
    return lambda asked: _to(f"http://{host}:{asked.traps[listener]}/trap.jpg")


def _elsewhere(place: str) -> Answer:
    return lambda asked: _to(place)  # noqa: ARG005


def _chain(asked: Asked) -> Reply:
    """Three hops, absolute and relative, the last to a picture."""
    hop = int(asked.path.partition("hop=")[2] or 0)
    bare = asked.path.partition("?")[0]
    return _fine(asked) if hop == 3 else _to(("", f"http://{asked.host}")[hop % 2] + f"{bare}?hop={hop + 1}")


def _loop(asked: Asked) -> Reply:
    turn = "?b" if asked.path.endswith("?a") else "?a"
    return _to(asked.path.partition("?")[0] + turn, status=301)


def _endless(asked: Asked) -> Reply:
    """Never the same place twice."""
    hop = int(asked.path.partition("hop=")[2] or 0)
    return _to(f"{asked.path.partition('?')[0]}?hop={hop + 1}", status=307)


def _cut(asked: Asked) -> Reply:
    body = picture(asked.number)
    return Reply((body[: len(body) // 2],), len(body), cut=True)


def _cut_in_chunks(asked: Asked) -> Reply:
    body = picture(asked.number)
    return Reply((body[: len(body) // 2],), None, cut=True)


def _drip(asked: Asked) -> Reply:
    body = picture(asked.number)
    return Reply((bytes([byte]) for byte in body), len(body), pause=DRIP)


PDF = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<</Type/Catalog>>\nendobj\n%%EOF\n"
HTML = b"<!doctype html><title>Not found</title><p>This picture is gone.</p>"

KINDS: Mapping[str, Answer] = {
    "fine": _fine,
    "chunked": lambda asked: Reply((picture(asked.number),), None),
    "late": lambda asked: Reply((picture(asked.number),), len(picture(asked.number)), pause=LATE),
    "mislabelled": _body(lambda asked: picture(asked.number), ("Content-Type", "text/plain")),
    "duplicate": lambda asked: whole(picture(2**MARKED_BITS - 1)),  # noqa: ARG005
    "again": _after_two(500),
    "busy": _after_two(503, ("Retry-After", "1")),
    "limited": _after_two(429, ("Retry-After", "0")),
    "chain": _chain,
    "otherbot": _body(lambda asked: picture(asked.number), JPEG, ("X-Robots-Tag", "otherbot: noai")),
    "noindex": _body(lambda asked: picture(asked.number), JPEG, ("X-Robots-Tag", "noindex")),
    "missing": _status(404),
    "gone": _status(410),
    "forbidden": _status(403),
    "always500": _status(500),
    "always429": _status(429),
    "silent": lambda asked: None,  # noqa: ARG005
    "drip": _drip,
    "cut": _cut,
    "cutchunks": _cut_in_chunks,
    "pdf": _body(lambda asked: PDF, ("Content-Type", "application/pdf")),  # noqa: ARG005
    "html": _body(lambda asked: HTML),  # noqa: ARG005
    "empty": _body(lambda asked: b""),  # noqa: ARG005
    "truncated": _body(lambda asked: picture(asked.number)[:9000]),
    "huge": lambda asked: Reply(_zeros(), HUGE),  # noqa: ARG005
    "hugechunks": lambda asked: Reply(_zeros(), None),  # noqa: ARG005
    "gzipbomb": _body(lambda asked: gzip_bomb(), JPEG, ("Content-Encoding", "gzip")),  # noqa: ARG005
    "pixelbomb": _body(lambda asked: pixel_bomb(), ("Content-Type", "image/png")),  # noqa: ARG005
    "loop": _loop,
    "endless": _endless,
    "noai": _body(lambda asked: picture(asked.number), JPEG, ("X-Robots-Tag", "noai")),
    "noimageai": _body(lambda asked: picture(asked.number), JPEG, ("X-Robots-Tag", "noindex, NoImageAI")),
    "disallowed": _fine,  # robots.txt forbids it
    "toaddress": _trap("127.0.0.2", "127.0.0.2"),
    "tomapped": _trap("[::ffff:127.0.0.2]", "127.0.0.2"),
    "tonumber": _trap("2130706434", "127.0.0.2"),
    "tooctal": _trap("0177.0.0.2", "127.0.0.2"),
    "toname": _trap("localhost", "127.0.0.1"),
    "tofile": _elsewhere("file:///etc/passwd"),
    "toftp": _elsewhere("ftp://127.0.0.2/trap.jpg"),
}
ROBOTS = b"User-agent: *\nDisallow: /disallowed/\n"
