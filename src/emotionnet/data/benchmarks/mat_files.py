"""MATLAB's files (version 5 to 7.2) as plain values, read as if from outside.

The format is that of MathWorks' "MAT-File Format". scipy reads it too, but in C without looking where a file
points: one byte changed can stop the whole process, and so can cells within cells. Here every part must lie
inside the part that holds it.
"""

from __future__ import annotations

import math
import struct
import zlib
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from emotionnet.data.row_checks import RowError, shown
from emotionnet.records import DataError

MAX_BYTES = 2**28
MAX_INFLATED = 2**29
MAX_DEPTH = 32
_HEADER = 128
_ORDERS = {b"\x00\x01IM": "<", b"\x01\x00MI": ">"}  # version 1, and which byte comes first
_MATRIX, _COMPRESSED = 14, 15
_NUMBERS = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
_CODECS = {1: "latin-1", 2: "latin-1", 4: "utf-16", 16: "utf-8", 17: "utf-16", 18: "utf-32"}
_CELL, _STRUCT, _CHAR = 1, 2, 4
_NUMERIC = range(6, 16)
_COMPLEX = 0x800


class Cell(list[Any]):
    """The values of a cell array, column by column."""


class Structs(list[dict[str, Any]]):
    """The structs of a struct array, column by column: field to value."""


class _Part(NamedTuple):
    kind: int
    start: int
    end: int
    following: int


class _BrokenError(ValueError):
    """What must hold of a file."""


def read_mat(path: Path, name: str) -> Any:
    """One variable of a file: an array of numbers, a text, a `Cell` or `Structs`; lines of text are a `Cell`.

    Raises:
        DataError: The file is missing, too large, nested deeper than `MAX_DEPTH` or broken, or has no such
            variable, or it is of another kind.
    """
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise DataError(f"{path}: a MATLAB file must have at most {MAX_BYTES:,} bytes; has {size:,}")
        return _variable(path.read_bytes(), name.encode())
    except FileNotFoundError:
        raise DataError(f"{path}: file not found") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from None
    except _BrokenError as error:
        raise DataError(f"{path}: must be a MATLAB file of version 5 to 7.2; {error}") from None
    except KeyError:
        raise DataError(f"{path}: must have the variable {name}; it has none") from None


def structs(value: Any, what: str) -> Structs:
    """The structs of a struct array.

    Raises:
        RowError: It is none.
    """
    if not isinstance(value, Structs):
        raise RowError(f"{what} must be a struct; got {shown(value)}")
    return value


def texts(value: Any, what: str) -> list[str]:
    """The texts of a cell, or the one that stands there without a cell; nothing at all is none.

    Raises:
        RowError: It holds anything else.
    """
    found = value if isinstance(value, Cell) else [value]
    if isinstance(value, np.ndarray) and value.size == 0:
        return []
    for one in found:
        if not isinstance(one, str):
            raise RowError(f"{what} must be text; got {shown(one)}")
    return [one for one in found if one]


def text(value: Any, what: str) -> str:
    """A single text.

    Raises:
        RowError: It is none.
    """
    found = texts(value, what)
    if len(found) != 1:
        raise RowError(f"{what} must be one text; got {shown(found)}")
    return found[0]


def numbers(value: Any, what: str, count: int) -> tuple[float, ...]:
    """So many numbers; NaN stays, and nothing at all, as MATLAB spells what is missing, is NaN.

    Raises:
        RowError: They are others or of another count.
    """
    if not isinstance(value, np.ndarray):
        raise RowError(f"{what} must be {count} numbers; got {shown(value)}")
    if value.size == 0:
        return (math.nan,) * count
    if value.size != count:
        raise RowError(f"{what} must be {count} numbers; got {value.size}")
    return tuple(map(float, value.ravel(order="F").tolist()))


def _variable(content: bytes, name: bytes) -> Any:
    order = _ORDERS.get(content[124:_HEADER])
    if order is None:
        raise _BrokenError("its header says otherwise (version 7.3 is another format: save it anew with -v7)")
    file, start, left = _Parts(content, order), _HEADER, MAX_INFLATED
    while start < len(content):
        part = file.part(start, len(content))
        start, held = part.following, file
        if part.kind == _COMPRESSED:
            start = part.end  # such a part alone is not filled up to eight bytes
            inflated = _inflated(content[part.start : part.end], left)
            left -= len(inflated)
            held = _Parts(inflated, order)
            part = held.part(0, len(inflated))
        if part.kind == _MATRIX and held.name(part) == name:
            return held.value(part, 0)
    raise KeyError(name)


def _inflated(content: bytes, left: int) -> bytes:
    try:
        inflated = zlib.decompressobj().decompress(content, left + 1)
    except zlib.error as error:
        raise _BrokenError(f"a part cannot be unpacked ({error})") from None
    if len(inflated) > left:
        raise _BrokenError(f"it must have at most {MAX_INFLATED:,} bytes unpacked; has more")
    return inflated


class _Parts:
    """The parts of some bytes, each with a tag of kind and size."""

    def __init__(self, content: bytes, order: str) -> None:
        self.content = content
        self.order = order
        self.tag = struct.Struct(f"{order}II")

    def part(self, start: int, end: int) -> _Part:
        """The part that starts here; it must end before `end`."""
        if start + 8 > end:
            raise _BrokenError("a part ends too early")
        kind, size = self.tag.unpack_from(self.content, start)
        if kind >> 16:  # a small part: size and kind share a number, and four bytes follow
            kind, size, body, following = kind & 0xFFFF, kind >> 16, start + 4, start + 8
            if size > 4:
                raise _BrokenError("a small part must have at most 4 bytes")
        else:
            body = start + 8
            following = body + size + -size % 8
        if body + size > end:
            raise _BrokenError("a part reaches beyond that which holds it")
        return _Part(kind, body, body + size, min(following, end))

    def name(self, matrix: _Part) -> bytes:
        flags = self.part(matrix.start, matrix.end)
        dims = self.part(flags.following, matrix.end)
        name = self.part(dims.following, matrix.end)
        return self.content[name.start : name.end]

    def value(self, matrix: _Part, depth: int) -> Any:
        """A matrix and all that is in it."""
        if depth > MAX_DEPTH:
            raise _BrokenError(f"it must be nested at most {MAX_DEPTH} deep; it is deeper")
        if matrix.kind != _MATRIX:
            raise _BrokenError(f"a value must be a matrix; got a part of kind {matrix.kind}")
        if matrix.start == matrix.end:
            return _NOTHING
        end = matrix.end
        first = self.part(matrix.start, end)
        dims = self.part(first.following, end)
        flags, *_ = self._whole(first, "I")
        shape = self._whole(dims, "i")
        if not 1 < len(shape) <= 8 or min(shape) < 0:
            raise _BrokenError(f"a matrix must have 2 to 8 sizes of at least 0; got {shape[:8]}")
        start = self.part(dims.following, end).following  # after the name
        kind, count = flags & 0xFF, math.prod(shape)
        if kind == _CELL:
            return Cell(self._values(start, end, count, depth))
        if kind == _STRUCT:
            return self._structs(start, end, count, depth)
        if kind == _CHAR:
            return self._text(self.part(start, end), shape) if count else ""
        if kind not in _NUMERIC or flags & _COMPLEX:
            raise _BrokenError(f"a matrix must hold numbers, text, cells or structs; got class {kind}")
        found = self._numbers(self.part(start, end))
        if found.size != count:
            raise _BrokenError(f"a matrix of size {shape} must have {count} numbers; has {found.size}")
        return found.reshape(shape, order="F")

    def _whole(self, part: _Part, code: str) -> tuple[int, ...]:
        """The whole numbers of four bytes of a part, at least one."""
        size = part.end - part.start
        if part.kind not in (5, 6) or size % 4 or not size:
            raise _BrokenError(f"a matrix must start with whole numbers; got kind {part.kind}")
        return struct.unpack_from(f"{self.order}{size // 4}{code}", self.content, part.start)

    def _numbers(self, part: _Part) -> npt.NDArray[Any]:
        code = _NUMBERS.get(part.kind)
        if code is None or (part.end - part.start) % int(code[1]):
            raise _BrokenError(f"numbers must be of a known kind; got kind {part.kind}")
        dtype = np.dtype(f"{self.order}{code}")
        return np.frombuffer(self.content, dtype, (part.end - part.start) // dtype.itemsize, part.start)

    def _values(self, start: int, end: int, count: int, depth: int) -> list[Any]:
        if count > (end - start) // 8:  # each has a tag at least
            raise _BrokenError(f"{count} values must fit into their part; they do not")
        found = []
        for _ in range(count):
            part = self.part(start, end)
            found.append(self.value(part, depth + 1))
            start = part.following
        return found

    def _structs(self, start: int, end: int, count: int, depth: int) -> Structs:
        length_part = self.part(start, end)
        lengths = self._numbers(length_part)
        names = self.part(length_part.following, end)
        width = int(lengths[0]) if lengths.size == 1 else 0
        raw = self.content[names.start : names.end]
        if width < 1 or len(raw) % width:
            raise _BrokenError("the names of a struct's fields must have one length")
        fields = [
            raw[place : place + width].split(b"\0")[0].decode("latin-1")
            for place in range(0, len(raw), width)
        ]
        if len(set(fields)) < len(fields):
            raise _BrokenError("a struct must name each field once")
        values = self._values(names.following, end, count * len(fields), depth)
        step = len(fields)
        return Structs(
            dict(zip(fields, values[place : place + step], strict=True))
            for place in range(0, count * step, step or 1)
        )

    def _text(self, part: _Part, shape: tuple[int, ...]) -> str | Cell:
        raw = self.content[part.start : part.end]
        codec = _CODECS.get(part.kind, "")
        ending = ("-le" if self.order == "<" else "-be") if codec in ("utf-16", "utf-32") else ""
        try:
            text = raw.decode(codec + ending)
        except (UnicodeDecodeError, LookupError):
            raise _BrokenError("text must be spelled in UTF-8, UTF-16 or UTF-32") from None
        rows = shape[0]
        if rows == 1:
            return text
        if len(text) != math.prod(shape):
            raise _BrokenError("lines of text must have one length")
        return Cell(text[row::rows] for row in range(rows))


_NOTHING = np.zeros((0, 0))
