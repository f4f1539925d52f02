"""From a config and a DATASET to a text teacher in training."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from emotionnet.config import TeacherConfig
from emotionnet.data.loaders import EpochOrder, Sample, bag_batches
from emotionnet.data.store import Dataset
from emotionnet.evaluation.units import read_split
from emotionnet.losses import label_distribution
from emotionnet.models.description import MAX_SIZE, TextModel, write_description
from emotionnet.records import ConfigError
from emotionnet.text.teacher import TextTeacher, pack
from emotionnet.text.vectors import read_vectors
from emotionnet.training import targets
from emotionnet.training.jobs import Job, domain
from emotionnet.training.loop import Part
from emotionnet.training.teacher_objective import TeacherObjective


def teacher_job(config: TeacherConfig, dataset: Dataset) -> Job:
    """A text teacher, tag sentences to train on, and its objective.

    Raises:
        DataError: The word vectors are not given or fit no tag.
    """
    if config.text.vectors is None:
        raise ConfigError("text.vectors: must be given; the teacher reads tags by their word vectors")
    for key, size in (("width", config.model.width), ("max_tags", config.model.max_tags)):
        if size > MAX_SIZE:
            raise ConfigError(f"model.{key}: must be at most {MAX_SIZE}; got {size}")
    tags = dataset.tag_names
    vectors = read_vectors(config.text.vectors, only=tags)
    module = TextTeacher.from_vectors(
        vectors,
        tags,
        n_classes=len(dataset.emotions),
        width=config.model.width,
        max_tags=config.model.max_tags,
        dropout=config.model.dropout,
        static=config.model.static,
        seed=config.seed,
    )
    model = TextModel(
        emotions=dataset.emotion_names,
        tags=tags,
        word_dim=vectors.size,
        width=config.model.width,
        max_tags=config.model.max_tags,
        dropout=config.model.dropout,
        static=config.model.static,
        domain=domain(dataset),
    )
    train = _text_part(config, dataset, "train", tag_dropout=config.data.tag_dropout)
    val = _text_part(config, dataset, "val", tag_dropout=0.0)
    return Job(module, train, val, (), lambda run: write_description(run, model))


def _text_part(config: TeacherConfig, dataset: Dataset, name: str, *, tag_dropout: float) -> Part:
    split, batch_size = read_split(dataset, name, dataset.emotion_names), config.data.batch_size
    targets.require_trainable(dataset, split, learns=name == "train")
    bags = targets.tag_bags(dataset, split.records, dataset.tag_names)
    order = EpochOrder(len(bags), batch_size=batch_size, seed=config.seed, shuffle=name == "train")

    def draw(samples: Sequence[Sample]) -> tuple[Tensor, Tensor]:
        return pack([_drop_tags(bags[index], tag_dropout, seed) for index, seed in samples])

    objective = TeacherObjective(split, label_distribution(torch.from_numpy(split.labels)))
    return Part(bag_batches(draw, order), order, objective)


def _drop_tags(bag: Sequence[int], chance: float, seed: int) -> list[int]:
    """A sentence without the tags that the sample's seed drops."""
    if not chance:
        return list(bag)
    kept = np.random.default_rng(seed).random(len(bag)) >= chance
    return [tag for tag, keep in zip(bag, kept, strict=True) if keep]
