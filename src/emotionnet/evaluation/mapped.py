"""Score a RUN by the labels of another data set, through a map from its own emotions; nothing is trained.

Shape letters: N = pictures, C = the run's emotions, K = labels of the data set, G = groups.
"""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np

from emotionnet.evaluation.intervals import flat
from emotionnet.evaluation.pooled import by_group
from emotionnet.evaluation.predictions import Teller, table_of
from emotionnet.evaluation.resampling import draw_weights
from emotionnet.evaluation.scores import resample, sizes
from emotionnet.evaluation.subject import Subject, open_subject, require_not_fitted_on
from emotionnet.evaluation.units import read_split, require_sides
from emotionnet.inference.features import cached_outputs
from emotionnet.inference.outputs import Outputs
from emotionnet.inference.torch_backend import probabilities
from emotionnet.label_maps import LabelMap, table_map
from emotionnet.models.description import ImageModel
from emotionnet.progress import message
from emotionnet.records import DataError
from emotionnet.runs import merge_metrics
from emotionnet.text.nearest_labels import label_words, nearest_map
from emotionnet.text.sentence import sentence_vectors

Way = Literal["table", "nearest"]


def evaluate_mapped(
    run: Path | str,
    way: Way,
    *,
    split: str = "test",
    data: Path | str | None = None,
    format: str = "auto",  # noqa: A002
) -> dict[str, float]:
    """Score a run on another label space; merges the scores into its `metrics.json`.

    Args:
        run: A finished RUN of an image network.
        way: table: the map by our tables, see `label_maps`. nearest: each emotion stands for the label whose
            word vector is nearest, in the run's own vectors, or sentence vectors where it has none.
        split: Which split of the data set.
        data: The other data set; None: the run's own.
        format: What `data` is, see `SourceConfig.format`.

    Returns:
        Under `<split>.mapped.`: the scores that `scores.resample` gives of scores that rank, with intervals,
        such as `macro_map`, `hit_rate`, `accuracy`; the `n_...` of `scores.sizes`; `n_unmapped`, emotions
        that stand for no label, and `n_unreached`, labels that are never told. The unit is the group.

    Raises:
        DataError: The run or the data set cannot be used, no label can be told, or something of the run was
            fitted on this very split; nothing is written.
    """
    run = Path(run)
    subject = open_subject(run, data, format=format)
    require_not_fitted_on(subject, split)
    dataset, model = subject.dataset, subject.predictor.model
    found = _map(subject, way)
    scored = read_split(dataset, split, dataset.emotion_names)
    require_sides(dataset, scored)
    outputs = cached_outputs(subject.predictor, scored.paths, progress=f"{split} pictures")
    teller, told = through(found, model, outputs)
    groups = by_group(table_of(dataset, scored, teller, told), teller)
    weights_GS = draw_weights(len(groups.ids), seed=subject.seed)
    values: dict[str, float] = {
        **flat(resample(groups.told, groups.truth, weights_GS)),
        **sizes(groups.truth),
        "n_unmapped": len(found.unmapped),
        "n_unreached": len(found.unreached),
    }
    prefix = f"{split}.mapped."
    metrics = {f"{prefix}{key}": value for key, value in values.items() if math.isfinite(value)}
    merge_metrics(run, metrics, replacing=(prefix,))
    return metrics


def through(found: LabelMap, model: ImageModel, outputs: Outputs) -> tuple[Teller, Outputs]:
    """What a run tells of the labels that its emotions stand for: scores that rank, and no more.

    Args:
        found: From the run's emotions to those labels.
        model: The run's.
        outputs: What it says of N pictures.

    Raises:
        DataError: None of the labels can be told.
    """
    if len(found.unreached) == len(found.target):
        raise DataError(
            "at least one label must be reached by the map; no emotion of the run stands for any of "
            f"{', '.join(found.target)[:200]}"
        )
    told_NC = probabilities(outputs.scores, model.activation)
    scores_NK = found.scores(told_NC, shared=model.activation == "softmax").astype(np.float32)
    return Teller(found.target, "none", model.dimensions), replace(outputs, scores=scores_NK)


def _map(subject: Subject, way: Way) -> LabelMap:
    """The map from the run's emotions to the data set's labels; a message tells what it leaves out."""
    source, target = subject.predictor.emotions, subject.dataset.emotion_names
    if way == "table":
        found = table_map(source, target)
    else:
        vectors = subject.predictor.vectors or sentence_vectors(label_words((*source, *target)))
        found = nearest_map(source, target, vectors)
    for what, names in (
        ("emotions stand for no label", found.unmapped),
        ("labels are never told", found.unreached),
    ):
        if names:
            message(f"--map {way}: {len(names)} {what}: {', '.join(names)[:200]}")
    return found
