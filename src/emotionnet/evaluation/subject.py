"""What is evaluated: a RUN and the DATASET that it is held against, both opened."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emotionnet import runs
from emotionnet.config import SourceConfig, TrainConfig
from emotionnet.config_files import HUB, absolute_paths, checked
from emotionnet.data.opening import open_data
from emotionnet.data.record_dataset import RecordDataset
from emotionnet.data.shards.remote import is_url
from emotionnet.data.splitting import read_assigned
from emotionnet.data.store import Dataset
from emotionnet.files import read_json
from emotionnet.inference.loading import load_predictor
from emotionnet.inference.predictor import Predictor
from emotionnet.progress import message
from emotionnet.records import DataError

ORIGINS = ("hub", "embedded", "none")  # of a trunk's weights, where they are no file


@dataclass(frozen=True)
class Subject:
    """A run at work, its data set, and where its trunk started: weights and seed as in its config.

    `trunk_weights` is None where nobody knows, as in a run made of a 2020 checkpoint, and where they are a
    file that is not there, as in a run from elsewhere.
    """

    run: Path
    predictor: Predictor
    dataset: Dataset
    trunk_weights: str | None
    seed: int


def open_subject(
    run: Path,
    data: Path | str | None = None,
    *,
    format: str = "auto",  # noqa: A002
    vectors: Path | None = None,
) -> Subject:
    """Open a RUN and its data set.

    Args:
        run: A finished RUN of an image network.
        data: Another place of the data set, or another one; None: the one named in the run's config.
        format: What `data` is, see `SourceConfig.format`.
        vectors: VECTORS in place of the run's own.

    Raises:
        DataError: One of them is missing or broken, or the config is none of an image network.
    """
    predictor = load_predictor(run, vectors=vectors, backend="torch")
    values = training_config(run)
    return Subject(
        run=run,
        predictor=predictor,
        dataset=open_run_data(run, values, data, format=format),
        trunk_weights=_weights_at_hand(values["model"]["weights"]),
        seed=int(values["seed"]),
    )


def open_run_data(
    run: Path,
    config: Mapping[str, Any],
    data: Path | str | None = None,
    *,
    format: str = "auto",  # noqa: A002
) -> Dataset:
    """Open the data set that a run was trained on, in the run's own splits, or another one.

    Where splits were drawn for the run, its pictures keep theirs, in another place too: as soon as most of
    the pictures there are the run's, by id, no picture that it saw in training can come into another split.

    Args:
        run: The RUN folder.
        config: What `training_config` says of it.
        data: Another place of the data set, or another one; None: the one named in the config.
        format: What `data` is.

    Raises:
        DataError: It is not there, not known, or broken.
    """
    kept = run / runs.SPLITS
    split_of = read_assigned(kept) if kept.is_file() else None
    if data is None:
        return open_data(_own_source(run, config), assigned=split_of)
    own = config["data"]
    fold = own.get("fold", 0) if own.get("format") == format else 0  # else pictures that it saw are scored
    source = checked(SourceConfig, {"root": str(data), "format": format, "fold": fold}, "--data")
    dataset = open_data(source)
    if split_of is None or not isinstance(dataset, RecordDataset) or dataset.drawn is None:
        return dataset
    return dataset.assigned(split_of) if dataset.share_in(split_of) > 0.5 else dataset


def _weights_at_hand(weights: str | None) -> str | None:
    if weights is None or weights in ORIGINS or Path(weights).is_file():
        return weights
    message(f"{weights}: weights that the trunk began with are not there; no baseline is made of them")
    return None


def _own_source(run: Path, config: Mapping[str, Any]) -> SourceConfig:
    section = config["data"]
    root = section["root"]
    if root is None:
        raise DataError(f"{run}: the run does not say on which DATASET; give the folder of one with --data")
    if not root.startswith(HUB) and not is_url(root) and not Path(root).exists():
        raise DataError(f"{root}: the run's DATASET must be there; it is not, give its folder with --data")
    known = {name: section[name] for name in SourceConfig.model_fields if name in section}
    return checked(SourceConfig, known, f"{run / runs.CONFIG}: data")


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
