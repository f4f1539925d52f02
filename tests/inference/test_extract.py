"""Features of pictures as files: the values, their places, and that nothing is lost or half-written."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow.parquet as pq
import pytest
from PIL import Image

from emotionnet.data.shards.making import write_shards
from emotionnet.files import read_json
from emotionnet.inference import extract
from emotionnet.inference.extract import extract_features
from emotionnet.inference.loading import load_predictor
from emotionnet.records import DataError
from tests.conftest import MakeDataset

TREE = ("b.png", "a.png", "sub/a.png", "sub/a.bmp")


@pytest.fixture
def run(tmp_path: Path, make_random_run: Callable[..., Path]) -> Path:
    return make_random_run(tmp_path / "run", shape="plain", dimensions=0)


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    for seed, name in enumerate(TREE):
        save(folder / name, seed)
    return folder


def save(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels_HW3 = np.random.default_rng(seed).integers(0, 256, (36, 40, 3), dtype=np.uint8)
    Image.fromarray(pixels_HW3).save(path)


@pytest.mark.parametrize("form", ["table", "arrays"])
def test_shards_give_the_features_of_their_pictures(
    run: Path, make_dataset: MakeDataset, tmp_path: Path, form: str
) -> None:
    dataset = make_dataset(groups={"train": 6, "val": 2, "test": 2})
    shards = write_shards(dataset, tmp_path / "shards", samples=4)
    out = tmp_path / ("f.parquet" if form == "table" else "arrays")
    made = extract_features(run, [shards.root], out)
    members = shards.pictures()
    assert (made.count, made.faults) == (len(members), ())
    names = {shards.picture(record.path, ""): record.path for record in dataset.records("val")}
    for member, path in names.items():
        expected = load_predictor(run).embed([dataset.root / path])[0]
        if form == "table":
            row = pl.read_parquet(out).filter(pl.col("path") == str(member))
            found = np.array(row["features"].to_list()[0])
        else:
            found = np.load(out / f"{str(member).removeprefix(f'{shards.root}/')}.npy")
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_a_table_holds_what_embed_gives_in_order(run: Path, pictures: Path, tmp_path: Path) -> None:
    for number in range(40):  # more than go through the network at once
        save(pictures / f"many/{number:02d}.png", 100 + number)
    made = extract_features(run, [pictures], tmp_path / "new" / "f.parquet")
    table = pl.read_parquet(tmp_path / "new" / "f.parquet")
    assert table.schema == {"path": pl.String, "features": pl.List(pl.Float32)}
    paths = [str(pictures / name) for name in sorted([*TREE, *(f"many/{n:02d}.png" for n in range(40))])]
    assert table["path"].to_list() == paths
    expected = load_predictor(run).embed(paths)
    np.testing.assert_allclose(np.array(table["features"].to_list()), expected, rtol=1e-4, atol=1e-5)
    assert (made.count, made.size, made.faults) == (44, expected.shape[1], ())
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["f.parquet"]


def test_a_table_is_written_in_groups_of_many_rows(
    run: Path, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extract, "ROWS", 40)
    for number in range(100):
        save(pictures / f"many/{number:02d}.png", number % 3)
    extract_features(run, [pictures], tmp_path / "f.parquet")
    groups = pq.ParquetFile(tmp_path / "f.parquet").metadata
    assert [groups.row_group(n).num_rows for n in range(groups.num_row_groups)] == [64, 40]


def test_a_folder_holds_an_array_for_each_picture(run: Path, pictures: Path, tmp_path: Path) -> None:
    out = tmp_path / "features"
    extract_features(run, [pictures], out)
    assert sorted(contents(out)) == sorted([*(f"{name}.npy" for name in TREE), "features.json"])
    for name in TREE:
        features_F = np.load(out / f"{name}.npy")
        assert features_F.dtype == np.float32
        expected = load_predictor(run).embed(pictures / name)
        np.testing.assert_allclose(features_F, expected, rtol=1e-4, atol=1e-5)
    info = read_json(out / "features.json")
    assert (info["images"], info["holds"], info["trunk"]) == (
        4,
        ["a.png.npy", "b.png.npy", "sub"],
        "test_resnet",
    )


@pytest.mark.parametrize(
    ("names", "places"),
    [
        (["sub"], ["a.bmp.npy", "a.png.npy"]),
        (["sub/a.png", "sub/a.bmp"], ["a.bmp.npy", "a.png.npy"]),
        (["a.png", "sub/a.png", "a.png"], ["a.png.npy", "sub/a.png.npy"]),
        (["sub/*.png", "sub/../b.png"], ["b.png.npy", "sub/a.png.npy"]),
        (["*/a.*"], ["sub/a.bmp.npy", "sub/a.png.npy"]),
    ],
)
def test_places_are_relative_to_what_the_names_have_in_common(
    run: Path, pictures: Path, tmp_path: Path, names: list[str], places: list[str]
) -> None:
    extract_features(run, [str(pictures / name) for name in names], tmp_path / "out")
    assert sorted(set(contents(tmp_path / "out")) - {"features.json"}) == places


def test_relative_names_and_names_of_nothing(
    run: Path, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(pictures)
    names = ["sub", "~nobody-of-that-name/x", "x" * 5000, "../pictures/a.png"]
    made = extract_features(run, names, tmp_path / "out")
    assert sorted(contents(tmp_path / "out")) == [
        "a.png.npy",
        "features.json",
        "sub/a.bmp.npy",
        "sub/a.png.npy",
    ]
    assert len(made.faults) == 2


def test_two_pictures_never_share_a_file(run: Path, pictures: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"two pictures must not be one file, a\.png\.npy"):
        extract_features(run, [pictures / "a.png", pictures / "sub/../a.png"], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_links_are_followed_and_circles_end(run: Path, pictures: Path, tmp_path: Path) -> None:
    save(tmp_path / "elsewhere" / "c.png", 9)
    (tmp_path / "elsewhere" / "back").symlink_to(pictures)
    (pictures / "other").symlink_to(tmp_path / "elsewhere")
    (pictures / "again").symlink_to(pictures / "sub")  # which is entered by its own name
    (pictures / "sub" / "circle").symlink_to("..")
    (pictures / "d.png").symlink_to(tmp_path / "elsewhere" / "c.png")
    extract_features(run, [pictures], tmp_path / "out")
    names = sorted([*TREE, "d.png", "other/c.png"])
    assert sorted(contents(tmp_path / "out")) == sorted([*(f"{name}.npy" for name in names), "features.json"])


def test_unreadable_pictures_are_left_out_and_named(run: Path, pictures: Path, tmp_path: Path) -> None:
    (pictures / "a.png").write_bytes(b"no picture")
    made = extract_features(run, [pictures, "none.png"], tmp_path / "f.parquet")
    assert pl.read_parquet(tmp_path / "f.parquet")["path"].to_list() == [
        str(pictures / name) for name in ("b.png", "sub/a.bmp", "sub/a.png")
    ]
    assert made.count == 3
    assert [fault.split(": must")[0] for fault in made.faults] == ["none.png", str(pictures / "a.png")]


@pytest.mark.parametrize("out", ["f.parquet", "folder"])
def test_nothing_is_written_without_a_good_picture(run: Path, tmp_path: Path, out: str) -> None:
    (tmp_path / "bad.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"bad\.png: must be a picture"):
        extract_features(run, [tmp_path / "bad.png"], tmp_path / out)
    with pytest.raises(DataError, match="at least one picture, folder or pattern must be given; got none"):
        extract_features(run, [], tmp_path / out)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["bad.png", "run"]


def test_an_earlier_result_is_replaced_only_when_asked(run: Path, pictures: Path, tmp_path: Path) -> None:
    for out in (tmp_path / "f.parquet", tmp_path / "folder"):
        extract_features(run, [pictures], out)
        with pytest.raises(DataError, match="exists already"):
            extract_features(run, [pictures / "b.png"], out)
        extract_features(run, [pictures / "b.png"], out, overwrite=True)
    assert pl.read_parquet(tmp_path / "f.parquet").height == 1
    assert sorted(contents(tmp_path / "folder")) == ["b.png.npy", "features.json"]


def test_other_files_are_never_replaced(run: Path, pictures: Path, tmp_path: Path) -> None:
    extract_features(run, [pictures], tmp_path / "folder")
    (tmp_path / "folder" / "mine.txt").touch()
    before = contents(pictures), contents(tmp_path / "folder")
    with pytest.raises(DataError, match=r"holds more than was made there \(mine\.txt\)"):
        extract_features(run, [pictures], tmp_path / "folder", overwrite=True)
    with pytest.raises(DataError, match=r"holds other files and no features\.json"):
        extract_features(run, [pictures], pictures, overwrite=True)
    (tmp_path / "g.parquet").mkdir()
    with pytest.raises(DataError, match="must be a file or not exist; it is a folder"):
        extract_features(run, [pictures], tmp_path / "g.parquet", overwrite=True)
    assert (contents(pictures), contents(tmp_path / "folder")) == before


def test_a_run_that_is_none_leaves_nothing(pictures: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="must be a RUN folder"):
        extract_features(tmp_path / "none", [pictures], tmp_path / "f.parquet")
    shutil.rmtree(pictures)
    assert list(tmp_path.iterdir()) == []
