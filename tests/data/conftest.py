"""Folders of small pictures."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

PutPicture = Callable[[Path], Path]


@pytest.fixture(scope="session")
def put_picture() -> PutPicture:
    """`put_picture(path)`: a picture of 16 px, other pixels for every name of folder and file."""

    def put(path: Path) -> Path:
        seed = int.from_bytes(hashlib.sha256(f"{path.parent.name}/{path.name}".encode()).digest()[:4])
        pixels_HW3 = np.random.default_rng(seed).integers(0, 256, (16, 16, 3), dtype=np.uint8)
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels_HW3).save(path)
        return path

    return put


@pytest.fixture
def make_tree(tmp_path: Path, put_picture: PutPicture) -> Callable[..., Path]:
    """`make_tree("tree", anger=3, joy=2)`: a folder with so many pictures in the folder of each class."""

    def make(name: str = "tree", **classes: int) -> Path:
        for folder, count in classes.items():
            for number in range(count):
                put_picture(tmp_path / name / folder / f"{number}.png")
        return tmp_path / name

    return make
