from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from emotionnet.apps.bench.photographs import photographs


def test_photographs_are_jpeg_files_of_the_size_asked_for(tmp_path: Path) -> None:
    paths = photographs(tmp_path / "photos", 2, width=68, height=51)
    assert [path.name for path in paths] == ["00000.jpg", "00001.jpg"]
    for path in paths:
        with Image.open(path) as picture:
            assert (picture.format, picture.mode, picture.size) == ("JPEG", "RGB", (68, 51))


def test_equal_seeds_give_equal_files(tmp_path: Path) -> None:
    one, same, other = (
        photographs(tmp_path / name, 1, width=40, height=30, seed=seed)[0].read_bytes()
        for name, seed in (("one", 0), ("same", 0), ("other", 1))
    )
    assert one == same != other


def test_neighbours_are_alike_as_in_a_natural_picture(tmp_path: Path) -> None:
    (path,) = photographs(tmp_path, 1, width=340, height=256)
    grey_HW = np.asarray(Image.open(path).convert("L"), dtype=np.float64)
    near = np.corrcoef(grey_HW[:, 1:].ravel(), grey_HW[:, :-1].ravel())[0, 1]
    far = np.corrcoef(grey_HW[:, 170:].ravel(), grey_HW[:, :170].ravel())[0, 1]
    assert near > 0.9 > far
    assert grey_HW.std() > 20
