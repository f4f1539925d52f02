"""Config files of the 2020 system on the command line."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from emotionnet.apps.cli import main

OLD: dict[str, Any] = {
    "name": "first",
    "arch": "resnet_joint_34",
    "print_freq": 10,
    "gpu": None,
    "lr": 0.01,
    "lr_schedule": None,
    "lr_patience": 2,
    "pretrained": True,
    "num_classes": 690,
    "text_ckpt": "text.pth.tar",
    "trainloader": "image_text_train",
    "valloader": "image_text_val",
    "data_dir": "images",
    "train_file": "train.pkl",
    "val_file": "val.pkl",
}


def run(capsys: pytest.CaptureFixture[str], *tokens: str) -> tuple[int, str, list[str]]:
    """Exit status, standard output, and the lines of standard error."""
    status = 0
    try:
        main(tokens)
    except SystemExit as end:
        status = int(end.code or 0)
    captured = capsys.readouterr()
    return status, captured.out, captured.err.splitlines()


def write(folder: Path, values: dict[str, Any]) -> str:
    file = folder / "old.json"
    file.write_text(json.dumps(values))
    return str(file)


def test_convert_config_prints_ours_without_any_of_its_files(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    status, out, lines = run(capsys, "convert", "config", write(tmp_path, OLD), "--recipe", "transform,exact")
    assert status == 0
    assert lines == [f"{tmp_path / 'old.json'}: given, but without meaning for this run: print_freq"]
    values = json.loads(out)
    assert values["out"] == str(tmp_path / "runs" / "first")
    assert values["data"]["root"] == str(tmp_path / "runs" / "first" / "dataset")
    assert values["text"] == {"vectors": None, "teacher": str(tmp_path / "runs" / "first" / "teacher")}
    assert values["schedule"] == {"name": "plateau", "patience": 2, "gamma": 0.1}
    assert values["objective"]["embedding"] == "transform"
    assert values["objective"]["train_transform"] is False
    assert [path.name for path in tmp_path.iterdir()] == ["old.json"]


def test_convert_config_refuses_other_files(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = write(tmp_path, {"data": {"root": "x"}})
    status, out, lines = run(capsys, "convert", "config", file)
    assert (status, out) == (2, "")
    assert lines == [
        f"error: {file}: must be a config file of the 2020 system; it has neither arch nor dataset"
    ]


def test_three_faults_of_an_old_config_are_three_lines(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    for command in (("train",), ("convert", "config")):
        file = write(tmp_path, OLD | {"arch": "resnet_joint_51", "lr": -1, "momentun": 0.9})
        status, out, lines = run(capsys, *command, file)
        assert (status, out, len(lines)) == (2, "", 3)
        assert all(line.startswith(f"error: {file}: ") for line in lines)


@pytest.mark.parametrize(
    ("more", "options", "text"),
    [
        ({}, ("--recipe", "exat"), "--recipe: must be one of"),
        ({}, ("--recipe=exat",), "did you mean exact?"),
        ({}, ("--optimizer.lr", "-1"), "optimizer.lr: input should be greater than 0"),
        ({}, ("--epoch", "1"), "epoch: unknown key; did you mean epochs?"),
        ({}, ("--resume", "--overwrite"), "give one of them"),
        ({}, ("--data", "3"), "options: data must be a section"),
        ({"resume": "none.pth"}, (), "model.start: must exist"),
        ({"trainloader": "multilabel_v2_train", "arch": "resnet18"}, (), "images: must be the folder"),
    ],
)
def test_a_mistake_is_told_in_one_line_and_nothing_is_written(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    more: dict[str, Any],
    options: tuple[str, ...],
    text: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    status, out, lines = run(capsys, "train", write(tmp_path, OLD | more), *options)
    errors = [line for line in lines if line.startswith("error: ")]
    assert (status, out, len(errors)) == (2, "", 1)
    assert text in errors[0]
    assert [path.name for path in tmp_path.iterdir()] == ["old.json"]


def test_a_recipe_is_for_old_configs_only(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = write(tmp_path, {"data": {"root": str(tmp_path)}})
    for tokens in (("train", "--recipe", "exact"), ("train", file, "--recipe", "exact")):
        status, _, lines = run(capsys, *tokens)
        assert (status, len(lines)) == (2, 1)
        assert "--recipe: is for a config file of the 2020 system" in lines[0]


def test_a_missing_file_is_told_by_name(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for command in (("train",), ("convert", "config")):
        status, _, lines = run(capsys, *command, str(tmp_path / "none.json"))
        assert (status, lines) == (2, [f"error: {tmp_path / 'none.json'}: file not found"])


def test_train_runs_a_file_as_it_is(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Our options lie over it; `--out` is relative to the current folder, its paths to the file."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "old"
    (folder / "images").mkdir(parents=True)
    for split in ("train", "val"):
        rows: list[tuple[str, list[int]]] = [(f"{split}{number}.png", [number % 3]) for number in range(5)]
        for number, (name, _) in enumerate(rows):
            Image.new("RGB", (40, 40), (80 * (number % 3), 90, 10)).save(folder / "images" / name)
        (folder / f"{split}.pkl").write_bytes(pickle.dumps(rows, protocol=2))
    more = {"arch": "resnet18", "dataloader": "multilabel_v2", "trainloader": None, "valloader": None}
    file = write(folder, OLD | more | {"num_classes": 3, "pretrained": None, "workers": 0})
    options = ("--epochs", "1", "--data.image_size", "32", "--data.batch_size=4", "--out", "here")
    status, out, lines = run(capsys, "train", file, *options)
    assert status == 0, lines
    assert json.loads(out)["run"] == str(tmp_path / "here")
    assert 0 <= json.loads(out)["val.hit_rate"] <= 1
    status, _, lines = run(
        capsys, "predict", "here", str(folder / "images" / "val0.png"), "--backend", "torch"
    )
    assert status == 0, lines


def test_help_names_every_recipe(capsys: pytest.CaptureFixture[str]) -> None:
    for command in (("train",), ("convert", "config")):
        _, out, _ = run(capsys, *command, "--help")
        assert "transform  a transform of the text model's feature" in out
