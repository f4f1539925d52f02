"""A folder with one folder of pictures for each class, as many tools have it.

<class>/... or {train,val,test}/<class>/..., pictures at any depth below a class. valid, validation and dev
are val; training and testing are what they say.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from emotionnet.data.benchmarks.benchmark import ALL, picture
from emotionnet.data.finding import SUFFIXES
from emotionnet.data.listing import Listing, split_named
from emotionnet.progress import message
from emotionnet.records import DataError, is_name

FORM = "folders"


def read_folders(root: Path) -> Listing:
    """List the pictures of a folder-per-class tree; classes in the order of their names.

    Raises:
        DataError: No class has a picture, or two folders stand for one split.
    """
    parts = _parts(root)
    found = {split: _classes(root, folder) for split, folder in parts.items()}
    labels = sorted({name for classes in found.values() for name in classes})
    index = {label: place for place, label in enumerate(labels)}
    if not labels:
        raise DataError(
            f"{root}: must hold a folder with pictures for each class, or train, val and test with such "
            f"folders; none has a picture ({', '.join(SUFFIXES)})"
        )
    name = root.resolve().name
    records = {
        split: tuple(
            picture(name, path, (index[label],)) for label, paths in classes.items() for path in paths
        )
        for split, classes in found.items()
    }
    return Listing(root, name, FORM, tuple(labels), records)


def has_classes(root: Path) -> bool:
    """Whether some folder of `root`, or of its folders for splits, holds a picture at any depth."""
    return any(_first_picture(folder) for folder in _folders(root))


def _parts(root: Path) -> Mapping[str, Path]:
    """The folder of each split, or the whole as `ALL`.

    A class may be called 'train', as long as it holds pictures and no further classes.
    """
    folders = [folder for folder in _folders(root) if _first_picture(folder)]
    named = [(split, folder) for folder in folders if (split := split_named(folder.name)) is not None]
    with_classes = [(split, folder) for split, folder in named if has_classes(folder)]
    if not with_classes or ("train" not in dict(with_classes) and len(named) < len(folders)):
        return {ALL: root}
    parts: dict[str, Path] = {}
    for split, folder in with_classes:
        if split in parts:
            raise DataError(
                f"{root}: one folder must stand for {split}; {parts[split].name} and {folder.name} do"
            )
        parts[split] = folder
    others = [folder.name for folder in folders if folder not in parts.values()]
    if others:
        message(f"{root}: folders beside those of the splits are left out: {', '.join(others[:5])}")
    return parts


def _classes(root: Path, part: Path) -> dict[str, list[str]]:
    """Paths relative to `root` for each class that has any, in order."""
    base = part.relative_to(root).as_posix()
    prefix = "" if base == "." else f"{base}/"
    paths = {
        folder.name: [f"{prefix}{folder.name}/{path}" for path in _pictures(folder)]
        for folder in _folders(part)
        if is_name(folder.name)
    }
    loose = [entry.name for entry in _entries(part) if _is_picture(entry.name) and entry.is_file()]
    if loose:
        message(f"{part}: {len(loose)} pictures in no class are left out; first {loose[0]!a:.200}")
    return {name: found for name, found in paths.items() if found}


def _folders(root: Path) -> list[Path]:
    return [Path(entry.path) for entry in _entries(root) if entry.is_dir()]


def _entries(root: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(root) as entries:
            return sorted((e for e in entries if not e.name.startswith(".")), key=lambda entry: entry.name)
    except OSError as error:
        raise DataError(f"{root}: cannot be listed ({error.strerror})") from None


def _pictures(folder: Path) -> list[str]:
    """Paths of the pictures below a folder, relative to it; hidden files are none."""
    base = len(str(folder)) + 1
    return sorted(path[base:].replace(os.sep, "/") for path in _below(folder))


def _first_picture(folder: Path) -> str | None:
    return next(_below(folder), None)


def _below(folder: Path) -> Iterator[str]:
    for above, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (f"{above}{os.sep}{name}" for name in sorted(names) if _is_picture(name))


def _is_picture(name: str) -> bool:
    return not name.startswith(".") and name.lower().endswith(SUFFIXES)
