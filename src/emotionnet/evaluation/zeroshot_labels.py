"""Zero-shot on the labels of a data set that the run was not trained on, by words alone.

A label's score is the mean (or the largest) cosine between the projection and the vectors of the label's
words, or what a text teacher makes of each word (Wei et al., CVPR 2020, section 4); `label_metrics` says what
is made of these. Shape letters: N = rows, K = labels.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl

from emotionnet.data.tables import write_parquet
from emotionnet.emotions import EMOTIC_WORDS
from emotionnet.evaluation.label_metrics import label_metrics
from emotionnet.evaluation.single_labels import one_hot_labels
from emotionnet.evaluation.subject import Subject, open_subject, require_not_fitted_on
from emotionnet.evaluation.units import Split, read_split, require_sides
from emotionnet.evaluation.zeroshot import score_unseen
from emotionnet.inference.label_points import Pool, TeacherWords, label_points, label_scores, teacher_words
from emotionnet.inference.outputs import Array
from emotionnet.models.teachers import load_teacher
from emotionnet.progress import message
from emotionnet.records import DataError
from emotionnet.runs import PREDICTIONS, merge_metrics
from emotionnet.text.vectors import WordVectors

NEAREST_TAGS = 10
SCORES = ("accuracy", "macro_map", "auc", "ap.", "chance_", "n_")  # beginnings of the keys of one variant
SCHEMA = pl.Schema(
    {
        "id": pl.String(),
        "path": pl.String(),
        "labels": pl.List(pl.String()),
        "predicted": pl.String(),
        "cosines": pl.List(pl.Float32()),
        "tags": pl.List(pl.String()),
    }
)


@dataclass(frozen=True)
class Reading:
    """How words become scores: through the vectors or a TEACHER, and by the mean or the largest cosine."""

    pool: Pool = "mean"
    teacher: Path | None = None

    @property
    def key(self) -> str:
        """What tells the scores of this variant from those of the plain one; empty for that."""
        names = [*(["teacher"] if self.teacher else []), *(["max"] if self.pool == "max" else [])]
        return "_".join(names) + "." if names else ""


PLAIN = Reading()


def zeroshot(
    run: Path,
    *,
    on: Literal["unseen", "labels"] | None = None,
    split: str = "test",
    data: Path | None = None,
    vectors: Path | None = None,
    reading: Reading = PLAIN,
) -> dict[str, float]:
    """Score a run on words that it was not trained on, and merge the scores into `metrics.json`.

    Args:
        run: A finished RUN of a network with a projection.
        on: The words that were held out of the run's training, see `zeroshot.zeroshot_run`, or the labels of
            a data set, see `score_labels`; None: those where the data set has any and nothing else is asked.
        split: Which split of the data set.
        data: A DATASET; None: the one named in the run's config.
        vectors: VECTORS in place of the run's own.
        reading: How labels become scores; for labels only.

    Raises:
        DataError: As the two functions named.
    """
    subject = open_subject(run, data, vectors=vectors)
    if on is None:
        held_out = set(subject.predictor.model.domain.unseen) & set(subject.dataset.unseen_names)
        on = "unseen" if held_out and reading == PLAIN else "labels"
    if on == "labels":
        return score_labels(subject, split=split, reading=reading)
    if reading != PLAIN:
        raise DataError("--pool and --teacher are for the labels of a data set; add --on labels")
    return score_unseen(subject, split=split)


def score_labels(subject: Subject, *, split: str = "test", reading: Reading = PLAIN) -> dict[str, float]:
    """Score a run on the labels of a data set that it was not trained on.

    Writes `predictions/zeroshot-<split>.parquet`, columns as in `SCHEMA`: a row for each record with its
    labels, the nearest label, the cosines in the order of the data set's emotions, and the ten nearest tags.

    Args:
        subject: The run and the data set.
        split: Which split of it.
        reading: How words become scores.

    Returns:
        Under `zero_shot.labels.`, those of another split behind its name, and with `max.`, `teacher.` or
        `teacher_max.` in front of the score where it was read so: what `label_metrics` gives; and
        `n_without_own_words`, the number of labels that `same_words` finds, where there are any.

    Raises:
        DataError: The run has no projection or was trained on these labels, a word has no vector, sizes
            differ, or data set or teacher are broken; nothing is written.
    """
    _require_foreign(subject)
    require_not_fitted_on(subject, split)
    dataset = subject.dataset
    scored = read_split(dataset, split, dataset.emotion_names)
    require_sides(dataset, scored)
    space = _space(subject, reading.teacher)
    words = label_words(dataset.emotion_names)
    points = label_points(words, space)
    projection_ND = _projection(subject, scored, progress=f"{split} pictures")
    cosines_NK = label_scores(projection_ND, points, pool=reading.pool)
    single_NK = one_hot_labels(dataset, scored, dataset.emotion_names)
    found = label_metrics(cosines_NK, scored, dataset.emotion_names, seed=subject.seed, single_NK=single_NK)
    prefix = ("" if split == "test" else f"{split}.") + f"zero_shot.labels.{reading.key}"
    metrics = {f"{prefix}{key}": value for key, value in found.items()}
    if twins := same_words(words):
        metrics[f"{prefix}n_without_own_words"] = len(twins)
        message(f"{', '.join(twins)}: never told, since an earlier label has the same words")
    table = _predictions(scored, dataset.emotion_names, cosines_NK, _nearest(projection_ND, space))
    write_parquet(subject.run / PREDICTIONS / f"zeroshot-{split}.parquet", table)
    merge_metrics(subject.run, metrics, replacing=tuple(f"{prefix}{score}" for score in SCORES))
    return metrics


def label_words(names: Sequence[str]) -> Mapping[str, Sequence[str]]:
    """The words that stand for each label: EMOTIC's word sets for its categories, else the label itself.

    Example:
        >>> label_words(["Joy", "surprise(positive)"])
        {'Joy': ('joy',), 'surprise(positive)': ('surprise',)}
    """
    if set(names) == set(EMOTIC_WORDS):
        return {name: EMOTIC_WORDS[name] for name in names}
    return {name: (re.sub(r"\s*\(.*\)\s*$", "", name).lower() or name,) for name in names}


def same_words(words: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """The labels that have the words of an earlier one: their scores are its own, so they are never told.

    Example:
        >>> same_words({"surprise(negative)": ("surprise",), "surprise(positive)": ("surprise",)})
        ('surprise(positive)',)
    """
    first: dict[tuple[str, ...], str] = {}
    return tuple(name for name, some in words.items() if first.setdefault(tuple(some), name) != name)


def _require_foreign(subject: Subject) -> None:
    if subject.predictor.model.embedding_size is None:
        raise DataError(f"{subject.run}: zero-shot needs a network with a projection; this run has none")
    if subject.predictor.model.domain.data_hash == subject.dataset.content_hash:
        raise DataError(
            f"{subject.dataset.root}: zero-shot needs labels that the run was not trained on; "
            "it was trained on this data set, name another with --data"
        )


def _space(subject: Subject, teacher: Path | None) -> WordVectors | TeacherWords:
    if teacher is not None:
        return teacher_words(*load_teacher(teacher))
    if subject.predictor.vectors is None:
        raise DataError(f"{subject.run}: zero-shot needs word vectors; this run has none, give --vectors")
    return subject.predictor.vectors


def _projection(subject: Subject, scored: Split, *, progress: str) -> Array:
    """The projection of each row; a picture of several rows goes through the network once."""
    paths = list(dict.fromkeys(scored.paths))
    place = {path: row for row, path in enumerate(paths)}
    projection = subject.predictor.outputs(paths, progress=progress).projection
    assert projection is not None  # its embedding size was looked at
    return projection[[place[path] for path in scored.paths]]


def _nearest(projection_ND: Array, space: WordVectors | TeacherWords) -> list[list[str]]:
    vectors = space.tags if isinstance(space, TeacherWords) else space
    indices_NT, _ = vectors.nearest(projection_ND, NEAREST_TAGS)
    return [[vectors.words[i] for i in row] for row in indices_NT]


def _predictions(
    scored: Split, names: Sequence[str], cosines_NK: Array, tags: Sequence[Sequence[str]]
) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "id": [record.id for record in scored.records],
            "path": [record.path for record in scored.records],
            "labels": [[names[int(i)] for i in np.flatnonzero(row)] for row in scored.labels],
            "predicted": [names[int(i)] for i in cosines_NK.argmax(axis=1)],
            "cosines": cosines_NK.tolist(),
            "tags": tags,
        },
        schema=SCHEMA,
    )
