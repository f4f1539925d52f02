"""Words that a person teaches an index by a handful of examples.

INDEX/taught/   one file for each word: its marks, the probe that they gave, and how good that is

Shape letters: N = pictures, F = features.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    from emotionnet.search.store import Index

Array = npt.NDArray[np.float32]


class Taught(BaseModel):
    """A word, its marks and its probe.

    `score` is the cross-validated average precision of the marks against the background, None with fewer
    than 3 yes (`why` says so); `chance` what random scores reach there.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    word: str
    yes: tuple[str, ...]
    no: tuple[str, ...]
    n_background: int
    score: float | None
    chance: float | None
    why: str
    weights: tuple[float, ...]
    intercept: float

    def probabilities(self, features_NF: Array) -> Array:
        """How likely each picture is one of the word's; float32, shape (N,)."""
        raise NotImplementedError

    def to_dict(self) -> dict[str, object]:
        """What a person is told of it; without the probe."""
        raise NotImplementedError


def teach(index: Index, word: str, yes: Sequence[str], no: Sequence[str] = ()) -> Taught:
    """Train a probe for a word from marked pictures, and keep it in the INDEX."""
    raise NotImplementedError


def taught_words(folder: Path) -> dict[str, Taught]:
    """The words taught to an INDEX, by word, in alphabetical order."""
    raise NotImplementedError


def forget(folder: Path, word: str) -> None:
    """Delete a taught word."""
    raise NotImplementedError
