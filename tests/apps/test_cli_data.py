"""The commands `data check NAME ROOT` and `data benchmarks`, and training on what is no DATASET."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from emotionnet.apps.cli import main
from emotionnet.data.benchmarks.catalogue import BENCHMARKS
from emotionnet.data.store import Dataset
from tests.conftest import MakeDataset

EMOTIONS = ("amusement", "anger", "awe", "contentment", "disgust", "excitement", "fear", "sadness")
SMALL = (
    *("--model.trunk", "test_efficientnet", "--model.weights", "none", "--model.shape", "plain"),
    *("--epochs", "1", "--data.image_size", "32", "--data.batch_size", "8", "--data.workers", "0"),
)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A folder for each of eight emotions, ten pictures in each."""
    rng = np.random.default_rng(0)
    for emotion in EMOTIONS:
        (tmp_path / "tree" / emotion).mkdir(parents=True)
        for number in range(10):
            pixels = rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "tree" / emotion / f"{number}.png")
    return tmp_path / "tree"


def run(*arguments: object) -> None:
    main([str(argument) for argument in arguments])


def answer(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    values: dict[str, Any] = json.loads(capsys.readouterr().out)
    return values


def failure(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    with pytest.raises(SystemExit) as caught:
        run(*arguments)
    assert caught.value.code == 2
    return capsys.readouterr().err


def test_benchmarks_are_listed_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    run("data", "benchmarks")
    rows = answer(capsys)["benchmarks"]
    assert [row["name"] for row in rows] == [benchmark.name for benchmark in BENCHMARKS.values()]
    fi = next(row for row in rows if row["name"] == "fi")
    assert (fi["labels"], fi["splits"], fi["score"]) == (8, "drawn: 80/5/15 %", "accuracy")
    assert all(row[key] for row in rows for key in ("title", "licence", "citation", "checked_on", "layout"))


def test_benchmarks_are_a_table_on_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", "250")
    run("data", "benchmarks")
    text = capsys.readouterr().out
    assert "checked on" in text
    assert all(name in text for name in BENCHMARKS)


def test_a_copy_is_checked_and_findings_are_no_failure(
    tree: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tree / "awe" / "0.png").write_bytes(b"no picture")
    run("data", "check", "fi", tree)
    values = answer(capsys)
    counts = {count["of"]: (count["found"], count["published"]) for count in values["counts"]}
    assert (values["pictures"], counts["all"], counts["fear"]) == (80, (80, 23308), (10, 1032))
    assert {finding["kind"]: finding["count"] for finding in values["findings"]} == {
        "counts": 9,
        "unreadable": 1,
    }


def test_a_check_is_a_table_on_a_terminal(
    tree: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", "200")
    run("data", "check", "fi", tree)
    text = capsys.readouterr().out
    assert "23,308" in text
    assert "differs" in text
    assert "name the counts beside any score" in text


def test_a_dataset_is_checked_as_before(
    make_dataset: Callable[..., Dataset], capsys: pytest.CaptureFixture[str]
) -> None:
    dataset = make_dataset()
    run("data", "check", dataset.root)
    assert answer(capsys)["faults"] == []
    (dataset.root / "emotions.json").unlink()
    assert "emotions.json: file not found" in failure(capsys, "data", "check", dataset.root)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("fi",), "error: data check fi: the folder of the copy must be given too; got the name alone"),
        (("fii", "."), "; got 'fii'; did you mean fi?"),
        (("fi", "no/folder"), "no/folder: must be the folder of FI (DeepEmotion); it is none."),
        (("no/folder",), "no/folder: must be a DATASET folder; it does not exist"),
    ],
)
def test_what_cannot_be_checked_is_one_line(
    arguments: tuple[str, ...], text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    error = failure(capsys, "data", "check", *arguments)
    assert text in error
    assert error.count("\n") == 1


def test_a_run_on_shards_is_one_on_the_data_set(
    make_dataset: MakeDataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The data set is the same, so that scores of the run on either are the same to the last digit."""
    dataset, shards, out = make_dataset(), tmp_path / "shards", tmp_path / "run"
    run("data", "shard", dataset.root, "--out", shards, "--samples", "6")
    assert answer(capsys) == {"shards": str(shards), "files": 8, **dataset.info["counts"]}
    run("data", "check", shards)
    assert answer(capsys)["pictures"] == 40
    run("train", "--data.root", f"file://{shards}", *SMALL, "--out", out)
    assert json.loads((out / "manifest.json").read_text())["data_hash"] == dataset.content_hash
    capsys.readouterr()
    scores = []
    for data in ((), ("--data", shards), ("--data", dataset.root)):
        run("evaluate", out, *data)
        scores.append(answer(capsys))
    assert scores[0] == scores[1] == scores[2]


def test_a_training_needs_a_shard_for_each_reader(
    make_dataset: MakeDataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run("data", "shard", make_dataset().root, "--out", tmp_path / "shards", "--samples", "9")
    capsys.readouterr()
    few = ("--data.root", tmp_path / "shards", *SMALL[:-1], "3", "--out", tmp_path / "run")
    assert "(1 processes x 3 workers = 3); got 2: shard with fewer --samples" in failure(
        capsys, "train", *few
    )
    assert not (tmp_path / "run").exists()


def test_a_run_on_folders_keeps_its_splits(
    tree: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Trained, resumed and evaluated; elsewhere, with a picture more, it is still scored on its own split."""
    run("train", "--data.root", tree, *SMALL, "--out", tmp_path / "run")
    splits = json.loads((tmp_path / "run" / "splits.json").read_text())
    assert (splits["seed"], splits["protocol"]["test"]) == (0, 0.2)
    assert {split: len(ids) for split, ids in splits["splits"].items()} == {"train": 56, "val": 8, "test": 16}
    run("train", "--data.root", tree, *SMALL, "--out", tmp_path / "run", "--resume")
    capsys.readouterr()
    run("evaluate", tmp_path / "run", "--split", "val")
    first = answer(capsys)
    assert first["val.n_images"] == 8
    Image.new("RGB", (32, 32)).save(tree / "awe" / "new.png")
    moved = tree.rename(tmp_path / "moved")
    capsys.readouterr()
    assert "the run's DATASET must be there; it is not" in failure(capsys, "evaluate", tmp_path / "run")
    run("evaluate", tmp_path / "run", "--split", "val", "--data", moved)
    assert answer(capsys)["val.macro_map"] == first["val.macro_map"]
    assert "did you mean folders" in failure(
        capsys, "evaluate", tmp_path / "run", "--data", moved, "--format", "foldrs"
    )


def test_a_run_whose_data_changed_is_not_resumed(
    tree: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    run("train", "--data.root", tree, *SMALL, "--out", out)
    (out / "model.safetensors").unlink()
    Image.new("RGB", (32, 32)).save(tree / "awe" / "new.png")
    error = failure(capsys, "train", "--data.root", tree, *SMALL, "--out", out, "--resume")
    assert "--resume needs the data that" in error
