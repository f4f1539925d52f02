"""report.html: what a run found, in one file that asks nothing of the network and needs no script."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import polars as pl
from markupsafe import Markup

from emotionnet import runs
from emotionnet.data.store import Dataset, read_dataset
from emotionnet.evaluation import plots, summary
from emotionnet.evaluation.gallery import best_and_worst
from emotionnet.evaluation.metrics import Labels
from emotionnet.evaluation.scoring import ClassScore, class_table, read_predictions
from emotionnet.evaluation.subject import training_config
from emotionnet.evaluation.units import pool_labels, pool_scores
from emotionnet.files import read_json, write_text
from emotionnet.models.description import ImageModel, read_description
from emotionnet.records import DataError

TEMPLATES = jinja2.Environment(
    loader=jinja2.PackageLoader("emotionnet.evaluation"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)


@dataclass(frozen=True)
class Findings:
    """Everything that a run's folder and its data set say about its test scores."""

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


def write_report(run: Path, *, data: Path | None = None) -> Path:
    """Write `report.html` into a run that was evaluated.

    Args:
        run: A finished RUN with test scores.
        data: Another place of its DATASET; None: the one named in the run's config.

    Returns:
        The file written.

    Raises:
        DataError: The run was not evaluated, or its files or pictures are missing or broken.
    """
    found = gather(run, data)
    best, worst = best_and_worst(found.predictions, found.dataset, found.model.emotions)
    history = runs.read_history(run)
    page = TEMPLATES.get_template("report.html.j2").render(
        name=found.dataset.name,
        headline=summary.headline(found.metrics, found.dataset.name),
        caution=summary.CAUTION,
        rows=summary.headline_rows(found.metrics),
        zero_shot=summary.zero_shot_line(found.metrics),
        words=_word_scores(found.metrics),
        best=best,
        worst=worst,
        curves=Markup(plots.training_curves(history)) if history else "",
        bars=Markup(plots.class_bars(found.classes)),
        distribution=Markup(plots.tag_distribution(found.dataset.tags, found.dataset.emotions)),
        classes=sorted(found.classes, key=lambda row: (-(row.ap or 0.0), row.emotion)),
        counts=found.dataset.info.get("counts", {}),
        manifest=tuple(flat(found.manifest)),
    )
    write_text(run / runs.REPORT, page)
    return run / runs.REPORT


def gather(run: Path, data: Path | None = None) -> Findings:
    """Read what report and model card are made of.

    Raises:
        DataError: As `write_report`.
    """
    runs.require_run(run)
    metrics = runs.read_metrics(run)
    summary.require_scores(run, metrics)
    model, config = read_description(run, ImageModel), training_config(run)
    dataset = read_dataset(data if data is not None else Path(config["data"]["root"]))
    predictions = read_predictions(run)
    groups = predictions["group"].to_list()
    probabilities_NC = np.array(predictions["probabilities"].to_list(), dtype=np.float64)
    if probabilities_NC.ndim != 2 or probabilities_NC.shape[1] != len(model.emotions):
        raise DataError(f"{run}: predictions must be of the model's emotions; evaluate the run again")
    labels_NC = np.array(
        [[name in row for name in model.emotions] for row in predictions["labels"].to_list()]
    )
    scores_GC, labels_GC = pool_scores(probabilities_NC, groups), pool_labels(labels_NC, groups)
    return Findings(
        run=run,
        model=model,
        config=config,
        dataset=dataset,
        metrics=metrics,
        manifest=_manifest(run),
        predictions=predictions,
        classes=class_table(scores_GC, labels_GC, model.emotions, seed=int(config["seed"])),
        top=tuple(model.emotions[i] for i in scores_GC.argmax(axis=1)),
        group_labels=labels_GC,
    )


def flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Nested values as dotted keys and texts, in order."""
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{prefix}{key}.")
        elif isinstance(value, list):
            yield f"{prefix}{key}", ", ".join(map(str, value)) or "none"
        else:
            yield f"{prefix}{key}", str(value)


def _manifest(run: Path) -> dict[str, Any]:
    path = run / runs.MANIFEST
    values = read_json(path) if path.is_file() else {}
    if not isinstance(values, dict):
        raise DataError(f"{path}: must be a JSON object; got {type(values).__name__}")
    return values


def _word_scores(metrics: Mapping[str, float]) -> list[tuple[str, float]]:
    """Unseen words and their AUC, the best first."""
    prefix = "zero_shot.unseen.auc."
    found = [(key.removeprefix(prefix), value) for key, value in metrics.items() if key.startswith(prefix)]
    return sorted(found, key=lambda pair: (-pair[1], pair[0]))
