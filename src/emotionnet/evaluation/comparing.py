"""Two runs held against each other on the same pictures, by their tables of predictions alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from emotionnet.evaluation.intervals import flat_estimate
from emotionnet.evaluation.metrics import Floats
from emotionnet.evaluation.pooled import Pooled, by_group, by_person
from emotionnet.evaluation.predictions import read_predictions
from emotionnet.evaluation.resampling import draw_weights
from emotionnet.evaluation.scores import compare
from emotionnet.models.description import ImageModel, read_description
from emotionnet.records import DataError
from emotionnet.runs import require_run

SAME = ("group", "labels", "single", "shares", "box", "true_dimensions")  # what is true of a picture
BY_EMOTION = ("probabilities", "scores", "shares")
SHOWN = 3


def compare_runs(
    run_a: Path | str, run_b: Path | str, split: str = "test", *, seed: int = 0
) -> dict[str, float]:
    """Paired differences, the first run less the second, of every score that both have.

    Both must have been evaluated on the same pictures with the same labels; the order of pictures and of
    emotions does not matter. Each run is pooled in its own way (`pooled.by_group`); the resamples of the
    groups are the same for both. Dimensions are compared where both runs tell the same ones.

    Args:
        run_a: A RUN that was evaluated on the split.
        run_b: Another one.
        split: Which split.
        seed: Of the resamples.

    Returns:
        `<score>`, `<score>_ci_low`, `<score>_ci_high` and `<score>_p`, as `scores.resample` names scores, and
        those by person under `person.`, where all rows are persons. An end that is not finite is left out.

    Raises:
        DataError: A run has no predictions, or they are not of the same pictures, labels and emotions; says
            what differs.
    """
    run_a, run_b = Path(run_a), Path(run_b)
    model_a, model_b = _model(run_a), _model(run_b)
    _require_same("emotions", run_a, model_a.emotions, run_b, model_b.emotions)
    if model_a.dimensions != model_b.dimensions:
        model_a, model_b = (model.model_copy(update={"dimensions": ()}) for model in (model_a, model_b))
    table_a, table_b = _table(run_a, split), _table(run_b, split)
    _require_same("pictures", run_a, table_a["id"].to_list(), run_b, table_b["id"].to_list())
    table_b = _in_order(table_b, model_b.emotions, model_a.emotions)
    model_b = model_b.model_copy(update={"emotions": model_a.emotions})
    _require_same_truth(run_a, table_a, run_b, table_b, SAME if model_a.dimensions else SAME[:-1])
    groups = by_group(table_a, model_a), by_group(table_b, model_b)
    weights_GS = draw_weights(len(groups[0].ids), seed=seed)
    found = _differences(*groups, weights_GS)
    persons = by_person(table_a, model_a), by_person(table_b, model_b)
    if persons[0] is not None and persons[1] is not None:
        of_persons = _differences(persons[0], persons[1], weights_GS[persons[0].truth.groups_U])
        found |= {f"person.{key}": value for key, value in of_persons.items()}
    return found


def _model(run: Path) -> ImageModel:
    require_run(run)
    return read_description(run, ImageModel)


def _table(run: Path, split: str) -> pl.DataFrame:
    return read_predictions(run, split).sort("id", maintain_order=True)


def _differences(first: Pooled, second: Pooled, weights_US: Floats) -> dict[str, float]:
    found = compare(first.told, second.told, first.truth, weights_US)
    flat = {key: value for name, one in found.items() for key, value in flat_estimate(name, one).items()}
    return {key: value for key, value in flat.items() if math.isfinite(value)}


def _in_order(table: pl.DataFrame, theirs: Sequence[str], ours: Sequence[str]) -> pl.DataFrame:
    """The table with its columns of numbers by emotion in the order of other names."""
    places = [theirs.index(name) for name in ours]
    return table.with_columns(
        pl.when(pl.col(name).list.len() == len(places))
        .then(pl.col(name).list.gather(places, null_on_oob=True))
        .otherwise(pl.col(name))
        for name in BY_EMOTION
    )


def _require_same(what: str, run_a: Path, ours: Sequence[str], run_b: Path, theirs: Sequence[str]) -> None:
    """Check that two lists hold the same names, each as often, in any order."""
    if sorted(ours) == sorted(theirs):
        return
    known, other = set(ours), set(theirs)
    parts = [
        f"{len(names)} only in {run} ({', '.join(names[:SHOWN])}{', ...' if len(names) > SHOWN else ''})"
        for run, names in (
            (run_a, [name for name in ours if name not in other]),
            (run_b, [name for name in theirs if name not in known]),
        )
        if names
    ]
    found = "; ".join(parts) or "one of them is there more than once"
    raise DataError(f"two runs can be compared on the same {what} only; {found}")


def _require_same_truth(
    run_a: Path, table_a: pl.DataFrame, run_b: Path, table_b: pl.DataFrame, columns: Sequence[str]
) -> None:
    """Check that what is true of each picture is the same; rows are in the same order."""
    ordered = [table.with_columns(pl.col("labels").list.sort()) for table in (table_a, table_b)]
    faults = []
    for name in columns:
        odd = ordered[0]["id"].filter(ordered[0][name].ne_missing(ordered[1][name]))
        if len(odd):
            shown = ", ".join(odd.head(SHOWN).to_list())
            faults.append(
                f"{run_a} and {run_b} must have the same {name} for each picture; {len(odd)} differ, "
                f"first {shown}; evaluate both on one data set"
            )
    if faults:
        raise DataError(faults)
