"""What was found, in plain words and in one table; report and model card say the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from emotionnet.evaluation.metrics import Labels
from emotionnet.evaluation.scoring import ClassScore
from emotionnet.records import DataError

CAUTION = (
    "One split, one seed and no intervals: a difference of a few hundredths may come from the split alone."
)
_NEEDED = ("macro_map", "hit_rate", "auc", "n_classes", "n_groups", "n_images")


@dataclass(frozen=True)
class Row:
    """One line of the headline table; None where a score was not computed."""

    name: str
    macro_map: float | None
    hit_rate: float | None
    auc: float | None
    note: str


def require_scores(run: Path, metrics: Mapping[str, float]) -> None:
    """Check that a run was evaluated on its test split.

    Raises:
        DataError: It was not.
    """
    if not {f"test.{name}" for name in _NEEDED} <= set(metrics):
        raise DataError(
            f"{run}: must hold scores of the test split; 'emotionnet evaluate {run}' computes them"
        )


def headline(metrics: Mapping[str, float], dataset: str) -> str:
    """What the run reached on test groups, and where that lies against its baselines."""
    groups, classes = int(metrics["test.n_groups"]), int(metrics["test.n_classes"])
    first = (
        f"On {groups} unseen groups of {dataset} (unit: group, {int(metrics['test.n_images'])} pictures) "
        f"macro mAP over {classes} emotions is {metrics['test.macro_map']:.3f}"
    )
    named = (("chance", "chance"), ("shuffled labels", "shuffled"), ("8x8 pixels", "pixels"))
    beside = [
        f"{name} {metrics[f'baseline.{key}.macro_map']:.3f}"
        for name, key in (*named, ("the frozen trunk", "frozen"))
        if f"baseline.{key}.macro_map" in metrics
    ]
    if not beside:
        return f"{first}; baselines were not computed."
    return f"{first}; {', '.join(beside)}. {_against_frozen(metrics)}".rstrip()


def headline_rows(metrics: Mapping[str, float]) -> tuple[Row, ...]:
    """The run and its baselines, the strongest kind of baseline first."""
    rows = [_row("this run", "test", metrics, "mean probability of a group's pictures")]
    kinds = (
        ("frozen trunk", "frozen", "the trunk before training, standardised features, logistic regression"),
        ("8x8 pixels", "pixels", "the same regression on pictures shrunk to 8x8"),
        ("shuffled labels", "shuffled", _shuffled_note(metrics)),
        ("chance", "chance", "mean of 1,000 draws of random scores"),
    )
    rows += [
        _row(name, f"baseline.{key}", metrics, note)
        for name, key, note in kinds
        if f"baseline.{key}.macro_map" in metrics
    ]
    return tuple(rows)


def zero_shot_line(metrics: Mapping[str, float]) -> str:
    """What zero-shot reached; empty when it was not scored."""
    if "zero_shot.unseen.auc" not in metrics:
        return ""
    return (
        f"Zero-shot, {int(metrics['zero_shot.unseen.n_tags'])} emotion words that no label and no tag of the "
        f"data set contains: mean AUC {metrics['zero_shot.unseen.auc']:.3f} (chance 0.5), "
        f"macro mAP {metrics['zero_shot.unseen.macro_map']:.3f} "
        f"(chance {metrics['zero_shot.unseen.chance_map']:.3f}), "
        f"over {int(metrics['zero_shot.unseen.n_groups'])} groups."
    )


def weakest(classes: tuple[ClassScore, ...], count: int = 5) -> tuple[ClassScore, ...]:
    """Emotions whose average precision exceeds chance by the least, the worst first."""
    known = [row for row in classes if row.ap is not None and row.chance is not None]
    return tuple(sorted(known, key=lambda row: (row.ap or 0.0) - (row.chance or 0.0))[:count])


def mix_ups(top_G: list[str], labels_GC: Labels, emotions: tuple[str, ...], count: int = 5) -> list[str]:
    """The commonest pairs of a true emotion and another one that was predicted in its place.

    Args:
        top_G: The emotion predicted for each group.
        labels_GC: Boolean, shape (G, C).
        emotions: The C names.
        count: How many pairs.

    Returns:
        Texts such as 'fear taken for joy (3 groups)'; only pairs met at least twice.
    """
    met: dict[tuple[str, str], int] = {}
    for top, row_C in zip(top_G, labels_GC, strict=True):
        truth = [name for name, is_true in zip(emotions, row_C, strict=True) if is_true]
        for name in truth if top not in truth else ():
            met[name, top] = met.get((name, top), 0) + 1
    common = sorted((-times, pair) for pair, times in met.items() if times > 1)[:count]
    return [f"{truth} taken for {top} ({-times} groups)" for times, (truth, top) in common]


def _against_frozen(metrics: Mapping[str, float]) -> str:
    if "baseline.frozen.macro_map" not in metrics:
        return ""
    ours, frozen = round(metrics["test.macro_map"], 3), round(metrics["baseline.frozen.macro_map"], 3)
    if ours == frozen:
        return "The run lies level with the frozen trunk."
    return f"The run lies {abs(ours - frozen):.3f} {'above' if ours > frozen else 'below'} the frozen trunk."


def _shuffled_note(metrics: Mapping[str, float]) -> str:
    p95 = metrics.get("baseline.shuffled.macro_map_p95")
    tail = f", 95th percentile {p95:.3f}" if p95 is not None else ""
    return f"the frozen trunk with training labels permuted by group, mean of 100{tail}"


def _row(name: str, prefix: str, metrics: Mapping[str, float], note: str) -> Row:
    macro_map, hit_rate, auc = (metrics.get(f"{prefix}.{key}") for key in ("macro_map", "hit_rate", "auc"))
    return Row(name, macro_map, hit_rate, auc, note)
