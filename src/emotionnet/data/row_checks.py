"""What every annotation row is checked by, and how a message shows what was found."""

from __future__ import annotations

import re
import reprlib
from collections.abc import Callable
from typing import Any

import numpy as np

MAX_TEXT = 4096
_ABSOLUTE = re.compile(r"[/\\]|[A-Za-z]:")  # on any system


class RowError(ValueError):
    """What must hold of a row, and what was found."""


class _Shown(reprlib.Repr):
    """Short even where a value repeats itself without end; numbers of thousands of digits too."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel, self.maxlist, self.maxtuple, self.maxstring = 3, 4, 4, 80

    def repr_int(self, x: int, level: int) -> str:
        return super().repr_int(x, level) if abs(x) < 2**63 else "a number of many digits"

    def repr_instance(self, x: Any, level: int) -> str:
        plain = x.item() if isinstance(x, np.generic) else x
        if isinstance(plain, str) or type(plain) is int:
            return self.repr1(plain, level)
        if isinstance(plain, np.ndarray):
            return "a numpy array"
        if isinstance(plain, bytes):
            return repr(plain[: self.maxstring])
        known = plain is None or type(plain) in (bool, float)
        return repr(plain) if known else f"a {type(x).__name__}"

    def repr_dict(self, x: Any, level: int) -> str:  # noqa: ARG002
        return f"a {type(x).__name__} of {len(x)}"

    repr_set = repr_frozenset = repr_dict


shown: Callable[[object], str] = _Shown().repr


def require_path(path: str) -> None:
    """Check that a path stays inside the folder that it is relative to, as far as its text tells.

    Raises:
        RowError: It is empty or absolute, climbs by '..', holds null bytes or cannot be spelled in UTF-8.
    """
    if len(path) > MAX_TEXT:
        raise RowError(f"path must have at most {MAX_TEXT} characters; has {len(path)}")
    if "\0" in path:
        raise RowError(f"path must not hold null bytes; got {shown(path)}")
    try:
        path.encode()
    except UnicodeEncodeError:
        raise RowError(f"path must be spelled in UTF-8; got {shown(path)}") from None
    if _ABSOLUTE.match(path):
        raise RowError(f"path must be relative to the image folder; got {shown(path)}")
    parts = path.replace("\\", "/").split("/")
    if ".." in parts:
        raise RowError(f"path must not leave the image folder; got {shown(path)}")
    if not any(part not in ("", ".") for part in parts):
        raise RowError(f"path must name a picture; got {shown(path)}")
