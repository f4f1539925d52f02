"""Which of many pictures are there, and which they are, told without decoding one."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from emotionnet.data.shards.member import PictureFile, ShardMember
from emotionnet.files import sha256
from emotionnet.records import DataError


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


def content_sha256(file: PictureFile) -> str:
    """SHA-256 of a picture's bytes, in hexadecimal.

    Raises:
        DataError: It is missing or cannot be read; names it.
    """
    if isinstance(file, ShardMember):
        return hashlib.sha256(file.read()).hexdigest()
    with _faults(file):
        return sha256(file)


def content_of(file: PictureFile) -> bytes:
    """A picture's bytes.

    Raises:
        DataError: It is missing or cannot be read; names it.
    """
    if isinstance(file, ShardMember):
        return file.read()
    with _faults(file):
        return file.read_bytes()


@contextmanager
def _faults(path: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise DataError(f"{path}: file not found") from None
    except (OSError, ValueError) as error:  # a ValueError: a name that no file can have
        reason = (isinstance(error, OSError) and error.strerror) or error
        raise DataError(f"{path}: picture cannot be read ({reason})") from None


def _is_inside(path: str, base: str) -> bool:
    return path == base or path.startswith(base.rstrip(os.sep) + os.sep)
