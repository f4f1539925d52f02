from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import batch_norm, linear, relu

from emotionnet.models.description import Domain, TextModel
from emotionnet.models.text_checkpoints_2020 import is_text, read_text_checkpoint, text_checkpoint
from emotionnet.models.weights import read_content
from emotionnet.records import DataError
from emotionnet.text.teacher import pack

TAGS = ("sea", "storm", "Xmas", "child")
LENGTH, WIDTH, SIZE, CLASSES = 6, 5, 3, 8


def state(architecture: str) -> dict[str, Tensor]:
    """Weights by the names of 2020, from their sizes alone."""
    rng, width = torch.Generator().manual_seed(3), SIZE if architecture == "avg" else WIDTH
    sizes: dict[str, tuple[int, ...]] = {"embedding.weight": (len(TAGS) + 2, SIZE)}
    if architecture != "avg":
        sizes |= {"conv.weight": (width, 1, SIZE), "conv.bias": (width,)}
    sizes |= {f"bn.{name}": (width,) for name in ("weight", "bias", "running_mean", "running_var")}
    if architecture == "nlt-dan":
        sizes |= {"fc_m.weight": (width, width), "fc_m.bias": (width,)}
    sizes |= {"fc.weight": (CLASSES, width), "fc.bias": (CLASSES,)}
    made = {name: torch.rand(size, generator=rng) for name, size in sizes.items()}
    made["embedding.weight"][-1] = 0
    return made


def old(architecture: str = "nlt", **changes: Any) -> dict[str, Any]:
    data = {
        "vocab": list(TAGS),
        "tag2idx": {tag: index for index, tag in enumerate(TAGS)},
        "idx2tag": dict(enumerate(TAGS)),
        "classes": list(range(CLASSES)),
    }
    model = {
        "max_len": LENGTH,
        "word_dim": SIZE,
        "filter_num": WIDTH,
        "vocab_size": len(TAGS),
        "num_classes": CLASSES,
        "dropout_prob": 0.5,
        "static": True,
        "in_channel": 1,
    }
    data |= {name: value for name, value in changes.items() if name in data}
    model |= {name: value for name, value in changes.items() if name in model}
    return {
        "state_dict": state(architecture) | changes.get("tensors", {}),
        "args_data": Namespace(**data),
        "args_model": Namespace(**model),
    }


def literal_scores(weights: dict[str, Tensor], ids: list[int]) -> Tensor:
    """The model of section 4 for one sentence, padded to its full length."""
    padded = torch.tensor([*ids, *[len(TAGS) + 1] * (LENGTH - len(ids))])
    features = weights["embedding.weight"][padded]
    if "conv.weight" in weights:
        features = relu(linear(features, weights["conv.weight"][:, 0], weights["conv.bias"]))
    mean = features.mean(dim=0, keepdim=True)
    centre, spread = weights["bn.running_mean"], weights["bn.running_var"]
    f = batch_norm(mean, centre, spread, weights["bn.weight"], weights["bn.bias"])
    if "fc_m.weight" in weights:
        f = linear(f, weights["fc_m.weight"], weights["fc_m.bias"])
    return linear(f, weights["fc.weight"], weights["fc.bias"])[0]


@pytest.mark.parametrize("architecture", ["nlt", "nlt-dan", "avg"])
def test_a_file_of_2020_gives_the_model_of_2020(tmp_path: Path, architecture: str) -> None:
    torch.save(old(architecture), tmp_path / "a.pth", _use_new_zipfile_serialization=False)
    content = read_content(tmp_path / "a.pth")
    assert is_text(content)
    teacher, sizes = read_text_checkpoint(content, tmp_path / "a.pth")
    assert (sizes.architecture, sizes.tags, sizes.classes) == (architecture, TAGS, None)
    assert (sizes.n_classes, sizes.word_dim, sizes.max_tags) == (CLASSES, SIZE, LENGTH)
    bags = [[0, 2], [], [4, 1, 1, 3]]
    with torch.no_grad():
        found = teacher.eval()(*pack(bags)).scores
    expected = torch.stack([literal_scores(state(architecture), bag) for bag in bags])
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("architecture", ["nlt", "nlt-dan", "avg"])
def test_back_and_forth_keeps_everything(tmp_path: Path, architecture: str) -> None:
    names = [f"emotion {number}" for number in range(CLASSES)]
    content = old(architecture, classes=names, static=False, dropout_prob=0.25)
    teacher, sizes = read_text_checkpoint(content, Path("a.pth"))
    model = TextModel(
        architecture=sizes.architecture,
        emotions=sizes.classes,
        tags=sizes.tags,
        word_dim=sizes.word_dim,
        width=sizes.width,
        max_tags=sizes.max_tags,
        dropout=sizes.dropout,
        static=sizes.static,
        domain=Domain(dataset="", data_hash="", licences={}, unseen=()),
    )
    torch.save(text_checkpoint(teacher, model), tmp_path / "b.pth")
    again: Any = read_content(tmp_path / "b.pth")
    assert again["args_data"] == content["args_data"]
    expected = vars(content["args_model"]) | {"filter_num": SIZE if architecture == "avg" else WIDTH}
    assert vars(again["args_model"]) == expected
    assert all(torch.equal(again["state_dict"][name], one) for name, one in content["state_dict"].items())
    assert read_text_checkpoint(again, Path("b.pth"))[1] == sizes


@pytest.mark.parametrize(
    ("classes", "expected"),
    [
        (["b", "a"], ("b", "a")),
        ({"b": 1, "a": 0}, ("a", "b")),
        ({"a": "x", "b": "y"}, ("a", "b")),
        (["a", "a"], None),
        (["a"], None),
        (["a", "\ud800"], None),
        ("ab", None),
        (None, None),
    ],
)
def test_classes_have_names_where_the_file_has_them(classes: Any, expected: tuple[str, ...] | None) -> None:
    tensors = {"fc.weight": torch.zeros(2, WIDTH), "fc.bias": torch.zeros(2)}
    _, sizes = read_text_checkpoint(old(classes=classes, tensors=tensors), Path("a.pth"))
    assert sizes.classes == expected


def without(name: str) -> Callable[[], dict[str, Any]]:
    def make() -> dict[str, Any]:
        content = old()
        del content[name]
        return content

    return make


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (without("args_data"), "args_data must be a Namespace; got NoneType"),
        (without("args_model"), "args_model must be a Namespace; got NoneType"),
        (lambda: old(idx2tag={0: "sea"}), "must name 4 tags, two fewer than rows; got 1"),
        (lambda: old(idx2tag={5: "a", 1: "b", 2: "c", 3: "d"}), "that of 0 is none"),
        (lambda: old(idx2tag=["a", "b", "a", "c"]), "some stand twice"),
        (lambda: old(idx2tag="abcd"), "must name 4 tags"),
        (lambda: old(idx2tag=["a", "b", "\ud800", "c"]), "must name a tag for every id; that of 2 is none"),
        (lambda: old(tag2idx={"sea": 3}), "args_data.tag2idx and idx2tag must agree"),
        (lambda: old(max_len=10**9), "args_model.max_len must be a number from 1 to 65536; got 1000000000"),
        (lambda: old(dropout_prob="x"), "args_model.dropout_prob must be a number from 0 to 1; got 'x'"),
        (lambda: old(tensors={"fc.weight": torch.zeros(4)}), r"fc.weight must have two sides .* got \(4,\)"),
        (lambda: old(tensors={"bn.weight": torch.zeros(4)}), r"nlt: weights must fit: .*bn.weight must be"),
        (lambda: old(tensors={"embedding.weight": torch.ones(6, SIZE)}), "that of padding, must be zero"),
        (lambda: old(tensors={"fc.bias": torch.zeros(1).expand(CLASSES)}), "must not be larger than its"),
    ],
)
def test_faults_are_one_line(make: Callable[[], dict[str, Any]], text: str) -> None:
    with pytest.raises(DataError, match=text) as error:
        read_text_checkpoint(make(), Path("a.pth"))
    assert len(error.value.faults) == 1
    assert str(error.value).startswith("a.pth: ")


def test_an_image_checkpoint_is_none_of_text() -> None:
    assert not is_text({"state_dict": {"fc.weight": torch.zeros(1)}})
    assert not is_text([1])
    assert is_text({"module.embedding.weight": torch.zeros(1)})
