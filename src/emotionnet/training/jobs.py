"""From a config and a DATASET to what the loop trains, and what describes the result."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from emotionnet.config import TeacherConfig, TrainConfig
from emotionnet.data.images import MAX_SIDE, Preprocessing
from emotionnet.data.loaders import Augmentation, EpochOrder, Evaluation, Sample, bag_batches, image_batches
from emotionnet.data.seeding import torch_seed
from emotionnet.data.store import Dataset
from emotionnet.emotions import EMOTIC_WORDS, LABEL_SETS
from emotionnet.evaluation.units import Split, read_split
from emotionnet.losses import label_distribution
from emotionnet.models.description import MAX_SIZE, Domain, ImageModel, TextModel, write_description
from emotionnet.models.network import SHAPES, EmotionNet
from emotionnet.models.trunks import create_trunk, preprocessing
from emotionnet.records import ConfigError, first_line
from emotionnet.text.teacher import TextTeacher, pack
from emotionnet.text.vectors import WordVectors, read_info, read_vectors, write_vectors
from emotionnet.training import targets
from emotionnet.training.loop import Part
from emotionnet.training.objective import ImageObjective, TeacherObjective
from emotionnet.training.schedule import freeze


@dataclass(frozen=True)
class Job:
    """Everything the loop needs, and `describe`, which writes what a RUN holds beside its weights."""

    module: nn.Module
    train: Part
    val: Part
    frozen: Sequence[nn.Module]
    describe: Callable[[Path], None]


def image_job(config: TrainConfig, dataset: Dataset) -> Job:
    """An EmotionNet, pictures to train on, and the objective that its heads call for.

    Raises:
        DataError: A part that the shape needs is missing, a file is broken, or the trunk does not
            take pictures of this size.
    """
    text = _TextSide.open(config, dataset)
    module = EmotionNet(
        create_trunk(config.model.trunk, config.model.weights, seed=config.seed),
        config.model.shape,
        n_emotions=len(dataset.emotions),
        embedding_size=text.vectors.size if text.vectors is not None else None,
        n_aux=len(text.aux_emotions) if text.aux_emotions is not None else None,
        seed=config.seed,
    )
    _require_fitting(module, config.model.trunk, config.data.image_size)
    frozen = freeze(module, config.model.freeze)
    how = preprocessing(
        config.model.trunk, config.model.weights, config.data.image_size, config.data.crop_pct
    )
    train, val = (_image_part(config, dataset, split, how, text) for split in ("train", "val"))
    model = ImageModel(
        trunk=config.model.trunk,
        weights=str(config.model.weights),
        shape=config.model.shape,
        emotions=dataset.emotion_names,
        embedding_size=module.embedding_size,
        aux_emotions=text.aux_emotions,
        preprocessing=how,
        domain=_domain(dataset),
    )

    def describe(run: Path) -> None:
        write_description(run, model)
        if text.vectors is not None:
            write_vectors(text.vectors, run, info=text.vectors_info)

    return Job(module.to(memory_format=torch.channels_last), train, val, frozen, describe)


def _require_fitting(module: EmotionNet, trunk: str, size: int) -> None:
    """Try the network on black: some trunks take one size only. It stays as it was, and so does chance."""
    if size > MAX_SIDE:
        raise ConfigError(f"data.image_size: must be at most {MAX_SIDE}; got {size}")
    modes = {part: part.training for part in module.modules()}
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
        domain=_domain(dataset),
    )
    train = _text_part(config, dataset, "train", tag_dropout=config.data.tag_dropout)
    val = _text_part(config, dataset, "val", tag_dropout=0.0)
    return Job(module, train, val, (), lambda run: write_description(run, model))


@dataclass(frozen=True)
class _TextSide:
    """What the text side gives an image network: word vectors and a teacher, where the shape uses them."""

    vectors: WordVectors | None
    vectors_info: Mapping[str, Any]
    teacher: TextTeacher | None
    teacher_tags: tuple[str, ...]
    aux_emotions: tuple[str, ...] | None

    @classmethod
    def open(cls, config: TrainConfig, dataset: Dataset) -> _TextSide:
        heads = SHAPES[config.model.shape]
        faults = []
        if heads.projection and config.text.vectors is None:
            faults.append(f"text.vectors: must be given for model.shape {config.model.shape}")
        if heads.aux and config.text.teacher is None:
            faults.append(f"text.teacher: must be given for model.shape {config.model.shape}")
        if faults:
            raise ConfigError(faults)
        vectors = teacher = aux = None
        info: dict[str, Any] = {}
        tags: tuple[str, ...] = ()
        if heads.projection and config.text.vectors is not None:
            vectors = read_vectors(config.text.vectors, only=_words_to_keep(dataset))
            info = read_info(config.text.vectors)
        if heads.aux and config.text.teacher is not None:
            teacher, model = targets.load_teacher(config.text.teacher)
            tags, aux = model.tags, model.emotions
        return cls(vectors, info, teacher, teacher_tags=tags, aux_emotions=aux)

    def objective(self, config: TrainConfig, dataset: Dataset, split: Split) -> ImageObjective:
        target_MD = scores_MA = None
        if self.vectors is not None:
            target_MD = targets.mean_word_vectors(dataset, split.records, self.vectors)
        if self.teacher is not None:
            bags = targets.tag_bags(dataset, split.records, self.teacher_tags)
            scores_MA = targets.teacher_scores(self.teacher, bags)
        return ImageObjective(
            split=split,
            distribution_MC=label_distribution(torch.from_numpy(split.labels)),
            target_MD=target_MD,
            teacher_MA=scores_MA,
            alpha=config.objective.alpha,
            beta=config.objective.beta,
        )


def _words_to_keep(dataset: Dataset) -> tuple[str, ...]:
    """Words that a run may be asked for: those of its data set and of every label set."""
    label_words = [word for words in EMOTIC_WORDS.values() for word in words]
    label_words += [label.lower() for labels in LABEL_SETS.values() for label in labels]
    return tuple(
        dict.fromkeys([*dataset.tag_names, *dataset.emotion_names, *dataset.unseen_names, *label_words])
    )


def _read_split(dataset: Dataset, name: str) -> Split:
    split = read_split(dataset, name, dataset.emotion_names)
    targets.require_trainable(dataset, split, learns=name == "train")
    return split


def _image_part(
    config: TrainConfig, dataset: Dataset, name: str, how: Preprocessing, text: _TextSide
) -> Part:
    split, data, learns = _read_split(dataset, name), config.data, name == "train"
    order = EpochOrder(len(split.records), batch_size=data.batch_size, seed=config.seed, shuffle=learns)
    transform = Augmentation(how, crop_scale=data.crop_scale, flip=data.flip) if learns else Evaluation(how)
    loader = image_batches(split.paths, transform, order, workers=data.workers)
    return Part(loader, order, text.objective(config, dataset, split))


def _text_part(config: TeacherConfig, dataset: Dataset, name: str, *, tag_dropout: float) -> Part:
    split, batch_size = _read_split(dataset, name), config.data.batch_size
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


def _domain(dataset: Dataset) -> Domain:
    return Domain(
        dataset=dataset.name,
        data_hash=dataset.content_hash,
        licences=dataset.licences,
        unseen=dataset.unseen_names,
    )
