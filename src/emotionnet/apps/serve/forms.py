"""Forms with files as they come in, piece by piece, within limits; nothing of them is written to disk.

Starlette's own reader of forms keeps large parts in files.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from emotionnet.apps.serve.bodies import too_large
from emotionnet.apps.serve.errors import RefusedError
from emotionnet.apps.serve.limits import Limits

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

LONGEST_NAME = 200  # characters
PIECE = 2**18  # bytes


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


class Pieces:
    """Bytes that come in pieces of any size: one block that grows would be moved, and lie there twice."""

    def __init__(self) -> None:
        self._pieces, self.size = [bytearray()], 0

    def add(self, data: bytes) -> None:
        """Take in some more."""
        if len(self._pieces[-1]) >= PIECE:
            self._pieces.append(bytearray())
        self._pieces[-1].extend(data)
        self.size += len(data)

    def whole(self) -> bytes:
        """All of them in one."""
        return b"".join(self._pieces)


class Form:
    """A form with files, as it comes in."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._uploads: list[Upload] = []
        self._fields: dict[str, list[str]] = {}
        self._parts = 0
        self._ended = False
        self._begin()

    def parser(self, boundary: bytes) -> MultipartParser:
        """What reads it, which is no part of it: two that hold each other stay until the next collection.

        Raises:
            RefusedError: There can be no form of this boundary.
        """
        if not boundary:
            raise malformed()
        callbacks: MultipartCallbacks = {
            "on_part_begin": self._begin,
            "on_header_field": self._on_header_field,
            "on_header_value": self._on_header_value,
            "on_header_end": self._on_header_end,
            "on_headers_finished": self._on_headers,
            "on_part_data": self._on_data,
            "on_part_end": self._on_part_end,
            "on_end": self._on_end,
        }
        try:
            return MultipartParser(boundary, callbacks)
        except (FormParserError, ValueError):
            raise malformed() from None

    def received(self) -> Received:
        """All of it.

        Raises:
            RefusedError: It ended early.
        """
        if not self._ended:
            raise malformed()
        return Received(tuple(self._uploads), self._fields)

    def _begin(self) -> None:
        self._header: tuple[bytearray, bytearray] = (bytearray(), bytearray())
        self._disposition = b""
        self._name = ""
        self._file: str | None = None
        self._content = Pieces()

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
            raise malformed()
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
        if self._content.size + end - start > most:
            name = self._file or f"field {clean_name(self._name, default='?')}"
            raise too_large(most, f"{name}: ")
        self._content.add(data[start:end])

    def _on_part_end(self) -> None:
        content, self._content = self._content.whole(), Pieces()
        if self._file is None:
            self._fields.setdefault(self._name, []).append(content.decode("utf-8", "replace"))
        else:
            self._uploads.append(Upload(self._file, content))

    def _on_end(self) -> None:
        self._ended = True


def malformed() -> RefusedError:
    """The refusal of what is no whole form."""
    return RefusedError(400, "malformed_form", "the body must be a whole form (multipart/form-data)")


def clean_name(given: str, *, default: str) -> str:
    """What an answer calls a file: the last part of its path, without what is no letter for a screen."""
    last = given.replace("\\", "/").rpartition("/")[2]
    shown = "".join(letter for letter in last if letter.isprintable()).strip()
    return shown[:LONGEST_NAME] or default
