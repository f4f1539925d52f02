from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import torch
import torchvision
from torch import nn

import emotionnet
from emotionnet.emotions import LABEL_SETS
from emotionnet.files import read_json
from emotionnet.inference.conversion import convert_back, convert_checkpoint
from emotionnet.models.description import ImageModel, read_description
from emotionnet.models.weights import read_tensors, read_torch
from emotionnet.records import DataError
from emotionnet.runs import is_run, require_run


def old(path: Path, *, classes: int = 4, aux: int | None = 8, size: int | None = 300, **beside: Any) -> Path:
    """A ResNet-18 of 2020 with the heads that have a size."""
    network = torchvision.models.resnet18(weights=None, num_classes=classes)
    if size is not None:
        network.proj = nn.Linear(512, size)
    if aux is not None:
        network.fc_aux = nn.Linear(512, aux)
    torch.save({"epoch": 7, "arch": "x", "state_dict": network.state_dict(), **beside}, path)
    return path


def test_a_checkpoint_becomes_a_run(tmp_path: Path) -> None:
    file = old(tmp_path / "a.pth.tar", best_prec1=torch.tensor(61.5))
    told = convert_checkpoint(file, tmp_path / "run")
    assert told == {
        "kind": "image",
        "shape": "3branch",
        "trunk": "resnet18",
        "classes": 4,
        "embedding_size": 300,
        "aux_classes": 8,
    }
    require_run(tmp_path / "run")
    assert is_run(tmp_path / "run")
    model = read_description(tmp_path / "run", ImageModel)
    assert model.emotions == ("class_0", "class_1", "class_2", "class_3")
    assert model.aux_emotions == LABEL_SETS["se30k8"]
    assert (model.preprocessing.image_size, model.preprocessing.crop_pct) == (224, 0.875)
    assert read_json(tmp_path / "run" / "metrics.json") == {"val.hit_rate": 0.615, "val.best_epoch": 7}
    assert read_json(tmp_path / "run" / "manifest.json")["source"]["file"] == "a.pth.tar"
    network = emotionnet.load(tmp_path / "run").require_network()
    out = network(torch.zeros(2, 3, 224, 224))
    assert [*map(tuple, (out.features.shape, out.scores.shape))] == [(2, 512), (2, 4)]
    assert (tuple(out.projection.shape), tuple(out.aux_scores.shape)) == ((2, 300), (2, 8))


@pytest.mark.parametrize(
    ("aux", "expected"), [(None, None), (4, ("a", "b", "c", "d")), (3, ("aux_0", "aux_1", "aux_2"))]
)
def test_names_of_classes(tmp_path: Path, aux: int | None, expected: tuple[str, ...] | None) -> None:
    file = old(tmp_path / "a.pth", aux=aux)
    convert_checkpoint(file, tmp_path / "run", labels=("a", "b", "c", "d"))
    model = read_description(tmp_path / "run", ImageModel)
    assert (model.emotions, model.aux_emotions) == (("a", "b", "c", "d"), expected)


@pytest.mark.parametrize("labels", [("a", "b"), ("a", "b", "c", "a")])
def test_other_numbers_of_names_are_refused(tmp_path: Path, labels: tuple[str, ...]) -> None:
    file = old(tmp_path / "a.pth")
    with pytest.raises(DataError, match="labels must name its 4 classes, each once; got"):
        convert_checkpoint(file, tmp_path / "run", labels=labels)
    assert not (tmp_path / "run").exists()


def test_names_must_be_texts_that_a_file_can_hold(tmp_path: Path) -> None:
    file = old(tmp_path / "a.pth")
    with pytest.raises(DataError, match=r"labels must be texts that a file can hold; got 'c\\ud800'"):
        convert_checkpoint(file, tmp_path / "run", labels=("a", "b", "c\ud800", "d"))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("score", [None, "61.5x", -3, 10**400, torch.zeros(3), float("nan")])
def test_a_score_that_is_none_is_left_out(tmp_path: Path, score: object) -> None:
    convert_checkpoint(old(tmp_path / "a.pth", best_prec1=score), tmp_path / "run")
    assert read_json(tmp_path / "run" / "metrics.json") == {"val.best_epoch": 7}


def test_a_score_may_be_a_parameter(tmp_path: Path) -> None:
    convert_checkpoint(old(tmp_path / "a.pth", best_prec1=nn.Parameter(torch.tensor(50.0))), tmp_path / "run")
    assert read_json(tmp_path / "run" / "metrics.json") == {"val.best_epoch": 7, "val.hit_rate": 0.5}


def test_only_a_run_is_replaced_and_only_when_asked(tmp_path: Path) -> None:
    file = old(tmp_path / "a.pth")
    convert_checkpoint(file, tmp_path / "run")
    with pytest.raises(DataError, match="holds a run already"):
        convert_checkpoint(file, tmp_path / "run", labels=("a", "b", "c", "d"))
    convert_checkpoint(file, tmp_path / "run", labels=("a", "b", "c", "d"), overwrite=True)
    assert read_description(tmp_path / "run", ImageModel).emotions == ("a", "b", "c", "d")
    before = sorted(os.listdir(tmp_path / "run"))  # noqa: PTH208
    (tmp_path / "broken.pth").write_bytes(file.read_bytes()[:5000])
    with pytest.raises(DataError, match=r"broken\.pth"):
        convert_checkpoint(tmp_path / "broken.pth", tmp_path / "run", overwrite=True)
    assert sorted(os.listdir(tmp_path / "run")) == before  # noqa: PTH208


def test_back_and_forth(tmp_path: Path) -> None:
    file = old(tmp_path / "a.pth", best_prec1=61.5)
    convert_checkpoint(file, tmp_path / "run")
    convert_back(tmp_path / "run", tmp_path / "b.pth")
    first, second = read_tensors(file), read_tensors(tmp_path / "b.pth")
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], one) for name, one in second.items())
    content: Any = read_torch(tmp_path / "b.pth")
    assert (content["epoch"], content["arch"], content["optimizer"]) == (7, "resnet_3branch_18", {})
    assert content["best_prec1"] == pytest.approx(61.5)
    with pytest.raises(DataError, match=r"b\.pth: must be a new file; it exists already"):
        convert_back(tmp_path / "run", tmp_path / "b.pth")
    convert_back(tmp_path / "run", tmp_path / "b.pth", overwrite=True)
    with pytest.raises(DataError, match="must be a new file; it is a folder"):
        convert_back(tmp_path / "run", tmp_path, overwrite=True)
