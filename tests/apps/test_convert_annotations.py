"""`emotionnet convert annotations`: a DATASET there and back, and what hostile files get."""

from __future__ import annotations

import json
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from emotionnet.apps.cli import main
from emotionnet.data.store import read_dataset


@pytest.fixture
def images(tmp_path: Path) -> Path:
    folder = tmp_path / "images"
    folder.mkdir()
    for number in range(4):
        Image.new("RGB", (8, 8), (number * 20, 0, 0)).save(folder / f"{number}.png")
    return folder


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, list[str]]]:
    """Exit status, standard output, and the lines of standard error."""

    def call(*tokens: object) -> tuple[int, str, list[str]]:
        status = 0
        try:
            main(["convert", "annotations", *map(str, tokens)])
        except SystemExit as end:
            status = int(end.code or 0)
        captured = capsys.readouterr()
        return status, captured.out, captured.err.splitlines()

    return call


def written(folder: Path, content: Any, name: str = "rows.pkl") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else pickle.dumps(content, protocol=2))
    return path


ROWS = [["0.png", [0, 1], [1]], ["1.png", [1], [0, 1]], ["2.png", [0], []], ["none.png", [0], [0]]]


def test_there_and_back(images: Path, tmp_path: Path, run: Any) -> None:
    file = written(tmp_path, ROWS)
    (tmp_path / "labels.txt").write_text("sad\nglad\n")
    words = written(tmp_path, {"tag2idx": {"sun": 0, "sea": 1}, "idx2tag": {0: "sun", 1: "sea"}}, "tags.pkl")
    options = ("--images", images, "--labels", tmp_path / "labels.txt", "--vocabulary", words)
    status, out, errors = run(file, *options, "--holdout", 1, "--out", tmp_path / "ds")
    assert (status, errors) == (0, [])
    told = json.loads(out)
    assert (told["form"], told["train"] + told["val"], told["rejects"]) == ("labels_tags", 3, 1)
    dataset = read_dataset(tmp_path / "ds")
    assert (dataset.emotion_names, dataset.tag_names) == (("sad", "glad"), ("sun", "sea"))

    assert run(tmp_path / "ds", "--to", "2020", "--out", tmp_path / "back")[0] == 0
    back = [pickle.loads((tmp_path / f"back/{split}.pkl").read_bytes()) for split in ("train", "val")]
    assert sorted(back[0] + back[1]) == ROWS[:3]


def test_a_pattern_and_splits(images: Path, tmp_path: Path, run: Any) -> None:
    for number, name in enumerate(("train", "val")):
        written(tmp_path, [[f"{number}.png", 0]], f"CNNsplit_{name}.pkl")
    test = written(tmp_path, [["2.png", 1]], "other.pkl")
    pattern = tmp_path / "CNNsplit_{}.pkl"
    assert run(pattern, "--images", images, "--test", test, "--out", tmp_path / "ds")[0] == 0
    dataset = read_dataset(tmp_path / "ds")
    assert [dataset.records(split)[0].id for split in ("train", "val", "test")] == ["0.png", "1.png", "2.png"]
    status, _, errors = run(
        test, "--images", images, "--split", "val", "--val", test, "--out", tmp_path / "ds2"
    )
    assert (status, errors) == (2, [f"error: val: one file must be given; got {test} and {test}"])


def test_agreement_of_se30k8_is_printed(images: Path, tmp_path: Path, run: Any) -> None:
    entries = {n: {"image_emotion": [[n]] * 5, "re_path": f"{n}.png", "tags": ["sun"]} for n in range(4)}
    status, out, _ = run(written(tmp_path, entries), "--images", images, "--out", tmp_path / "ds")
    told = json.loads(out)
    assert (status, told["form"]) == (0, "se30k8")
    assert told["agreement"]["anger"] == pytest.approx(1)
    assert told["agreement"]["neutral"] is None


class Calls:
    """Pickles as a call of any function."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return self.call


HOSTILE: dict[str, tuple[Any, str]] = {
    "os.system": (
        [Calls(os.system, "touch ran")],
        "pickle asks for posix.system; only plain data is admitted",
    ),
    "10 GB": (b"\x80\x04\x8e" + (10**10).to_bytes(8, "little") + b"x.", "must be a pickle of plain data"),
    "10 GB by call": ([Calls(bytearray, 10**10)], "pickle asks for __builtin__.bytearray"),
    "100,000 lists": (b"]" * 100_000 + b"a" * 99_999 + b".", "nested at most 64 deep"),
    "cut off": (pickle.dumps(ROWS)[:-20], "must be a pickle of plain data"),
    "empty": (b"", "must be a pickle of plain data"),
    "text": (b"0.png 1\n1.png 2\n", "must be a pickle of plain data"),
    "other path": (
        [["0.png", 0], ["../../etc/passwd", 1]],
        "row 1: path must not leave the image folder; got",
    ),
    "absolute path": ([["0.png", 0], ["/etc/passwd", 1]], "row 1: path must be relative to the image folder"),
    "-1": ([["0.png", 0], ["1.png", -1]], "row 1: a label must be a whole number in 0..1; got -1"),
    "label = C": ([["0.png", 0], ["1.png", 2]], "row 1: a label must be a whole number in 0..1; got 2"),
    "unknown row": (
        [["0.png", 0], ["1.png", {}]],
        "row 1: a label must be a whole number in 0..1; got a dict",
    ),
    "no row known": ([["1.png", {}]], "row 0: a row must have one of the forms [path, [label, ...]], "),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_one_line_and_nothing_is_run_or_written(
    images: Path, tmp_path: Path, run: Any, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    content, reason = HOSTILE[name]
    file = written(tmp_path, content)
    (tmp_path / "labels.txt").write_text("sad\nglad\n")
    before = sorted(tmp_path.rglob("*"))
    options = ("--images", images, "--labels", tmp_path / "labels.txt")
    status, out, errors = run(file, *options, "--out", tmp_path / "ds")
    assert (status, out, len(errors)) == (2, "", 1)
    assert errors[0].startswith(f"error: {file}: ")
    assert reason in errors[0]
    assert sorted(tmp_path.rglob("*")) == before


def test_bad_rows_are_skipped_where_asked(images: Path, tmp_path: Path, run: Any) -> None:
    file = written(tmp_path, [["0.png", 0], ["../../etc/passwd", 1], ["1.png", -1]])
    status, out, _ = run(file, "--images", images, "--skip-bad-rows", "--out", tmp_path / "ds")
    assert (status, json.loads(out)["train"], json.loads(out)["rejects"]) == (0, 1, 2)


@pytest.mark.parametrize(
    ("tokens", "fault"),
    [
        (("rows.pkl", "--out", "ds"), "--images: the folder of the pictures must be given"),
        (("rows.pkl", "--images", "images", "--out", "ds"), "rows.pkl: file not found"),
        (("none", "--to", "2020", "--out", "ds"), "none: must be a DATASET folder; it does not exist"),
        (
            ("none", "--to", "2020", "--images", "x", "--out", "ds"),
            "--to: takes a DATASET, --out and --overwrite",
        ),
    ],
)
def test_faults_of_the_caller(
    images: Path, tmp_path: Path, run: Any, tokens: Any, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    status, _, errors = run(*tokens)
    assert status == 2
    assert fault in errors[0]
    assert not (tmp_path / "ds").exists()
