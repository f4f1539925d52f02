"""What a benchmark consists of: units, each a method fitted and tested on one fold of one seed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from emotionnet.config import BenchmarkConfig, CurateConfig, TeacherConfig, TrainConfig, VectorsConfig
from emotionnet.config_files import Stage, load_config

# What a label space changes in curate.json. Families need fewer groups each, since all eight are wanted.
SPACES: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {"tags": {}, "families": {"labels": "mikels8", "min_emotion_groups": 5, "unseen": 0}}
)
PROBES = ("frozen", "nearest", "pixels")
SWAPPED_FOLDS = 2
TRAINED = ("head", "softmax", "full")
STAGES: Mapping[type, str] = MappingProxyType(
    {CurateConfig: "curate", VectorsConfig: "vectors", TeacherConfig: "teacher", TrainConfig: "train"}
)


@dataclass(frozen=True)
class Unit:
    """One method on one fold: trained on the other folds, settings by the next fold, tested on this one.

    Methods are those of `PROBES` and `TRAINED` (a softmax head on the frozen trunk, cross-entropy
    alone, all three terms of Wei et al. 2020); `ridge` for zero-shot; `full_without` and `frozen_without`,
    which never see one source (the emoji's vendor); and `shuffled`, all three terms on labels and tags
    that groups have swapped.
    """

    space: str
    method: str
    seed: int
    fold: int

    @property
    def name(self) -> str:
        return f"{self.space}-{self.method}-seed{self.seed}-fold{self.fold}"


def units(config: BenchmarkConfig, sources: Sequence[str], *, unseen: bool) -> list[Unit]:
    """All units, in the order in which they are run: every method of one fold before the next.

    Args:
        config: How many folds and seeds.
        sources: Those of the pictures; with fewer than two none can be left out.
        unseen: Whether words were held out, so that zero-shot can be scored.
    """
    zero_shot = ("ridge",) if unseen else ()
    without = ("full_without", "frozen_without") if len(sources) > 1 else ()
    methods = {"tags": (*PROBES, *zero_shot, *TRAINED, *without), "families": (*PROBES, *TRAINED)}
    found = swapped_units(config)
    for seed in range(config.seeds):
        for fold in range(config.folds):
            found += [Unit(space, method, seed, fold) for space in SPACES for method in methods[space]]
    return found


def swapped_units(config: BenchmarkConfig) -> list[Unit]:
    """The trainings on swapped labels: the first folds of every seed, to see how far luck moves them."""
    return [
        Unit("tags", "shuffled", seed, fold) for seed in range(config.seeds) for fold in range(SWAPPED_FOLDS)
    ]


def left_out_source(unit: Unit, sources: Sequence[str]) -> str:
    """The source that is unseen on this fold; the sources take turns."""
    return sorted(sources)[(unit.fold + unit.seed) % len(sources)]


def stage(config: BenchmarkConfig, model: type[Stage], **options: Any) -> Stage:
    """A stage's config from the benchmark's folder, with options over it (`__` for the dot of a key).

    Raises:
        ConfigError: The file is missing or wrong.
    """
    dotted = {key.replace("__", "."): _plain(value) for key, value in options.items()}
    return load_config(model, config.stages / f"{STAGES[model]}.json", dotted)


def _plain(value: Any) -> Any:
    return str(value.absolute()) if isinstance(value, Path) else value
