"""A linear probe in place of training: the trunk stays as it is, the head is solved for on its features.

The run that comes of it is one like any other, without an epoch; each picture is looked at once.
Shape letters: N = training pictures, M = validation pictures, F = features.
"""

from __future__ import annotations

import os
from pathlib import Path

import torch

from emotionnet.config import ObjectiveConfig, TrainConfig
from emotionnet.data.images import Preprocessing
from emotionnet.data.store import Dataset
from emotionnet.evaluation.baselines import fit_probe
from emotionnet.evaluation.subject import ORIGINS
from emotionnet.evaluation.units import read_split
from emotionnet.inference.features import cached_features
from emotionnet.inference.outputs import Array
from emotionnet.inference.torch_backend import on_device
from emotionnet.models.description import ImageModel, read_description
from emotionnet.models.network import EmotionNet
from emotionnet.models.trunks import EMBEDDED_TRUNK
from emotionnet.records import ConfigError
from emotionnet.runs import MODEL
from emotionnet.training.objective import Objective

OBJECTIVE = ObjectiveConfig(classification="bce")  # what a probe minimises, and what chooses its c


def probe_config(config: TrainConfig) -> TrainConfig:
    """The config that a probe's run keeps: what it begins from in full, and no epochs.

    The trunk of `model.start` and its preprocessing count, where that is a RUN; without a start and a trunk
    the embedded one, which needs no hub.

    Raises:
        DataError: The config asks for what a probe has not, or the RUN that it begins from is broken.
    """
    _require_no_training(config)
    model, data = config.model, config.data
    given = model.model_fields_set
    changes: dict[str, object] = {"shape": "plain"}
    if model.start is not None and (model.start / MODEL).is_file():
        begun = read_description(model.start, ImageModel)
        how = begun.preprocessing
        changes |= {"trunk": begun.trunk, "weights": _first_weights(model.start, begun)}
        data = data.model_copy(update={"image_size": how.image_size, "crop_pct": how.crop_pct})
    elif not {"trunk", "weights", "start"} & given:
        changes |= {"trunk": EMBEDDED_TRUNK, "weights": "embedded"}
    update = {"model": model.model_copy(update=changes), "data": data, "objective": OBJECTIVE, "epochs": 0}
    return config.model_copy(update=update)


def _require_no_training(config: TrainConfig) -> None:
    """Check that no epochs and no other objective are asked for: they would be left out without a word."""
    objective = config.objective
    given = {f"objective.{name}": getattr(objective, name) for name in sorted(objective.model_fields_set)}
    faults = [
        f"{key}: must be left out for a probe; got {value}"
        for key, value in given.items()
        if value != getattr(OBJECTIVE, key.partition(".")[2])
    ]
    if "epochs" in config.model_fields_set and config.epochs:
        faults.append(f"epochs: must be left out for a probe, which has none; got {config.epochs}")
    if faults:
        raise ConfigError(faults)


def _first_weights(run: Path, begun: ImageModel) -> str | Path | None:
    """Where the trunk of a run started; None where that file is not here, as with a checkpoint of 2020."""
    if begun.weights in ORIGINS:
        return begun.weights
    try:
        place = Path(os.path.normpath(run.absolute() / begun.weights))
        return place if place.is_file() else None
    except (OSError, ValueError):  # a name that no file can have
        return None


def solve_head(
    module: EmotionNet, how: Preprocessing, dataset: Dataset, objective: Objective
) -> tuple[dict[str, float], dict[str, float]]:
    """Put a linear probe on the trunk's features into the emotion head.

    It is the frozen-trunk baseline's: fitted on training, its c chosen by macro mAP on validation groups.

    Args:
        module: Of the shape plain; in evaluation mode, and on a GPU where there is one, from here on.
        how: Preprocessing of the pictures.
        dataset: With train and val.
        objective: Of val.

    Returns:
        `probe.c`, and `probe.features`, their number; and what the objective says of val, as an epoch's
        entry.

    Raises:
        DataError: A split is empty or broken, or a picture cannot be decoded.
    """
    on_device(module, "auto")
    train, val = (read_split(dataset, split, dataset.emotion_names) for split in ("train", "val"))
    train_NF, val_MF = (
        cached_features(module, how, part.paths, progress=f"{name} features")
        for name, part in (("train", train), ("val", val))
    )
    _, c, probe = fit_probe(train_NF, train.labels, val_MF, val)
    with torch.no_grad():
        module.fc.weight.copy_(torch.from_numpy(probe.weights.T))
        module.fc.bias.copy_(torch.from_numpy(probe.intercepts))
    return {"probe.c": c, "probe.features": train_NF.shape[1]}, _validate(module, val_MF, objective)


@torch.inference_mode()
def _validate(module: EmotionNet, features_MF: Array, objective: Objective) -> dict[str, float]:
    """What the loop would find, of features that are known."""
    output = module.forward_head(torch.from_numpy(features_MF).to(module.fc.weight.device))
    indices = torch.arange(len(features_MF))
    losses = {name: float(value) for name, value in objective.losses(output, indices).items()}
    scores = objective.scores(output.scores.cpu().numpy(), indices.numpy())
    return {f"val.{name}": value for name, value in {**losses, **scores}.items()}
