"""MATLAB's files (version 5 to 7.2), read by scipy as if from outside.

scipy follows cells within cells by recursion in C, so a file of a few megabytes can stop the whole process;
a look at the large parts refuses such a file first.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from emotionnet.data.row_checks import RowError, shown
from emotionnet.records import DataError, first_line

MAX_BYTES = 2**28
MAX_INFLATED = 2**29
MAX_DEPTH = 64
_HEADER = 128
_MATRIX, _COMPRESSED = 14, 15
_LARGE = 2**17  # a part that is smaller has too few levels to do harm
_ORDERS = {b"IM": "<", b"MI": ">"}


def read_mat(path: Path, name: str) -> npt.NDArray[Any]:
    """One variable of a file, as scipy gives it: structs as structured arrays, cells as arrays of objects.

    Raises:
        DataError: The file is missing, too large, nested deeper than `MAX_DEPTH` or broken, or has no such
            variable.
    """
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise DataError(f"{path}: a MATLAB file must have at most {MAX_BYTES:,} bytes; has {size:,}")
        _require_shallow(path, path.read_bytes())
    except FileNotFoundError:
        raise DataError(f"{path}: file not found") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from None
    from scipy.io import loadmat

    try:
        found = loadmat(path, variable_names=[name])
    except Exception as error:  # a broken file can fail in many ways
        raise DataError(
            f"{path}: must be a MATLAB file of version 5 to 7.2; {first_line(error):.200}"
        ) from None
    if not isinstance(found.get(name), np.ndarray):
        raise DataError(f"{path}: must have the variable {name}; it has none")
    return np.asarray(found[name])


def structs(value: Any, what: str) -> list[dict[str, Any]]:
    """The structs of an array, in its order, as field to value.

    Raises:
        RowError: It is no array of structs.
    """
    if not isinstance(value, np.ndarray) or value.dtype.names is None:
        raise RowError(f"{what} must be a struct; got {shown(value)}")
    return [dict(zip(value.dtype.names, row, strict=True)) for row in value.ravel()]


def texts(value: Any, what: str) -> list[str]:
    """The texts of a cell, or the one that stands there without a cell.

    Raises:
        RowError: It holds anything else.
    """
    cells = value.ravel() if isinstance(value, np.ndarray) and value.dtype.kind == "O" else [value]
    found: list[str] = []
    for cell in cells:
        if not isinstance(cell, np.ndarray) or (cell.size and cell.dtype.kind != "U"):
            raise RowError(f"{what} must be text; got {shown(cell)}")
        found += [str(one) for one in cell.ravel()]
    return found


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
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "biuf":
        raise RowError(f"{what} must be {count} numbers; got {shown(value)}")
    if value.size == 0:
        return (float("nan"),) * count
    if value.size != count:
        raise RowError(f"{what} must be {count} numbers; got {value.size}")
    return tuple(float(one) for one in value.ravel())


def _require_shallow(path: Path, content: bytes) -> None:
    order = _ORDERS.get(content[126:128])
    if order is None:
        raise DataError(f"{path}: must be a MATLAB file of version 5 to 7.2; its header says otherwise")
    left = MAX_INFLATED
    view = memoryview(content)
    for kind, start, end in _elements(view, order, _HEADER, len(view)):
        part: memoryview = view[start:end]
        if kind == _COMPRESSED:
            part = memoryview(_inflated(path, part, left))
            left -= len(part)
            _require_shallow_part(path, part, order, 0)
        elif kind == _MATRIX:
            _require_shallow_part(path, part, order, 1)


def _inflated(path: Path, part: memoryview, left: int) -> bytes:
    try:
        inflater = zlib.decompressobj()
        content = inflater.decompress(part, left + 1)
    except zlib.error as error:
        raise DataError(f"{path}: must be a MATLAB file; a part cannot be unpacked ({error})") from None
    if len(content) > left:
        raise DataError(f"{path}: a MATLAB file must have at most {MAX_INFLATED:,} bytes unpacked; has more")
    return content


def _require_shallow_part(path: Path, part: memoryview, order: str, depth: int) -> None:
    waiting = [(0, len(part), depth)]
    while waiting:
        start, end, depth = waiting.pop()
        if depth > MAX_DEPTH:
            raise DataError(f"{path}: a MATLAB file must be nested at most {MAX_DEPTH} deep; it is deeper")
        waiting += [
            (inner, stop, depth + 1)
            for kind, inner, stop in _elements(part, order, start, end)
            if kind == _MATRIX and stop - inner >= _LARGE
        ]


def _elements(view: memoryview, order: str, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Kind, start and end of each element between two places."""
    tag = struct.Struct(f"{order}II")
    while start + tag.size <= end:
        kind, size = tag.unpack_from(view, start)
        start += tag.size
        if kind >> 16:  # a small element: its content stands in the tag
            continue
        yield kind, start, min(start + size, end)
        start += size if kind == _COMPRESSED else size + -size % 8
