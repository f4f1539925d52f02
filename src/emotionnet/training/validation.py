"""Validation: each process its part, every sample once, one result."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from emotionnet.data.loaders import Batch
from emotionnet.progress import track
from emotionnet.records import DataError
from emotionnet.training.parts import Part
from emotionnet.training.tally import Means
from emotionnet.training.team import Team


@dataclass
class Outputs:
    """What a process found; shape letters: M = its samples, C = emotions, K = dimensions."""

    means: dict[str, Any] = field(default_factory=dict)
    scores: list[npt.NDArray[np.float32]] = field(default_factory=list)
    dimensions: list[npt.NDArray[np.float32]] = field(default_factory=list)
    indices: list[npt.NDArray[np.int64]] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)


def outputs_of(part: Part, team: Team, forward: Callable[[Batch], Any], place: str) -> Outputs:
    """What a module says of this process's part of a split.

    Args:
        part: The split.
        team: Who else validates.
        forward: The module's output for a batch that is not empty.
        place: Where this process is, for the others.
    """
    found, means = Outputs(), Means()
    scores: list[Tensor] = []
    dimensions: list[Tensor] = []
    batches = track(
        part.loader, "validation", part.order.count, amount=lambda one: len(one) * team.world, unit="images"
    )
    team.at(place, patient=True)
    for step, batch in enumerate(batches):
        team.at(place, patient=not step)
        found.skipped.extend(batch.skipped)
        if len(batch):
            output = forward(batch)
            means.add(part.objective.losses(output, batch.indices), len(batch), step)
            scores.append(output.scores.float())
            if getattr(output, "dimensions", None) is not None:
                dimensions.append(output.dimensions.float())
            found.indices.append(batch.indices.numpy())
    found.means = means.kept()
    found.scores, found.dimensions = _on_cpu(scores), _on_cpu(dimensions)
    return found


def results(part: Part, every: Sequence[Outputs], diverged: Callable[[], NoReturn]) -> dict[str, float]:
    """Means and scores of a whole split.

    Args:
        part: The split.
        every: What each process found.
        diverged: Called where a score is not finite.

    Raises:
        DataError: No sample could be read.
    """
    indices = [rows for one in every for rows in one.indices]
    if not indices:
        raise DataError(
            f"at least one validation picture must be readable; {[*every[0].skipped, *every[-1].skipped][-1]}"
        )
    order = slice(None) if len(every) == 1 else np.argsort(np.concatenate(indices), kind="stable")
    scores_MC, told_MK = (
        np.concatenate(rows)[order] if rows else None
        for rows in (
            [rows for one in every for rows in getattr(one, name)] for name in ("scores", "dimensions")
        )
    )
    assert scores_MC is not None  # where there are samples
    if not all(np.isfinite(rows).all() for rows in (scores_MC, told_MK) if rows is not None):
        diverged()
    scores = part.objective.scores(scores_MC, np.concatenate(indices)[order], told_MK)
    means = Means.joined([one.means for one in every]).result("val")
    return {**means, **{f"val.{name}": value for name, value in scores.items()}}


def _on_cpu(batches: Sequence[Tensor]) -> list[npt.NDArray[np.float32]]:
    return [torch.cat(list(batches)).cpu().numpy()] if batches else []
