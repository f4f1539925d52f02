"""Score a RUN on a split of its DATASET, beside its baselines; keep every prediction.

Shape letters: N = pictures, G = groups, C = emotions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from emotionnet.data.tables import read_parquet, write_parquet
from emotionnet.evaluation.baselines import Baselines, run_baselines
from emotionnet.evaluation.chance import chance_average_precisions, chance_scores, permutation_p
from emotionnet.evaluation.intervals import (
    ClassScores,
    Estimate,
    Resampled,
    class_scores,
    flat,
    flat_estimate,
    resample_hit_rate,
    resample_scores,
)
from emotionnet.evaluation.metrics import Floats, Labels
from emotionnet.evaluation.resampling import draw_weights
from emotionnet.evaluation.single_labels import one_hot_labels, resample_accuracy
from emotionnet.evaluation.subject import Subject, open_subject, require_not_fitted_on
from emotionnet.evaluation.units import (
    Split,
    pool_scores,
    read_split,
    read_splits,
    require_same_emotions,
    require_sides,
)
from emotionnet.inference.outputs import Outputs
from emotionnet.progress import message
from emotionnet.records import DataError, first_line
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
    ap: Estimate | None
    auc: Estimate | None
    chance: float | None
    prevalence: float


def evaluate_run(
    run: Path | str, *, split: str = "test", baselines: bool = True, data: Path | str | None = None
) -> dict[str, float]:
    """Score a run; the unit is the group, whose probabilities are the mean over its pictures.

    Writes `predictions/<split>.parquet` and merges the scores into `metrics.json`. Every score has a
    95 % interval beside it (`intervals`), as `<score>_ci_low` and `<score>_ci_high`.

    Args:
        run: A finished RUN of an image network.
        split: Which split of the data set.
        baselines: Compute them too; they belong to the test split and to no other.
        data: Another place of the DATASET; None: the one named in the run's config.

    Returns:
        Under `<split>.`: `macro_map` over `n_classes`, `hit_rate`, `auc`, `n_groups`, `n_images` and
        `ap.<emotion>` for each emotion with a positive group; `accuracy` over `n_single` groups where
        pictures have a single label (`single_labels`). With baselines also
        `baseline.<name>.<score>` for frozen, nearest, pixels, chance and shuffled;
        `difference.<name>.<score>`, the run minus frozen, nearest and pixels, with `_p`; and the scores over
        the groups without a near training neighbour, `test.far.<score>` and `baseline.<name>.far.<score>`.
        Without rows to learn from there is chance alone; where the trunk's first weights are not known, there
        are chance and pixels.

    Raises:
        DataError: The run or the data set cannot be used, they speak of other emotions, or
            something of the run was fitted on this very split; nothing is written.
    """
    run = Path(run)
    subject = open_subject(run, None if data is None else Path(data))
    emotions = subject.predictor.emotions
    require_same_emotions(subject.dataset, emotions)
    require_not_fitted_on(subject, split)
    scored = read_split(subject.dataset, split, emotions)
    require_sides(subject.dataset, scored)
    outputs = subject.predictor.outputs(scored.paths, progress=f"{split} pictures")
    pooled_GC, labels_GC = pool_scores(outputs.probabilities, scored.groups), scored.group_labels
    weights_GS = draw_weights(len(labels_GC), seed=subject.seed)
    classes = class_scores(pooled_GC, labels_GC, weights_GS)
    ours = {**classes.means(), "hit_rate": resample_hit_rate(pooled_GC, labels_GC, weights_GS)}
    sizes = {"n_groups": len(labels_GC), "n_images": len(scored.paths)}
    by_class = _precisions(emotions, classes)
    single = _single(subject, scored, outputs, weights_GS)
    values = {**flat(ours), **_classes(labels_GC), **sizes, **flat(by_class), **single}
    metrics = {f"{split}.{key}": value for key, value in values.items()}
    if baselines and split == "test":
        chance = chance_scores(labels_GC, seed=subject.seed)
        metrics |= {f"baseline.chance.{key}": value for key, value in chance.items()}
        found = _baselines(subject)
        if found is not None:
            metrics |= _beside(found, ours, labels_GC, weights_GS)
            metrics |= _far_from_training(found, pooled_GC, labels_GC, weights_GS)
    write_predictions(subject, split, scored, outputs)
    stale = ("baseline.", "difference.") if split == "test" else ()
    merge_metrics(run, metrics, replacing=(f"{split}.ap.", f"{split}.far.", *stale))
    return metrics


def _baselines(subject: Subject) -> Baselines | None:
    """All baselines that can be computed; a message names those that cannot."""
    root = subject.dataset.root
    if not all(subject.dataset.table(split).height for split in ("train", "val")):
        message(f"{root}: no baselines but chance; they learn from train and val, which are not both there")
        return None
    if subject.trunk_weights is None:
        message(
            f"{subject.run}: no baselines frozen, nearest and shuffled; "
            "where the trunk's weights began is not known"
        )
    return run_baselines(subject, read_splits(subject.dataset, subject.predictor.emotions))


def _beside(
    found: Baselines, ours: Mapping[str, Resampled], labels_GC: Labels, weights_GS: Floats
) -> dict[str, float]:
    """Every baseline's scores, and the paired differences of the run to those that look at pictures.

    Returns:
        `baseline.<name>.<score>` with interval for frozen, nearest and pixels; the mean
        `baseline.shuffled.macro_map` with `macro_map_p95`, and `baseline.shuffled.macro_map_p`, the
        permutation p of the frozen trunk's probe; and
        `difference.<name>.<score>` with interval and `_p`.
    """
    values = {f"baseline.{name}.c": c for name, c in found.c.items()}
    theirs = {name: resample_scores(scores, labels_GC, weights_GS) for name, scores in found.scores.items()}
    for name, scores in theirs.items():
        values |= flat({f"baseline.{name}.{key}": sample for key, sample in scores.items()})
        for key, sample in ours.items():
            values |= flat_estimate(f"difference.{name}.{key}", sample.minus(scores[key]))
    if found.shuffled is None:
        return values
    return values | {
        "baseline.shuffled.macro_map": float(found.shuffled.mean()),
        "baseline.shuffled.macro_map_p95": float(np.quantile(found.shuffled, 0.95)),
        "baseline.shuffled.macro_map_p": permutation_p(theirs["frozen"]["macro_map"].value, found.shuffled),
    }


def _far_from_training(
    found: Baselines, pooled_GC: Floats, labels_GC: Labels, weights_GS: Floats
) -> dict[str, float]:
    """Scores over the test groups that have no training neighbour, as `<prefix>.far.<score>`.

    No scores but `test.far.n_groups` where all groups have one, and none at all where it is not known.
    """
    if found.neighbours is None:
        return {}
    far_G = ~found.neighbours
    values: dict[str, float] = {"test.far.n_groups": int(far_G.sum())}
    if not labels_GC[far_G].any():
        return values
    everything = {"test": pooled_GC, **{f"baseline.{name}": scores for name, scores in found.scores.items()}}
    for prefix, scores_GC in everything.items():
        samples = resample_scores(scores_GC[far_G], labels_GC[far_G], weights_GS[far_G])
        values |= flat({f"{prefix}.far.{key}": sample for key, sample in samples.items()})
    return values | {f"test.far.{key}": value for key, value in _classes(labels_GC[far_G]).items()}


def _single(subject: Subject, scored: Split, outputs: Outputs, weights_GS: Floats) -> dict[str, float]:
    """Accuracy with its interval and the number of groups, where the data set has single labels."""
    labels_NC = one_hot_labels(subject.dataset, scored, subject.predictor.emotions)
    if labels_NC is None:
        return {}
    accuracy = resample_accuracy(outputs.probabilities, labels_NC, scored.groups, weights_GS)
    return {**flat({"accuracy": accuracy}), "n_single": sum(accuracy.counts)}


def _classes(labels_GC: Labels) -> dict[str, float]:
    return {"n_classes": int(labels_GC.any(axis=0).sum())}


def _precisions(emotions: Sequence[str], scores: ClassScores) -> dict[str, Resampled]:
    pairs = zip(emotions, scores.precisions, strict=True)
    return {f"ap.{name}": sample for name, sample in pairs if sample is not None}


def class_table(
    scores_GC: npt.NDArray[Any], labels_GC: Labels, emotions: tuple[str, ...], *, seed: int
) -> tuple[ClassScore, ...]:
    """One row for each emotion, in their order.

    Args:
        scores_GC: Float, shape (G, C), the larger the likelier.
        labels_GC: Boolean, shape (G, C).
        emotions: The C names.
        seed: Of the weights of the intervals, and of the random scores that `chance` is the mean over.
    """
    found = class_scores(scores_GC, labels_GC, draw_weights(len(labels_GC), seed=seed))
    chance_C = chance_average_precisions(labels_GC, seed=seed)
    return tuple(
        ClassScore(
            emotion=name,
            positives=int(positive_G.sum()),
            ap=None if ap is None else ap.estimate(),
            auc=None if auc is None else auc.estimate(),
            chance=None if np.isnan(chance) else float(chance),
            prevalence=float(positive_G.mean()),
        )
        for name, positive_G, ap, auc, chance in zip(
            emotions, labels_GC.T, found.precisions, found.aucs, chance_C, strict=True
        )
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
    write_parquet(subject.run / PREDICTIONS / f"{split}.parquet", table)


def read_predictions(run: Path, split: str = "test") -> pl.DataFrame:
    """Every prediction on a split, columns as in `PREDICTION_SCHEMA`.

    Raises:
        DataError: The run was not evaluated on the split, or the table is broken.
    """
    path = run / PREDICTIONS / f"{split}.parquet"
    if not path.is_file():
        raise DataError(f"{path}: file not found; 'emotionnet evaluate {run}' writes it")
    try:
        return read_parquet(path).select(PREDICTION_SCHEMA.names()).cast(PREDICTION_SCHEMA)
    except (DataError, pl.exceptions.PolarsError) as error:
        reason = first_line(error)
        raise DataError(f"{path}: must have the columns {', '.join(PREDICTION_SCHEMA)}; {reason}") from None


def _nearest_tags(subject: Subject, outputs: Outputs) -> list[list[str]]:
    vectors = subject.predictor.vectors
    if vectors is None or outputs.projection is None:
        return [[] for _ in outputs.scores]
    indices_NK, _ = vectors.nearest(outputs.projection, NEAREST_TAGS)
    return [[vectors.words[i] for i in row] for row in indices_NK]
