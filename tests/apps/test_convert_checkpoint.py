"""Checkpoints of 2020 through the command line: made into runs that other commands take; back; refused."""

from __future__ import annotations

import json
import os
import pickle
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torchvision
from torch import nn

from emotionnet.apps.cli import main
from emotionnet.data.store import Dataset
from emotionnet.models.description import ImageModel, read_description, write_description
from emotionnet.models.network import EmotionNet
from emotionnet.models.trunks import create_trunk
from emotionnet.models.weights import read_tensors, save_weights
from emotionnet.text.vectors import WordVectors, write_vectors

MakeDataset = Callable[..., Dataset]
Command = Callable[..., Any]


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Command:
    """Run a command: its JSON, or its faults where it ends with status 2."""

    def run(*tokens: object) -> Any:
        status: object = 0
        try:
            main([str(token) for token in tokens])
        except SystemExit as end:
            status = end.code
        captured = capsys.readouterr()
        if status == 0:
            return json.loads(captured.out)
        assert (status, captured.out) == (2, "")
        return [line for line in captured.err.splitlines() if line.startswith("error: ")]

    return run


def two_branches(path: Path, classes: int = 3) -> Path:
    network = torchvision.models.resnet18(weights=None, num_classes=classes)
    network.proj = nn.Linear(512, 300)
    state = {f"module.{name}": one for name, one in network.state_dict().items()}
    content = {"epoch": 2, "arch": "resnet_2branch_18", "state_dict": state, "best_prec1": np.float64(50.0)}
    torch.save({**content, "optimizer": {"state": {}}}, path, _use_new_zipfile_serialization=False)
    return path


def vectors(folder: Path, words: tuple[str, ...], size: int) -> Path:
    rows = np.random.default_rng(0).normal(size=(len(words), size)).astype(np.float32)
    folder.mkdir()
    write_vectors(WordVectors(words, rows), folder, info={"method": "by hand"})
    return folder


def test_a_run_of_a_checkpoint_is_taken_by_the_other_commands_and_goes_back(
    command: Command, make_dataset: MakeDataset, tmp_path: Path
) -> None:
    dataset, file, run = make_dataset(), two_branches(tmp_path / "model.pth.tar"), tmp_path / "run"
    (tmp_path / "labels.txt").write_text("joy\nanger\nsadness\n")
    told = command("convert", "checkpoint", file, "--labels", tmp_path / "labels.txt", "--out", run)
    assert told == {
        "run": str(run),
        "kind": "image",
        "shape": "2branch",
        "trunk": "resnet18",
        "classes": 3,
        "embedding_size": 300,
        "aux_classes": None,
    }
    picture = next((dataset.root / "images").iterdir())
    (found,) = command("predict", run, picture, "--format", "json", "--backend", "torch")
    assert {one["name"] for one in found["emotions"]} == {"joy", "anger", "sadness"}
    (fault,) = command("evaluate", run)
    assert fault.endswith("the run does not say on which DATASET; give the folder of one with --data")
    scores = command("evaluate", run, "--data", dataset.root)
    assert scores["test.n_images"] == len(dataset.records("test"))
    assert "baseline.pixels.macro_map" in scores
    assert "baseline.frozen.macro_map" not in scores
    assert command("convert", "checkpoint", run, "--to", "2020", "--out", tmp_path / "back.pth")
    first, second = read_tensors(file), read_tensors(tmp_path / "back.pth")
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], one) for name, one in second.items())


def test_zeroshot_takes_words_from_elsewhere(
    command: Command, make_dataset: MakeDataset, tmp_path: Path
) -> None:
    dataset, run = make_dataset(), tmp_path / "run"
    command("convert", "checkpoint", two_branches(tmp_path / "a.pth", classes=5), "--out", run)
    ask = ("zeroshot", run, "--data", dataset.root, "--vectors")
    words = ("anger", "joy", "sadness", "sea")
    scores = command(*ask, vectors(tmp_path / "words", words, 300))
    assert scores["zero_shot.labels.n_images"] == len(dataset.records("test"))
    (fault,) = command(*ask, vectors(tmp_path / "others", words, 4))
    assert fault.endswith("word vectors and its projection must have one size; got 4 and 300")


def test_a_text_model_becomes_a_teacher_and_goes_back(
    command: Command, make_dataset: MakeDataset, tmp_path: Path
) -> None:
    tags = ["anger", "red", "joy"]
    state = {
        "embedding.weight": torch.cat([torch.rand(4, 6), torch.zeros(1, 6)]),
        "conv.weight": torch.rand(5, 1, 6),
        "conv.bias": torch.rand(5),
        **{f"bn.{name}": torch.rand(5) for name in ("weight", "bias", "running_mean", "running_var")},
        **{f"fc_m.{name}": torch.rand(size) for name, size in (("weight", (5, 5)), ("bias", (5,)))},
        **{f"fc.{name}": torch.rand(size) for name, size in (("weight", (8, 5)), ("bias", (8,)))},
    }
    words = {tag: index for index, tag in enumerate(tags)}
    data = Namespace(vocab=tags, tag2idx=words, idx2tag=dict(enumerate(tags)), classes=list(range(8)))
    model = Namespace(max_len=9, word_dim=6, filter_num=5, vocab_size=3, num_classes=8, in_channel=1)
    model.dropout_prob, model.static = 0.5, True
    torch.save({"state_dict": state, "args_data": data, "args_model": model}, tmp_path / "text.pth")
    teacher = tmp_path / "teacher"
    told = command("convert", "checkpoint", tmp_path / "text.pth", "--out", teacher)
    assert told["kind"] == "text"
    assert (told["architecture"], told["tags"], told["classes"]) == ("nlt-dan", 3, 8)
    command("text", "apply", teacher, make_dataset().root, "--out", tmp_path / "soft")
    command("convert", "checkpoint", teacher, "--to", "2020", "--out", tmp_path / "back.pth")
    back = read_tensors(tmp_path / "back.pth")
    assert all(torch.equal(back[name], one) for name, one in state.items())


def test_what_can_not_go_back_is_told(command: Command, tmp_path: Path, make_other: Path) -> None:
    (fault,) = command("convert", "checkpoint", make_other, "--to", "2020", "--out", tmp_path / "back.pth")
    assert "its trunk must be one that the 2020 code has, resnet18, " in fault
    assert fault.endswith("got test_resnet")
    tokens = ("convert", "checkpoint", make_other, "--to", "2020", "--labels", "x.txt", "--out", "b.pth")
    assert command(*tokens) == ["error: --labels: a RUN has names for its classes; leave it out with --to"]


@pytest.fixture
def make_other(tmp_path: Path, command: Command) -> Path:
    """A RUN with a trunk that the 2020 code has not."""
    run = tmp_path / "other"
    command("convert", "checkpoint", two_branches(tmp_path / "a.pth"), "--out", run)
    model = read_description(run, ImageModel)
    write_description(
        run, model.model_copy(update={"trunk": "test_resnet", "shape": "plain", "embedding_size": None})
    )
    save_weights(
        EmotionNet(create_trunk("test_resnet", "none"), "plain", n_emotions=3), run / "model.safetensors"
    )
    return run


class Call:
    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> Any:
        return self.call


class Foreign:
    pass


def _saved(path: Path, value: object) -> None:
    torch.save(value, path)


def _cut(path: Path, share: float) -> None:
    two_branches(path)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])


HOSTILE: dict[str, tuple[Callable[[Path], object], str]] = {
    "calls os.system": (
        lambda path: _saved(path, {"state_dict": Call(os.system, "touch ran")}),
        "asks for posix",
    ),
    "calls os.system, a bare pickle": (
        lambda path: path.write_bytes(pickle.dumps(Call(os.system, "touch ran"))),
        "it asks for posix.system",
    ),
    "asks for 10 GB": (lambda path: _saved(path, {"fc": Call(bytearray, 10**10)}), "bytearray"),
    "nests 100,000 lists": (
        lambda path: path.write_bytes(b"\x80\x02" + b"]" * 100_000 + b"a" * 99_999 + b"."),
        "nested deeper",
    ),
    "cut in its weights": (lambda path: _cut(path, 0.5), "cannot be read as one"),
    "cut in its pickle": (lambda path: _cut(path, 0.00002), "cannot be read as one"),
    "empty": (lambda path: path.write_bytes(b""), "cannot be read as one"),
    "text": (lambda path: path.write_text("weights, in words\n"), "cannot be read as one"),
    "foreign class": (lambda path: _saved(path, {"args": Foreign()}), "Foreign"),
    "first generation": (lambda path: _saved(path, {"model": nn.Linear(1, 1)}), "whole pickled module"),
    "list": (lambda path: _saved(path, [torch.zeros(1)]), "must hold a dict of named tensors; got list"),
    "fits no shape": (
        lambda path: _saved(path, {"a.weight": torch.zeros(3), "fc.weight": torch.zeros(2, 3)}),
        "its trunk must be one of",
    ),
    "text model without words": (
        lambda path: _saved(path, {"embedding.weight": torch.zeros(3, 2)}),
        "args_data must be a Namespace",
    ),
    "sparse": (lambda path: _saved(path, {"fc.weight": torch.eye(2).to_sparse()}), "must be a plain tensor"),
    "meta": (
        lambda path: _saved(path, {"fc.weight": torch.eye(2, device="meta")}),
        "must be a plain tensor",
    ),
    "nested tensors": (
        lambda path: _saved(
            path, torch.nested.nested_tensor([torch.ones(2), torch.ones(3)], layout=torch.jagged)
        ),
        "it asks for torch.",
    ),
    "expanded": (
        lambda path: _saved(path, {"fc.weight": torch.zeros(1).expand(10**12)}),
        "must not be larger than its content",
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_are_one_line_and_nothing_is_run_or_written(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    make, text = HOSTILE[name]
    make(tmp_path / "model.pth")
    faults = command("convert", "checkpoint", tmp_path / "model.pth", "--out", tmp_path / "run")
    assert len(faults) == 1
    assert faults[0].startswith(f"error: {tmp_path / 'model.pth'}: ")
    assert text in faults[0]
    assert [one.name for one in tmp_path.iterdir()] == ["model.pth"]


def test_a_missing_file_is_named(command: Command, tmp_path: Path) -> None:
    (fault,) = command("convert", "checkpoint", tmp_path / "none.pth", "--out", tmp_path / "run")
    assert fault == f"error: {tmp_path / 'none.pth'}: weights file not found"
