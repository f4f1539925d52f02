"""From a config and a DATASET to a text teacher in training."""

from __future__ import annotations

from emotionnet.config import TeacherConfig
from emotionnet.data.epoch_order import EpochOrder
from emotionnet.data.store import Dataset
from emotionnet.data.tag_batches import TagBatches
from emotionnet.evaluation.units import read_split
from emotionnet.models.description import MAX_SIZE, TextModel, write_description
from emotionnet.models.teachers import tag_bags
from emotionnet.records import ConfigError
from emotionnet.text.teacher import TextTeacher
from emotionnet.text.vectors import read_vectors
from emotionnet.training.jobs import Job, domain
from emotionnet.training.labels import label_distributions, multi_hot
from emotionnet.training.parts import Part
from emotionnet.training.teacher_objective import TeacherObjective
from emotionnet.training.trainable import require_telling, require_trainable

LABELS = {"distribution": label_distributions, "multi_hot": multi_hot}


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
        architecture=config.model.architecture,
        width=config.model.width,
        max_tags=config.model.max_tags,
        dropout=config.model.dropout,
        static=config.model.static,
        seed=config.seed,
    )
    model = TextModel(
        architecture=config.model.architecture,
        emotions=dataset.emotion_names,
        tags=tags,
        without=() if config.data.emotion_tags else dataset.emotion_names,
        word_dim=vectors.size,
        width=module.feature_size,
        max_tags=config.model.max_tags,
        dropout=config.model.dropout,
        static=config.model.static,
        domain=domain(dataset),
    )
    train, val = (_text_part(config, dataset, name, model) for name in ("train", "val"))
    return Job(module, train, val, (), lambda run: write_description(run, model))


def _text_part(config: TeacherConfig, dataset: Dataset, name: str, model: TextModel) -> Part:
    split, learns = read_split(dataset, name, dataset.emotion_names), name == "train"
    require_trainable(dataset, split, learns=learns)
    if not learns:
        require_telling(split, config.objective.criterion)
    bags = tag_bags(dataset, split.records, model)
    order = EpochOrder(len(bags), batch_size=config.data.batch_size, seed=config.seed, shuffle=learns)
    batches = TagBatches(bags, order, dropout=config.data.tag_dropout if learns else 0.0)
    labels_MC = LABELS[config.objective.labels](split.records, len(dataset.emotions))
    return Part(batches, order, TeacherObjective(split, labels_MC, config.objective.criterion))
