"""Annotation files and their pictures made into a DATASET, and back."""

from __future__ import annotations

import json
import math
import pickle
import random
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from PIL import Image

from emotionnet.data.annotation_export import export_annotations
from emotionnet.data.check import check_dataset
from emotionnet.data.conversion import convert_annotations, files_by_split
from emotionnet.data.se30k8 import EMOTIONS, single_label
from emotionnet.data.store import Dataset, read_dataset
from emotionnet.emotions import LABEL_SETS
from emotionnet.files import sha256
from emotionnet.records import DataError, Word


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """Pictures a/0.png to a/9.png, all different."""
    folder = tmp_path / "images"
    (folder / "a").mkdir(parents=True)
    for number in range(10):
        Image.new("RGB", (8, 8), (number * 20, 0, 0)).save(folder / f"a/{number}.png")
    return folder


def written(folder: Path, content: Any, name: str = "train") -> Path:
    path = folder / f"{name}.pkl"
    path.write_bytes(pickle.dumps(content, protocol=2))
    return path


def rejects(dataset: Dataset) -> list[tuple[str, str]]:
    return pl.read_parquet(dataset.root / "rejects.parquet").rows()


def unpickled(folder: Path) -> dict[str, Any]:
    return {path.name: pickle.loads(path.read_bytes()) for path in sorted(folder.glob("*.pkl"))}


ROWS = [["a/0.png", [0, 2], [1, 3]], ["a/1.png", [2, 2], [3]], ["a/2.png", [1], []]]


def test_a_dataset_holds_rows_words_and_pictures(images: Path, tmp_path: Path) -> None:
    train, val = written(tmp_path, ROWS), written(tmp_path, [["a/3.png", [3], [4]]], "val")
    dataset = convert_annotations({"val": val, "train": train}, images, tmp_path / "ds")
    first, second, third = dataset.records("train")
    assert (first.id, first.path, first.group) == ("a/0.png", "images/a/0.png", "a/0.png")
    assert (first.source, first.licence, first.sha256) == ("train", "unknown", sha256(images / "a/0.png"))
    assert (first.labels, first.tags, second.labels, third.tags) == ((0, 2), (1, 3), (2, 2), ())
    assert dataset.records("val")[0].source == "val"
    assert dataset.table("test").height == 0
    assert dataset.emotions == (
        Word("class_0", 1),
        Word("class_1", 1),
        Word("class_2", 2),
        Word("class_3", 1),
    )
    assert [word.count for word in dataset.tags] == [0, 1, 0, 2, 1]
    assert dataset.tag_names[4] == "tag_4"
    assert (dataset.root / first.path).stat().st_ino == (images / "a/0.png").stat().st_ino
    assert dataset.info["annotations"] == {
        "form": "labels_tags",
        "files": {
            "train": {"name": "train.pkl", "sha256": sha256(train)},
            "val": {"name": "val.pkl", "sha256": sha256(val)},
        },
        "class_names": "numbered",
        "tag_names": "numbered",
    }
    assert dataset.licences == {"train": "unknown", "val": "unknown"}
    assert check_dataset(dataset.root).faults == ()  # test was made empty, and says so


def test_names_for_classes_and_tags(images: Path, tmp_path: Path) -> None:
    train, tags = written(tmp_path, ROWS), ["one", "two", "three", "four"]

    def names(content: Any, **how: Any) -> tuple[tuple[str, ...], tuple[str, ...], str]:
        files = {"train": written(tmp_path, content)}
        found = convert_annotations(files, images, tmp_path / "ds", overwrite=True, **how)
        return found.emotion_names, found.tag_names, found.info["annotations"]["class_names"]

    single = [["a/0.png", 2], ["a/1.png", 0]]
    assert names(ROWS, vocabulary=tags) == (("class_0", "class_1", "class_2"), tuple(tags), "numbered")
    assert names(ROWS, labels=["x", "y", "z"], vocabulary=tags) == (("x", "y", "z"), tuple(tags), "labels")
    assert names(single, vocabulary=["x", "y", "z"]) == (("x", "y", "z"), (), "vocabulary")
    assert names(single, vocabulary=["x", "y", "z"], labels=["u", "v", "w"])[0] == ("u", "v", "w")
    assert names(single, labels=4)[0] == ("class_0", "class_1", "class_2", "class_3")
    emotic = [["a/0.png", {"Peace": 1}, [1, 2, 3], [0, 0, 4, 4]]]
    assert names(emotic) == names(emotic, labels=26) == (LABEL_SETS["emotic26"], (), "emotic26")
    assert train.exists()


def test_persons_of_one_picture_are_one_group(images: Path, tmp_path: Path) -> None:
    rows = [
        ["a/0.png", Counter({"Peace": 2, "Fear": 1}), [5, 6, 7], [0, 0, 4, 4]],
        ["a/0.png#2", Counter(), [1, 1, 1], [0, 0, 1, 1]],
        ["./a//0.png", Counter({"Fear": 1}), [math.nan, 1, 1], [1, 2, 3, 4]],
    ]
    (images / "a/0.png#2").write_bytes(b"a picture by this name")
    dataset = convert_annotations({"test": written(tmp_path, rows)}, images, tmp_path / "ds")
    records = dataset.records("test")
    assert [record.id for record in records] == ["a/0.png", "a/0.png#2", "a/0.png#3"]
    assert [record.group for record in records] == ["a/0.png", "a/0.png#2", "a/0.png"]
    assert [record.label_weights for record in records] == [(2, 1), (), (1,)]
    assert [record.dimensions for record in records] == [(5, 6, 7), (1, 1, 1), ()]
    assert records[2].box == (1, 2, 3, 4)
    counted = {word.name: word.count for word in dataset.emotions if word.count}
    assert counted == {"Peace": 1, "Fear": 1}


def test_missing_pictures_and_bad_rows_go_to_rejects(images: Path, tmp_path: Path) -> None:
    rows = [["a/0.png", [0]], ["a/none.png", [1]], ["a", [1]], ["a/1.png", [9]], ["n" * 300, [0]]]
    files = {"train": written(tmp_path, rows)}
    dataset = convert_annotations(files, images, tmp_path / "ds", labels=3, skip_bad_rows=True)
    assert [record.path for record in dataset.records("train")] == ["images/a/0.png"]
    assert rejects(dataset) == [
        ("a/1.png", "a label must be a whole number in 0..2; got 9"),
        ("a/none.png", "picture not found"),
        ("a", "picture not found"),
        ("n" * 300, "picture not found"),
    ]
    assert dataset.info["counts"]["rejects"] == 4


def test_val_is_held_out_by_seed_0(images: Path, tmp_path: Path) -> None:
    rows = [[f"a/{number}.png", number] for number in range(10)]
    expected = list(range(10))
    random.Random(0).shuffle(expected)
    dataset = convert_annotations({"train": written(tmp_path, rows)}, images, tmp_path / "ds", holdout=3)
    assert [record.labels[0] for record in dataset.records("val")] == expected[:3]
    assert [record.labels[0] for record in dataset.records("train")] == expected[3:]
    assert dataset.records("val")[0].source == "train"
    assert dataset.info["annotations"]["holdout"] == 3


def test_minus_one_is_admitted_where_asked(images: Path, tmp_path: Path) -> None:
    files = {"train": written(tmp_path, [["a/0.png", -1], ["a/1.png", 1]])}
    with pytest.raises(DataError, match=r"row 0: a label must be a whole number in 0\.\.1; got -1"):
        convert_annotations(files, images, tmp_path / "ds", labels=2)
    dataset = convert_annotations(files, images, tmp_path / "ds", labels=2, unlabelled=True)
    assert [record.labels for record in dataset.records("train")] == [(), (1,)]


FORM_ROWS: Mapping[str, list[Any]] = {
    "labels": [["a/0.png", [1, 0, 0]], ["a/1.png", [2]]],
    "label": [["a/0.png", 1], ["a/1.png", 2]],
    "labels_tags": ROWS,
    "counts": [["a/0.png", [[2, 3], [0, 2]]], ["a/1.png", [[1, 0]]], ["a/2.png", []]],
    "soft": [["a/0.png", [0.25, 0.0, 0.75]], ["a/1.png", [0.0, 0.0, 0.0]]],
    "emotic": [
        ["a/0.png", Counter({"Fear": 2, "Peace": 1}), [5.0, 6.0, 7.5], [1, 2, 3, 4.5]],
        ["a/0.png", Counter(), [5.0, 6.0, 7.5], [-1, 2, 3, 4]],
    ],
}


@pytest.mark.parametrize("known", [True, False], ids=["form named", "form by columns"])
@pytest.mark.parametrize("form", FORM_ROWS)
def test_a_dataset_is_written_back_as_it_came(images: Path, tmp_path: Path, form: str, known: bool) -> None:
    rows = FORM_ROWS[form]
    dataset = convert_annotations(
        {"train": written(tmp_path, rows), "test": written(tmp_path, rows[:1], "test")},
        images,
        tmp_path / "ds",
    )
    if not known:
        info = json.loads((dataset.root / "dataset.json").read_text())
        del info["annotations"]
        (dataset.root / "dataset.json").write_text(json.dumps(info))
        dataset = read_dataset(dataset.root)
    counts = export_annotations(dataset, tmp_path / "back")
    assert counts == {"train.pkl": len(rows), "test.pkl": 1}
    assert unpickled(tmp_path / "back") == {"train.pkl": rows, "test.pkl": rows[:1]}
    told = json.loads((tmp_path / "back/annotations.json").read_text())
    assert (told["form"], tuple(told["labels"])) == (form, dataset.emotion_names)
    with pytest.raises(DataError, match="exists already"):
        export_annotations(dataset, tmp_path / "back")
    export_annotations(dataset, tmp_path / "back", overwrite=True)


def test_what_a_form_has_no_place_for_is_not_written(images: Path, tmp_path: Path) -> None:
    dataset = convert_annotations({"train": written(tmp_path, ROWS)}, images, tmp_path / "ds")
    for form, fault in (
        ("label", "takes one label; got \\[0, 2\\]"),
        ("x", "form must be one of labels, label,"),
    ):
        info = json.loads((dataset.root / "dataset.json").read_text())
        info["annotations"]["form"] = form
        (dataset.root / "dataset.json").write_text(json.dumps(info))
        with pytest.raises(DataError, match=fault):
            export_annotations(read_dataset(dataset.root), tmp_path / "back")
        assert not (tmp_path / "back").exists()


def votes(number: int) -> list[list[int]]:
    return [[number % 8], [number % 8, 3], [number % 8] if number % 3 else [(number + 1) % 8], [3], []]


def se30k8(count: int) -> dict[int, Any]:
    return {
        number: {
            "image_emotion": votes(number),
            "re_path": f"a/{number}.png",
            "tags": ["sun", f"t{number}"] if number % 10 else ["moon"],
            "emotion-tags": ["happy"],
            "access_key": "secret",
            "work_ids": ["w"],
        }
        for number in range(count)
    }


def test_se30k8_becomes_a_dataset_by_its_own_rules(images: Path, tmp_path: Path) -> None:
    (images / "a/3.png").unlink()
    for number in range(10, 25):
        Image.new("RGB", (8, 8), (0, number, 0)).save(images / f"a/{number}.png")
    content = se30k8(25)
    dataset = convert_annotations(
        {"train": written(tmp_path, content, "se")}, images, tmp_path / "ds", vocabulary=["sea", "sun"]
    )
    order = [number for number in content if number % 10]
    random.Random(0).shuffle(order)
    assert [record.group for record in dataset.records("val")] == [f"a/{number}.png" for number in order[:2]]
    assert [record.group for record in dataset.records("train")] == [
        f"a/{number}.png" for number in order[2:] if number != 3
    ]
    record = next(record for record in dataset.records("train") if record.group == "a/4.png")
    assert (record.labels, record.label_weights) == ((4, 3), (3, 2))
    assert (record.tags, record.keywords) == ((1,), ("happy",))
    assert dataset.emotion_names == EMOTIONS
    assert dict(rejects(dataset)) == {
        **{f"a/{number}.png": "no tag of the vocabulary" for number in (0, 10, 20)},
        "a/3.png": "picture not found",
    }
    told = dataset.info["annotations"]
    assert list(told["agreement"]) == sorted(EMOTIONS)
    assert told["without_known_tag"] == 3
    everything = b"".join(path.read_bytes() for path in dataset.root.glob("*.*"))
    assert b"secret" not in everything

    export_annotations(dataset, tmp_path / "back")
    files = unpickled(tmp_path / "back")
    assert list(files) == ["test_mclss.pkl", "test_sclss.pkl", "train_mclss.pkl", "train_sclss.pkl"]
    kept = [number for number in order[2:] if number != 3]
    assert [row[0] for row in files["train_mclss.pkl"]] == [f"a/{number}.png" for number in kept]
    assert ["a/4.png", [[4, 3], [3, 2]]] in files["train_mclss.pkl"]
    singles = [(number, single_label(votes(number))) for number in kept]
    assert files["train_sclss.pkl"] == [[f"a/{n}.png", label] for n, label in singles if label is not None]
    assert 0 < len(files["train_sclss.pkl"]) < len(files["train_mclss.pkl"])
    assert [row[0] for row in files["test_mclss.pkl"]] == [f"a/{number}.png" for number in order[:2]]


def test_without_a_vocabulary_every_tag_of_se30k8_is_kept(images: Path, tmp_path: Path) -> None:
    dataset = convert_annotations({"train": written(tmp_path, se30k8(10))}, images, tmp_path / "ds")
    assert dataset.tag_names[:3] == ("moon", "sun", "t1")
    assert (len(dataset.records("train")), len(dataset.records("val"))) == (9, 1)


def test_a_file_of_each_split_by_pattern(tmp_path: Path) -> None:
    for name in ("train", "test"):
        (tmp_path / f"CNNsplit_{name}.pkl").touch()
    pattern = tmp_path / "CNNsplit_{}.pkl"
    train, test = (tmp_path / f"CNNsplit_{name}.pkl" for name in ("train", "test"))
    assert files_by_split(pattern, "train", {"val": None}) == {"train": train, "test": test}
    assert files_by_split(pattern, "train", {"val": tmp_path / "v.pkl"})["val"] == tmp_path / "v.pkl"
    assert files_by_split(train, "val", {"val": None, "test": test}) == {"val": train, "test": test}
    with pytest.raises(DataError, match=r"test: one file must be given; got .*CNNsplit_test\.pkl and x\.pkl"):
        files_by_split(pattern, "train", {"test": Path("x.pkl")})
    with pytest.raises(DataError, match=r"none\{\}.pkl: none of .*nonetrain.pkl, .*exists"):
        files_by_split(tmp_path / "none{}.pkl", "train", {})


def test_each_split_may_have_a_form_of_its_own(images: Path, tmp_path: Path) -> None:
    """As in 2020: trained on rows with tags, tested on labels alone; the vocabulary names the tags then."""
    content = {"train": ROWS, "val": [["a/3.png", [2]]], "test": [["a/4.png", [[0, 4], [2, 1]]]]}
    files = {split: written(tmp_path, rows, split) for split, rows in content.items()}
    dataset = convert_annotations(files, images, tmp_path / "ds", vocabulary=["p", "q", "r", "s", "t"])
    assert dataset.emotion_names == ("class_0", "class_1", "class_2")
    assert dataset.tag_names == ("p", "q", "r", "s", "t")
    assert [record.tags for record in dataset.records("train")] == [(1, 3), (3,), ()]
    (val,), (test,) = dataset.records("val"), dataset.records("test")
    assert (val.labels, val.tags, val.label_weights) == ((2,), (), ())
    assert (test.labels, test.label_weights) == ((0, 2), (4.0, 1.0))
    export_annotations(dataset, tmp_path / "back")
    back = unpickled(tmp_path / "back")
    assert back == {f"{split}.pkl": rows for split, rows in content.items()}
    told = json.loads((tmp_path / "back" / "annotations.json").read_text())
    assert told["form"] == {"train": "labels_tags", "val": "labels", "test": "counts"}


def test_a_label_out_of_range_is_found_beside_a_file_with_tags(images: Path, tmp_path: Path) -> None:
    files = {"train": written(tmp_path, ROWS), "val": written(tmp_path, [["a/3.png", [3]]], "val")}
    with pytest.raises(DataError, match=r"val\.pkl: row 0: a label must be a whole number in 0\.\.2; got 3"):
        convert_annotations(files, images, tmp_path / "ds", labels=3, vocabulary=[*"abcde"])


GOOD = [["a/0.png", [0]], ["a/1.png", [2]]]
DICT = {1: {"image_emotion": [[1]] * 5, "re_path": "a/0.png"}}
EMOTIC = [["a/0.png", {"Peace": 1}, [1, 2, 3], [0, 0, 4, 4]]]


@pytest.mark.parametrize(
    ("files", "how", "reason"),
    [
        ({}, {}, "at least one annotation file must be given"),
        ({"dev": GOOD}, {}, "split must be one of train, val, test; got 'dev'"),
        ({"train": GOOD}, {"labels": 0}, "labels must be at least 1; got 0"),
        ({"train": GOOD}, {"labels": ["x", "x", "y"]}, "labels: every name must stand once; 'x' stands more"),
        ({"train": GOOD}, {"labels": 2}, "train.pkl: row 1: a label must be a whole number in 0..1; got 2"),
        ({"train": GOOD}, {"holdout": 2}, "--holdout must be less than the 2 rows of train; got 2"),
        ({"test": GOOD}, {"holdout": 1}, "--holdout takes val out of train; a file of train must be given"),
        ({"train": GOOD, "val": GOOD}, {"holdout": 1}, "a file of train must be given, and none of val"),
        (
            {"train": EMOTIC, "val": GOOD},
            {},
            "val.pkl: files of emotic and se30k8 must stand alone; this one has the form labels",
        ),
        (
            {"train": [["a/0.png", [0.5, 0.5]]], "val": GOOD},
            {},
            "all files must have as many classes as soft labels have shares",
        ),
        (
            {"train": [["a/none.png", 1]]},
            {},
            "must hold the pictures of the files; holds none, such as a/none.png",
        ),
        ({"train": DICT}, {"holdout": 1}, "SE30K8 is one file that is split by its own rule"),
        ({"test": DICT}, {}, "SE30K8 is one file that is split by its own rule"),
        ({"train": DICT}, {"labels": 7}, "labels of se30k8 must be its own 8 in their order"),
        ({"train": EMOTIC}, {"vocabulary": ["x"] * 1}, "labels of emotic must be its own 26 in their order"),
        (
            {"train": [["a/0.png", [0.5, 0.5]]], "val": [["a/1.png", [0.5]]]},
            {},
            "all files must have as many classes as soft labels have shares",
        ),
    ],
)
def test_faults_are_named_and_nothing_is_written(
    images: Path, tmp_path: Path, files: dict[str, Any], how: dict[str, Any], reason: str
) -> None:
    paths = {split: written(tmp_path, content, split) for split, content in files.items()}
    before = sorted(path.name for path in tmp_path.iterdir())
    with pytest.raises(DataError) as caught:
        convert_annotations(paths, images, tmp_path / "ds", **how)
    assert reason in str(caught.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_faults_of_all_files_are_named(images: Path, tmp_path: Path) -> None:
    files = {"train": written(tmp_path, [["../x", 1]]), "test": tmp_path / "none.pkl"}
    with pytest.raises(DataError) as caught:
        convert_annotations(files, images, tmp_path / "ds")
    assert caught.value.faults == (
        f"{files['train']}: row 0: path must not leave the image folder; got '../x'",
        f"{files['test']}: file not found",
    )


def test_folders_are_looked_at_first(images: Path, tmp_path: Path) -> None:
    files = {"train": written(tmp_path, GOOD)}
    with pytest.raises(DataError, match="no: must be the folder of the pictures; it does not exist"):
        convert_annotations(files, tmp_path / "no", tmp_path / "ds")
    with pytest.raises(DataError, match=r"images: holds other files and no dataset\.json"):
        convert_annotations(files, images, images)
    convert_annotations(files, images, tmp_path / "ds")
    with pytest.raises(DataError, match="exists already"):
        convert_annotations(files, images, tmp_path / "ds")
