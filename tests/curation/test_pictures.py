import hashlib
import io
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from PIL import Image

from emotionnet.curation.pictures import look_at, stored_content
from emotionnet.data.looks import HASH_BYTES


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "table"
    root.mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, size=(40, 40, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(root / "good.png")
    Image.fromarray(pixels).save(tmp_path / "outside.png")
    (root / "cut.png").write_bytes((root / "good.png").read_bytes()[:200])
    (root / "text.png").write_text("no picture")
    (root / "link.png").symlink_to(tmp_path / "outside.png")
    (root / "sub").mkdir()
    return root


def records(*images: str | None, **given: list[Any]) -> pl.DataFrame:
    columns = {
        "image": images,
        **{name: given.get(name, [None] * len(images)) for name in ("sha256", "look")},
    }
    return pl.DataFrame(columns, schema={"image": pl.String, "sha256": pl.String, "look": pl.Binary})


def seen(folder: Path, *images: str | None) -> pl.DataFrame:
    return look_at(records(*images), folder)


def test_a_good_picture_has_its_hashes(folder: Path) -> None:
    found = seen(folder, "good.png", "sub/../good.png")
    assert found["sha256"].to_list() == [hashlib.sha256((folder / "good.png").read_bytes()).hexdigest()] * 2
    assert [len(look) for look in found["look"]] == [HASH_BYTES] * 2
    assert found["fault"].null_count() == 2


def test_a_url_is_not_looked_at(folder: Path) -> None:
    (row,) = seen(folder, "https://example.org/a.png").to_dicts()
    assert row == {"sha256": "", "look": None, "fault": None}


def test_what_is_given_is_believed_without_a_look(folder: Path) -> None:
    names = ("text.png", "none.png", "../outside.png", "https://example.org/a.png", "good.png")
    given: dict[str, list[Any]] = {
        "sha256": ["1", "2", "3", "4", None],
        "look": [b"a", b"b", b"c", b"d", b"e"],
    }
    found = look_at(records(*names, **given), folder)
    assert found["sha256"].to_list()[:4] == ["1", "", "", "4"]
    assert found["look"].to_list()[:4] == [b"a", None, None, b"d"]
    assert found["fault"].is_null().to_list() == [True, False, False, True, True]
    assert found.row(4) == seen(folder, "good.png").row(0), "without its sha256 a picture is looked at"
    shrunk = look_at(records("text.png", sha256=["1"]), folder, 20)
    assert "must be a picture" in shrunk["fault"][0], "the given sha256 is not that of what will be stored"


@pytest.mark.parametrize(
    ("image", "fault"),
    [
        (None, "the record names no picture"),
        ("", "the record names no picture"),
        ("none.png", "picture none.png not found"),
        ("sub", "picture sub not found"),
        ("../outside.png", "the path ../outside.png leaves the table's folder"),
        ("link.png", "the path link.png leaves the table's folder"),
        ("/etc/hostname", "the path /etc/hostname leaves the table's folder"),
        ("text.png", "text.png: must be a picture"),
        ("cut.png", "cut.png: picture cannot be decoded"),
        ("a\0b.png", "picture 'a\\x00b.png' cannot be read"),
        ("x" * 5000, "cannot be read (File name too long)"),
    ],
)
def test_a_picture_that_cannot_be_used_says_why_without_the_folder(
    folder: Path, image: str | None, fault: str
) -> None:
    row = seen(folder, image, "good.png").row(0, named=True)
    assert fault in row["fault"]
    assert str(folder) not in row["fault"]
    assert row["look"] is None


def test_no_records_give_no_rows(folder: Path) -> None:
    assert seen(folder).height == 0


def test_a_picture_is_shrunk_by_its_short_side_and_never_enlarged(tmp_path: Path) -> None:
    path = tmp_path / "a.bmp"
    Image.fromarray(np.full((60, 90, 3), (10, 20, 30), dtype=np.uint8)).save(path)
    for side, size in ((20, (30, 20)), (100, (90, 60))):
        with Image.open(io.BytesIO(stored_content(path, side))) as image:
            assert (image.size, image.format) == (size, "PNG")
            assert np.asarray(image)[5, 5].tolist() == [10, 20, 30]
    assert stored_content(path, None) == path.read_bytes()


def test_hashes_are_those_of_what_will_be_stored(tmp_path: Path) -> None:
    Image.new("RGB", (60, 90), "red").save(tmp_path / "a.png")
    Image.new("RGB", (60, 90), "red").save(tmp_path / "b.bmp")
    both = records("a.png", "b.bmp")
    first, second = look_at(both, tmp_path, 20)["sha256"]
    assert first == second == hashlib.sha256(stored_content(tmp_path / "a.png", 20)).hexdigest()
    assert look_at(both, tmp_path)["sha256"].n_unique() == 2
