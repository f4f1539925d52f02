"""What a pickle gets when it asks for numpy's constructors.

A file may set the state of whatever it is handed, and a numpy dtype takes flags from its state that decide
whether bytes of the file are used as addresses. So no dtype is handed out: `Kind` stands for it, takes simple
kinds only, and the dtype is made here, of fields that were checked.
"""

from __future__ import annotations

import math
import pickle
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

NDARRAY = "numpy.ndarray"  # stands for the class, which nothing may call
_KINDS = re.compile(r"[|<>=]?(?:[biufc]\d{1,2}|[SUV]\d{1,6}|O8?)")
_ORDERS = ("|", "<", ">", "=")


class Kind:
    """Stands for a dtype while a pickle is read."""

    def __init__(self, name: object, align: object = False, copy: object = False) -> None:  # noqa: ARG002
        text = name.decode("latin1") if isinstance(name, bytes) else name
        if not isinstance(text, str) or not _KINDS.fullmatch(text):
            raise pickle.UnpicklingError("a numpy dtype must be a simple kind, such as f8 or U10")
        self.dtype = np.dtype(text)

    def __setstate__(self, state: object) -> None:
        if not isinstance(state, tuple) or len(state) != 8 or state[2] is not None:
            raise pickle.UnpicklingError("a numpy dtype must have no dates, metadata and inner shapes")
        _, order, _, names, fields, size, *_ = state
        order = order.decode("latin1") if isinstance(order, bytes) else order
        if order not in _ORDERS:
            raise pickle.UnpicklingError("a numpy dtype must say its byte order")
        if names is not None:
            self.dtype = _record(names, fields, size)
        elif order != "|":
            self.dtype = self.dtype.newbyteorder(order)  # type: ignore[arg-type]


class _Array(np.ndarray[Any, Any]):
    """An array that takes its content from a pickle once, checks it, and tells how much that is."""

    charge: Callable[[int], None]

    def __setstate__(self, state: Any, /) -> None:
        if not isinstance(state, tuple) or len(state) != 5 or self.size:
            raise pickle.UnpicklingError("an array must be filled once, with shape, dtype and content")
        _, shape, kind, fortran, content = state
        dtype = _dtype(kind)
        if not isinstance(shape, tuple) or not all(type(n) is int and n >= 0 for n in shape):
            raise pickle.UnpicklingError("the shape of an array must be a tuple of integers from 0")
        data = content if dtype.hasobject else _bytes(content)
        size = math.prod(shape) * (1 if dtype.hasobject else dtype.itemsize)
        if not isinstance(data, list if dtype.hasobject else bytes) or len(data) != size:
            raise pickle.UnpicklingError(f"the content of an array must fit its shape, {shape!r:.60}")
        self.charge(1 + size)
        super().__setstate__((1, shape, dtype, bool(fortran), data))  # type: ignore[arg-type]


def empty_array(
    kind: object, shape: object, dtype: object, *, charge: Callable[[int], None]
) -> npt.NDArray[Any]:
    """The empty array that its own state then fills; no other size is ever pickled."""
    if kind is not NDARRAY or shape != (0,) or dtype not in (b"b", "b"):
        raise pickle.UnpicklingError("an array must start empty, as numpy writes it")
    array = np.empty((0,), dtype=np.int8).view(_Array)
    array.charge = charge
    return array


def scalar(kind: object, content: object) -> Any:
    """A numpy scalar of bytes."""
    dtype = _dtype(kind)
    if dtype.hasobject:
        raise pickle.UnpicklingError("a numpy scalar must not hold Python objects")
    data = _bytes(content)
    if not isinstance(data, bytes):
        raise pickle.UnpicklingError(f"a numpy scalar must be bytes; got {type(data).__name__}")
    if len(data) != dtype.itemsize:
        raise pickle.UnpicklingError(f"a numpy {dtype} must have {dtype.itemsize} bytes; has {len(data)}")
    return np.frombuffer(data, dtype=dtype, count=1)[0]


def array_of_bytes(content: object, kind: object, shape: Any, order: Any) -> npt.NDArray[Any]:
    """An array of bytes that the pickle holds; of no other buffer, which might change or go."""
    dtype = _dtype(kind)
    if not isinstance(content, (bytes, bytearray)) or dtype.hasobject:
        raise pickle.UnpicklingError("an array must be made of bytes")
    return np.frombuffer(bytes(content), dtype=dtype).reshape(shape, order=order).copy(order="K")


def _dtype(kind: object) -> np.dtype[Any]:
    if not isinstance(kind, Kind):
        raise pickle.UnpicklingError(f"a numpy dtype must be one; got {type(kind).__name__}")
    return kind.dtype


def _bytes(content: object) -> object:
    """Bytes, which a pickle of Python 2 holds as text."""
    return content.encode("latin1") if isinstance(content, str) else content


def _record(names: Any, fields: Any, size: Any) -> np.dtype[Any]:
    """A dtype of named fields, each of a simple kind or of such fields, and none a Python object."""
    if not isinstance(names, tuple) or not isinstance(fields, dict) or type(size) is not int:
        raise pickle.UnpicklingError("the fields of a numpy dtype must have names, kinds and places")
    found = [fields[name] for name in names]
    formats, offsets = [_dtype(field[0]) for field in found], [field[1] for field in found]
    if any(dtype.hasobject for dtype in formats):
        raise pickle.UnpicklingError("the fields of a numpy dtype must not hold Python objects")
    return np.dtype({"names": list(names), "formats": formats, "offsets": offsets, "itemsize": size})
