"""Valence and arousal derived from a run's emotions by the norms of words, scored where a data set has them.

For runs that learned no dimensions. Shape letters: N = pictures, K = dimensions, G = groups.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl

from emotionnet.data.store import Dataset
from emotionnet.evaluation.intervals import flat
from emotionnet.evaluation.metrics import Floats
from emotionnet.evaluation.pooled import by_group
from emotionnet.evaluation.predictions import Teller, Tells, rows, true_dimensions
from emotionnet.evaluation.scores import resample
from emotionnet.word_dimensions import NAMES, can_derive, derived_dimensions, rescaled


def derived_scores(
    dataset: Dataset, split: str, table: pl.DataFrame, model: Tells, weights_GS: Floats
) -> dict[str, float]:
    """Concordance and error of dimensions that the run's probabilities stand for, moved to the data's range.

    Args:
        dataset: What was scored; `info["ranges"]` has the smallest and largest value of each dimension.
        split: Which split of it.
        table: What the run told of it, a row for each record in the split's order.
        model: What told it.
        weights_GS: The resamples of its groups.

    Returns:
        `derived.ccc.<dimension>`, `derived.rmse.<dimension>` and their means with intervals, and
        `derived.n_unmapped`, emotions that the norms do not have. Nothing where the run has dimensions of its
        own, the data set none of valence, arousal and dominance with known ranges, or the norms have fewer
        than two of the run's emotions.
    """
    ranges = known_ranges(dataset)
    if model.dimensions or not ranges or not can_derive(model.emotions):
        return {}
    names = tuple(ranges)
    true_N = true_dimensions(dataset, names, dataset.records(split))
    if not any(true_N):
        return {}
    told = derived_dimensions(rows(table["probabilities"], len(model.emotions)), model.emotions, names)
    lowest, highest = zip(*ranges.values(), strict=True)
    moved_NK = rescaled(told.values_NK, lowest, highest).astype(np.float32)
    filled = table.with_columns(
        pl.Series("dimensions", moved_NK.tolist(), dtype=pl.List(pl.Float32())),
        pl.Series("true_dimensions", true_N, dtype=pl.List(pl.Float64())),
    )
    groups = by_group(filled, Teller(model.emotions, model.activation, names))
    found = resample(groups.told, groups.truth, weights_GS, only=("ccc", "rmse"))
    scores = flat({f"derived.{key}": one for key, one in found.items()})
    return {**scores, "derived.n_unmapped": len(told.unmapped)} if scores else {}


def known_ranges(dataset: Dataset) -> dict[str, tuple[float, float]]:
    """Smallest and largest value of those of valence, arousal and dominance that the data set has.

    Nothing for data whose ranges nobody told: where its values end says little of where its scale does.
    """
    told = dataset.info.get("ranges")
    ranges: Mapping[str, object] = told if isinstance(told, Mapping) else {}
    return {name: ends for name in NAMES if (ends := _ends(ranges.get(name))) is not None}


def _ends(value: object) -> tuple[float, float] | None:
    """The two ends of a range, as a file has them; None where they are none."""
    if not isinstance(value, (list, tuple)) or len(value) != 2:
        return None
    if not all(isinstance(end, (int, float)) and np.isfinite(end) for end in value):
        return None
    low, high = (float(end) for end in value)
    return (low, high) if low < high else None
