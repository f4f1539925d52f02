"""The table of every score of a run with its definition, by group and, where rows are persons, by person."""

from __future__ import annotations

from collections.abc import Mapping

from emotionnet.evaluation.score_list import SCORES
from emotionnet.evaluation.score_tables import NONE, WITH_SINGLE, Cell, Row, Table, cell, estimate

UNIT_TERMS: Mapping[str, str] = {
    "by image": "an image has the labels of all its persons, and what is told of them on average.",
    "by person": "each person counts by itself; persons of one image are resampled together.",
}
DERIVED = ("ccc", "rmse")
DERIVED_NOTE = (
    "not learned: valence and arousal of the emotions' words by the norms of Warriner et al. 2013, under the "
    "run's probabilities, moved to the range of the data"
)


def all_scores_table(metrics: Mapping[str, float]) -> Table:
    """Every score of the run with its definition, by group and, where rows are persons, by person.

    No rows where there are none but those that stand beside the baselines.
    """
    of_persons = "test.person.n_persons" in metrics
    found = [name for name in SCORES if estimate(metrics, f"test.{name}") is not None]
    derived = any(estimate(metrics, f"test.derived.{name}") is not None for name in DERIVED)
    if not of_persons and not derived and not set(found) - set(WITH_SINGLE):
        return Table((), (), {})
    levels = ("test.", "test.person.") if of_persons else ("test.",)
    rows = []
    for name in found:
        title, note = SCORES[name].title, SCORES[name].definition
        rows.append(Row(title, tuple(cell(estimate(metrics, level + name)) for level in levels), note))
        for key in _parts(metrics, name):
            cells = tuple(cell(estimate(metrics, f"{level}{name}.{key}")) for level in levels)
            rows.append(Row(f"{title}, {key}", cells))
    if "test.scaled.ece" in metrics:
        scaled = (cell(estimate(metrics, "test.scaled.ece")), *(Cell(NONE) for _ in levels[1:]))
        rows.append(Row("ECE, scaled", scaled, _scaled_note(metrics)))
    if derived:
        rows += _derived_rows(metrics, len(levels))
    columns = [_over(metrics, "image" if of_persons else "group", "n_groups")]
    if of_persons:
        columns.append(_over(metrics, "person", "person.n_persons"))
    return Table(tuple(columns), tuple(rows), UNIT_TERMS if of_persons else {})


def _derived_rows(metrics: Mapping[str, float], n_levels: int) -> list[Row]:
    """Scores of dimensions that the run did not learn, by group alone."""
    empty = (Cell(NONE),) * (n_levels - 1)
    rows = []
    for name in DERIVED:
        key = f"derived.{name}"
        title = f"{SCORES[name].title}, derived"
        rows.append(Row(title, (cell(estimate(metrics, f"test.{key}")), *empty), DERIVED_NOTE))
        rows += [
            Row(f"{title}, {part}", (cell(estimate(metrics, f"test.{key}.{part}")), *empty))
            for part in _parts(metrics, key)
        ]
    return rows


def _parts(metrics: Mapping[str, float], name: str) -> list[str]:
    """The dimensions that a score is the mean over; none of other scores."""
    found = (key.removeprefix(f"test.{name}.") for key in metrics if key.startswith(f"test.{name}."))
    return sorted(key for key in found if not key.endswith(("_ci_low", "_ci_high")))


def _scaled_note(metrics: Mapping[str, float]) -> str:
    temperature = metrics["val.temperature"]
    return f"scores divided by the temperature {temperature:.2f} that fits the validation pictures best"


def _over(metrics: Mapping[str, float], unit: str, key: str) -> str:
    return f"by {unit} ({int(metrics[f'test.{key}'])})"
