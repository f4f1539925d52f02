"""Pickles of the 2020 release and of benchmarks, read as data only.

A pickle is a program: it may name any function of any module and have it called. The
reader here knows a short list of names (DATASETS: trap 5) and refuses every other
before anything runs. What it hands to the file for `Counter`, `Namespace` and numpy's
constructors is made anew for each read, or checks its arguments first: a pickle can set
attributes on the objects that it names, and must not change a class of ours for good.
"""

from __future__ import annotations

import pickle
from argparse import Namespace
from collections import Counter, OrderedDict
from collections.abc import Iterable
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from emotionnet.records import DataError

MAX_BYTES = 2**31
MAX_DEPTH = 64
_NUMPY_CORES = ("numpy.core", "numpy._core")
_ARRAY = "numpy.ndarray"  # stands for the class, which nothing may call
_CONTAINERS = (list, tuple, dict, set, frozenset, Namespace, np.ndarray)


def read_pickle(path: Path) -> Any:
    """Read a pickle that holds plain data only.

    Plain data are lists, tuples, dicts, sets, numbers, strings, bytes, None, Counter,
    OrderedDict, Namespace, and numpy arrays and scalars of those.

    Raises:
        DataError: The file is missing, larger than `MAX_BYTES`, broken, nested deeper than
            `MAX_DEPTH`, or asks for anything else, which it then names.
    """
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise DataError(f"{path}: a pickle must have at most {MAX_BYTES:,} bytes; has {size:,}")
        with path.open("rb") as file:
            value = _PlainUnpickler(file, path).load()
    except FileNotFoundError:
        raise DataError(f"{path}: file not found") from None
    except DataError:
        raise
    except Exception as error:  # a broken pickle may raise almost anything, from any admitted constructor
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(f"{path}: must be a pickle of plain data; {reason}") from None
    if _is_deeper(value, MAX_DEPTH):
        raise DataError(f"{path}: a pickle must be nested at most {MAX_DEPTH} deep; it is deeper")
    return value


class _PlainUnpickler(pickle.Unpickler):
    def __init__(self, file: Any, path: Path) -> None:
        super().__init__(file, encoding="latin1")
        self._path = path
        self._admitted = _admitted()

    def find_class(self, module: str, name: str, /) -> Any:
        if (module, name) not in self._admitted:
            raise DataError(f"{self._path}: pickle asks for {module}.{name}; only plain data is admitted")
        return self._admitted[module, name]


def _admitted() -> dict[tuple[str, str], Any]:
    """Every name that a pickle may use, and what it gets for it."""

    class FreshNamespace:
        def __new__(cls) -> Any:
            return Namespace()

    def counter(items: Any = ()) -> Counter[Any]:
        if not isinstance(items, dict | list | tuple):
            raise pickle.UnpicklingError(f"a Counter must be made of a dict; got {type(items).__name__}")
        return Counter(items)

    names: dict[tuple[str, str], Any] = {
        ("argparse", "Namespace"): FreshNamespace,
        ("collections", "Counter"): counter,
        ("collections", "OrderedDict"): OrderedDict,
        ("_codecs", "encode"): partial(_encode),
        ("numpy", "ndarray"): _ARRAY,
        ("numpy", "dtype"): np.dtype,
    }
    for module in ("builtins", "__builtin__"):
        names |= {(module, plain.__name__): plain for plain in (set, frozenset, complex)}
        names[module, "bytes"] = lambda: b""  # how protocol 2 spells empty bytes
    for core in _NUMPY_CORES:
        names[f"{core}.multiarray", "_reconstruct"] = partial(_empty_array)
        names[f"{core}.multiarray", "scalar"] = partial(_numpy_scalar)
        names[f"{core}.numeric", "_frombuffer"] = partial(_array_of_bytes)
    return names


def _encode(text: str, encoding: str) -> bytes:
    """How protocol 2 spells bytes; any other codec would be looked up, hence imported."""
    if encoding not in ("latin1", "latin-1"):
        raise pickle.UnpicklingError(f"bytes must be spelled in latin1; got {encoding!r}")
    return text.encode("latin1")


def _empty_array(kind: Any, shape: Any, dtype: Any) -> npt.NDArray[Any]:
    """The empty array that numpy's own state then fills; no other size is ever pickled."""
    if kind != _ARRAY or shape != (0,) or dtype not in (b"b", "b"):
        raise pickle.UnpicklingError("an array must start empty, as numpy writes it")
    return np.empty((0,), dtype=np.int8)


def _numpy_scalar(dtype: np.dtype[Any], content: Any) -> Any:
    if dtype.hasobject:
        raise pickle.UnpicklingError("a numpy scalar must not hold Python objects")
    data = content.encode("latin1") if isinstance(content, str) else content
    if not isinstance(data, bytes):
        raise pickle.UnpicklingError(f"a numpy scalar must be bytes; got {type(data).__name__}")
    if len(data) != dtype.itemsize:
        raise pickle.UnpicklingError(f"a numpy {dtype} must have {dtype.itemsize} bytes; has {len(data)}")
    return np.frombuffer(data, dtype=dtype, count=1)[0]


def _array_of_bytes(content: Any, dtype: np.dtype[Any], shape: Any, order: Any) -> npt.NDArray[Any]:
    return np.frombuffer(content, dtype=dtype).reshape(shape, order=order)


def _is_deeper(value: Any, limit: int) -> bool:
    """Level by level, and each container once, so that no nesting can exhaust the stack."""
    level, seen = _containers([value]), set[int]()
    for _ in range(limit):
        if not level:
            return False
        seen.update(level)
        inside = _containers(chain.from_iterable(map(_parts, level.values())))
        level = {key: part for key, part in inside.items() if key not in seen}
    return bool(level)


def _containers(values: Iterable[Any]) -> dict[int, Any]:
    return {id(value): value for value in values if isinstance(value, _CONTAINERS)}


def _parts(whole: Any) -> Iterable[Any]:
    if isinstance(whole, dict):
        return chain(whole.keys(), whole.values())
    if isinstance(whole, Namespace):
        return vars(whole).values()
    if isinstance(whole, np.ndarray):
        return whole.flat if whole.dtype.hasobject else ()
    return whole  # type: ignore[no-any-return]
