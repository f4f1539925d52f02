"""What a run needs to go on exactly where it was: one file, written whole, read safely."""

from __future__ import annotations

import io
import pickle
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from emotionnet.files import write_bytes
from emotionnet.records import DataError

LAST = "last.pt"
BEST = "best.safetensors"


@dataclass
class State:
    """A run after `epoch` whole epochs; plain values and tensors only."""

    module: dict[str, Any]
    optimizer: dict[str, Any]
    epoch: int = 0
    best_score: float = -1.0
    best_epoch: int = 0
    history: list[dict[str, float]] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)


def write_state(path: Path, state: State) -> None:
    """Write a checkpoint whole or not at all."""
    buffer = io.BytesIO()
    torch.save(asdict(state), buffer)
    write_bytes(path, buffer.getvalue())


def read_state(path: Path) -> State:
    """Read a checkpoint; nothing in it is run.

    Raises:
        DataError: The file is broken or holds something else.
    """
    try:
        return State(**torch.load(path, map_location="cpu", weights_only=True))
    except (OSError, RuntimeError, pickle.UnpicklingError, TypeError, EOFError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise DataError(f"{path}: must be a checkpoint of this version; {reason}") from None
