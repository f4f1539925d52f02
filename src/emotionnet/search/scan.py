"""Which pictures lie where, and which of those that an index holds are gone."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import takewhile
from pathlib import Path
from typing import overload

from emotionnet.data.shards.member import PictureFile, ShardMember
from emotionnet.data.shards.naming import find_pictures, is_shards, shards_of
from emotionnet.data.shards.remote import is_url
from emotionnet.records import DataError, as_text


@dataclass(frozen=True, slots=True)
class File:
    """A picture's file and its state: size in bytes, times of the last change to content and to anything."""

    path: PictureFile
    bytes: int
    modified_ns: int
    changed_ns: int


@dataclass(frozen=True)
class Scan:
    """What some names stand for.

    `files` has the files by their absolute path as text, in order; `folders` are those that were searched;
    `unknown` has a line for each name that stands for nothing.
    """

    files: dict[str, File]
    folders: tuple[str, ...]
    unknown: tuple[str, ...]

    def gone(self, paths: Iterable[str]) -> Iterator[str]:
        """Those of an index's paths that lie in the folders and are no more.

        A file that only cannot be reached, as when a right is missing, is not gone; nor is what lies in
        SHARDS inside of a folder, which are searched by their own name alone.
        """
        unsearched = cache(lambda root: root not in self.folders and is_shards(root))
        inside = tuple(folder.rstrip(os.sep) + os.sep for folder in self.folders)
        for path in paths:
            if path not in self.files and path.startswith(inside):
                try:
                    os.stat(path)  # noqa: PTH116  # thousands of them
                except FileNotFoundError:
                    yield path
                except NotADirectoryError:
                    if not unsearched(shards_of(path) or ""):
                        yield path
                except (OSError, ValueError):
                    continue


def scan_pictures(names: Sequence[str | Path]) -> Scan:
    """Find pictures, see `find_pictures`; a folder in which none is left is no folder that was searched.

    So a disk that is not there today takes nothing from an index.
    """
    files: dict[str, File] = {}
    folders: list[Path | str] = []
    unknown: list[str] = []
    for name in names:
        paths, faults = find_pictures([name])
        unknown += faults
        if paths:
            folders += [str(name).rstrip("/")] if is_url(name) else _searched(Path(name).expanduser())
        for path in map(absolute, paths):
            try:
                files.setdefault(as_text(path), _state(path))
            except OSError:  # deleted since
                continue
    return Scan(dict(sorted(files.items())), tuple(map(as_text, dict.fromkeys(folders))), tuple(unknown))


def require_files(scan: Scan) -> None:
    """Check that there are any.

    Raises:
        DataError: There are none; one line for each name.
    """
    if not scan.files:
        raise DataError(scan.unknown or "at least one picture, folder or pattern must be given; got none")


def _state(path: PictureFile) -> File:
    if isinstance(path, ShardMember):
        stamp = int(path.shard.sha256[:15], 16)  # in place of times: another one once the shard is another
        return File(path, path.size, stamp, stamp)
    found = path.stat()
    return File(path, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


def _searched(name: Path) -> list[Path]:
    """The folder that a name speaks of: itself, or the part of a pattern before its signs; none of a file."""
    if name.is_dir():
        return [absolute(name)]
    if name.is_file():
        return []
    folders = absolute(name).parts[:-1]  # signs before a '..' are gone from them
    return [Path(*takewhile(lambda part: not any(sign in part for sign in "*?["), folders))]


@overload
def absolute(path: Path) -> Path: ...
@overload
def absolute(path: PictureFile) -> PictureFile: ...
def absolute(path: PictureFile) -> PictureFile:
    """A path from the root, links in it as they are; only what stands before a '..' is resolved."""
    if isinstance(path, ShardMember):
        place = path.shard.place
        return (
            path
            if is_url(place)
            else replace(path, shard=replace(path.shard, place=str(absolute(Path(place)))))
        )
    path = path.absolute()
    parts = path.parts
    if ".." not in parts:
        return path
    last = len(parts) - parts[::-1].index("..")
    return Path(os.path.realpath(Path(*parts[:last])), *parts[last:])
