"""The part of a report that shows errors: confusion, reliability, dimensions told against true ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from emotionnet.evaluation import plots_of_errors
from emotionnet.evaluation.calibration import calibration_errors, reliability
from emotionnet.evaluation.findings import Findings
from emotionnet.evaluation.mistakes import Said, confusion, frequent, said
from emotionnet.evaluation.pooled import Pooled
from emotionnet.evaluation.score_tables import estimate, span

MOST = 40  # emotions of a confusion matrix that can still be read


@dataclass(frozen=True)
class Figure:
    """A figure, what to know about it, and whether it needs the page's whole width."""

    title: str
    svg: Markup
    note: str
    is_wide: bool = False


def error_figures(found: Findings) -> tuple[Figure, ...]:
    """Every figure of errors that the run's predictions allow."""
    groups = found.groups
    figures = [_confusion(groups, found.model.emotions), _reliability(found)]
    told_UK, true_UK = groups.told.dimensions_UK, groups.truth.dimensions_UK
    if told_UK is not None and true_UK is not None:
        for column, name in enumerate(found.model.dimensions):
            if not np.isnan(true_UK[:, column]).all():
                svg = plots_of_errors.dimension_scatter(told_UK[:, column], true_UK[:, column], name)
                figures.append(Figure(f"{name}, told and true", Markup(svg), _dimension_note(found, name)))
    return tuple(figures)


def _confusion(groups: Pooled, emotions: tuple[str, ...]) -> Figure:
    labels_UC = groups.truth.labels_UC
    counts_CC = confusion(groups.scores, labels_UC)
    kept = frequent(labels_UC, MOST)
    several = bool((labels_UC.sum(axis=1) > 1).any())
    notes = [
        "Each row is a true emotion, in brackets how many groups carry it, shaded by the share of them that "
        "were told as each column."
    ]
    if several:
        notes.append(
            "A group with several emotions counts for the one told where it is among them, else in equal "
            "parts."
        )
    if len(kept) < len(emotions):
        notes.append(f"The {len(kept)} most frequent of {len(emotions)} emotions, shares among them.")
    svg = plots_of_errors.confusion_matrix(
        counts_CC[np.ix_(kept, kept)], [emotions[i] for i in kept], labels_UC.sum(axis=0)[kept].tolist()
    )
    is_wide = len(kept) > plots_of_errors.NUMBERED
    return Figure("What is taken for what", Markup(svg), " ".join(notes), is_wide)


def _reliability(found: Findings) -> Figure:
    activation, metrics = found.model.activation, found.metrics
    lines = [("as it is", said(found.groups, activation))]
    temperature, scaled = metrics.get("val.temperature"), found.scaled
    if temperature is not None and scaled is not None:
        lines.append((f"temperature {temperature:.2f}", said(scaled, activation)))
    drawn = [
        (f"{name}: ECE {_error(one):.3f}", reliability(one.confidences, one.hits)) for name, one in lines
    ]
    of_what = {
        "top class": "the probability of each group's top emotion, right where it is one of its own",
        "every class": "the probability of every emotion of every group, right where the group has it",
    }[lines[0][1].what]
    notes = [f"Of {of_what}. On the line, what is told is right as often as it says."]
    if len(lines) > 1:
        notes.append("The temperature was fitted on validation pictures; predictions are as they were.")
    interval = estimate(metrics, "test.ece")
    if interval is not None:
        notes.append(f"ECE, the mean distance from the line, has the 95 % interval {span(interval)}.")
    svg = plots_of_errors.reliability_plot(drawn)
    return Figure("How sure it is, and how right", Markup(svg), " ".join(notes))


def _error(one: Said) -> float:
    return float(calibration_errors(one.confidences, one.hits, np.ones((len(one.hits), 1)))[0])


def _dimension_note(found: Findings, name: str) -> str:
    shown = [
        f"{title} {score.value:.3f} (95 % interval {span(score)})"
        for title, key in (("CCC", "ccc"), ("RMSE", "rmse"))
        if (score := estimate(found.metrics, f"test.{key}.{name}")) is not None
    ]
    return f"A point for each group; on the line both agree. {', '.join(shown)}".rstrip()
