"""What a run needs to go on exactly where it was: one file, written whole, read safely."""

from __future__ import annotations

import copy
import io
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch

from emotionnet.files import write_bytes
from emotionnet.models.weights import read_torch
from emotionnet.records import DataError

LAST = "last.pt"
BEST = "best.safetensors"


@dataclass
class State:
    """A run after `epoch` whole epochs; plain values and tensors only.

    `start` batches of the next epoch are done, too, and `means` are what they left of it.
    """

    module: dict[str, Any]
    optimizer: dict[str, Any]
    epoch: int = 0
    best_score: float = -1.0
    best_epoch: int = 0
    history: list[dict[str, float]] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    tutor: dict[str, Any] = field(default_factory=dict)
    start: int = 0
    means: dict[str, Any] = field(default_factory=dict)


LATER: Mapping[str, Any] = MappingProxyType(
    {"tutor": {}, "start": 0, "means": {}}
)  # fields of later versions


def write_state(path: Path, state: State) -> None:
    """Write a checkpoint whole or not at all."""
    buffer = io.BytesIO()
    torch.save(vars(state), buffer)
    write_bytes(path, buffer.getvalue())


def begun(path: Path) -> State:
    """Where a run is: at its checkpoint, or at its beginning without one."""
    return read_state(path) if path.is_file() else State(module={}, optimizer={})


def read_state(path: Path) -> State:
    """Read a checkpoint; nothing in it is run.

    Raises:
        DataError: The file is broken or holds something else.
    """
    content = read_torch(path)
    names = {field.name for field in fields(State)}
    if isinstance(content, dict):
        content = {**copy.deepcopy(dict(LATER)), **content}
    if not isinstance(content, dict) or set(content) != names:
        raise DataError(
            f"{path}: must be a checkpoint with {', '.join(sorted(names))}; it holds something else"
        )
    return State(**content)
