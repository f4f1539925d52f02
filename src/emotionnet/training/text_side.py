"""What the text side gives an image network: word vectors, a teacher, and the terms of the loss.

Shape letters: M = images of a split, C = emotions, D = embedding size, A = teacher's emotions,
F = the teacher's sentence feature, V = its tags.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from emotionnet.config import ObjectiveConfig, TrainConfig
from emotionnet.data.store import Dataset
from emotionnet.emotions import EMOTIC_WORDS, LABEL_SETS
from emotionnet.losses import mixed_labels
from emotionnet.models.description import TextModel
from emotionnet.models.network import SHAPES
from emotionnet.models.teachers import load_teacher, tag_bags, teacher_outputs
from emotionnet.models.transform import TextTransform
from emotionnet.progress import message
from emotionnet.records import ConfigError, DataError, ImageRecord
from emotionnet.text.teacher import TextTeacher
from emotionnet.text.vectors import WordVectors, read_info, read_vectors
from emotionnet.training.labels import label_distributions
from emotionnet.training.objective import Term
from emotionnet.training.terms import (
    OF_DISTRIBUTIONS,
    AttendedTarget,
    Compared,
    Distillation,
    FixedTarget,
    TransformClassification,
    TransformedTarget,
    classification,
)

FROM_TEACHER = ("teacher", "transform", "attention")  # targets of the projection that a teacher gives


@dataclass(frozen=True)
class TextSide:
    """Word vectors and a teacher, where the shape or the objective uses them, opened and checked."""

    shape: str
    objective: ObjectiveConfig
    vectors: WordVectors | None
    vectors_info: Mapping[str, Any]
    teacher: TextTeacher | None
    model: TextModel | None
    transform: TextTransform | None
    seed: int

    @classmethod
    def open(cls, config: TrainConfig, dataset: Dataset) -> TextSide:
        """Read what the config names.

        Raises:
            ConfigError: Something that the shape or the objective needs is missing, or they contradict.
            DataError: A file is missing or broken.
        """
        _require_given(config)
        vectors, info = _open_vectors(config, dataset)
        teacher = model = transform = None
        if uses_teacher(config) and config.text.teacher is not None:
            teacher, model = load_teacher(config.text.teacher)
            if config.objective.embedding == "transform":
                size = teacher.feature_size
                transform = TextTransform(size, size, len(dataset.emotions), seed=config.seed)
                transform.requires_grad_(config.objective.train_transform)
        return cls(
            config.model.shape, config.objective, vectors, info, teacher, model, transform, seed=config.seed
        )

    @property
    def embedding_size(self) -> int | None:
        """D: that of what the projection approaches; None for a shape without projection."""
        if not SHAPES[self.shape].projection:
            return None
        if self.teacher is not None and self.objective.embedding in FROM_TEACHER:
            return self.teacher.feature_size
        return self.vectors.size if self.vectors is not None else None

    @property
    def kept_vectors(self) -> WordVectors | None:
        """The vectors that a RUN keeps, to name tags near a projection; they must lie in its space."""
        fit = self.vectors is not None and self.vectors.size == self.embedding_size
        return self.vectors if fit else None

    @property
    def aux_emotions(self) -> tuple[str, ...] | None:
        """The teacher's emotions, for a shape with a second head."""
        return self.model.emotions if self.model is not None and SHAPES[self.shape].aux else None

    def terms(
        self,
        dataset: Dataset,
        records: Sequence[ImageRecord],
        *,
        learns: bool,
        weights_C: Tensor | None = None,
    ) -> dict[str, Term]:
        """The terms of the loss on these records that labels and tags give, by name, in order of summing up.

        Records to validate on may all be without tags, as the test files of 2020 are: then labels are
        what is left of them. `weights_C` are those of `class_weights`.

        Raises:
            DataError: Something is to be learnt from tags, and there is none.
        """
        objective, found = self.objective, dict[str, Term]()
        if self._reads_tags and not any(record.tags for record in records):
            if learns or (objective.classification == "none" and objective.dimensions == "none"):
                raise DataError(f"{dataset.root}: pictures must have tags to learn from; none has any")
            if objective.classification == "none":
                return {}
            labels_MC = label_distributions(records, len(dataset.emotions))
            return {"classification": Term(1.0, classification(objective, records, labels_MC, weights_C))}
        features_MF = scores_MA = None
        bags: list[list[int]] = []
        if self.teacher is not None and self.model is not None:
            bags = tag_bags(dataset, records, self.model)
            scores_MA, features_MF = teacher_outputs(self.teacher, bags)
        distribution_MC = label_distributions(records, len(dataset.emotions))
        if objective.distillation == "labels":
            assert scores_MA is not None  # `_require_given` saw to a teacher
            distribution_MC = mixed_labels(distribution_MC, self._as_labels(dataset, scores_MA))
        if objective.classification != "none":
            term = classification(objective, records, distribution_MC, weights_C)
            found["classification"] = Term(1.0, term)
        if SHAPES[self.shape].projection and objective.embedding != "none":
            embedding = self._embedding(dataset, records, features_MF, bags)
            found["embedding"] = Term(objective.alpha, embedding)
        if self.transform is not None and features_MF is not None:
            own = TransformClassification(self.transform, features_MF, distribution_MC)
            found["transform"] = Term(1.0, own)
        if SHAPES[self.shape].aux and objective.distillation == "head" and scores_MA is not None:
            found["distillation"] = Term(objective.beta, Distillation(scores_MA))
        return found

    @property
    def _reads_tags(self) -> bool:
        """Whether any term looks at them."""
        projects = SHAPES[self.shape].projection and self.objective.embedding != "none"
        return projects or self.teacher is not None

    def _embedding(
        self,
        dataset: Dataset,
        records: Sequence[ImageRecord],
        features_MF: Tensor | None,
        bags: Sequence[Sequence[int]],
    ) -> Compared:
        if self.objective.embedding == "word_vectors":
            assert self.vectors is not None  # `_require_given` saw to them
            return FixedTarget(mean_word_vectors(dataset, records, self.vectors, seed=self.seed))
        assert self.teacher is not None  # as above
        assert features_MF is not None
        if self.transform is not None:
            return TransformedTarget(self.transform, features_MF)
        if self.objective.embedding == "teacher":
            return FixedTarget(features_MF)
        with torch.no_grad():
            every = torch.arange(self.teacher.vocab_size)
            table_VF = self.teacher.tag_features(every)
            padding_F = self.teacher.padding_feature()
        return AttendedTarget(bags, table_VF, padding_F, self.teacher.max_tags)

    def _as_labels(self, dataset: Dataset, scores_MA: Tensor) -> Tensor:
        """The teacher's scores in the order of the data set's emotions; shape (M, C)."""
        assert self.model is not None  # a teacher has its description
        theirs, ours = self.model.emotions, dataset.emotion_names
        if sorted(theirs) == sorted(ours):
            return scores_MA[:, [theirs.index(name) for name in ours]]
        nameless = all(name.startswith("class_") for name in ours) or all(
            name.startswith("class_") for name in theirs
        )
        if len(theirs) == len(ours) and nameless:
            return scores_MA
        found = f"{len(theirs)} of the teacher, {len(ours)} of the data set"
        raise ConfigError(
            f"objective.distillation 'labels' needs a teacher of the same emotions; got {found}"
        )


def mean_word_vectors(
    dataset: Dataset, records: Sequence[ImageRecord], vectors: WordVectors, *, seed: int
) -> Tensor:
    """Mean word vector of each image's tags; a normal draw of its own where no tag has a vector.

    Draws hang on the seed and the record's id alone (Wei et al., CVPR 2020, section 4, draw anew at
    each step).

    Returns:
        Float32, shape (M, D).
    """
    bags = [[dataset.tag_names[tag] for tag in record.tags] for record in records]
    means_MD = vectors.mean_vectors(bags)
    bare = [row for row, bag in enumerate(bags) if not any(word in vectors for word in bag)]
    for row in bare:
        name = [int(byte) for byte in records[row].id.encode()]
        means_MD[row] = np.random.default_rng([seed, *name]).standard_normal(vectors.size)
    if bare:
        message(
            f"{len(bare)} of {len(records)} pictures have no tag with a word vector: they get a random one"
        )
    return torch.from_numpy(means_MD)


def uses_teacher(config: TrainConfig) -> bool:
    """Whether a loss or a head of a training needs a teacher."""
    heads, objective = SHAPES[config.model.shape], config.objective
    by_target = heads.projection and objective.embedding in FROM_TEACHER
    return heads.aux or by_target or objective.distillation == "labels"


def _require_given(config: TrainConfig) -> None:
    heads, objective, shape = SHAPES[config.model.shape], config.objective, config.model.shape
    faults = []
    if heads.projection and objective.embedding == "word_vectors" and config.text.vectors is None:
        faults.append(f"text.vectors: must be given for model.shape {shape}")
    tells_size = config.text.vectors is not None or config.model.start is not None
    if heads.projection and objective.embedding == "none" and not tells_size:
        faults.append(f"text.vectors: must be given for model.shape {shape}; they tell its projection's size")
    if uses_teacher(config) and config.text.teacher is None:
        why = f"model.shape {shape}" if heads.aux else "what the objective learns from it"
        faults.append(f"text.teacher: must be given for {why}")
    if objective.distillation == "labels" and objective.classification not in OF_DISTRIBUTIONS:
        faults.append(
            "objective.distillation: 'labels' needs objective.classification 'soft_cross_entropy' or 'kl'; "
            f"got {objective.classification!r}"
        )
    learns = objective.classification != "none" or objective.dimensions != "none"
    learns = learns or (heads.projection and objective.embedding != "none")
    if not learns and not (heads.aux and objective.distillation == "head"):
        faults.append(f"objective: some term must be left for model.shape {shape}; none is")
    if faults:
        raise ConfigError(faults)


def _open_vectors(config: TrainConfig, dataset: Dataset) -> tuple[WordVectors | None, Mapping[str, Any]]:
    path = config.text.vectors
    if path is None or not SHAPES[config.model.shape].projection:
        return None, {}
    return read_vectors(path, only=_words_to_keep(dataset)), read_info(path)


def _words_to_keep(dataset: Dataset) -> tuple[str, ...]:
    """Words that a run may be asked for: those of its data set and of every label set."""
    label_words = [word for words in EMOTIC_WORDS.values() for word in words]
    label_words += [label.lower() for labels in LABEL_SETS.values() for label in labels]
    return tuple(
        dict.fromkeys([*dataset.tag_names, *dataset.emotion_names, *dataset.unseen_names, *label_words])
    )
