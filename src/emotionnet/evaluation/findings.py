"""What a run's folder and its data set say about its test scores, read once for report and model card."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from emotionnet import runs
from emotionnet.data.store import Dataset
from emotionnet.evaluation import summary
from emotionnet.evaluation.metrics import Labels
from emotionnet.evaluation.scoring import ClassScore, class_table, read_predictions
from emotionnet.evaluation.subject import open_run_data, training_config
from emotionnet.evaluation.units import pool_labels, pool_scores
from emotionnet.files import read_object
from emotionnet.models.description import ImageModel, read_description
from emotionnet.records import DataError


@dataclass(frozen=True)
class Findings:
    """All that report and model card are made of; `group_labels` is boolean, shape (G, C)."""

    run: Path
    model: ImageModel
    config: Mapping[str, Any]
    dataset: Dataset
    metrics: Mapping[str, float]
    manifest: Mapping[str, Any]
    predictions: pl.DataFrame
    classes: tuple[ClassScore, ...]
    top: tuple[str, ...]
    group_labels: Labels


def gather(run: Path, data: Path | None = None) -> Findings:
    """Read a run that was evaluated.

    Args:
        run: A finished RUN with test scores.
        data: Another place of its DATASET; None: the one named in the run's config.

    Raises:
        DataError: The run was not evaluated, or before scores had intervals, or its files are
            missing or broken.
    """
    runs.require_run(run)
    metrics = runs.read_metrics(run)
    summary.require_scores(run, metrics)
    model, config = read_description(run, ImageModel), training_config(run)
    dataset = open_run_data(run, config, data)
    predictions = read_predictions(run)
    groups = predictions["group"].to_list()
    probabilities_NC = np.array(predictions["probabilities"].to_list(), dtype=np.float64)
    if probabilities_NC.ndim != 2 or probabilities_NC.shape[1] != len(model.emotions):
        raise DataError(f"{run}: predictions must be of the model's emotions; evaluate the run again")
    labels_NC = np.array(
        [[name in row for name in model.emotions] for row in predictions["labels"].to_list()]
    )
    scores_GC, labels_GC = pool_scores(probabilities_NC, groups), pool_labels(labels_NC, groups)
    manifest = run / runs.MANIFEST
    return Findings(
        run=run,
        model=model,
        config=config,
        dataset=dataset,
        metrics=metrics,
        manifest=read_object(manifest) if manifest.is_file() else {},
        predictions=predictions,
        classes=class_table(scores_GC, labels_GC, model.emotions, seed=int(config["seed"])),
        top=tuple(model.emotions[i] for i in scores_GC.argmax(axis=1)),
        group_labels=labels_GC,
    )
