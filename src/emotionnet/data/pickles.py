"""Pickles of the 2020 release and of benchmarks, read as data only.

A pickle is a program: it may name any function of any module and have it called. The
reader here knows a short list of names (DATASETS: trap 5) and refuses every other
before anything runs. What it hands to the file for `Counter`, `Namespace` and numpy's
constructors is made anew for each read, or checks its arguments first: a pickle can set
attributes on the objects that it names, and must not change a class of ours for good.
A first look at its steps refuses what would cost more time or memory than the file's size tells.
"""

from __future__ import annotations

import io
import pickle
from argparse import Namespace
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from emotionnet.data import pickled_arrays
from emotionnet.data.pickle_steps import require_cheap
from emotionnet.records import DataError, first_line

MAX_BYTES = 2**31
MAX_DEPTH = 64
_NUMPY_CORES = ("numpy.core", "numpy._core")
_FREQUENT = frozenset({int, str, float})  # and no containers
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
        content = path.read_bytes()
        require_cheap(content, MAX_DEPTH)
        value = PlainUnpickler(content, path).load()
    except FileNotFoundError:
        raise DataError(f"{path}: file not found") from None
    except DataError:
        raise
    except Exception as error:  # a broken pickle may raise almost anything, from any admitted constructor
        raise DataError(f"{path}: must be a pickle of plain data; {first_line(error):.300}") from None
    if is_deeper(value, MAX_DEPTH):
        raise DataError(f"{path}: a pickle must be nested at most {MAX_DEPTH} deep; it is deeper")
    return value


class PlainUnpickler(pickle.Unpickler):
    """Makes plain data of a pickle that passed `require_cheap`.

    Args:
        content: The pickle.
        path: The file that errors name.
        further: What a file of another kind may ask for too, by module and name; calls pay as all do.
    """

    def __init__(
        self, content: bytes, path: Path, further: Mapping[tuple[str, str], Callable[..., Any]] | None = None
    ) -> None:
        super().__init__(io.BytesIO(content), encoding="latin1")
        self._path = path
        budget = _Budget(2 * len(content) + 2**16)
        charged = {name: budget.charged(function) for name, function in (further or {}).items()}
        self._admitted = _admitted(budget) | charged

    def find_class(self, module: str, name: str, /) -> Any:
        if (module, name) not in self._admitted:
            asked = ascii(f"{module}.{name}"[:120])[1:-1]
            raise DataError(f"{self._path}: pickle asks for {asked}; only plain data is admitted")
        return self._admitted[module, name]


class _Budget:
    """How much the calls of a pickle may copy: about what the file holds, since each part is copied once."""

    def __init__(self, left: int) -> None:
        self.left = left

    def charge(self, amount: int) -> None:
        self.left -= amount
        if self.left < 0:
            raise pickle.UnpicklingError("its calls copy far more than it holds")

    def charged(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, each call of which pays for the size of its arguments, entries of entries too.

        What a set or Counter is made of is hashed, and a tuple is hashed whole each time.
        """

        def call(*arguments: Any) -> Any:
            self.charge(1)
            inside: list[Any] = [part for part in arguments if hasattr(part, "__len__")]
            while inside:
                part = inside.pop()
                self.charge(len(part))
                if isinstance(part, list | tuple | dict):
                    inside += [inner for inner in part if isinstance(inner, list | tuple)]
            return function(*arguments)

        return call


def _admitted(budget: _Budget) -> dict[tuple[str, str], Any]:
    """Every name that a pickle may use, and what it gets for it."""

    class FreshNamespace:
        def __new__(cls) -> Any:
            return Namespace()

    def counter(items: Any = ()) -> Counter[Any]:
        if not isinstance(items, dict | list | tuple):
            raise pickle.UnpicklingError(f"a Counter must be made of a dict; got {type(items).__name__}")
        return Counter(items)

    def empty_array(*arguments: Any) -> Any:
        return pickled_arrays.empty_array(*arguments, charge=budget.charge)

    names: dict[tuple[str, str], Any] = {
        ("argparse", "Namespace"): FreshNamespace,
        ("collections", "Counter"): budget.charged(counter),
        ("collections", "OrderedDict"): budget.charged(OrderedDict),
        ("_codecs", "encode"): budget.charged(_encode),
        ("numpy", "ndarray"): pickled_arrays.NDARRAY,
        ("numpy", "dtype"): budget.charged(pickled_arrays.Kind),
    }
    for module in ("builtins", "__builtin__"):
        names |= {(module, plain.__name__): budget.charged(plain) for plain in (set, frozenset, complex)}
        names[module, "bytes"] = lambda: b""  # how protocol 2 spells empty bytes
    for core in _NUMPY_CORES:
        names[f"{core}.multiarray", "_reconstruct"] = empty_array
        names[f"{core}.multiarray", "scalar"] = budget.charged(pickled_arrays.scalar)
        names[f"{core}.numeric", "_frombuffer"] = budget.charged(pickled_arrays.array_of_bytes)
    return names


def _encode(text: str, encoding: str) -> bytes:
    """How protocol 2 spells bytes; any other codec would be looked up, hence imported."""
    if encoding not in ("latin1", "latin-1"):
        found = repr(encoding[:60]) if isinstance(encoding, str) else type(encoding).__name__
        raise pickle.UnpicklingError(f"bytes must be spelled in latin1; got {found}")
    return text.encode("latin1")


def is_deeper(value: Any, limit: int) -> bool:
    """Whether containers are nested deeper than `limit`.

    Looks level by level, and at each container once, so that no nesting can exhaust the stack.
    """
    level, seen = _containers([value]), set[int]()
    for _ in range(limit):
        if not level:
            return False
        seen.update(level)
        inside = _containers(chain.from_iterable(map(_parts, level.values())))
        level = {key: part for key, part in inside.items() if key not in seen}
    return bool(level)


def _containers(values: Iterable[Any]) -> dict[int, Any]:
    return {
        id(value): value
        for value in values
        if type(value) not in _FREQUENT and isinstance(value, _CONTAINERS)
    }


def _parts(whole: Any) -> Iterable[Any]:
    if isinstance(whole, dict):
        return chain(whole.keys(), whole.values())
    if isinstance(whole, Namespace):
        return vars(whole).values()
    if isinstance(whole, np.ndarray):
        return whole.flat if whole.dtype.hasobject else ()
    return whole  # type: ignore[no-any-return]
