"""Checkpoints of the 2020 code's image network: what they hold, told from names and sizes of the tensors.

Names in a file are torchvision's for the trunk (`conv1.weight`, `layer1.0.conv1.weight`), and `fc`, `proj`
and `fc_aux` for the heads; ours are the same, the trunk's under `trunk.`. `weights.named_tensors` drops a
leading `module.`. A file is a dict with `state_dict`, `epoch`, `arch`, `best_prec1` and `optimizer`, or the
tensors alone. Shape letter: F = trunk features.
"""

from __future__ import annotations

import re
from collections import Counter, OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from emotionnet.models.description import MAX_SIZE
from emotionnet.models.network import EmotionNet
from emotionnet.models.trunks import create_trunk
from emotionnet.models.weights import named_tensors, put_tensors, read_tensors
from emotionnet.records import DataError
from emotionnet.runs import WEIGHTS

TRUNK = "trunk."
HEADS = ("fc", "proj", "fc_aux")
WORDS = "embedding.weight"  # only a text model has it
TRUNKS: Mapping[tuple[str, tuple[int, ...]], str] = {  # kind of block, and how many each stage has
    ("basic", (2, 2, 2, 2)): "resnet18",
    ("basic", (3, 4, 6, 3)): "resnet34",
    ("bottleneck", (3, 4, 6, 3)): "resnet50",
    ("bottleneck", (3, 4, 23, 3)): "resnet101",
    ("bottleneck", (3, 8, 36, 3)): "resnet152",
}
FEATURES = {"basic": 512, "bottleneck": 2048}
_CONVOLUTION = re.compile(r"trunk\.layer([1-4])\.(\d{1,3})\.conv([1-3])\.weight")


@dataclass(frozen=True)
class ImageSizes:
    """What a network is; `embedding_size` and `n_aux` are None where its shape has no such head."""

    trunk: str
    shape: str
    n_emotions: int
    embedding_size: int | None
    n_aux: int | None


def start_tensors(path: Path) -> dict[str, Tensor]:
    """Weights that a training can begin from, by the names of `EmotionNet` or `TextTeacher`.

    Args:
        path: A RUN folder, a safetensors file, or a PyTorch file of the 2020 code or ours.

    Raises:
        DataError: As `weights.read_tensors`.
    """
    return our_names(read_tensors(path / WEIGHTS if path.is_dir() else path))


def our_names(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same tensors by our names; a text model's, and those that have our names, stay as they are."""
    if WORDS in tensors or any(name.startswith(TRUNK) for name in tensors):
        return dict(tensors)
    return {name if name.partition(".")[0] in HEADS else TRUNK + name: one for name, one in tensors.items()}


def their_names(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Our tensors by the names of the 2020 code, without `module.`."""
    return {name.removeprefix(TRUNK): one for name, one in tensors.items()}


def read_image_checkpoint(content: object, path: Path) -> tuple[EmotionNet, ImageSizes, dict[str, Any]]:
    """Make an image network of what a file of the 2020 code holds, or weights of ours with such a trunk.

    Args:
        content: As `weights.read_content` gives it.
        path: The file that errors name.

    Returns:
        The network, in training mode; what it is; and the plain values beside its weights.

    Raises:
        DataError: It holds no tensors, or they fit no shape; one line.
    """
    tensors = our_names(named_tensors(content, path))
    beside = dict(content) if isinstance(content, Mapping) and "state_dict" in content else {}
    require_held(tensors, path)
    try:
        sizes = image_sizes(tensors, arch=str(beside.get("arch", "")))
        network = EmotionNet(
            create_trunk(sizes.trunk, "none"),
            sizes.shape,
            n_emotions=sizes.n_emotions,
            embedding_size=sizes.embedding_size,
            n_aux=sizes.n_aux,
        )
        put_tensors(network, tensors, sizes.trunk)
    except DataError as error:
        raise DataError(f"{path}: must be an image network of 2020; {'; '.join(error.faults)}") from None
    return network, sizes, beside


def image_sizes(tensors: Mapping[str, Tensor], *, arch: str = "") -> ImageSizes:
    """What a network is, by the names and sizes of its tensors.

    Args:
        tensors: By our names.
        arch: The architecture's name in the file. It is asked only where sizes leave 2branch and joint
            open: when the projection is as large as the feature.

    Raises:
        DataError: They fit no shape or no trunk; says why.
    """
    trunk, n_features = _trunk(tensors)
    heads = {name: _head(tensors, name) for name in HEADS if f"{name}.weight" in tensors}
    if "fc" not in heads:
        raise DataError("it must have the head fc; there is none")
    n_emotions, read_by_fc = heads["fc"]
    size, from_features = heads.get("proj", (None, n_features))
    n_aux, aux_from_features = heads.get("fc_aux", (None, n_features))
    if from_features != n_features or aux_from_features != n_features:
        raise DataError(f"proj and fc_aux must read the {n_features} features of {trunk}; they do not")
    shapes = {  # by which heads there are and what fc may read
        "plain": size is None and n_aux is None and read_by_fc == n_features,
        "2branch": size is not None and n_aux is None and read_by_fc == n_features,
        "joint": size is not None and n_aux is None and read_by_fc == size,
        "3branch": size is not None and n_aux is not None and read_by_fc == n_features,
    }
    fitting = [name for name, fits in shapes.items() if fits]
    if not fitting:
        found = f"fc reads {read_by_fc} of {n_features} features, heads are {', '.join(heads)}"
        raise DataError(f"its heads must be those of {', '.join(shapes)}; {found}")
    shape = "joint" if fitting == ["2branch", "joint"] and "joint" in arch else fitting[0]
    return ImageSizes(trunk, shape, n_emotions, size, n_aux)


def require_held(tensors: Mapping[str, Tensor], path: Path) -> None:
    """Check that tensors are plain ones, no larger than what the file holds of them.

    Raises:
        DataError: One is of another kind, or repeats its few values to a size of its own making.
    """
    for name, tensor in tensors.items():
        if tensor.is_meta or tensor.layout != torch.strided:
            raise DataError(f"{path}: {name:.60}: must be a plain tensor; it is of another kind")
        if tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes():
            claimed = f"it claims {tensor.numel():,} values"
            raise DataError(f"{path}: {name:.60}: must not be larger than its content; {claimed}")


def image_checkpoint(
    network: EmotionNet, sizes: ImageSizes, *, epoch: int, hit_rate: float
) -> dict[str, Any]:
    """A network as the dict that the 2020 code saves.

    Args:
        network: Its trunk is one of `TRUNKS`.
        sizes: What it is.
        epoch: How many epochs it trained.
        hit_rate: On validation, 0 to 1; the file says it in percent.
    """
    depth = sizes.trunk.removeprefix("resnet")
    return {
        "epoch": epoch,
        "arch": sizes.trunk if sizes.shape == "plain" else f"resnet_{sizes.shape}_{depth}",
        "state_dict": OrderedDict(
            (name, one.detach().cpu().contiguous().clone())
            for name, one in their_names(network.state_dict()).items()
        ),
        "best_prec1": 100 * hit_rate,
        "optimizer": {},
    }


def _trunk(tensors: Mapping[str, Tensor]) -> tuple[str, int]:
    """Name and F of the ResNet whose convolutions these are."""
    found = [match for name in tensors if (match := _CONVOLUTION.fullmatch(name))]
    kind = "bottleneck" if any(match[3] == "3" for match in found) else "basic"
    counts = Counter(match[1] for match in found if match[3] == "1")
    blocks = tuple(counts[stage] for stage in "1234")
    if (kind, blocks) not in TRUNKS:
        known = ", ".join(TRUNKS.values())
        raise DataError(f"its trunk must be one of {known}; got {kind} blocks {', '.join(map(str, blocks))}")
    return TRUNKS[kind, blocks], FEATURES[kind]


def _head(tensors: Mapping[str, Tensor], name: str) -> tuple[int, int]:
    """Sizes of what a head gives and what it reads."""
    shape = tuple(tensors[f"{name}.weight"].shape)
    if len(shape) != 2 or not all(1 <= size <= MAX_SIZE for size in shape):
        raise DataError(f"{name}.weight must have two sides from 1 to {MAX_SIZE}; got {shape!s:.60}")
    return shape[0], shape[1]
