"""Decoded pictures of a list in one memory-mapped file: made once, kept by a hash of their content.

pixels.bin   uint8: one picture after another, each (H, W, 3), RGB, upright
index.npy    int64, shape (N, 4): height and width there, and before it was shrunk; 0 of what is no picture

The folder lies in `files.cache_folder()`. Small crops of large pictures are sharper without it.
Shape letters: N = pictures.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from emotionnet.data.images import opened
from emotionnet.data.jpeg import largest_shrink
from emotionnet.data.picture import MAX_PIXELS, Picture, Pixels, shrunk_size
from emotionnet.data.picture_files import content_sha256
from emotionnet.data.shards.member import PictureFile
from emotionnet.files import cache_folder, clear_place, made_alone, new_file, new_folder
from emotionnet.progress import track
from emotionnet.records import DataError

SCHEMA = 1  # to be raised whenever decoding or shrinking gives other pixels
INDEX, FILE = "index.npy", "pixels.bin"
THREADS = 2
AT_ONCE = 8  # shrunk pictures that wait to be written

Kept = tuple[Pixels, tuple[int, int]]  # what is kept of a picture, and its height and width before


class KeptPictures(Sequence[PictureFile | Picture]):
    """Pictures of a list, opened in the cache; a path where it holds none, so that reading it tells why.

    Each process maps the file for itself; to send this to another one sends no pixels.
    """

    def __init__(self, paths: Sequence[PictureFile], folder: Path, index_N4: npt.NDArray[np.int64]) -> None:
        self.paths, self.folder, self.index_N4 = paths, folder, index_N4
        self.row = {path: row for row, path in enumerate(dict.fromkeys(paths))}
        self.ends_N = _ends(index_N4)

    def __reduce__(self) -> tuple[Any, ...]:
        return KeptPictures, (self.paths, self.folder, self.index_N4)

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, place: Any) -> Any:
        row = self.row[self.paths[place]]
        height, width, *whole = self.index_N4[row].tolist()
        if not height:
            return self.paths[place]
        end = self.ends_N[row]
        pixels_HW3 = self._pixels[end - height * width * 3 : end].reshape(height, width, 3)
        return _KeptPicture(pixels_HW3, (whole[1], whole[0]))

    @cached_property
    def _pixels(self) -> Pixels:
        # a copy of what is written to, since torch takes no array that is read-only
        return np.memmap(self.folder / FILE, dtype=np.uint8, mode="c")


class _KeptPicture(Picture):
    def __init__(self, pixels_HW3: Pixels, size: tuple[int, int]) -> None:
        self.pixels_HW3, self.size = pixels_HW3, size

    def array(self, shrink: int = 1) -> Pixels:  # noqa: ARG002
        return self.pixels_HW3

    def scale(self, shrink: int) -> tuple[float, float]:  # noqa: ARG002
        height, width, _ = self.pixels_HW3.shape
        return width / self.size[0], height / self.size[1]


def kept_pictures(paths: Sequence[PictureFile], side: int, *, progress: str) -> KeptPictures:
    """The pictures, decoded; those of a longer short side shrunk to `side` pixels.

    Args:
        paths: At least one; one that stands there several times is kept once.
        side: In pixels.
        progress: What a progress bar on standard error says while they are decoded.

    Raises:
        DataError: They cannot be written, as on a full disk.
    """
    once = list(dict.fromkeys(paths))
    folder = cache_folder() / "pixels" / _key(once, side)
    index_N4 = _read_index(folder, len(once))
    if index_N4 is None:
        with made_alone(folder):  # for good: another process may map it by now
            index_N4 = _read_index(folder, len(once))
            if index_N4 is None:
                clear_place(folder)
                index_N4 = _make(folder, once, side, progress)
    return KeptPictures(paths, folder, index_N4)


def _key(paths: Sequence[PictureFile], side: int) -> str:
    found = hashlib.sha256(f"{SCHEMA} {side}".encode())
    with ThreadPoolExecutor(THREADS) as pool:
        for digest in pool.map(_digest, paths):
            found.update(f" {digest}".encode())
    return found.hexdigest()


def _digest(path: PictureFile) -> str:
    try:
        return content_sha256(path)
    except DataError:  # training names it when it comes to it
        return "none"


def _read_index(folder: Path, count: int) -> npt.NDArray[np.int64] | None:
    """What is kept; None where nothing is, or something is wrong with it."""
    try:
        index_N4 = np.load(folder / INDEX, allow_pickle=False)
        length = (folder / FILE).stat().st_size
    except (OSError, ValueError, EOFError):
        return None
    if not isinstance(index_N4, np.ndarray) or index_N4.dtype != np.int64 or index_N4.shape != (count, 4):
        return None
    sides = ((index_N4 > 0).all(axis=1) | (index_N4 == 0).all(axis=1)).all() and index_N4.max() <= MAX_PIXELS
    areas = sides and (index_N4[:, :2].prod(axis=1) <= MAX_PIXELS).all()
    return index_N4 if areas and _ends(index_N4)[-1] == length else None


def _ends(index_N4: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Where the bytes of each picture end."""
    return np.cumsum(index_N4[:, :2].prod(axis=1) * 3)


def _make(folder: Path, paths: Sequence[PictureFile], side: int, progress: str) -> npt.NDArray[np.int64]:
    index_N4 = np.zeros((len(paths), 4), dtype=np.int64)
    found = track(_decoded(paths, side), progress, len(paths), unit="images")
    try:
        with new_folder(folder, parts=(INDEX, FILE), overwrite=False) as fresh:
            with new_file(fresh / FILE) as file:
                for row, kept in zip(index_N4, found, strict=True):
                    if kept is not None:
                        pixels_HW3, whole = kept
                        file.write(pixels_HW3.data)
                        row[:] = (*pixels_HW3.shape[:2], *whole)
            content = io.BytesIO()
            np.save(content, index_N4)
            with new_file(fresh / INDEX) as file:
                file.write(content.getvalue())
    except OSError as error:
        advice = "free some space, or leave out data.cache_side"
        raise DataError(f"{folder}: pictures cannot be kept ({error.strerror or error}); {advice}") from None
    return index_N4


def _decoded(paths: Sequence[PictureFile], side: int) -> Iterator[Kept | None]:
    """In order; a few at a time, so that memory does not grow with their number."""
    with ThreadPoolExecutor(THREADS) as pool:
        for start in range(0, len(paths), AT_ONCE):
            yield from pool.map(lambda path: _shrunk(path, side), paths[start : start + AT_ONCE])


def _shrunk(path: PictureFile, side: int) -> Kept | None:
    try:
        with opened(path) as picture:
            (width, height), target = picture.size, shrunk_size(picture.size, side)
            if target == picture.size:
                return np.ascontiguousarray(picture.array()), (height, width)
            shrink = largest_shrink(min(picture.size), side)
            image, (across, down) = picture.image(shrink), picture.scale(shrink)
            box = (0, 0, width * across, height * down)
            return np.array(image.resize(target, Image.Resampling.LANCZOS, box=box)), (height, width)
    except DataError:  # training names it when it comes to it
        return None
