"""From a config and a DATASET to an image network in training."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from emotionnet.config import ModelConfig, TrainConfig
from emotionnet.data.epoch_order import EpochOrder
from emotionnet.data.images import MAX_SIDE, Preprocessing
from emotionnet.data.loaders import Augmentation, Evaluation, Normalise, Source, image_batches
from emotionnet.data.pixels import kept_pictures
from emotionnet.data.seeding import torch_seed
from emotionnet.data.shards.dataset import ShardDataset
from emotionnet.data.store import Dataset
from emotionnet.evaluation.units import Split, read_split
from emotionnet.models.checkpoints_2020 import start_tensors
from emotionnet.models.description import ImageModel, write_description
from emotionnet.models.network import EmotionNet
from emotionnet.models.trunks import create_trunk, preprocessing
from emotionnet.models.weights import put_tensors
from emotionnet.progress import message
from emotionnet.records import ConfigError, first_line
from emotionnet.text.vectors import write_vectors
from emotionnet.training.jobs import Job, domain
from emotionnet.training.labels import dimension_rows
from emotionnet.training.layers import freeze_but_last
from emotionnet.training.objective import Dimensions, ImageObjective, Term
from emotionnet.training.parts import Part
from emotionnet.training.probe import solve_head
from emotionnet.training.schedule import freeze
from emotionnet.training.team import here
from emotionnet.training.terms import OF_EACH_ALONE, Concordance, class_weights
from emotionnet.training.text_side import TextSide
from emotionnet.training.trainable import (
    require_dimensions,
    require_emotions,
    require_telling,
    require_trainable,
)


def image_job(config: TrainConfig, dataset: Dataset) -> Job:
    """An EmotionNet, pictures to train on, and the objective that its heads call for.

    Raises:
        DataError: A part that the shape or the objective needs is missing, a file is broken, or the
            trunk does not take pictures of this size.
    """
    require_emotions(dataset)
    text = TextSide.open(config, dataset)
    dimensions = dataset.dimension_names if config.objective.dimensions != "none" else ()
    start = {} if config.model.start is None else start_tensors(config.model.start)
    module = EmotionNet(
        _trunk(config, start),
        config.model.shape,
        n_emotions=len(dataset.emotions),
        embedding_size=text.embedding_size or _projection_size(config.model, start),
        n_aux=len(text.aux_emotions) if text.aux_emotions is not None else None,
        n_dimensions=len(dimensions),
        seed=config.seed,
    )
    _begin_at_means(module, dataset, dimensions)
    _begin_from(module, config.model, start)
    _require_fitting(module, config.model.trunk, config.data.image_size)
    frozen = freeze(module, config.model.freeze)
    if config.model.last_blocks is not None:
        frozen += freeze_but_last(module.trunk, config.model.last_blocks)
    how = preprocessing(
        config.model.trunk, config.model.weights or "none", config.data.image_size, config.data.crop_pct
    )
    train, val = (_part(config, dataset, split, how, text) for split in ("train", "val"))
    facts, scores = solve_head(module, how, dataset, val.objective) if config.model.probe else ({}, None)
    model = ImageModel(
        trunk=config.model.trunk,
        weights=_origin(config),
        shape=config.model.shape,
        emotions=dataset.emotion_names,
        activation="sigmoid" if config.objective.classification in OF_EACH_ALONE else "softmax",
        dimensions=dimensions,
        embedding_size=module.embedding_size,
        aux_emotions=text.aux_emotions,
        preprocessing=how,
        domain=domain(dataset),
    )

    def describe(run: Path) -> None:
        write_description(run, model)
        if text.kept_vectors is not None:
            write_vectors(text.kept_vectors, run, info=text.vectors_info)

    return Job(
        module,
        train,
        val,
        frozen if config.model.frozen_statistics == "kept" else (),
        describe,
        tutor=text.transform,
        facts=facts,
        scores=scores,
    )


def _trunk(config: TrainConfig, start: Mapping[str, Tensor]) -> nn.Module:
    """The trunk before training; its own weights are not fetched where those of `start` replace them all."""
    model, seed = config.model, config.seed
    if any(name.startswith("trunk.") for name in start):
        bare = create_trunk(model.trunk, "none", seed=seed)
        theirs = {f"trunk.{name}": tensor.shape for name, tensor in bare.state_dict().items()}
        if all(name in start and start[name].shape == shape for name, shape in theirs.items()):
            return bare
    if model.weights is None:
        raise ConfigError(
            f"model.start: must hold all weights of the trunk {model.trunk} where model.weights is null; "
            f"{model.start} lacks some"
        )
    return create_trunk(model.trunk, model.weights, seed=seed)


def _origin(config: TrainConfig) -> str:
    """Where the trunk's weights come from; a file relative to the run, which may be moved or shared."""
    weights = config.model.weights
    return os.path.relpath(weights, config.out) if isinstance(weights, Path) else weights or "unknown"


def _projection_size(config: ModelConfig, start: Mapping[str, Tensor]) -> int | None:
    """Of the weights that a network begins from, where no target of the projection tells it."""
    if config.start is None or config.shape == "plain":
        return None
    found = start.get("proj.weight")
    if found is None or found.ndim != 2:
        raise ConfigError(
            f"{config.start}: must hold a projection (proj.weight) for model.shape {config.shape} without "
            "text.vectors; it holds none"
        )
    return found.shape[0]


def _begin_at_means(module: EmotionNet, dataset: Dataset, dimensions: tuple[str, ...]) -> None:
    """Let the head of dimensions tell the means of training: from far off, concordance pulls too weakly."""
    if module.fc_dimensions is not None:
        means_K = dimension_rows(dataset.records("train"), dimensions).nanmean(dim=0)
        with torch.no_grad():
            module.fc_dimensions.bias.copy_(means_K.nan_to_num())


def _begin_from(module: EmotionNet, config: ModelConfig, start: Mapping[str, Tensor]) -> None:
    """Weights of another run, by name; what it lacks or has in another size stays as it is."""
    if config.start is None:
        return
    tensors = {
        name: tensor for name, tensor in start.items() if not (config.new_head and name.startswith("fc."))
    }
    left = put_tensors(module, tensors, str(config.start), strict=False)
    if left:
        some = ", ".join(left[:4]) + (f" and {len(left) - 4} more" if len(left) > 4 else "")
        message(f"{config.start}: begins anew, not from this file: {some}")


def _require_fitting(module: EmotionNet, trunk: str, size: int) -> None:
    """Try the network on black: some trunks take one size only. It stays as it was, and so does chance."""
    if size > MAX_SIDE:
        raise ConfigError(f"data.image_size: must be at most {MAX_SIDE}; got {size}")
    modes: dict[nn.Module, bool] = {part: part.training for part in module.modules()}
    module.eval()
    try:
        with torch.no_grad(), torch_seed(0):
            module(torch.zeros(1, 3, size, size))
    except Exception as error:  # each trunk has errors of its own
        found = f"{size} ({first_line(error)})"
        raise ConfigError(
            f"data.image_size: must be a size that the trunk {trunk} takes; got {found}"
        ) from None
    finally:
        for part, mode in modes.items():
            part.training = mode


def _part(config: TrainConfig, dataset: Dataset, name: str, how: Preprocessing, text: TextSide) -> Part:
    split, data, learns = read_split(dataset, name, dataset.emotion_names), config.data, name == "train"
    labelled = config.objective.classification not in ("cross_entropy", "none")
    require_trainable(dataset, split, learns=learns, labelled=labelled)
    if not learns:
        require_telling(split, config.objective.criterion)
    order = EpochOrder(
        len(split.records),
        batch_size=data.batch_size,
        seed=config.seed,
        shuffle=learns,
        blocks_N=_blocks(dataset, name, data.workers) if learns else None,
    )
    transform = Augmentation(how, crop_scale=data.crop_scale, flip=data.flip) if learns else Evaluation(how)
    sources: Sequence[Source] = split.paths
    if data.cache_side is not None:
        sources = kept_pictures(split.paths, data.cache_side, progress=f"decoding {name}")
    loader = image_batches(sources, transform, order, workers=data.workers)
    return Part(loader, order, _objective(config, dataset, name, split, text), Normalise(how))


def _blocks(dataset: Dataset, name: str, workers: int) -> npt.NDArray[np.int64] | None:
    """The shard of each record, where pictures lie in shards that not all of a training reads at once."""
    if not isinstance(dataset, ShardDataset):
        return None
    dataset.require_readers(name, processes=here().world, workers=workers)
    return dataset.shard_numbers(name)


def _objective(
    config: TrainConfig, dataset: Dataset, name: str, split: Split, text: TextSide
) -> ImageObjective:
    weights_C = None
    if config.objective.class_weights != "none":
        weights_C = class_weights(
            config.objective.classification, dataset.records("train"), len(dataset.emotions)
        )
    terms = text.terms(dataset, split.records, learns=name == "train", weights_C=weights_C)
    if config.objective.dimensions == "none":
        return ImageObjective(split, terms, config.objective.criterion)
    names = dataset.dimension_names
    true_MK = dimension_rows(split.records, names)
    dimensions = Dimensions(names, true_MK.numpy())
    require_dimensions(dataset, name, split, dimensions)
    terms["dimensions"] = Term(config.objective.gamma, Concordance(true_MK))
    return ImageObjective(split, terms, config.objective.criterion, dimensions)
