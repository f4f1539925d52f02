"""Writing without half-written results: beside, fsync, rename."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from emotionnet.records import DataError


@contextlib.contextmanager
def new_file(path: Path, *, mode: int = 0o644) -> Iterator[BinaryIO]:
    """Give a file beside `path` to fill; it becomes `path` when all went well, else nothing is left.

    Args:
        path: The file to write.
        mode: Its permissions.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, beside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        Path(beside).chmod(mode)
        Path(beside).replace(path)
    except BaseException:
        Path(beside).unlink(missing_ok=True)
        raise


def write_bytes(path: Path, content: bytes, *, mode: int = 0o644) -> None:
    """Write a file whole or not at all."""
    with new_file(path, mode=mode) as file:
        file.write(content)


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 text file whole or not at all."""
    write_bytes(path, text.encode())


def write_json(path: Path, value: Any) -> None:
    """Write indented JSON with sorted keys, so that equal values are equal files."""
    write_text(path, json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n")


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises:
        DataError: The file is missing or no JSON; says where.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise DataError(f"{path}: file not found") from None
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read as text ({error})") from None
    except (ValueError, RecursionError) as error:  # a number of 5,000 digits is a ValueError of another kind
        raise DataError(f"{path}: must be JSON; {error}") from None


def cache_folder() -> Path:
    """Where what was fetched or computed stays.

    $EMOTIONNET_CACHE, $XDG_CACHE_HOME/emotionnet or ~/.cache/emotionnet.
    """
    own, shared = os.environ.get("EMOTIONNET_CACHE"), os.environ.get("XDG_CACHE_HOME")
    if own:
        return Path(own).expanduser()
    return (Path(shared).expanduser() if shared else Path.home() / ".cache") / "emotionnet"


@contextlib.contextmanager
def made_alone(place: Path, *, busy: str | None = None) -> Iterator[None]:
    """Within the block no other process makes this place of the cache: who comes second waits for the first.

    Args:
        place: Which; nothing has to be there.
        busy: What is raised instead of waiting.

    Raises:
        DataError: Nothing can be written there; or `busy`.
    """
    from filelock import FileLock, Timeout  # takes longer than all of `--help` may spend on a cache

    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{place}.lock", timeout=-1 if busy is None else 0):
            yield
    except Timeout:
        raise DataError(str(busy)) from None
    except OSError as error:
        raise DataError(
            f"{place}: must be a place to write to; got {error.strerror or error}: "
            "name another folder in $EMOTIONNET_CACHE"
        ) from None


def clear_place(place: Path) -> None:
    """Delete what is broken in the cache, and what a process that was killed left beside it."""
    for left in (place, *place.parent.glob(f".{place.name}.*")):
        shutil.rmtree(left, ignore_errors=True)


def make_room(newest: Path, limit: int) -> None:
    """Delete the files of the cache that were used longest ago until all fits; what was just written stays.

    Args:
        newest: That file; those beside it with the same ending are counted.
        limit: Bytes.
    """
    files = []
    for entry in newest.parent.glob(f"[!.]*{newest.suffix}"):
        with contextlib.suppress(OSError):  # deleted since, by another process
            found = entry.stat()
            files.append((found.st_mtime, found.st_size, entry))
    total = sum(size for _, size, _ in files)
    for _, size, entry in sorted(files, key=lambda one: one[0]):
        if total <= limit:
            return
        if entry != newest:
            with contextlib.suppress(OSError):
                entry.unlink()
                total -= size


def sha256(path: Path) -> str:
    """SHA-256 of a file's content, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def link_file(source: Path, target: Path) -> None:
    """Give a file a second place: a hard link where the file system allows it, a copy elsewhere.

    Raises:
        DataError: It can be neither linked nor copied.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source.resolve(), target)  # of what a symbolic link points to, which may go
    except OSError:  # another file system, or one without hard links
        try:
            shutil.copyfile(source, target)
        except OSError as error:
            raise DataError(f"{source}: cannot be copied ({error.strerror})") from None


def read_object(path: Path) -> dict[str, Any]:
    """Read a JSON file that holds an object.

    Raises:
        DataError: As `read_json`, or it holds something else.
    """
    content = read_json(path)
    if not isinstance(content, dict):
        raise DataError(f"{path}: must be a JSON object; got {type(content).__name__}")
    return content


@contextlib.contextmanager
def new_folder(target: Path, *, parts: Collection[str], overwrite: bool) -> Iterator[Path]:
    """Give a folder beside `target` to fill; it becomes `target` when all went well.

    Args:
        target: The folder to write.
        parts: All names that such a folder may hold, first the file that tells it from any other.
        overwrite: Whether an earlier result may be replaced.

    Raises:
        DataError: `target` may not be written, see `refuse_existing`.
    """
    refuse_existing(target, parts=parts, overwrite=overwrite)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        beside = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}."))
    except OSError as error:
        raise DataError(f"{target}: cannot be written ({error.strerror})") from None
    fresh, old = beside / "new", beside / "old"
    fresh.mkdir()
    try:
        yield fresh
        if target.exists():
            target.replace(old)
        try:
            fresh.replace(target)
        except OSError:
            if old.exists():
                old.replace(target)
            raise
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def refuse_existing(target: Path, *, parts: Collection[str], overwrite: bool) -> None:
    """Check that a result may be written at `target`; what is not such a result is never replaced.

    Raises:
        DataError: It is a file, or a folder with content and `overwrite` is false, or a folder
            that lacks the first of `parts` or holds anything besides them.
    """
    require_folder_or_nothing(target)
    if not target.exists():
        return
    present = sorted(path.name for path in target.iterdir())
    if not present:
        return
    marker = next(iter(parts))
    if marker not in present:
        raise DataError(f"{target}: holds other files and no {marker}; choose another --out")
    unfinished = tuple(f".{part}." for part in parts)  # of `new_file`, where a process was killed
    foreign = [name for name in present if name not in parts and not name.startswith(unfinished)]
    if foreign:
        raise DataError(
            f"{target}: holds more than was made there ({', '.join(foreign[:5])}); choose another --out"
        )
    if not overwrite:
        raise DataError(f"{target}: exists already; choose another --out or add --overwrite")


def require_folder_or_nothing(target: Path) -> None:
    """Check that a folder is at `target`, or can be made there.

    Raises:
        DataError: It is a file, or a link to nothing.
    """
    if target.is_symlink() and not target.exists():
        raise DataError(f"{target}: must be a folder or not exist; it is a link to nothing")
    if target.exists() and not target.is_dir():
        raise DataError(f"{target}: must be a folder or not exist; it is a file")
