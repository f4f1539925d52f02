"""What `test_team.py` lets two processes do; says on standard output what each found."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import torch
from torch import nn

from emotionnet.config import DistributedConfig
from emotionnet.progress import message
from emotionnet.records import DataError, TrainingError
from emotionnet.training.joining import joined, launched
from emotionnet.training.learner import average_gradients, average_statistics
from emotionnet.training.team import Team, here


def found_by(team: Team, folder: Path) -> dict[str, Any]:
    made = folder / "made"

    def make() -> bool:
        there = made.exists()
        made.touch()
        return there

    message(f"rank {team.rank} speaks")
    return {
        "team": [team.rank, team.world, team.local_rank, team.local_world, team is here(), launched().writes],
        "counts": team.counts(team.rank + 5),
        "gathered": team.gathered({"rank": team.rank}),
        "collected": team.collected(team.rank + 1),
        "first": team.first(lambda: f"made by {team.rank}"),
        "each": team.each(make),
        **_averages(team.rank),
    }


def _averages(rank: int) -> dict[str, Any]:
    norms = nn.Sequential(nn.BatchNorm1d(1), nn.BatchNorm1d(1))
    norms[1].eval()  # one that is frozen
    for norm in norms:
        assert isinstance(norm, nn.BatchNorm1d)
        assert norm.running_mean is not None
        norm.running_mean.fill_(rank)
    average_statistics(norms, 2)
    weight, unused = torch.zeros(2, requires_grad=True), torch.zeros(1, requires_grad=True)
    weight.grad = torch.tensor([1.0, 3.0]) * rank
    average_gradients(torch.optim.SGD([weight, unused], lr=1.0))
    means = [norm.running_mean.item() for norm in norms]  # type: ignore[operator]
    return {"means": means, "gradient": weight.grad.tolist(), "unused": unused.grad}


def fails(team: Team, how: str) -> None:
    def rank_1() -> None:
        if team.rank == 1:
            raise DataError("rank 1 finds no pictures")

    def rank_0() -> None:
        raise TrainingError("the loss is not finite")

    if how == "interrupt":
        raise KeyboardInterrupt
    if how == "each":
        team.each(rank_1)
    else:
        team.first(rank_0)


def main(folder: Path, how: str) -> None:
    try:
        with joined(DistributedConfig(), folder / "run") as team:
            (folder / f"{team.rank}.json").write_text(json.dumps(found_by(team, folder)))
            fails(team, how)
    except (DataError, TrainingError, KeyboardInterrupt) as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201
        raise SystemExit(7) from None


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
