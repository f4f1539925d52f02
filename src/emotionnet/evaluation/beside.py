"""Scores of a run beside those of its baselines. Shape letters: G = groups, C = emotions, S = resamples."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from emotionnet.evaluation.baselines import Baselines, run_baselines
from emotionnet.evaluation.chance import chance_scores, permutation_p
from emotionnet.evaluation.intervals import Resampled, flat, flat_estimate, resample_scores
from emotionnet.evaluation.metrics import Floats, Labels
from emotionnet.evaluation.pooled import Pooled
from emotionnet.evaluation.scores import Told, Truth, resample
from emotionnet.evaluation.subject import Subject
from emotionnet.evaluation.units import read_splits
from emotionnet.progress import message

COMPARED = ("macro_map", "auc", "hit_rate", "accuracy", "balanced_accuracy", "macro_f1")


def beside_baselines(
    subject: Subject, pooled: Pooled, ours: Mapping[str, Resampled], weights_GS: Floats
) -> dict[str, float]:
    """The scores of all baselines that can be computed, on the test groups.

    Returns:
        `baseline.<name>.<score>` for frozen, nearest, pixels, chance and shuffled;
        `difference.<name>.<score>`, the run minus frozen, nearest and pixels, with `_p`; and the scores over
        the groups without a near training neighbour, `test.far.<score>` and `baseline.<name>.far.<score>`.

    Raises:
        DataError: As `run_baselines`.
    """
    labels_GC = pooled.truth.labels_UC
    chance = chance_scores(labels_GC, seed=subject.seed)
    if pooled.truth.single_U is not None:
        chance["accuracy"] = 1 / labels_GC.shape[1]
    metrics = {f"baseline.chance.{key}": value for key, value in chance.items()}
    found = _baselines(subject)
    if found is None:
        return metrics
    metrics |= _beside(found, ours, pooled.truth, weights_GS)
    return metrics | _far_from_training(found, pooled.scores, labels_GC, weights_GS)


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
    found: Baselines, ours: Mapping[str, Resampled], truth: Truth, weights_GS: Floats
) -> dict[str, float]:
    """Every baseline's scores, and the paired differences of the run to those that look at pictures.

    Returns:
        `baseline.<name>.<score>` with interval for frozen, nearest and pixels; the mean
        `baseline.shuffled.macro_map` with `macro_map_p95`, and `baseline.shuffled.macro_map_p`, the
        permutation p of the frozen trunk's probe; and
        `difference.<name>.<score>` with interval and `_p`.
    """
    values = {f"baseline.{name}.c": c for name, c in found.c.items()}
    theirs = {
        name: resample(Told(scores_GC, None), truth, weights_GS, only=COMPARED)
        for name, scores_GC in found.scores.items()
    }
    for name, scores in theirs.items():
        values |= flat({f"baseline.{name}.{key}": sample for key, sample in scores.items()})
        for key, sample in scores.items():
            values |= flat_estimate(f"difference.{name}.{key}", ours[key].minus(sample))
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
    return values | {"test.far.n_classes": int(labels_GC[far_G].any(axis=0).sum())}
