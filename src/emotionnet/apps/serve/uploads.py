"""Bodies of requests, read piece by piece within limits; nothing of them is written to disk.

Starlette's own reader of forms keeps large parts in files.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import Request

from emotionnet.apps.serve.bodies import Budget, Share, too_large
from emotionnet.apps.serve.errors import RefusedError
from emotionnet.apps.serve.limits import Limits

LONGEST_NAME = 200  # characters


@dataclass(frozen=True)
class Upload:
    """A file of a request: the name it was given, cleaned, and its content."""

    name: str
    content: bytes


@dataclass(frozen=True)
class Received:
    """What a request's body held."""

    uploads: tuple[Upload, ...]
    fields: dict[str, list[str]] = field(default_factory=dict)

    @property
    def files(self) -> tuple[Upload, ...]:
        """At least one.

        Raises:
            RefusedError: There is none.
        """
        if not self.uploads:
            raise RefusedError(400, "no_picture", "the form must have at least one file; it has none")
        return self.uploads

    @property
    def file(self) -> Upload:
        """The only one.

        Raises:
            RefusedError: There is none, or more.
        """
        if len(self.files) > 1:
            raise RefusedError(400, "too_many_files", f"the form must have one file; got {len(self.files)}")
        return self.files[0]


@asynccontextmanager
async def received(request: Request, limits: Limits, budget: Budget) -> AsyncIterator[Received]:
    """Read a form with files, or a body that is one picture; its bytes count until the block ends.

    Raises:
        RefusedError: It is of another type, too large, too slow or malformed.
        BusyError: There is no room for it now.
    """
    with budget.share() as share:
        yield await _read(request, limits, share)


async def read_json_body(request: Request, limits: Limits, budget: Budget) -> bytes:
    """The body of a request that is to be JSON; its bytes count while it comes in.

    Raises:
        RefusedError: It is of another type, too large or too slow.
        BusyError: There is no room for it now.
    """
    kind = _media_type(request)[0]
    if kind != b"application/json":
        raise RefusedError(415, "unsupported_media_type", "the body must be application/json")
    with budget.share() as share:
        return await _whole(request, limits.json_bytes, share)


async def _read(request: Request, limits: Limits, share: Share) -> Received:
    kind, options = _media_type(request)
    if kind == b"multipart/form-data":
        form = _Form(options.get(b"boundary", b""), limits)
        async for chunk in _chunks(request, limits.request_bytes):
            share.take(len(chunk))
            form.write(chunk)
        return form.received()
    if not kind.startswith(b"image/") and kind != b"application/octet-stream":
        raise RefusedError(
            415,
            "unsupported_media_type",
            "the body must be a picture (image/*, application/octet-stream) or a form (multipart/form-data)",
        )
    return Received((Upload("picture", await _whole(request, limits.file_bytes, share)),))


async def _whole(request: Request, most: int, share: Share) -> bytes:
    parts: list[bytes] = []
    async for chunk in _chunks(request, most):
        share.take(len(chunk))
        parts.append(chunk)
    return b"".join(parts)


def _media_type(request: Request) -> tuple[bytes, dict[bytes, bytes]]:
    return parse_options_header(request.headers.get("content-type", ""))


async def _chunks(request: Request, most: int) -> AsyncIterator[bytes]:
    """The body in pieces; it may be announced larger than it is, and be larger than announced."""
    told = request.headers.get("content-length", "")
    if told.isdecimal() and int(told[:20]) > most:
        raise too_large(most)
    count = 0
    async for chunk in request.stream():
        count += len(chunk)
        if count > most:
            raise too_large(most)
        yield chunk


class _Form:
    """A form with files, as it comes in."""

    def __init__(self, boundary: bytes, limits: Limits) -> None:
        self._limits = limits
        self._uploads: list[Upload] = []
        self._fields: dict[str, list[str]] = {}
        self._parts = 0
        self._ended = False
        self._begin()
        try:
            self._parser = MultipartParser(
                boundary,
                {
                    "on_part_begin": self._begin,
                    "on_header_field": self._on_header_field,
                    "on_header_value": self._on_header_value,
                    "on_header_end": self._on_header_end,
                    "on_headers_finished": self._on_headers,
                    "on_part_data": self._on_data,
                    "on_part_end": self._on_part_end,
                    "on_end": self._on_end,
                },
            )
        except (FormParserError, ValueError):
            raise _malformed() from None
        if not boundary:
            raise _malformed()

    def write(self, chunk: bytes) -> None:
        """Take in some of it.

        Raises:
            RefusedError: It is malformed or too large.
        """
        try:
            self._parser.write(chunk)
        except FormParserError:
            raise _malformed() from None

    def received(self) -> Received:
        """All of it.

        Raises:
            RefusedError: It ended early.
        """
        if not self._ended:
            raise _malformed()
        return Received(tuple(self._uploads), self._fields)

    def _begin(self) -> None:
        self._header: tuple[bytearray, bytearray] = (bytearray(), bytearray())
        self._disposition = b""
        self._name = ""
        self._file: str | None = None
        self._content = bytearray()

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._header[0].extend(data[start:end])

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._header[1].extend(data[start:end])

    def _on_header_end(self) -> None:
        name, value = self._header
        if name.lower() == b"content-disposition":
            self._disposition = bytes(value)
        self._header = (bytearray(), bytearray())

    def _on_headers(self) -> None:
        _, options = parse_options_header(self._disposition)
        if b"name" not in options:
            raise _malformed()
        self._name = options[b"name"].decode("utf-8", "replace")[:LONGEST_NAME]
        self._parts += 1
        if b"filename" not in options:
            if self._parts > self._limits.fields:
                raise RefusedError(413, "too_large", f"a form must have at most {self._limits.fields} fields")
            return
        if len(self._uploads) == self._limits.files:
            raise RefusedError(400, "too_many_files", f"at most {self._limits.files} files may come at once")
        given = options[b"filename"].decode("utf-8", "replace")
        self._file = clean_name(given, default=f"picture {len(self._uploads) + 1}")

    def _on_data(self, data: bytes, start: int, end: int) -> None:
        most = self._limits.field_bytes if self._file is None else self._limits.file_bytes
        if len(self._content) + end - start > most:
            name = self._file or f"field {clean_name(self._name, default='?')}"
            raise too_large(most, f"{name}: ")
        self._content.extend(data[start:end])

    def _on_part_end(self) -> None:
        if self._file is None:
            self._fields.setdefault(self._name, []).append(self._content.decode("utf-8", "replace"))
        else:
            self._uploads.append(Upload(self._file, bytes(self._content)))
        self._content = bytearray()

    def _on_end(self) -> None:
        self._ended = True


def _malformed() -> RefusedError:
    return RefusedError(400, "malformed_form", "the body must be a whole form (multipart/form-data)")


def clean_name(given: str, *, default: str) -> str:
    """What an answer calls a file: the last part of its path, without what is no letter for a screen."""
    last = given.replace("\\", "/").rpartition("/")[2]
    shown = "".join(letter for letter in last if letter.isprintable()).strip()
    return shown[:LONGEST_NAME] or default
