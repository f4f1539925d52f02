"""What was found, in plain words; report and model card say the same."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

from emotionnet.evaluation.class_table import ClassScore
from emotionnet.evaluation.intervals import Difference
from emotionnet.evaluation.metrics import Labels
from emotionnet.evaluation.score_tables import (
    BASELINES,
    WITH_SINGLE,
    WORD_BASELINES,
    difference,
    estimate,
    p_text,
    span,
)
from emotionnet.records import DataError
from emotionnet.runs import METRICS

CAUTION = (
    "Intervals cover the choice of test groups, not that of split, training groups or seed; "
    "the benchmark's page (docs/benchmarks.md) covers those."
)
_NEEDED = ("macro_map", "hit_rate", "n_classes", "n_groups", "n_images")
_READ = ("test.", "baseline.", "difference.", "zero_shot.")


def require_scores(run: Path, metrics: Mapping[str, float]) -> None:
    """Check that a run was evaluated on its test split, and that all its scores have intervals.

    Raises:
        DataError: It was not, or they were computed before scores had intervals; names the commands.
    """
    if not {f"test.{name}" for name in _NEEDED} <= metrics.keys():
        raise DataError(
            f"{run}: must hold scores of the test split; 'emotionnet evaluate {run}' computes them"
        )
    odd = [key for key, value in metrics.items() if key.startswith(_READ) and not math.isfinite(value)]
    if odd:
        raise DataError(f"{run / METRICS}: {odd[0]}: must be finite; got {metrics[odd[0]]}")
    kinds = ("test", *(f"baseline.{name}" for name in BASELINES))
    evaluated = [f"{kind}.{score}" for kind in kinds for score in WITH_SINGLE]
    named = [
        f"zero_shot.{kind}.{key}" for kind in ("unseen", *WORD_BASELINES) for key in ("auc", "macro_map")
    ]
    bare = [key for key in (*evaluated, *named) if key in metrics and estimate(metrics, key) is None]
    commands = ["zeroshot" if key.startswith("zero_shot.") else "evaluate" for key in bare]
    if commands:
        raise DataError(
            f"{run}: scores must have intervals, which earlier ones have not; "
            f"'emotionnet {command} {run}' computes them again"
            for command in dict.fromkeys(commands)
        )


def headline(metrics: Mapping[str, float], dataset: str) -> str:
    """What the run reached on test groups, and where that lies against its baselines."""
    groups, classes = int(metrics["test.n_groups"]), int(metrics["test.n_classes"])
    first = (
        f"On {groups} unseen groups of {dataset} (unit: group, {int(metrics['test.n_images'])} pictures) "
        f"macro mAP over {classes} emotions is {_scored(metrics, 'test.macro_map')}"
    )
    named = (("chance", "chance"), ("shuffled labels", "shuffled"), ("8x8 pixels", "pixels"))
    beside = [
        f"{name} {metrics[f'baseline.{key}.macro_map']:.3f}"
        for name, key in (*named, ("the frozen trunk", "frozen"))
        if f"baseline.{key}.macro_map" in metrics
    ]
    if not beside:
        return f"{first}; baselines were not computed."
    frozen = difference(metrics, "difference.frozen.macro_map")
    return f"{first}; {', '.join(beside)}. {_against('The run', frozen, 'the frozen trunk')}".rstrip()


def further_lines(metrics: Mapping[str, float]) -> list[str]:
    """What there is besides macro mAP, a sentence or two each: single labels, persons, dimensions."""
    return [line for line in (_single_line(metrics), _person_line(metrics), _dimension_line(metrics)) if line]


def _single_line(metrics: Mapping[str, float]) -> str:
    if "test.accuracy" not in metrics:
        return ""
    line = (
        f"Accuracy over the {int(metrics['test.n_single'])} groups with a single label is "
        f"{_scored(metrics, 'test.accuracy')}, balanced over emotions "
        f"{_scored(metrics, 'test.balanced_accuracy')}."
    )
    against = _against("It", difference(metrics, "difference.frozen.accuracy"), "the frozen trunk's accuracy")
    return f"{line} {against}".rstrip()


def _person_line(metrics: Mapping[str, float]) -> str:
    if "test.person.macro_map" not in metrics:
        return ""
    persons, images = int(metrics["test.person.n_persons"]), int(metrics["test.n_groups"])
    return (
        f"The scores above are by image (unit: the image with all its persons). By person (unit: the person, "
        f"{persons} in {images} images, those of one image resampled together) macro mAP over "
        f"{int(metrics['test.person.n_classes'])} emotions is {_scored(metrics, 'test.person.macro_map')}."
    )


def _dimension_line(metrics: Mapping[str, float]) -> str:
    ends = ("_ci_low", "_ci_high")
    names = [
        key.split(".", 2)[2] for key in metrics if key.startswith("test.ccc.") and not key.endswith(ends)
    ]
    parts = [f"{name} {_scored(metrics, f'test.ccc.{name}')}" for name in names]
    return f"Concordance (CCC) of told and true: {', '.join(parts)}." if parts else ""


def zero_shot_failure(metrics: Mapping[str, float]) -> str:
    """That zero-shot does no better than swapped words, as the first thing to know; else empty."""
    found, swapped = metrics.get("zero_shot.unseen.auc"), metrics.get("zero_shot.permuted.auc_p95")
    if found is None or swapped is None or found > swapped:
        return ""
    return (
        f"Zero-shot failed: emotion words never seen are found with mean AUC {found:.3f}, not above the "
        f"{swapped:.3f} that 5 % of random swaps of the words' vectors reach."
    )


def zero_shot_line(metrics: Mapping[str, float]) -> str:
    """What zero-shot reached, and where that lies against its baselines; empty when it was not scored."""
    if "zero_shot.unseen.auc" not in metrics:
        return ""
    parts = [
        f"Zero-shot, {int(metrics['zero_shot.unseen.n_tags'])} emotion words that no label and no tag of the "
        f"data set contains, over {int(metrics['zero_shot.unseen.n_groups'])} groups: "
        f"mean AUC is {_scored(metrics, 'zero_shot.unseen.auc')}; chance 0.500{_swapped(metrics)}."
    ]
    theirs = {"ridge": "ridge regression from the frozen trunk", "similarity": "the words of its emotions"}
    parts += [
        _against("It", difference(metrics, f"zero_shot.difference.{key}.auc"), name)
        for key, name in theirs.items()
    ]
    return " ".join(part for part in parts if part)


def weakest(classes: tuple[ClassScore, ...], count: int = 5) -> tuple[tuple[str, float, float], ...]:
    """Emotion, average precision and chance where the two lie closest or the wrong way round, worst first."""
    known = [
        (row.emotion, row.ap.value, row.chance)
        for row in classes
        if row.ap is not None and row.chance is not None
    ]
    return tuple(sorted(known, key=lambda row: row[1] - row[2])[:count])


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


def _scored(metrics: Mapping[str, float], key: str) -> str:
    found = estimate(metrics, key)
    return f"{metrics[key]:z.3f}" + (f" (95 % interval {span(found)})" if found else "")


def _swapped(metrics: Mapping[str, float]) -> str:
    mean, p95, p = (metrics.get(f"zero_shot.permuted.{key}") for key in ("auc", "auc_p95", "auc_p"))
    if mean is None or p95 is None or p is None:
        return ""
    return f", words with swapped vectors {mean:.3f} (95th percentile {p95:.3f}, {p_text(p)})"


def _against(who: str, found: Difference | None, whom: str) -> str:
    """One sentence on a paired difference; empty when it was not computed."""
    if found is None:
        return ""
    size = round(found.value, 3)
    place = f"{abs(size):.3f} {'above' if size > 0 else 'below'}" if size else "level with"
    verdict = (
        "the interval includes 0, so this split does not show a difference"
        if found.low <= 0 <= found.high
        else "the interval leaves out 0"
    )
    return f"{who} lies {place} {whom} ({span(found, 3)}, {p_text(found.p)}): {verdict}."
