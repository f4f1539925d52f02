"""From a checkpoint of the 2020 code to a RUN or TEACHER folder, and back."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from emotionnet import runs
from emotionnet.data.images import Preprocessing
from emotionnet.emotions import LABEL_SETS
from emotionnet.files import read_object, sha256, write_bytes, write_json
from emotionnet.inference.networks import read_network
from emotionnet.models.checkpoints_2020 import (
    TRUNKS,
    ImageSizes,
    image_checkpoint,
    read_image_checkpoint,
)
from emotionnet.models.description import UNKNOWN, Domain, ImageModel, TextModel, write_description
from emotionnet.models.teachers import load_teacher
from emotionnet.models.text_checkpoints_2020 import is_text, read_text_checkpoint, text_checkpoint
from emotionnet.models.trunks import IMAGENET_MEAN, IMAGENET_STD
from emotionnet.models.weights import read_content, save_weights
from emotionnet.records import DataError, is_name

HIT_RATE = "val.hit_rate"
BEST_EPOCH = "val.best_epoch"
_TESTING = Preprocessing(image_size=224, crop_pct=0.875, mean=IMAGENET_MEAN, std=IMAGENET_STD)
_DOMAIN = Domain(dataset=UNKNOWN, data_hash=UNKNOWN, licences={}, unseen=())


@dataclass(frozen=True)
class _Found:
    module: nn.Module
    model: ImageModel | TextModel
    config: Mapping[str, Any]
    metrics: Mapping[str, float]


def convert_checkpoint(
    file: Path,
    out: Path,
    *,
    labels: Sequence[str] | None = None,
    max_tags: int | None = None,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Make a RUN of an image network's file, or a TEACHER of a text model's.

    Args:
        file: A checkpoint of the 2020 code, whole or its tensors alone.
        out: The folder to write.
        labels: Names of the classes, in order; None: those that the file holds, se30k8's for a text model
            with 8, else class_0, class_1 and so on. The second class head has se30k8's names with 8
            classes, the first head's where it has as many, else aux_0, aux_1 and so on.
        max_tags: Positions that a text model's mean runs over; None: as many as the file says.
        overwrite: Replace the run that `out` holds.

    Returns:
        What the file turned out to be: of an image network kind, shape, trunk, classes, embedding_size and
        aux_classes, of a text model kind, architecture, tags, classes, word_dim and width.

    Raises:
        DataError: The file is broken, unsafe or of another kind, there are not as many names as classes,
            or the folder may not be written; nothing is.
    """
    runs.refuse_run(out, overwrite=overwrite, resume=False)
    content = read_content(file)
    is_text_model = is_text(content)
    found = _text_run(content, file, labels, max_tags) if is_text_model else _image_run(content, file, labels)
    source = {"file": file.name, "sha256": sha256(file)}
    manifest = {"dataset": UNKNOWN, "data_hash": UNKNOWN, "source": source, "versions": runs.versions()}
    with runs.writing(out, overwrite=overwrite, resume=False):
        write_json(out / runs.MANIFEST, manifest)
        write_json(out / runs.CONFIG, {"about": f"converted from {file.name}", "seed": 0, **found.config})
        write_json(out / runs.METRICS, found.metrics)
        write_description(out, found.model)
        save_weights(found.module, out / runs.WEIGHTS)
    return _summary(found.model)


def convert_back(run: Path, out: Path, *, overwrite: bool = False) -> Path:
    """Write a RUN or TEACHER as a checkpoint of the 2020 code, which any PyTorch since 0.4 reads.

    Args:
        run: A finished RUN whose trunk is a ResNet, or a TEACHER.
        out: The file to write.
        overwrite: Replace a file that is there.

    Raises:
        DataError: The run is broken or has another trunk, or the file may not be written; nothing is.
    """
    if out.is_dir() or (out.exists() and not overwrite):
        found = "is a folder" if out.is_dir() else "exists already; choose another --out or add --overwrite"
        raise DataError(f"{out}: must be a new file; it {found}")
    runs.require_run(run)
    is_teacher = read_object(run / runs.MODEL).get("kind") == "text"
    content = text_checkpoint(*load_teacher(run)) if is_teacher else _image_content(run)
    buffer = io.BytesIO()
    torch.save(content, buffer, _use_new_zipfile_serialization=False)
    write_bytes(out, buffer.getvalue())
    return out


def _summary(model: ImageModel | TextModel) -> dict[str, Any]:
    classes = len(model.emotions)
    if isinstance(model, TextModel):
        return {
            "kind": model.kind,
            "architecture": model.architecture,
            "tags": len(model.tags),
            "classes": classes,
            "word_dim": model.word_dim,
            "width": model.width,
        }
    return {
        "kind": model.kind,
        "shape": model.shape,
        "trunk": model.trunk,
        "classes": classes,
        "embedding_size": model.embedding_size,
        "aux_classes": None if model.aux_emotions is None else len(model.aux_emotions),
    }


def _image_content(run: Path) -> dict[str, Any]:
    network, model = read_network(run)
    trunk = model.trunk.partition(".")[0]
    if trunk not in TRUNKS.values():
        known = ", ".join(TRUNKS.values())
        raise DataError(f"{run}: its trunk must be one that the 2020 code has, {known}; got {model.trunk}")
    n_aux = None if model.aux_emotions is None else len(model.aux_emotions)
    sizes = ImageSizes(trunk, model.shape, len(model.emotions), model.embedding_size, n_aux)
    metrics = runs.read_metrics(run)
    return image_checkpoint(
        network,
        sizes,
        epoch=int(metrics.get(BEST_EPOCH, 0)),
        hit_rate=metrics.get(HIT_RATE, 0.0),
    )


def _image_run(content: object, file: Path, labels: Sequence[str] | None) -> _Found:
    network, sizes, beside = read_image_checkpoint(content, file)
    emotions = _names(labels, sizes.n_emotions, "class", file)
    model = ImageModel(
        trunk=sizes.trunk,
        weights=file.name,
        shape=sizes.shape,
        emotions=emotions,
        embedding_size=sizes.embedding_size,
        aux_emotions=_aux_names(sizes.n_aux, emotions),
        preprocessing=_TESTING,
        domain=_DOMAIN,
    )
    config = {
        "model": {"trunk": sizes.trunk, "weights": None, "shape": sizes.shape},
        "data": {"root": None, "image_size": _TESTING.image_size, "crop_pct": _TESTING.crop_pct},
    }
    return _Found(network, model, config, _metrics(beside))


def _text_run(content: object, file: Path, labels: Sequence[str] | None, max_tags: int | None) -> _Found:
    teacher, sizes = read_text_checkpoint(content, file)
    sizes = sizes if max_tags is None else replace(sizes, max_tags=max_tags)
    known = sizes.classes or (LABEL_SETS["se30k8"] if sizes.n_classes == len(LABEL_SETS["se30k8"]) else None)
    model = TextModel(
        architecture=sizes.architecture,
        emotions=_names(labels or known, sizes.n_classes, "class", file),
        tags=sizes.tags,
        word_dim=sizes.word_dim,
        width=sizes.width,
        max_tags=sizes.max_tags,
        dropout=sizes.dropout,
        static=sizes.static,
        domain=_DOMAIN,
    )
    layers = {"architecture": sizes.architecture, "width": sizes.width, "max_tags": sizes.max_tags}
    config = {"model": {**layers, "dropout": sizes.dropout, "static": sizes.static}}
    return _Found(teacher, model, config, {})


def _names(given: Sequence[str] | None, count: int, kind: str, file: Path) -> tuple[str, ...]:
    names = tuple(given) if given is not None else tuple(f"{kind}_{number}" for number in range(count))
    if len(names) != count or len(set(names)) != count:
        found = f"got {len(names)} names, {len(set(names))} of them different"
        raise DataError(f"{file}: labels must name its {count} classes, each once; {found}")
    odd = [name for name in names if not is_name(name)]
    if odd:
        raise DataError(f"{file}: labels must be texts that a file can hold; got {odd[0]!r:.60}")
    return names


def _aux_names(count: int | None, emotions: tuple[str, ...]) -> tuple[str, ...] | None:
    if count is None:
        return None
    if count == len(LABEL_SETS["se30k8"]):
        return LABEL_SETS["se30k8"]
    return emotions if count == len(emotions) else tuple(f"aux_{number}" for number in range(count))


def _metrics(beside: Mapping[str, Any]) -> dict[str, float]:
    """The validation score and epoch of a file, where it says them."""
    metrics = {}
    for key, name, unit, most in ((HIT_RATE, "best_prec1", 100, 1.0), (BEST_EPOCH, "epoch", 1, 2.0**31)):
        value = beside.get(name)
        value = value.detach() if isinstance(value, torch.Tensor) else value
        try:
            number = float(value) / unit if value is not None else -1.0
        except (TypeError, ValueError, RuntimeError, OverflowError):  # a tensor of several values, 10**400
            continue
        if 0 <= number <= most:
            metrics[key] = number
    if BEST_EPOCH in metrics:
        metrics[BEST_EPOCH] = int(metrics[BEST_EPOCH])
    return metrics
