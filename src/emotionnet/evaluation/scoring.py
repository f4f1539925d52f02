"""Score a RUN on a split of its DATASET, beside its baselines; keep every prediction.

Shape letters: N = pictures, G = groups, C = emotions.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from emotionnet.evaluation.baselines import (
    Splits,
    baseline_scores,
    chance_average_precisions,
    group_scores,
)
from emotionnet.evaluation.metrics import Labels, aucs, average_precisions
from emotionnet.evaluation.subject import Subject, open_subject
from emotionnet.evaluation.units import Split, pool_scores, read_split, require_same_emotions
from emotionnet.files import write_bytes
from emotionnet.inference.outputs import Outputs
from emotionnet.records import DataError
from emotionnet.runs import PREDICTIONS, merge_metrics

NEAREST_TAGS = 5
PREDICTION_SCHEMA = pl.Schema(
    {
        "id": pl.String(),
        "path": pl.String(),
        "group": pl.String(),
        "labels": pl.List(pl.String()),
        "probabilities": pl.List(pl.Float32()),
        "tags": pl.List(pl.String()),
    }
)


@dataclass(frozen=True)
class ClassScore:
    """One emotion's row of the per-class table; the unit is the group.

    `ap` and `auc` are 0 to 1, None where the emotion has no positive (or, for `auc`, no
    negative) group; `chance` is the mean AP of random scores, `prevalence` the share of positives.
    """

    emotion: str
    positives: int
    ap: float | None
    auc: float | None
    chance: float | None
    prevalence: float


def evaluate_run(
    run: Path | str, *, split: str = "test", baselines: bool = True, data: Path | str | None = None
) -> dict[str, float]:
    """Score a run; the unit is the group, whose probabilities are the mean over its pictures.

    Writes `predictions/<split>.parquet` and merges the scores into `metrics.json`.

    Args:
        run: A finished RUN of an image network.
        split: Which split of the data set.
        baselines: Compute them too; they belong to the test split and to no other.
        data: Another place of the DATASET; None: the one named in the run's config.

    Returns:
        Under `<split>.`: `macro_map` over `n_classes`, `hit_rate`, `auc`, `n_groups`, `n_images` and
        `ap.<emotion>` for each emotion with a positive group; under `baseline.` those of each baseline.

    Raises:
        DataError: The run or the data set cannot be used, or they speak of other emotions; nothing is
            written.
    """
    run = Path(run)
    subject = open_subject(run, None if data is None else Path(data))
    emotions = subject.predictor.emotions
    require_same_emotions(subject.dataset, emotions)
    scored = read_split(subject.dataset, split, emotions)
    outputs = subject.predictor.outputs(scored.paths, progress=f"{split} pictures")
    values = split_scores(outputs.probabilities, scored, emotions)
    metrics = {f"{split}.{key}": value for key, value in values.items()}
    if baselines and split == "test":
        train, val = (read_split(subject.dataset, name, emotions) for name in ("train", "val"))
        found = baseline_scores(subject, Splits(train=train, val=val, test=scored))
        metrics |= {f"baseline.{key}": value for key, value in found.items()}
    write_predictions(subject, split, scored, outputs)
    merge_metrics(run, metrics)
    return metrics


def split_scores(
    probabilities_NC: npt.NDArray[Any], scored: Split, emotions: tuple[str, ...]
) -> dict[str, float]:
    """Scores of one split over its groups, and the average precision of each emotion."""
    pooled_GC, labels_GC = pool_scores(probabilities_NC, scored.groups), scored.group_labels
    sizes = {"n_groups": len(labels_GC), "n_images": len(scored.paths)}
    precisions = zip(emotions, average_precisions(pooled_GC, labels_GC), strict=True)
    by_class = {f"ap.{name}": float(value) for name, value in precisions if not np.isnan(value)}
    return group_scores(pooled_GC, labels_GC) | sizes | by_class


def class_table(
    scores_GC: npt.NDArray[Any], labels_GC: Labels, emotions: tuple[str, ...], *, seed: int
) -> tuple[ClassScore, ...]:
    """One row for each emotion, in their order.

    Args:
        scores_GC: Float, shape (G, C), the larger the likelier.
        labels_GC: Boolean, shape (G, C).
        emotions: The C names.
        seed: Of the random scores that `chance` is the mean over.
    """
    columns = (
        average_precisions(scores_GC, labels_GC),
        aucs(scores_GC, labels_GC),
        chance_average_precisions(labels_GC, seed=seed),
    )
    known = [[None if np.isnan(value) else float(value) for value in column] for column in columns]
    return tuple(
        ClassScore(
            emotion=name,
            positives=int(positive_G.sum()),
            ap=ap,
            auc=auc,
            chance=chance,
            prevalence=float(positive_G.mean()),
        )
        for name, positive_G, ap, auc, chance in zip(emotions, labels_GC.T, *known, strict=True)
    )


def write_predictions(subject: Subject, split: str, scored: Split, outputs: Outputs) -> None:
    """Write `predictions/<split>.parquet`: one row for each picture, columns as in `PREDICTION_SCHEMA`.

    `probabilities` follow the order of the run's emotions; `tags` are the words nearest to the
    projection, none for a network without one.
    """
    emotions = subject.predictor.emotions
    table = pl.DataFrame(
        {
            "id": [record.id for record in scored.records],
            "path": [record.path for record in scored.records],
            "group": scored.groups,
            "labels": [[emotions[i] for i in np.flatnonzero(row)] for row in scored.labels],
            "probabilities": outputs.probabilities.tolist(),
            "tags": _nearest_tags(subject, outputs),
        },
        schema=PREDICTION_SCHEMA,
    )
    buffer = io.BytesIO()
    table.write_parquet(buffer)
    write_bytes(subject.run / PREDICTIONS / f"{split}.parquet", buffer.getvalue())


def read_predictions(run: Path, split: str = "test") -> pl.DataFrame:
    """Every prediction on a split, columns as in `PREDICTION_SCHEMA`.

    Raises:
        DataError: The run was not evaluated on the split, or the table is broken.
    """
    path = run / PREDICTIONS / f"{split}.parquet"
    if not path.is_file():
        raise DataError(f"{path}: file not found; 'emotionnet evaluate {run}' writes it")
    try:
        return pl.read_parquet(path).select(PREDICTION_SCHEMA.names()).cast(PREDICTION_SCHEMA)
    except (OSError, pl.exceptions.PolarsError) as error:
        reason = str(error).splitlines()[0]
        raise DataError(f"{path}: must have the columns {', '.join(PREDICTION_SCHEMA)}; {reason}") from None


def _nearest_tags(subject: Subject, outputs: Outputs) -> list[list[str]]:
    vectors = subject.predictor.vectors
    if vectors is None or outputs.projection is None:
        return [[] for _ in outputs.scores]
    indices_NK, _ = vectors.nearest(outputs.projection, NEAREST_TAGS)
    return [[vectors.words[i] for i in row] for row in indices_NK]
