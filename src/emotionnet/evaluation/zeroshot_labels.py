"""Zero-shot on the labels of a data set that the run was not trained on, by words alone.

A label's score is the mean (or the largest) cosine between the projection and the vectors of the label's
words, or what a text teacher makes of each word (Wei et al., CVPR 2020, section 4). Where a data
set has single labels the score is accuracy; elsewhere it is the average precision of each label over rows
(EMOTIC: one row for each person). Intervals resample groups, whose rows stay together.
Shape letters: N = rows, G = groups, K = labels.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import polars as pl

from emotionnet.data.tables import write_parquet
from emotionnet.emotions import EMOTIC_WORDS
from emotionnet.evaluation.chance import chance_scores
from emotionnet.evaluation.intervals import ClassScores, Resampled, class_scores, flat
from emotionnet.evaluation.metrics import Labels
from emotionnet.evaluation.resampling import draw_weights
from emotionnet.evaluation.single_labels import one_hot_labels, resample_accuracy
from emotionnet.evaluation.subject import Subject, open_subject, require_not_fitted_on
from emotionnet.evaluation.units import Split, group_index, pool_labels, read_split, require_sides
from emotionnet.evaluation.zeroshot import score_unseen
from emotionnet.inference.label_points import Pool, TeacherWords, label_points, label_scores, teacher_words
from emotionnet.inference.outputs import Array
from emotionnet.models.teachers import load_teacher
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
        `teacher_max.` in front of the score where it was read so: what `label_metrics` gives.

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
    points = label_points(label_words(dataset.emotion_names), space)
    projection_ND = _projection(subject, scored, progress=f"{split} pictures")
    cosines_NK = label_scores(projection_ND, points, pool=reading.pool)
    single_NK = one_hot_labels(dataset, scored, dataset.emotion_names)
    found = label_metrics(cosines_NK, scored, dataset.emotion_names, seed=subject.seed, single_NK=single_NK)
    prefix = ("" if split == "test" else f"{split}.") + f"zero_shot.labels.{reading.key}"
    metrics = {f"{prefix}{key}": value for key, value in found.items()}
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


def label_metrics(
    scores_NK: npt.NDArray[Any],
    scored: Split,
    names: Sequence[str],
    *,
    seed: int,
    single_NK: Labels | None = None,
) -> dict[str, float]:
    """Scores of labels, each with a 95 % interval by resampling groups.

    Args:
        scores_NK: The larger the likelier.
        scored: The rows.
        names: The K labels.
        seed: Of the resamples and of the random scores.
        single_NK: The single label of each row, as `single_labels.one_hot_labels` gives them; None: rows may
            have several.

    Returns:
        With single labels `accuracy` (the unit is the group, whose scores are averaged) and
        `chance_accuracy`. Else, the unit being the row, `macro_map` and, where a label has both sides, `auc`;
        `chance_map`, and `ap.<label>`. Always `n_classes`, those with a positive, `n_images` (rows) and
        `n_groups`, of rows with a label where they are single.
    """
    index_N = group_index(scored.groups)
    weights_GS = draw_weights(int(index_N.max()) + 1, seed=seed)
    if single_NK is not None:
        labelled_N = single_NK.any(axis=1)
        return {
            **flat({"accuracy": resample_accuracy(scores_NK, single_NK, scored.groups, weights_GS)}),
            "chance_accuracy": 1 / len(names),
            **_counts(single_NK[labelled_N], index_N[labelled_N]),
        }
    classes = class_scores(scores_NK, scored.labels, weights_GS[index_N])
    classes = _counted_by_group(classes, scored.labels, scored.groups)
    pairs = zip(names, classes.precisions, strict=True)
    return {
        **flat(classes.means()),
        "chance_map": chance_scores(scored.labels, seed=seed)["macro_map"],
        **_counts(scored.labels, index_N),
        **flat({f"ap.{name}": one for name, one in pairs if one is not None}),
    }


def _counts(labels_NK: Labels, groups_N: npt.NDArray[np.intp]) -> dict[str, int]:
    return {
        "n_classes": int(labels_NK.any(axis=0).sum()),
        "n_images": len(labels_NK),
        "n_groups": len(np.unique(groups_N)),
    }


def _counted_by_group(scores: ClassScores, labels_NK: Labels, groups: Sequence[str]) -> ClassScores:
    """The same scores, their spread told by as many independent positives as there are groups of them."""
    positive_K = pool_labels(labels_NK, groups).sum(axis=0)
    rarer_K = np.minimum(positive_K, pool_labels(~labels_NK, groups).sum(axis=0))

    def counted(
        column: Sequence[Resampled | None], counts_K: npt.NDArray[Any]
    ) -> tuple[Resampled | None, ...]:
        return tuple(
            None if one is None else replace(one, counts=(int(count),))
            for one, count in zip(column, counts_K, strict=True)
        )

    return ClassScores(counted(scores.precisions, positive_K), counted(scores.aucs, rarer_K))


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
