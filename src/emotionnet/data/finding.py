"""Pictures on disk by name: files, folders and patterns."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".ppm", ".avif")  # of pictures


def find_images(names: Sequence[str | Path]) -> tuple[list[Path], list[str]]:
    """Pictures named by files, folders (searched to any depth, through links) and glob patterns, in order.

    Returns:
        The pictures, and one line for each name that stands for none.
    """
    found: list[Path] = []
    faults: list[str] = []
    for name in names:
        try:
            some = _named(str(name))
        except (OSError, ValueError, RuntimeError, NotImplementedError) as error:
            faults.append(f"{str(name)[:200]}: must name a picture, a folder or a pattern; {error}"[:400])
            continue
        if not some:
            faults.append(f"{name}: must name a picture, a folder with pictures or a pattern; nothing found")
        found += some
    return found, faults


def _named(name: str) -> list[Path]:
    path = Path(name).expanduser()
    if not name:
        return []
    if path.is_dir():
        return sorted(p for p in _files_below(path) if p.suffix.lower() in SUFFIXES and p.is_file())
    if path.is_file():
        return [path]
    if not any(character in name for character in "*?["):
        return []
    base = Path(path.anchor) if path.is_absolute() else Path()
    return sorted(p for p in base.glob(str(path.relative_to(base))) if p.is_file())


def _files_below(top: Path) -> Iterator[Path]:
    """Whatever lies in a folder and in those that it links to.

    Each folder is entered once, by its own name where it has one here, so that links in a circle end.
    """
    entered: set[str] = set()
    waiting = [str(top)]
    while waiting:
        links: list[str] = []
        for start in waiting:
            for folder, subfolders, names in os.walk(start):
                subfolders.sort()
                if (real := os.path.realpath(folder)) in entered:
                    subfolders.clear()
                    continue
                entered.add(real)
                links += [str(path) for name in subfolders if (path := Path(folder, name)).is_symlink()]
                yield from (Path(folder, name) for name in names)
        waiting = links
