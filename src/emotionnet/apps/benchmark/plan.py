"""What a benchmark consists of: units, each a method fitted and tested on one fold of one seed."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from emotionnet.apps.benchmark.config import BenchmarkConfig, RowConfig, SpaceConfig
from emotionnet.config import CurateConfig, TeacherConfig, TrainConfig, VectorsConfig
from emotionnet.config_files import Stage, absolute_paths, load_config
from emotionnet.curation import openclipart
from emotionnet.records import ConfigError

# The project's own benchmark. Families need fewer groups each, since all eight are wanted.
SPACES: Mapping[str, SpaceConfig] = MappingProxyType(
    {
        "tags": SpaceConfig(),
        "families": SpaceConfig(curate={"labels": "mikels8", "min_emotion_groups": 5, "unseen": 0}),
    }
)
PROBES = ("frozen", "nearest", "pixels")
REFERENCE = "frozen"  # the probe that the rows of an ablation are held against
SWAPPED_FOLDS = 2
TRAINED = ("head", "softmax", "full")
# What each of its trainings changes in train.json.
TRAININGS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "head": {"model": {"shape": "plain", "freeze": ["trunk"]}},
        "softmax": {"model": {"shape": "plain"}},
        **{name: {"model": {"shape": "3branch"}} for name in ("full", "full_without", "shuffled")},
    }
)
STAGES: Mapping[type, str] = MappingProxyType(
    {CurateConfig: "curate", VectorsConfig: "vectors", TeacherConfig: "teacher", TrainConfig: "train"}
)


@dataclass(frozen=True)
class Unit:
    """One method on one fold: trained on the other folds, settings by the next fold, tested on this one.

    Methods are those of `PROBES` and `TRAINED` (a softmax head on the frozen trunk, cross-entropy
    alone, all three terms of Wei et al. 2020); `ridge` for zero-shot; `full_without` and `frozen_without`,
    which never see one source (the emoji's vendor); and `shuffled`, all three terms on labels and tags
    that groups have swapped. In an ablation they are its rows, and `REFERENCE`.
    """

    space: str
    method: str
    seed: int
    fold: int

    @property
    def name(self) -> str:
        return f"{self.space}-{self.method}-seed{self.seed}-fold{self.fold}"


def spaces_of(config: BenchmarkConfig) -> Mapping[str, SpaceConfig]:
    """The label spaces by name."""
    return SPACES if config.spaces is None else config.spaces


def rows_of(config: BenchmarkConfig) -> dict[str, RowConfig]:
    """The rows of an ablation by name, in their order; none for the project's own benchmark.

    Raises:
        ConfigError: A row's file is wrong, there is none, or one is held against a row that is not there.
    """
    if config.rows is None:
        return {}
    files = sorted(config.rows.glob("*.json"))
    found = {path.stem: load_config(RowConfig, path, {}) for path in files}
    rows = dict(sorted(found.items(), key=lambda item: (item[1].place, item[0])))
    taken = (*PROBES, "ridge")
    faults = [f"{config.rows}: must hold a .json file for each row; it holds none"] if not rows else []
    faults += [
        f"{config.rows}: {name}.json must have another name; {name} is a probe"
        for name in rows
        if name in taken
    ]
    faults += [
        f"{config.rows / name}.json: against must be another row; got {row.against!r}"
        for name, row in rows.items()
        if row.against and (row.against == name or row.against not in rows)
    ]
    if faults:
        raise ConfigError(faults)
    return rows


def available(config: BenchmarkConfig) -> BenchmarkConfig:
    """The same less the label spaces whose source is a package that is not installed.

    A space that was curated before needs its source no more.

    Raises:
        ConfigError: A curate config is wrong, or no space is left.
    """
    there = {
        name: space
        for name, space in spaces_of(config).items()
        if (config.out / name / "dataset").is_dir()
        or curate_config(config, name).source != "openclipart"
        or openclipart.is_installed()
    }
    if not there:
        packages = " ".join(openclipart.PACKAGES)
        raise ConfigError(f"at least one label space must have its source; install {packages}")
    return config.model_copy(update={"spaces": there})


def units(config: BenchmarkConfig, sources: Sequence[str], *, unseen: bool) -> list[Unit]:
    """All units, in the order in which they are run: every method of one fold before the next.

    Args:
        config: How many folds and seeds.
        sources: Those of the main space's pictures; with fewer than two none can be left out.
        unseen: Whether words were held out there, so that zero-shot can be scored.
    """
    spaces = tuple(spaces_of(config))
    if config.rows is not None:
        methods = dict.fromkeys(spaces, (REFERENCE, *rows_of(config)))
    else:
        zero_shot = ("ridge",) if unseen else ()
        without = ("full_without", "frozen_without") if len(sources) > 1 else ()
        methods = dict.fromkeys(spaces, (*PROBES, *TRAINED))
        methods[spaces[0]] = (*PROBES, *zero_shot, *TRAINED, *without)
    found = swapped_units(config)
    for seed in range(config.seeds):
        for fold in range(config.folds):
            found += [Unit(space, method, seed, fold) for space in spaces for method in methods[space]]
    return found


def swapped_units(config: BenchmarkConfig) -> list[Unit]:
    """The trainings on swapped labels: the first folds of every seed, to see how far luck moves them.

    An ablation has none.
    """
    if config.rows is not None:
        return []
    main = next(iter(spaces_of(config)))
    return [
        Unit(main, "shuffled", seed, fold) for seed in range(config.seeds) for fold in range(SWAPPED_FOLDS)
    ]


def left_out_source(unit: Unit, sources: Sequence[str]) -> str:
    """The source that is unseen on this fold; the sources take turns."""
    return sorted(sources)[(unit.fold + unit.seed) % len(sources)]


def curate_config(config: BenchmarkConfig, space: str, /, **options: Any) -> CurateConfig:
    """`curate.json` with what a space changes; errors as `stage`."""
    changes = absolute_paths(CurateConfig, spaces_of(config)[space].curate, config.stages)
    return stage(config, CurateConfig, **copy.deepcopy(changes), **options)


def train_config(config: BenchmarkConfig, method: str, /, **options: Any) -> TrainConfig:
    """`train.json` with what a method changes; errors as `stage`."""
    rows = rows_of(config)
    changes: Mapping[str, Any] = TRAININGS[method] if config.rows is None else rows[method].train
    placed = absolute_paths(TrainConfig, changes, config.rows or config.stages)
    return stage(config, TrainConfig, **copy.deepcopy(placed), **options)


def stage(config: BenchmarkConfig, model: type[Stage], /, **options: Any) -> Stage:
    """A stage's config from the benchmark's folder, with options over it (`__` for the dot of a key).

    Raises:
        ConfigError: The file is missing or wrong.
    """
    dotted = {key.replace("__", "."): _plain(value) for key, value in options.items()}
    return load_config(model, config.stages / f"{STAGES[model]}.json", dotted)


def _plain(value: Any) -> Any:
    return str(value.absolute()) if isinstance(value, Path) else value
