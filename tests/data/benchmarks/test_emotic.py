"""EMOTIC, as MATLAB's structs and as tables."""

from __future__ import annotations

import math
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from scipy.io import loadmat

from emotionnet.data.benchmarks.emotic import read
from emotionnet.emotions import LABEL_SETS
from emotionnet.records import DataError, ImageRecord

LABELS = LABEL_SETS["emotic26"]
HEADER = "Index,Folder,Filename,Image Size,BBox,Categorical_Labels,Continuous_Labels,Gender,Age"


def names(record: ImageRecord) -> set[str]:
    return {LABELS[label] for label in record.labels}


@pytest.fixture
def root(tmp_path: Path, writers_b: ModuleType) -> Path:
    """One picture with one person, one with two, by split; val and test with one and several annotators."""
    b = writers_b
    train = [
        b.emotic_image("mscoco/images", "a.jpg", [b.train_person(["Peace", "Doubt/Confusion"], [5, 6, 7])]),
        b.emotic_image(
            "ade20k/images",
            "b.jpg",
            [b.train_person(["Fear"], [1, math.nan, 10]), b.train_person(["Anger", "Pain"], [2, 3, 4])],
        ),
    ]
    judged = [
        b.emotic_image("framesdb/images", "c.jpg", [b.judged_person([["Peace"]], [[4, 5, 6]])]),
        b.emotic_image(
            "emodb_small/images",
            "d.jpg",
            [
                b.judged_person([["Peace", "Fear"], ["Fear"], ["Pain"]], [[1, 1, 1], [2, 4, 6], [3, 7, 8]]),
                b.judged_person([["Anger"]], [[9, 9, 9]]),
            ],
        ),
    ]
    b.write_annotations_mat(tmp_path / "Annotations/Annotations.mat", train=train, val=judged, test=judged)
    (tmp_path / "emotic").mkdir()
    return tmp_path


def test_the_copy_has_the_structure_of_the_original(root: Path) -> None:
    mat = loadmat(root / "Annotations/Annotations.mat")
    train, val = mat["train"], mat["val"]
    assert (train.shape, val.shape) == ((1, 2), (1, 2))
    assert train.dtype.names == ("filename", "folder", "image_size", "original_database", "person")
    first, second = train[0, 0], train[0, 1]
    assert (first[0][0], first[1][0]) == ("a.jpg", "mscoco/images")
    assert [array.item() for array in first[2][0, 0]] == [16, 16]
    assert (len(first[4][0]), len(second[4][0])) == (1, 2)
    box, categories, continuous, gender, age = first[4][0, 0]
    assert box.ravel().tolist() == [2, 3, 12, 14]
    assert [cell[0] for cell in categories[0, 0][0].ravel()] == ["Peace", "Doubt/Confusion"]
    assert [array.item() for array in continuous[0, 0]] == [5, 6, 7]
    assert (gender[0], age[0]) == ("Male", "Adult")
    person = val[0, 1][4][0, 0]
    assert len(person) == 7
    assert person[1].shape == person[3].shape == (1, 3)
    assert [cell[0] for cell in person[1][0, 0][0].ravel()] == ["Peace", "Fear"]
    assert [cell[0] for cell in person[2].ravel()] == ["Fear", "Pain", "Peace"]
    assert [array.item() for array in person[4][0, 0]] == [2, 4, 5]


def test_every_person_is_a_record_and_every_picture_a_group(root: Path) -> None:
    one, two, three = read(root, "train")
    assert [one.id, two.id, three.id] == [
        "emotic/mscoco/images/a.jpg",
        "emotic/ade20k/images/b.jpg",
        "emotic/ade20k/images/b.jpg#2",
    ]
    assert two.path == two.group == three.path == three.group == "emotic/ade20k/images/b.jpg"
    assert [names(record) for record in (one, two, three)] == [
        {"Peace", "Doubt/Confusion"},
        {"Fear"},
        {"Anger", "Pain"},
    ]
    assert one.dimensions == (5, 6, 7)
    assert (two.dimensions[0], two.dimensions[2]) == (1, 10)
    assert math.isnan(two.dimensions[1])
    assert one.box == (2, 3, 12, 14)


@pytest.mark.parametrize("split", ["val", "test"])
def test_val_and_test_have_the_union_of_annotators(root: Path, split: str) -> None:
    """Reading the first annotator, as in train, would give Peace and Fear alone, and 1 1 1."""
    _, several, single = read(root, split)
    assert names(several) == {"Peace", "Fear", "Pain"}
    assert several.dimensions == (2, 4, 5)
    assert names(single) == {"Anger"}


def test_several_annotators_in_train_are_a_fault(root: Path, writers_b: ModuleType) -> None:
    person = writers_b.judged_person([["Peace"], ["Fear"]], [[1, 1, 1], [2, 2, 2]])
    images = [writers_b.emotic_image("mscoco/images", "a.jpg", [person])]
    writers_b.write_annotations_mat(root / "Annotations/Annotations.mat", train=images)
    with pytest.raises(
        DataError, match=r"train\(1\).person\(1\): a person of train must have one annotator; has 2"
    ):
        read(root, "train")


def test_boxes_are_clamped_by_width_for_x_and_height_for_y(root: Path, writers_b: ModuleType) -> None:
    """Clamping by the other side would cut x at 100 or leave y at 400."""
    person = writers_b.train_person(["Peace"], [5, 5, 5], box=(-3, 20, 650, 400))
    images = [writers_b.emotic_image("mscoco/images", "a.jpg", [person], size=(640, 100))]
    writers_b.write_annotations_mat(root / "Annotations/Annotations.mat", train=images)
    assert read(root, "train")[0].box == (0, 20, 640, 100)
    row = '0,mscoco/images,a.jpg,"[640, 100]","[-3, 20, 650, 400]","[\'Peace\']","[5.0, 5.0, 5.0]",Male,Adult'
    (root / "Annotations/Annotations.mat").unlink()
    (root / "train.csv").write_text(f"{HEADER}\n{row}\n")
    assert read(root, "train")[0].box == (0, 20, 640, 100)


def test_pictures_beside_the_annotations(root: Path) -> None:
    (root / "emotic").rmdir()
    assert read(root, "train")[0].path == "mscoco/images/a.jpg"


def test_faults_of_several_persons_are_told_at_once(root: Path, writers_b: ModuleType) -> None:
    b = writers_b
    images = [
        b.emotic_image("mscoco/images", "a.jpg", [b.train_person(["Peas"], [5, 5, 5])]),
        b.emotic_image("../images", "a.jpg", [b.train_person(["Peace"], [5, 5, 5])]),
        b.emotic_image("mscoco/images", "b.jpg", [b.train_person(["Peace"], [5, 50, 5])]),
        b.emotic_image("mscoco/images", "c.jpg", [b.train_person(["Peace"], [5, 5, 5], box=(1, 2, 3))]),
        b.emotic_image("mscoco/images", "d.jpg", [b.train_person(["Peace"], [5, 5, 5])], size=(0, 5)),
    ]
    b.write_annotations_mat(root / "Annotations/Annotations.mat", train=images)
    with pytest.raises(DataError) as told:
        read(root, "train")
    texts = [fault.split("Annotations.mat: ")[1] for fault in told.value.faults]
    assert [text.split(":")[0] for text in texts] == [f"train({n}).person(1)" for n in range(1, 6)]
    assert texts[0].endswith("got 'Peas'")
    assert "must not leave the image folder" in texts[1]
    assert "arousal must be a number from 1 to 10, or NaN; got 50" in texts[2]
    assert "body_bbox must be 4 numbers; got 3" in texts[3]
    assert "must have a width and a height; got [0.0, 5.0]" in texts[4]


def test_other_structs_are_faults(root: Path, writers_b: ModuleType) -> None:
    b, mat = writers_b, root / "Annotations/Annotations.mat"
    b.write_annotations_mat(mat, train=[{"filename": "a.jpg"}])
    with pytest.raises(DataError, match=r"train\(1\): a struct must have the field folder; has 'filename'"):
        read(root, "train")
    image = b.emotic_image("mscoco/images", "a.jpg", [b.train_person(["Peace"], [5, 5, 5])])
    b.write_annotations_mat(mat, train=[image | {"person": np.array([1.0])}])
    with pytest.raises(DataError, match=r"train\(1\): person must be a struct; got a numpy array"):
        read(root, "train")
    with pytest.raises(DataError, match=r"must have the variable test; it has none"):
        read(root, "test")


def test_tables_hold_lists_and_nothing_that_runs(tmp_path: Path) -> None:
    rows = [
        '0,mscoco/images,a.jpg,"[20, 10]","[1,2,3,4]","[\'Peace\', \'Doubt/Confusion\']","[5, nan, 7]",F,Kid',
        '1,mscoco/images,a.jpg,"[20, 10]","[1, 2, 9, 9]","[\'Fear\']","[]",M,Adult',
    ]
    (tmp_path / "val.csv").write_text("\n".join([HEADER, *rows]), encoding="utf-8-sig")
    one, two = read(tmp_path, "val")
    assert (one.id, two.id, two.group) == (
        "mscoco/images/a.jpg",
        "mscoco/images/a.jpg#2",
        "mscoco/images/a.jpg",
    )
    assert names(one) == {"Peace", "Doubt/Confusion"}
    assert (one.dimensions[0], one.dimensions[2]) == (5, 7)
    assert math.isnan(one.dimensions[1])
    assert all(map(math.isnan, two.dimensions))
    hostile = [
        '0,mscoco/images,a.jpg,"[20, 10]","[1, 2, 3, 4]","[print(1)]","[5.0, 6.0, 7.0]",F,Kid',
        f'1,mscoco/images,a.jpg,"[20, 10]","[1, 2, 3, 4]","{"[" * 3000}","[5.0, 6.0, 7.0]",F,Kid',
        '2,mscoco/images,a.jpg,"[20]","[1, 2, 3, 4]","[\'Peace\']","[5.0, 6.0, 7.0]",F,Kid',
        '3,mscoco/images,a.jpg,"[20, 10]","[1, 2, 3, x]","[\'Peace\']","[5.0, 6.0, 7.0]",F,Kid',
    ]
    (tmp_path / "val.csv").write_text("\n".join([HEADER, *hostile]))
    with pytest.raises(DataError) as told:
        read(tmp_path, "val")
    first, second, third, fourth = told.value.faults
    assert (
        "val.csv:2: Categorical_Labels must be a list of names such as ['Peace']; got '[print(1)]'" in first
    )
    assert "val.csv:3: Categorical_Labels must be a list of names" in second
    assert third.endswith("val.csv:4: Image Size must be a list of 2 numbers; got '[20]'")
    assert fourth.endswith("val.csv:5: BBox must be a list of 4 numbers; got '[1, 2, 3, x]'")


def test_arrays_hold_pixels_and_are_refused_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "emotic_pre").mkdir()
    np.save(tmp_path / "emotic_pre/train_context_arr.npy", np.zeros((1, 4, 4, 3), dtype=np.uint8))
    with pytest.raises(DataError, match=r"holds pixels, and records need picture files; put Annotations/Ann"):
        read(tmp_path, "train")
    with pytest.raises(
        DataError, match=r"must hold Annotations/Annotations.mat or val.csv; it holds neither"
    ):
        read(tmp_path, "val")
