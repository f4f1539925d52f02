"""Scores as tables: what stands in each cell, and what each term means; report and card show the same.

Scores are read from `metrics.json` under the keys that `scoring` and `zeroshot` write.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from emotionnet.evaluation.baselines import SHUFFLES
from emotionnet.evaluation.chance import DRAWS
from emotionnet.evaluation.class_table import ClassScore
from emotionnet.evaluation.intervals import Difference, Estimate
from emotionnet.evaluation.neighbours import NEAR
from emotionnet.evaluation.score_list import SCORES
from emotionnet.evaluation.zeroshot import PERMUTATIONS

NONE = "–"  # noqa: RUF001 - the dash of an empty cell
MAIN = ("macro_map", "hit_rate", "auc")
WITH_SINGLE = ("accuracy", *MAIN)
BASELINES: Mapping[str, tuple[str, str]] = {  # those that look at pictures, the strongest kind first
    "frozen": ("frozen trunk", "the trunk before training, standardised features, logistic regression"),
    "nearest": (
        "nearest neighbour",
        "each emotion's cosine with the closest training picture that has it",
    ),
    "pixels": ("8x8 pixels", "the same regression on pictures shrunk to 8x8"),
}
WORD_BASELINES: Mapping[str, tuple[str, str]] = {
    "ridge": ("ridge regression", "from the frozen trunk to the mean word vector of a picture's tags"),
    "similarity": (
        "its emotions' words",
        "vectors of the known emotions, weighted by the run's probabilities",
    ),
}
TERMS: Mapping[str, str] = {
    "macro mAP": "mean over emotions of the average precision, which is 1 when all groups with the emotion "
    "score above all without it.",
    "hit rate": "share of labelled groups whose top emotion is one of theirs.",
    "AUC": "how often a group with an emotion scores above one without, mean over emotions; 0.5 is chance.",
    "small print": "the 95 % interval, made so that 19 times in 20 it holds the mean score over many test "
    "sets of this size.",
}
SINGLE_TERM = "share of the groups with a single label whose top emotion it is."
DIFFERENCE_TERMS: Mapping[str, str] = {
    "difference": "score of the run minus that of the baseline, on the same groups; above 0 the run leads.",
    "p": "how often the choice of groups alone would bring so large a difference, were there none; it is "
    "below 0.05 exactly when the interval leaves out 0.",
}
WORD_TERMS: Mapping[str, str] = {
    "AUC": "how often a group with a word scores above one without it, mean over words; 0.5 is chance.",
    "macro mAP": "mean over words of the average precision.",
    "swapped words": "each word looked for by another's vector; a run that knows no words scores as high.",
}


@dataclass(frozen=True)
class Cell:
    """A number as text, and in small print its interval and p."""

    text: str
    small: tuple[str, ...] = ()


@dataclass(frozen=True)
class Row:
    """One line: a name, a cell for each column, and a remark."""

    name: str
    cells: tuple[Cell, ...]
    note: str = ""


@dataclass(frozen=True)
class Table:
    """Columns, rows, and a sentence for each term that they use."""

    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    terms: Mapping[str, str]


def estimate(metrics: Mapping[str, float], key: str) -> Estimate | None:
    """A score with its interval; None where either is missing."""
    found = [metrics.get(f"{key}{end}") for end in ("", "_ci_low", "_ci_high")]
    known = [value for value in found if value is not None]
    return Estimate(*known) if len(known) == len(found) else None


def difference(metrics: Mapping[str, float], key: str) -> Difference | None:
    """A paired difference with its interval and p; None where any of them is missing."""
    found, p = estimate(metrics, key), metrics.get(f"{key}_p")
    return None if found is None or p is None else Difference(found.value, found.low, found.high, p)


def span(found: Estimate, digits: int = 2) -> str:
    """An interval as text; three digits for differences, so that an end near 0 shows its side."""
    return f"{found.low:z.{digits}f} to {found.high:z.{digits}f}"


def p_text(p: float) -> str:
    """A p value, as exact as it is of use."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.{2 if p >= 0.1 else 3}f}"


def cell(found: Estimate | float | None) -> Cell:
    """How a score, a bare number or a difference stands in a table."""
    if found is None:
        return Cell(NONE)
    if isinstance(found, Difference):
        return Cell(f"{found.value:+z.3f}", (span(found, 3), p_text(found.p)))
    if isinstance(found, Estimate):
        return Cell(f"{found.value:z.3f}", (span(found),))
    return Cell(f"{found:.3f}")


def score_table(metrics: Mapping[str, float]) -> Table:
    """The run and its baselines; the last column is over test groups without a training neighbour."""
    keys = compared(metrics)
    rows = [_score_row("this run", "test", metrics, "mean over a group's pictures")]
    rows += [
        _score_row(name, f"baseline.{key}", metrics, note)
        for key, (name, note) in BASELINES.items()
        if f"baseline.{key}.macro_map" in metrics
    ]
    rows += [
        Row(name, (*(cell(metrics.get(f"baseline.{key}.{score}")) for score in keys), Cell(NONE)), note)
        for name, key, note in (
            (
                "shuffled labels",
                "shuffled",
                f"the frozen trunk, training labels permuted, mean of {SHUFFLES}",
            ),
            ("chance", "chance", f"random scores, mean of {DRAWS:,} draws"),
        )
        for note in [note + _percentile(metrics.get(f"baseline.{key}.macro_map_p95"))]
        if f"baseline.{key}.macro_map" in metrics
    ]
    columns = (*(SCORES[key].title for key in keys), "macro mAP, no near neighbour")
    single = {"accuracy": SINGLE_TERM} if "accuracy" in keys else {}
    return Table(columns, tuple(rows), {**single, **TERMS, "no near neighbour": _near_note(metrics)})


def difference_table(metrics: Mapping[str, float]) -> Table:
    """The run minus each baseline that looks at pictures; no rows without baselines."""
    keys = compared(metrics)
    rows = _difference_rows(metrics, "difference", BASELINES, keys)
    return Table(tuple(SCORES[key].title for key in keys), rows, DIFFERENCE_TERMS)


def compared(metrics: Mapping[str, float]) -> tuple[str, ...]:
    """The scores that stand beside those of the baselines: accuracy among them where labels are single."""
    return WITH_SINGLE if "test.accuracy" in metrics else MAIN


def word_table(metrics: Mapping[str, float]) -> Table:
    """Zero-shot beside its baselines; no rows where it was not scored."""
    keys = ("auc", "macro_map")
    kinds = {"unseen": ("this run", "cosine of the projection with the word's vector"), **WORD_BASELINES}
    rows = [
        Row(name, tuple(cell(estimate(metrics, f"zero_shot.{kind}.{key}")) for key in keys), note)
        for kind, (name, note) in kinds.items()
        if f"zero_shot.{kind}.auc" in metrics
    ]
    if "zero_shot.permuted.auc" in metrics:
        note = f"the run, mean of {PERMUTATIONS}{_percentile(metrics.get('zero_shot.permuted.auc_p95'))}"
        rows.append(Row("swapped words", (cell(metrics["zero_shot.permuted.auc"]), Cell(NONE)), note))
    if rows:
        chance = (Cell("0.500"), cell(metrics.get("zero_shot.unseen.chance_map")))
        rows.append(Row("chance", chance, f"random scores, mean of {DRAWS:,} draws"))
    return Table(("AUC", "macro mAP"), tuple(rows), WORD_TERMS)


def word_difference_table(metrics: Mapping[str, float]) -> Table:
    """Zero-shot of the run minus that of each baseline; no rows without baselines."""
    rows = _difference_rows(metrics, "zero_shot.difference", WORD_BASELINES, ("auc", "macro_map"))
    return Table(("AUC", "macro mAP"), rows, {})


def class_score_table(classes: Sequence[ClassScore]) -> Table:
    """Every emotion, the highest average precision first."""
    ordered = sorted(classes, key=lambda row: (-row.ap.value if row.ap else 0.0, row.emotion))
    rows = tuple(
        Row(
            row.emotion,
            (Cell(str(row.positives)), *map(cell, (row.ap, row.chance, row.auc, row.prevalence))),
        )
        for row in ordered
    )
    return Table(("groups", "AP", "chance", "AUC", "share"), rows, {})


def word_scores(metrics: Mapping[str, float]) -> dict[str, Estimate]:
    """AUC of each word never seen."""
    prefix = "zero_shot.unseen.auc."
    found = {
        key.removeprefix(prefix): estimate(metrics, key)
        for key in metrics
        if key.startswith(prefix) and not key.endswith(("_ci_low", "_ci_high"))
    }
    return {word: score for word, score in found.items() if score is not None}


def _score_row(name: str, prefix: str, metrics: Mapping[str, float], note: str) -> Row:
    keys = (*compared(metrics), "far.macro_map")
    return Row(name, tuple(cell(estimate(metrics, f"{prefix}.{key}")) for key in keys), note)


def _difference_rows(
    metrics: Mapping[str, float], prefix: str, kinds: Mapping[str, tuple[str, str]], keys: Sequence[str]
) -> tuple[Row, ...]:
    return tuple(
        Row(f"minus {name}", tuple(cell(difference(metrics, f"{prefix}.{kind}.{key}")) for key in keys))
        for kind, (name, _) in kinds.items()
        if any(f"{prefix}.{kind}.{key}" in metrics for key in keys)
    )


def _percentile(p95: float | None) -> str:
    return "" if p95 is None else f", 95th percentile {p95:.3f}"


def _near_note(metrics: Mapping[str, float]) -> str:
    if "test.far.n_groups" not in metrics:
        return "not looked for without baselines."
    far, every = int(metrics["test.far.n_groups"]), int(metrics["test.n_groups"])
    how = f"no training picture at a cosine above {NEAR} by features of the frozen trunk"
    if "test.far.macro_map" not in metrics:
        return f"test groups with {how}: {far} of {every}, which leaves nothing to score."
    classes = int(metrics["test.far.n_classes"])
    return f"over the {far} of {every} test groups with {how}, and the {classes} emotions among them."
