"""A run opens the data that it was trained on in whatever form, in the splits that were drawn for it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from emotionnet import runs
from emotionnet.config import SourceConfig
from emotionnet.data.opening import open_data
from emotionnet.data.record_dataset import RecordDataset
from emotionnet.data.store import Dataset
from emotionnet.evaluation.subject import open_run_data
from emotionnet.files import write_json
from emotionnet.records import SPLITS, DataError

MakeDataset = Callable[..., Dataset]


@pytest.fixture
def tree(make_dataset: MakeDataset, tmp_path: Path) -> Path:
    """The pictures of the data set of coloured squares, one folder for each first emotion."""
    dataset = make_dataset()
    for split in SPLITS:
        for record in dataset.records(split):
            folder = tmp_path / "tree" / dataset.emotion_names[record.labels[0]]
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copy(dataset.local_picture(record.path, record.id), folder)
    return tmp_path / "tree"


def ids(dataset: Dataset) -> dict[str, list[str]]:
    return {split: [record.id for record in dataset.unchecked_records(split)] for split in SPLITS}


def config(root: Path | str, **values: Any) -> dict[str, Any]:
    return {"data": {"root": str(root), "image_size": 32, **values}}


@pytest.fixture
def run(tree: Path, tmp_path: Path) -> Path:
    """A RUN folder with the splits that seed 3 draws."""
    dataset = open_data(SourceConfig(root=tree, split_seed=3))
    assert isinstance(dataset, RecordDataset)
    write_json(tmp_path / "run" / runs.SPLITS, dataset.plan())
    return tmp_path / "run"


def drawn(tree: Path, seed: int) -> Dataset:
    return open_data(SourceConfig(root=tree, split_seed=seed))


def test_the_kept_splits_go_before_the_seed(run: Path, tree: Path) -> None:
    dataset = open_run_data(run, config(tree, split_seed=0))
    assert ids(dataset) == ids(drawn(tree, 3)) != ids(drawn(tree, 0))
    assert dataset.content_hash == drawn(tree, 3).content_hash


def test_a_config_from_before_there_were_other_forms_is_a_dataset(
    tmp_path: Path, make_dataset: MakeDataset
) -> None:
    dataset = make_dataset()
    assert open_run_data(tmp_path / "run", config(dataset.root)) == dataset


def test_seed_format_and_fold_are_those_of_the_config(tmp_path: Path, tree: Path) -> None:
    empty = tmp_path / "other"
    assert ids(open_run_data(empty, config(tree, split_seed=4, format="folders"))) == ids(drawn(tree, 4))
    with pytest.raises(DataError, match=r"data\.fold: must be 0 where a protocol has no folds; got 2"):
        open_run_data(empty, config(tree, fold=2))
    with pytest.raises(DataError, match=r"config\.json: data: fold: .*; got -2"):
        open_run_data(empty, config(tree, fold=-2))


def test_pictures_of_the_run_keep_their_split_in_another_place(
    run: Path, tree: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    moved = tmp_path / "moved"
    shutil.copytree(tree, moved)
    first = next(iter(sorted((moved / "joy").iterdir())))
    shutil.copy(first, moved / "joy" / "new.png")
    assert ids(open_run_data(run, config(tree), moved)) == ids(drawn(tree, 3))
    assert "not among those that splits were drawn for; first 'joy/new.png'" in capsys.readouterr().err


def test_other_pictures_are_dealt_out_anew(run: Path, tree: Path, tmp_path: Path) -> None:
    for path in sorted(tree.rglob("*.png")):
        target = tmp_path / "others" / path.parent.name / f"other-{path.name}"
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    others = tmp_path / "others"
    assert ids(open_run_data(run, config(tree), others)) == ids(drawn(others, 0))


def test_a_dataset_in_place_of_folders_has_its_own_splits(
    run: Path, tree: Path, make_dataset: MakeDataset, tmp_path: Path
) -> None:
    other = make_dataset(folder=tmp_path / "other")
    assert open_run_data(run, config(tree), other.root) == other


@pytest.mark.parametrize(
    ("data", "form", "text"),
    [
        ("none", "auto", r"--data: root: must exist; .*none does not"),
        ("tree", "foldrs", r"data\.format: must be one of .*; did you mean folders\?"),
        ("tree", "dataset", "must be a DATASET folder; it holds no dataset.json"),
    ],
)
def test_other_data_that_cannot_be_opened(
    run: Path, tree: Path, tmp_path: Path, data: str, form: str, text: str
) -> None:
    with pytest.raises(DataError, match=text):
        open_run_data(run, config(tree), tmp_path / data, format=form)


def test_broken_splits_are_named(run: Path, tree: Path) -> None:
    write_json(run / runs.SPLITS, {"splits": 1})
    with pytest.raises(DataError, match=r"splits\.json: splits must be lists of ids"):
        open_run_data(run, config(tree))
