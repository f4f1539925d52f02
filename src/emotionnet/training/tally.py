"""Numbers of an epoch; they stay on the device until asked for, since reading one waits for its work."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Self

import torch
from torch import Tensor


class Means:
    """Means of scalars over samples.

    They stay where they were computed until the end, then are summed up in float64 on the CPU: a step waits
    for no transfer, and a device without float64 will do.
    """

    def __init__(self) -> None:
        self.values: dict[str, list[Tensor]] = {}
        self.samples: list[int] = []
        self.steps: list[int] = []

    @classmethod
    def joined(cls, parts: Sequence[Mapping[str, Any]]) -> Self:
        """The means of what several have `kept`, step after step; of one step in the order given.

        So the last bits hang neither on who had which nor on where an epoch was interrupted.
        """
        found = cls()
        rows = [(part, row, step) for part in parts for row, step in enumerate(part.get("steps", ()))]
        for part, row, step in sorted(rows, key=lambda one: one[2]):
            terms = {name: values[row] for name, values in part["values"].items()}
            found.add(terms, part["samples"][row], step)
        return found

    def kept(self) -> dict[str, Any]:
        """Plain values and tensors on the CPU, for a checkpoint or another process; see `joined`."""
        values = {name: torch.stack(values).cpu() for name, values in self.values.items()}
        return {"values": values, "samples": list(self.samples), "steps": list(self.steps)}

    def add(self, terms: Mapping[str, Tensor], samples: int, step: int) -> None:
        """Take the means of a step's samples down."""
        for name, value in terms.items():
            self.values.setdefault(name, []).append(value)
        self.samples.append(samples)
        self.steps.append(step)

    def result(self, prefix: str) -> dict[str, float]:
        return {f"{prefix}.{name}": self._mean(values) for name, values in self.values.items()}

    def _mean(self, values: list[Tensor]) -> float:
        total = 0.0
        for value, samples in zip(torch.stack(values).tolist(), self.samples, strict=True):
            total += value * samples
        return total / sum(self.samples)


class Watch:
    """Scalars that must be finite, looked at in one transfer for many steps."""

    def __init__(self) -> None:
        self.places: list[tuple[str, int, int]] = []
        self.values: list[Tensor] = []

    def add(self, name: str, value: Tensor, at: tuple[int, int]) -> None:
        """Take a scalar down, with its name, and epoch and step from 0."""
        self.places.append((name, *at))
        self.values.append(value.detach().float())

    def first_fault(self) -> str | None:
        """The first since the last look that is not finite, and where; None: all are."""
        places, values = self.places, torch.stack(self.values).tolist() if self.values else []
        self.places, self.values = [], []
        faults = (
            f"{name} is {value} in epoch {epoch + 1}, step {step + 1}"
            for (name, epoch, step), value in zip(places, values, strict=True)
            if not math.isfinite(value)
        )
        return next(faults, None)


def line(entry: Mapping[str, float], epochs: int) -> str:
    """An epoch for the person who waits: the numbers that most look at."""
    parts = [f"epoch {entry['epoch'] + 1:.0f}/{epochs}"]
    names = ("train.loss", "val.loss", "val.macro_map", "val.hit_rate", "val.ccc")
    parts += [f"{name} {entry[name]:.4f}" for name in names if name in entry]
    return "  ".join([*parts, f"{entry['images_per_second']:.0f}/s"])
