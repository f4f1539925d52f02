"""What a run's folder and its data set say about its test scores, read once for report and model card."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from emotionnet import runs
from emotionnet.data.store import Dataset
from emotionnet.evaluation import summary
from emotionnet.evaluation.class_table import ClassScore, class_table
from emotionnet.evaluation.pooled import Pooled, by_group
from emotionnet.evaluation.predictions import read_predictions
from emotionnet.evaluation.subject import open_run_data, training_config
from emotionnet.files import read_object
from emotionnet.models.description import ImageModel, read_description
from emotionnet.records import DataError


@dataclass(frozen=True)
class Findings:
    """All that report and model card are made of; `groups` are the test groups, told and true."""

    run: Path
    model: ImageModel
    config: Mapping[str, Any]
    dataset: Dataset
    metrics: Mapping[str, float]
    manifest: Mapping[str, Any]
    predictions: pl.DataFrame
    classes: tuple[ClassScore, ...]
    groups: Pooled

    @property
    def top(self) -> tuple[str, ...]:
        """The emotion told of each group."""
        return tuple(self.model.emotions[i] for i in self.groups.scores.argmax(axis=1))

    @property
    def scaled(self) -> Pooled | None:
        """The groups under the temperature that `evaluate` fitted; None where it fitted none."""
        temperature = self.metrics.get("val.temperature")
        if temperature is None or temperature <= 0:
            return None
        return by_group(self.predictions, self.model, temperature=temperature)


def gather(run: Path, data: Path | str | None = None, *, format: str = "auto") -> Findings:  # noqa: A002
    """Read a run that was evaluated.

    Args:
        run: A finished RUN with test scores.
        data: Another place of its data set, or the one that it was scored on; None: the one named in the
            run's config.
        format: What `data` is.

    Raises:
        DataError: The run was not evaluated, or before scores had intervals, or its files are
            missing or broken.
    """
    runs.require_run(run)
    metrics = runs.read_metrics(run)
    summary.require_scores(run, metrics)
    model, config = read_description(run, ImageModel), training_config(run)
    dataset = open_run_data(run, config, data, format=format)
    predictions = read_predictions(run)
    try:
        groups = by_group(predictions, model)
    except DataError as error:
        raise DataError(f"{run}: {fault}" for fault in error.faults) from None
    manifest = run / runs.MANIFEST
    return Findings(
        run=run,
        model=model,
        config=config,
        dataset=dataset,
        metrics=metrics,
        manifest=read_object(manifest) if manifest.is_file() else {},
        predictions=predictions,
        classes=class_table(groups.scores, groups.truth.labels_UC, model.emotions, seed=int(config["seed"])),
        groups=groups,
    )
