"""Which of many pictures are there, told without opening one."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from pathlib import Path


def picture_sizes(root: Path, paths: Iterable[str]) -> dict[str, int]:
    """The size in bytes of each picture that is a file inside `root`, links followed; others are left out.

    Args:
        root: The folder that no picture may leave.
        paths: Relative to it, with forward slashes.
    """
    base = os.path.realpath(root)
    inside: dict[str, bool] = {}  # by folder, since to follow its links takes longest
    sizes: dict[str, int] = {}
    for path in dict.fromkeys(paths):
        folder, _, _ = path.rpartition("/")
        full = f"{base}/{path}"
        try:
            if folder not in inside:
                inside[folder] = _is_inside(os.path.realpath(f"{base}/{folder}"), base)
            found = os.lstat(full)
            if stat.S_ISLNK(found.st_mode):
                found = Path(full).stat()
                if not _is_inside(os.path.realpath(full), base):
                    continue
        except (OSError, ValueError):  # missing, or a name that no file can have
            continue
        if inside[folder] and stat.S_ISREG(found.st_mode):
            sizes[path] = found.st_size
    return sizes


def _is_inside(path: str, base: str) -> bool:
    return path == base or path.startswith(base.rstrip(os.sep) + os.sep)
