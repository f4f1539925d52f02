"""What a prediction looks like: one form for Python, the command line and REST."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True)
class Score:
    """A name and how well it fits: a probability (0..1) or a cosine (-1..1); or a dimension and its value."""

    name: str
    value: float


@dataclass(frozen=True, slots=True)
class Domain:
    """How far a picture is from those that the model was trained on (`guard.Guard`).

    `trained_on` names these; empty where it is unknown. Both numbers are distances of that guard.
    """

    trained_on: str
    distance: float
    threshold: float

    @property
    def outside(self) -> bool:
        """Whether the picture is unlike those of training."""
        return self.distance > self.threshold

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return {
            "trained_on": self.trained_on,
            "outside": self.outside,
            "distance": self.distance,
            "threshold": self.threshold,
        }


def domain_note(trained_on: str) -> str:
    """What to say of a picture that is outside, behind its name or 'This picture is'."""
    return (
        f"unlike {_pictures_of(trained_on)} that this model was trained on: do not rely on what it says of it"
    )


def domains_note(domains: Sequence[Domain | None], model: str) -> str:
    """The same of many pictures, `model` being what the caller calls it; empty where none is outside."""
    outside = [domain for domain in domains if domain is not None and domain.outside]
    if not outside:
        return ""
    those, verb = _pictures_of(outside[0].trained_on), "is" if len(outside) == 1 else "are"
    return (
        f"{len(outside)} of {len(domains)} pictures {verb} unlike {those} that {model} was trained on: "
        "do not rely on what it says there"
    )


def _pictures_of(trained_on: str) -> str:
    return f"the pictures of '{trained_on}'" if trained_on else "those"


@dataclass(frozen=True, slots=True)
class Prediction:
    """What one picture may evoke.

    `emotions` hold probabilities, the largest first: of a softmax network they sum to 1 over all its
    emotions, of a sigmoid network (a probe, or one trained label by label) each stands for itself. `tags`
    are the words nearest to the picture's projection and their cosines, empty for a network without one.
    `dimensions` are valence and the like: those that the network learned, on the scale of its training; or,
    `derived`, from 1 to 9, what its emotions' words have in published norms (`word_dimensions`). Empty where
    there are neither. `domain` tells whether to believe any of it; None where that is unknown.
    """

    image: str
    emotions: tuple[Score, ...]
    tags: tuple[Score, ...]
    dimensions: tuple[Score, ...] = ()
    derived: bool = False
    domain: Domain | None = None

    def to_dict(self) -> dict[str, Any]:
        """JSON values; the schema's version goes along."""
        values = {
            "schema_version": SCHEMA_VERSION,
            "image": self.image,
            **_said_first(self.domain),
            "emotions": [{"name": score.name, "probability": score.value} for score in self.emotions],
            "tags": [{"name": score.name, "cosine": score.value} for score in self.tags],
        }
        if self.dimensions:
            values["dimensions"] = [{"name": score.name, "value": score.value} for score in self.dimensions]
        return values | ({"derived": True} if self.derived else {})


@dataclass(frozen=True, slots=True)
class ZeroShotPrediction:
    """How near one picture is to labels it was not trained on; the nearest first."""

    image: str
    labels: tuple[Score, ...]
    domain: Domain | None = None

    def to_dict(self) -> dict[str, Any]:
        """JSON values; the schema's version goes along."""
        return {
            "schema_version": SCHEMA_VERSION,
            "image": self.image,
            **_said_first(self.domain),
            "labels": [{"name": score.name, "cosine": score.value} for score in self.labels],
        }


def _said_first(domain: Domain | None) -> dict[str, Any]:
    return {} if domain is None else {"domain": domain.to_dict()}
