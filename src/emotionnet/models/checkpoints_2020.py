"""The 2020 code's checkpoints: the image network's files, and what is known from their tensors alone.

Names in a file are torchvision's for the trunk (`conv1.weight`, `layer1.0.conv1.weight`), and `fc`, `proj` and
`fc_aux` for the heads; ours are the same, the trunk's under `trunk.`. `weights.read_tensors` drops a leading
`module.`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from emotionnet.models.weights import read_tensors
from emotionnet.runs import WEIGHTS

TRUNK = "trunk."
HEADS = ("fc", "proj", "fc_aux")
WORDS = "embedding.weight"  # only a text model has it


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
