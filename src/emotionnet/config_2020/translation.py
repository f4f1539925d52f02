"""From a 2020 config to the values of our `TrainConfig`, as far as the file alone tells them.

A file does not say which of some 60 scripts read it. The loader tells what is learned from the text side,
`arch` the heads.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from emotionnet.config_2020.keys import EPOCHS, Old

BY_TEACHER = ("teacher", "transform", "attention")  # targets of the projection that a text model gives
TEXT_LOADERS = ("image_text", "image_textembed", "image_cls_text_textembed")  # rows with tag ids


def translate(old: Old) -> dict[str, Any]:
    """Values of a `TrainConfig`, but for `out` and where the data and the text side lie."""
    return {
        "optimizer": _optimizer(old),
        "schedule": _schedule(old),
        "epochs": 0 if old.evaluate else _or(old.epochs, EPOCHS) - _or(old.start_epoch, 0),
        "keep_epochs": old.save_best_only is False,
        "precision": "float32",
        "memory_format": "channels_last",
        "compile": "off",
        "seed": _or(old.seed, 0),
        "data": _data(old),
        "text": {"vectors": None, "teacher": None},
        "model": _model(old),
        "objective": _objective(old),
    }


def has_projection(values: Mapping[str, Any]) -> bool:
    """Whether the network has a projection into the space of the tags."""
    return bool(values["model"]["shape"] != "plain")


def has_second_head(values: Mapping[str, Any]) -> bool:
    """Whether the network has a second class head."""
    return bool(values["model"]["shape"] == "3branch")


def needs_teacher(values: Mapping[str, Any]) -> bool:
    """Whether a term of the loss comes from the text model."""
    objective = values["objective"]
    if objective["distillation"] == "labels" or (
        has_projection(values) and objective["embedding"] in BY_TEACHER
    ):
        return True
    return has_second_head(values) and objective["distillation"] == "head"


def uses_teacher(values: Mapping[str, Any]) -> bool:
    """Whether the text model has a part in the network: a term of the loss, or the second head's size."""
    return needs_teacher(values) or has_second_head(values)


def _or(value: Any, default: Any) -> Any:
    return default if value is None else value


def _optimizer(old: Old) -> dict[str, Any]:
    return {
        "name": "sgd",
        "lr": _or(old.lr, 1e-3),
        "momentum": _or(old.momentum, 0.9),
        "weight_decay": _or(old.weight_decay, 1e-5),
    }


def _schedule(old: Old) -> dict[str, Any]:
    """Milestones count this run's epochs; a file without the key at all has the paper's schedule."""
    milestones = old.lr_schedule
    if "lr_schedule" not in old.model_fields_set and old.lr_patience is None:
        milestones = (10, 20)
    if milestones is not None:
        return {"name": "multistep", "milestones": list(milestones), "gamma": 0.1}
    if old.lr_patience is not None:
        return {"name": "plateau", "patience": old.lr_patience, "gamma": 0.1}
    return {"name": "constant"}


def _data(old: Old) -> dict[str, Any]:
    return {
        "root": None,
        "image_size": 224,
        "crop_pct": 0.875,
        "crop_scale": [0.08, 1.0],
        "flip": True,
        "batch_size": _or(old.batch_size, 256),
        "workers": _or(old.workers, 2),
    }


def _model(old: Old) -> dict[str, Any]:
    """Fine-tuning begins `fc` anew, even at the same size; validation takes the weights as they are."""
    start = old.visual_model or old.resume
    single = old.loader in ("singlelabel", "singlelabel_v2")
    tunes = old.visual_model is not None or (old.resume is not None and (single or bool(old.freeze)))
    from_hub = old.pretrained is True
    weights = str(old.pretrained) if isinstance(old.pretrained, Path) else "hub" if from_hub else "none"
    parts = ["trunk", *(["proj"] if old.shape != "plain" else []), *(["fc_aux"] * (old.shape == "3branch"))]
    return {
        "trunk": f"resnet{old.depth}" + (".tv_in1k" if from_hub else ""),
        "weights": weights,
        "shape": old.shape,
        "freeze": parts if old.freeze else [],
        "frozen_statistics": "kept",
        "start": None if start is None else str(start),
        "new_head": tunes and not old.evaluate,
    }


def _objective(old: Old) -> dict[str, Any]:
    embedding, distillation = "none", "none"
    if old.loader in TEXT_LOADERS and old.shape != "plain":
        embedding = "teacher" if old.loader == "image_text" else "word_vectors"
    if old.loader == "image_cls_text_textembed":
        distillation = "labels"
    elif old.loader in TEXT_LOADERS and old.shape == "3branch":
        distillation = "head"
    kinds = {"singlelabel": "cross_entropy", "singlelabel_v2": "cross_entropy", "multilabel_BCE": "bce"}
    return {
        "classification": kinds.get(old.loader, "soft_cross_entropy"),
        "embedding": embedding,
        "distillation": distillation,
        "alpha": _or(old.alpha, 1.0),
        "beta": _or(old.beta, 1.0),
        "train_transform": True,
        "criterion": "hit_rate",
    }
