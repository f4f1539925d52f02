"""Score a RUN on a split of its data set, beside its baselines; keep every prediction."""

from __future__ import annotations

import math
from pathlib import Path

import polars as pl

from emotionnet.evaluation.beside import beside_baselines
from emotionnet.evaluation.derived import derived_scores
from emotionnet.evaluation.intervals import Resampled, flat
from emotionnet.evaluation.metrics import Floats
from emotionnet.evaluation.pooled import Pooled, by_group, by_person
from emotionnet.evaluation.predictions import prediction_table, write_predictions
from emotionnet.evaluation.resampling import draw_weights
from emotionnet.evaluation.scores import resample, sizes
from emotionnet.evaluation.subject import Subject, open_subject, require_not_fitted_on
from emotionnet.evaluation.temperature import fitted_temperature
from emotionnet.evaluation.units import read_split, require_sides
from emotionnet.inference.features import cached_outputs
from emotionnet.runs import merge_metrics, read_metrics

OWN = (
    "ap.",
    "far.",
    "person.",
    "ccc",
    "rmse",
    "derived.",
)  # keys of a split, but the test split, that may go out of date


def evaluate_run(
    run: Path | str,
    *,
    split: str = "test",
    baselines: bool = True,
    data: Path | str | None = None,
    format: str = "auto",  # noqa: A002
) -> dict[str, float]:
    """Score a run; the unit is the group, see `pooled.by_group`.

    Writes `predictions/<split>.parquet` and merges the scores into `metrics.json`. Every score has a
    95 % interval beside it (`intervals`), as `<score>_ci_low` and `<score>_ci_high`; an end that is not
    finite is left out.

    Args:
        run: A finished RUN of an image network.
        split: Which split of the data set.
        baselines: Compute them too; they belong to the test split and to no other.
        data: Another place of the data set, or another one; None: the one named in the run's config.
        format: What `data` is, see `SourceConfig.format`.

    Returns:
        Under `<split>.`: every score that `scores.resample` gives, such as `macro_map`, `hit_rate`, `auc` and
        `ap.<emotion>` for each emotion with a positive group; `n_groups`, `n_images`, `n_classes` and
        `n_classes_without`, emotions with and without a positive group; `n_single` groups where pictures
        have a single label. Where all rows are persons, the same under `<split>.person.`, with `n_persons`:
        there the unit is the person, and persons of one picture are resampled together. Where the data set
        has dimensions that the run did not learn, what `derived.derived_scores` gives. With baselines also
        what `beside.beside_baselines` gives, and where labels are single `val.temperature`, fitted on
        validation, and `test.scaled.ece`, what it makes of `test.ece`. Without rows to learn from there is
        chance alone; where the trunk's first weights are not known, there are chance and pixels.

    Raises:
        DataError: The run or the data set cannot be used, they speak of other emotions, or
            something of the run was fitted on this very split; nothing is written.
    """
    run = Path(run)
    subject = open_subject(run, data, format=format)
    require_not_fitted_on(subject, split)
    table = _predict(subject, split)
    model = subject.predictor.model
    groups, persons = by_group(table, model), by_person(table, model)
    weights_GS = draw_weights(len(groups.ids), seed=subject.seed)
    ours = resample(groups.told, groups.truth, weights_GS)
    values = {**flat(ours), **_counts(groups), "n_images": table.height}
    if persons is not None:
        found = {**flat(_person_scores(persons, weights_GS)), **_counts(persons)}
        values |= {f"person.{key}": value for key, value in found.items()}
    values |= derived_scores(subject.dataset, split, table, model, weights_GS)
    metrics = {f"{split}.{key}": value for key, value in values.items()}
    beside = baselines and split == "test"
    if beside:
        metrics |= beside_baselines(subject, groups, ours, weights_GS)
        metrics |= _scaled(subject, table, weights_GS)
    write_predictions(run, split, table)
    own = tuple(f"{split}.{key}" for key in OWN)
    stale = ("test.", "baseline.", "difference.", "val.temperature") if split == "test" else own
    metrics = {key: value for key, value in metrics.items() if math.isfinite(value)}
    old = [
        key for key in read_metrics(run) if key.startswith(stale) and not key.startswith(f"{split}.mapped.")
    ]
    merge_metrics(run, metrics, replacing=tuple(old))
    return metrics


def _predict(subject: Subject, split: str) -> pl.DataFrame:
    """The table of what the run tells of a split.

    Raises:
        DataError: As `units.read_split` and `require_sides`, or a picture cannot be decoded.
    """
    scored = read_split(subject.dataset, split, subject.predictor.emotions)
    require_sides(subject.dataset, scored)
    outputs = cached_outputs(subject.predictor, scored.paths, progress=f"{split} pictures")
    return prediction_table(subject, scored, outputs)


def _person_scores(persons: Pooled, weights_GS: Floats) -> dict[str, Resampled]:
    return resample(persons.told, persons.truth, weights_GS[persons.truth.groups_U])


def _scaled(subject: Subject, table: pl.DataFrame, weights_GS: Floats) -> dict[str, float]:
    """The temperature of the validation pictures, and the calibration error under it where there is one."""
    temperature = fitted_temperature(subject)
    if temperature is None:
        return {}
    scaled = by_group(table, subject.predictor.model, temperature=temperature)
    found = resample(scaled.told, scaled.truth, weights_GS, only=("ece",))
    return {"val.temperature": temperature, **flat({f"test.scaled.{key}": one for key, one in found.items()})}


def _counts(pooled: Pooled) -> dict[str, float]:
    """What the scores are over, see `scores.sizes`."""
    found = sizes(pooled.truth)
    renamed = {"n_units": f"n_{pooled.unit}s", "n_absent": "n_classes_without"}
    return {renamed.get(key, key): value for key, value in found.items()}
