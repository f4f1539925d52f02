from __future__ import annotations

import collections
from pathlib import Path
from typing import Any

import pytest
import torch
import torchvision
from torch import Tensor, nn

from emotionnet.data.seeding import torch_seed
from emotionnet.models.checkpoints_2020 import (
    ImageSizes,
    image_checkpoint,
    image_sizes,
    our_names,
    read_image_checkpoint,
    start_tensors,
    their_names,
)
from emotionnet.models.network import EmotionNet
from emotionnet.models.weights import read_content, save_weights
from emotionnet.records import DataError


@pytest.mark.parametrize("prefix", ["", "module."])
@pytest.mark.parametrize("wrapped", [False, True])
def test_a_training_begins_from_a_2020_file_by_our_names(tmp_path: Path, prefix: str, wrapped: bool) -> None:
    names = ("conv1.weight", "layer1.0.bn1.running_var", "fc.weight", "proj.bias", "fc_aux.bias")
    state = {prefix + name: torch.full((1,), float(place)) for place, name in enumerate(names)}
    torch.save({"state_dict": state, "epoch": 3} if wrapped else state, tmp_path / "old.pth.tar")
    found = start_tensors(tmp_path / "old.pth.tar")
    assert {name: int(tensor) for name, tensor in found.items()} == {
        "trunk.conv1.weight": 0,
        "trunk.layer1.0.bn1.running_var": 1,
        "fc.weight": 2,
        "proj.bias": 3,
        "fc_aux.bias": 4,
    }
    assert [*their_names(found)] == [*names]


def test_a_run_and_a_text_model_keep_their_names(tmp_path: Path) -> None:
    module = torch.nn.ModuleDict({"trunk": torch.nn.Linear(2, 2), "fc": torch.nn.Linear(2, 1)})
    save_weights(module, tmp_path / "model.safetensors")
    names = {"trunk.weight", "trunk.bias", "fc.weight", "fc.bias"}
    assert set(start_tensors(tmp_path)) == set(start_tensors(tmp_path / "model.safetensors")) == names
    text = {"embedding.weight": torch.zeros(3, 2), "conv.bias": torch.zeros(2)}
    assert [*our_names(text)] == [*text]


class Old(nn.Module):
    """The network of 2020, in a few lines of torchvision: its body, and the heads of a shape."""

    def __init__(self, depth: int, shape: str, classes: int, size: int = 300, aux: int = 8) -> None:
        super().__init__()
        body = getattr(torchvision.models, f"resnet{depth}")(weights=None)
        features = body.fc.in_features
        for name, part in body.named_children():
            self.add_module(name, part)
        self.shape = shape
        self.fc = nn.Linear(size if shape == "joint" else features, classes)
        if shape != "plain":
            self.proj = nn.Linear(features, size)
        if shape == "3branch":
            self.fc_aux = nn.Linear(features, aux)

    def forward(self, x: Tensor) -> tuple[Tensor | None, ...]:
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))  # type: ignore[operator]
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))  # type: ignore[operator]
        f = x.mean(dim=(2, 3))
        projection = self.proj(f) if self.shape != "plain" else None
        scores = self.fc(projection if self.shape == "joint" else f)
        return f, scores, projection, self.fc_aux(f) if self.shape == "3branch" else None


def old(depth: int, shape: str, classes: int = 690, size: int = 300, aux: int = 8) -> Old:
    """One with weights of seed 0, statistics of BatchNorm included, in evaluation mode."""
    with torch_seed(0):
        network = Old(depth, shape, classes, size, aux)
        for name, tensor in network.state_dict().items():
            if "bn" in name and tensor.is_floating_point():
                tensor.uniform_(0.5, 1.5)
    return network.eval()


def read(path: Path) -> tuple[EmotionNet, ImageSizes, dict[str, Any]]:
    return read_image_checkpoint(read_content(path), path)


SHAPES = ("plain", "2branch", "joint", "3branch")


def write(path: Path, network: nn.Module, *, prefix: str = "", bare: bool = False) -> Path:
    state = collections.OrderedDict((prefix + name, one) for name, one in network.state_dict().items())
    torch.save(
        state if bare else {"epoch": 7, "arch": "resnet", "state_dict": state, "best_prec1": 61.5}, path
    )
    return path


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("depth", "pixels"), [(18, 224), (50, 64)])
def test_every_shape_gives_what_torchvision_gives(
    tmp_path: Path, shape: str, depth: int, pixels: int
) -> None:
    theirs = old(depth, shape)
    network, _, _ = read(write(tmp_path / "a.pth", theirs))
    images = torch.randn(2, 3, pixels, pixels, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        pairs = zip(network.eval()(images), (*theirs(images), None), strict=True)
    for ours, expected in pairs:
        assert (ours is None) == (expected is None)
        if ours is not None:
            assert ours.shape == expected.shape
            assert (ours - expected).abs().max() <= 1e-5 * expected.abs().max()


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("prefix", ["", "module."])
@pytest.mark.parametrize("bare", [False, True])
def test_shape_and_sizes_are_told_from_names(tmp_path: Path, shape: str, prefix: str, bare: bool) -> None:
    theirs = old(18, shape, classes=6, size=20, aux=690)
    network, sizes, beside = read(write(tmp_path / "a.pth", theirs, prefix=prefix, bare=bare))
    assert sizes == ImageSizes(
        trunk="resnet18",
        shape=shape,
        n_emotions=6,
        embedding_size=None if shape == "plain" else 20,
        n_aux=690 if shape == "3branch" else None,
    )
    assert beside.get("best_prec1") == (None if bare else 61.5)
    found = their_names(network.state_dict())
    assert found.keys() == theirs.state_dict().keys()
    assert all(torch.equal(found[name], one) for name, one in theirs.state_dict().items())


@pytest.mark.parametrize("depth", [18, 34, 50, 101, 152])
def test_every_depth_is_told_and_fits(tmp_path: Path, depth: int) -> None:
    body = getattr(torchvision.models, f"resnet{depth}")(weights=None, num_classes=5)
    old_state = {  # as files from before PyTorch 0.4.1 are
        name: one for name, one in body.state_dict().items() if not name.endswith("num_batches_tracked")
    }
    torch.save(old_state, tmp_path / "a.pth")
    _, sizes, _ = read(tmp_path / "a.pth")
    assert sizes == ImageSizes(f"resnet{depth}", "plain", 5, None, None)


@pytest.mark.parametrize(("arch", "shape"), [("resnet_2branch_18", "2branch"), ("resnet_joint_18", "joint")])
def test_the_architecture_s_name_decides_where_sizes_do_not(arch: str, shape: str) -> None:
    tensors = our_names(old(18, "joint", classes=3, size=512).state_dict())
    assert image_sizes(tensors, arch=arch).shape == shape


@pytest.mark.parametrize("shape", SHAPES)
def test_back_and_forth_keeps_every_tensor(tmp_path: Path, shape: str) -> None:
    network, sizes, _ = read(write(tmp_path / "a.pth", old(18, shape, 4, 12, 8)))
    content = image_checkpoint(network, sizes, epoch=3, hit_rate=0.25)
    assert (content["epoch"], content["best_prec1"], content["optimizer"]) == (3, 25.0, {})
    assert content["arch"] == ("resnet18" if shape == "plain" else f"resnet_{shape}_18")
    torch.save(content, tmp_path / "b.pth")
    again, sizes_again, _ = read(tmp_path / "b.pth")
    assert sizes_again == sizes
    state = network.state_dict()
    assert all(torch.equal(state[name], one) for name, one in again.state_dict().items())


def change(**tensors: Tensor | None) -> dict[str, Tensor]:
    """A 2branch network's tensors, some of them changed or, where None, taken out; `__` is a dot."""
    state = dict(old(18, "2branch", 4, 12).state_dict())
    changes = {name.replace("__", "."): one for name, one in tensors.items()}
    return {name: one for name, one in (state | changes).items() if one is not None}


MISFITS = {
    "no fc": (change(fc__weight=None, fc__bias=None), "it must have the head fc; there is none"),
    "no trunk": ({"fc.weight": torch.zeros(2, 3)}, "got basic blocks 0, 0, 0, 0"),
    "aux alone": (
        change(proj__weight=None, proj__bias=None, fc_aux__weight=torch.zeros(8, 512)),
        "fc reads 512 of 512 features, heads are fc, fc_aux",
    ),
    "fc reads something": (change(fc__weight=torch.zeros(4, 7)), "fc reads 7 of 512 features"),
    "proj reads something": (change(proj__weight=torch.zeros(12, 7)), "must read the 512 features"),
    "one axis": (change(fc__weight=torch.zeros(4)), r"fc.weight must have two sides .*; got \(4,\)"),
    "other bias": (change(fc__bias=torch.zeros(5)), r"fc.bias must be \(4,\), got \(5,\)"),
    "other width": (change(conv1__weight=torch.zeros(3, 3, 7, 7)), "conv1.weight must be"),
    "further": (change(layer5__0__weight=torch.zeros(3)), r"unexpected \(1\): trunk.layer5.0.weight"),
    "missing": (change(bn1__bias=None), r"missing \(1\): trunk.bn1.bias"),
    "expanded": (change(fc__weight=torch.zeros(1, 1).expand(60_000, 512)), "must not be larger than"),
    "sparse": (change(fc__bias=torch.zeros(4).to_sparse()), "fc.bias: must be a plain tensor"),
    "meta": (change(fc__bias=torch.zeros(4, device="meta")), "fc.bias: must be a plain tensor"),
    "not finite": (change(fc__bias=torch.full((4,), torch.inf)), "weights must be finite"),
    "integers": (change(fc__bias=torch.zeros(4, dtype=torch.int64)), "must be a plain float tensor"),
}


@pytest.mark.parametrize("name", MISFITS)
def test_tensors_that_fit_no_shape_are_one_line(tmp_path: Path, name: str) -> None:
    state, text = MISFITS[name]
    torch.save({"state_dict": state}, tmp_path / "a.pth")
    with pytest.raises(DataError, match=text) as error:
        read(tmp_path / "a.pth")
    assert len(error.value.faults) == 1
    assert str(error.value).startswith(f"{tmp_path / 'a.pth'}: ")
