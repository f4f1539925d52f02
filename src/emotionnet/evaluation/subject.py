"""What is evaluated: a RUN and the DATASET that it is held against, both opened."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emotionnet import runs
from emotionnet.config import TrainConfig
from emotionnet.config_files import absolute_paths
from emotionnet.data.store import Dataset, read_dataset
from emotionnet.files import read_json
from emotionnet.inference.predictor import Predictor, load_predictor
from emotionnet.records import DataError


@dataclass(frozen=True)
class Subject:
    """A run at work, its data set, and where its trunk started: weights and seed as in its config.

    `trunk_weights` is None where nobody knows, as in a run made of a 2020 checkpoint.
    """

    run: Path
    predictor: Predictor
    dataset: Dataset
    trunk_weights: str | None
    seed: int


def open_subject(run: Path, data: Path | None = None, *, vectors: Path | None = None) -> Subject:
    """Open a RUN and its DATASET.

    Args:
        run: A finished RUN of an image network.
        data: Another place of the DATASET, or another one; None: the one named in the run's config.
        vectors: VECTORS in place of the run's own.

    Raises:
        DataError: One of them is missing or broken, or the config is none of an image network.
    """
    predictor = load_predictor(run, vectors=vectors)
    values = training_config(run)
    return Subject(
        run=run,
        predictor=predictor,
        dataset=read_dataset(data if data is not None else own_dataset(run, values)),
        trunk_weights=values["model"]["weights"],
        seed=int(values["seed"]),
    )


def own_dataset(run: Path, config: Mapping[str, Any]) -> Path:
    """The folder of the DATASET that a run was trained on.

    Args:
        run: The RUN folder.
        config: What `training_config` says of it.

    Raises:
        DataError: It is not there, or not known.
    """
    root = config["data"]["root"]
    if root is None:
        raise DataError(f"{run}: the run does not say on which DATASET; give the folder of one with --data")
    if not Path(root).is_dir():
        raise DataError(f"{root}: the run's DATASET must be there; it is not, give its folder with --data")
    return Path(root)


def require_not_fitted_on(subject: Subject, split: str) -> None:
    """Check that no threshold, temperature or the like of a run was fitted on the split to be scored.

    A score on the data that it was fitted on would flatter the run, whatever file they lie in.

    Raises:
        DataError: One was; names each.
    """
    fitted = subject.predictor.model.fitted
    if not fitted:
        return
    scored = subject.dataset.split_hash(split)
    faults = [
        f"{subject.run}: {one.name} must have been fitted on other data than are scored; "
        f"it was fitted on the {split} split of {subject.dataset.root}"
        for one in fitted
        if one.data_hash == scored
    ]
    if faults:
        raise DataError(faults)


def training_config(run: Path) -> dict[str, Any]:
    """The values of a RUN's config, paths made absolute.

    They are not validated as a whole: a run may be scored when parts of its training, such
    as the word vectors' folder, are gone. `data.root` and `model.weights` are null where nobody knows.

    Raises:
        DataError: The file is broken, or lacks what an evaluation needs.
    """
    path = run / runs.CONFIG
    values = read_json(path)
    if not isinstance(values, dict):
        raise DataError(f"{path}: must be a JSON object; got {type(values).__name__}")
    found = (
        ("data.root", str, _section(values, "data"), "root"),
        ("model.weights", str, _section(values, "model"), "weights"),
        ("seed", int, values, "seed"),
    )
    faults = [
        f"{path}: {key}: must be given as {kind.__name__}; got {section.get(name)!r}"
        for key, kind, section, name in found
        if not isinstance(section.get(name), kind) and not (kind is str and section.get(name, 0) is None)
    ]
    if faults:
        raise DataError(faults)
    return absolute_paths(TrainConfig, values, run)


def _section(values: dict[str, Any], name: str) -> dict[str, Any]:
    section = values.get(name)
    return section if isinstance(section, dict) else {}
