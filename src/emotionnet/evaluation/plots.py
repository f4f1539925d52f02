"""Figures of a report: training curves, scores of each emotion, how often emotions and tags occur."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullFormatter, StrMethodFormatter

from emotionnet.evaluation.class_table import ClassScore
from emotionnet.evaluation.figures import FAINT, INK, OTHER, OURS, SOFT, WIDTH, style, svg, tidy
from emotionnet.evaluation.intervals import Estimate
from emotionnet.records import Word

BARS = 60  # more of them would be a page of their own
CURVES = (
    ("Loss", (("train.loss", "training", OTHER, "--"), ("val.loss", "validation", OURS, "-"))),
    (
        "Validation scores",
        (("val.macro_map", "macro mAP", OURS, "-"), ("val.hit_rate", "hit rate", OTHER, "--")),
    ),
)


@dataclass(frozen=True)
class Mark:
    """One line of a forest plot: a score with its interval, and what chance reaches; all 0 to 1."""

    name: str
    score: Estimate
    chance: float


def training_curves(history: Sequence[Mapping[str, float]]) -> str:
    """Loss and validation scores over epochs, from the lines of `metrics.jsonl`; SVG."""
    with style("curves"):
        figure = Figure(figsize=(WIDTH, 4.4), layout="constrained")
        for axes, (title, lines) in zip(figure.subplots(2, 1, sharex=True), CURVES, strict=True):
            for key, name, colour, dashes in lines:
                points = [(line["epoch"] + 1, line[key]) for line in history if key in line]
                if points:
                    axes.plot(*zip(*points, strict=True), dashes, color=colour, label=name, marker=".")
            tidy(axes, title)
        axes.set_xlabel("epoch")
        axes.xaxis.get_major_locator().set_params(integer=True)
        if len(history) == 1:  # as of a probe: no locator finds whole numbers around one point
            axes.set_xticks([history[0]["epoch"] + 1])
        return svg(figure, "Training curves: loss and validation scores over epochs")


def class_forest(classes: Sequence[ClassScore]) -> str:
    """Average precision of each emotion with its interval, the best on top, and a mark at chance; SVG.

    Of more than `BARS` emotions those that most groups carry.
    """
    shown = sorted(classes, key=lambda row: -row.positives)[:BARS]
    marks = [
        Mark(f"{row.emotion} ({row.positives})", row.ap, row.chance)
        for row in shown
        if row.ap is not None and row.chance is not None
    ]
    return _forest(marks, "average precision", "Average precision of each emotion with its 95 % interval")


def word_forest(scores: Mapping[str, Estimate]) -> str:
    """AUC of each word never seen with its interval, the best on top, and a mark at 0.5; SVG."""
    marks = [Mark(word, score, 0.5) for word, score in scores.items()]
    return _forest(marks, "AUC", "AUC of each word never seen with its 95 % interval")


def _forest(marks: Sequence[Mark], score: str, title: str) -> str:
    """One line for each mark; faint where nothing tells the spread, so that the interval is 0 to 1."""
    ordered = sorted(marks, key=lambda mark: (mark.score.value, mark.name))
    with style(score):
        figure = Figure(figsize=(WIDTH, 0.21 * len(ordered) + 0.9), layout="constrained")
        axes = figure.subplots()
        for place, mark in enumerate(ordered):
            ends = (mark.score.low, mark.score.high)
            told = ends != (0.0, 1.0)
            axes.plot(
                ends, (place, place), "-", color=OURS if told else FAINT, linewidth=1.6 if told else 1.0
            )
            axes.plot(mark.score.value, place, "o", color=OURS if told else SOFT, markersize=4.5)
        chance = [mark.chance for mark in ordered]
        axes.plot(chance, range(len(ordered)), "|", color=INK, markersize=8, label="chance")
        axes.plot([], [], "o-", color=OURS, markersize=4.5, linewidth=1.6, label=f"{score}, 95 % interval")
        # a name may hold a dollar
        axes.set_yticks(range(len(ordered)), [mark.name for mark in ordered], parse_math=False)
        axes.set_ylim(-0.7, max(len(ordered), 1) - 0.3)
        axes.set_xlim(-0.01, 1.01)
        tidy(axes, "", grid="x", legend=False)
        axes.tick_params(axis="y", length=0)
        figure.legend(loc="outside upper right", ncols=2, fontsize=9, reverse=True)
        return svg(figure, title)


def tag_distribution(tags: Sequence[Word], emotions: Sequence[Word], *, unit: str = "groups") -> str:
    """Count against rank of all tags and of the emotions, both axes logarithmic; SVG."""
    with style("tags"):
        figure = Figure(figsize=(WIDTH, 3.0), layout="constrained")
        axes = figure.subplots()
        for words, name, colour in ((tags, "tags", OTHER), (emotions, "emotions", OURS)):
            axes.loglog(*_ranks(words), ".-", color=colour, label=name, markersize=4)
        _plain_logarithms(axes)
        axes.set_xlabel("rank")
        axes.set_ylabel(f"{unit} that carry it")
        tidy(axes, "")
        return svg(figure, "How often tags and emotions occur, by rank")


def class_distribution(emotions: Sequence[Word]) -> str:
    """How many training pictures carry each emotion: bars, the most frequent on top; SVG.

    More than `BARS` emotions are counts against ranks, both axes logarithmic.
    """
    title = "How many training pictures carry each emotion"
    ordered = sorted(emotions, key=lambda word: word.count)
    with style("classes"):
        if len(ordered) > BARS:
            figure = Figure(figsize=(WIDTH, 3.0), layout="constrained")
            axes = figure.subplots()
            axes.loglog(*_ranks(ordered), ".-", color=OURS, markersize=4)
            _plain_logarithms(axes)
            axes.set_xlabel("rank of the emotion")
            axes.set_ylabel("training pictures")
            tidy(axes, "")
            return svg(figure, title)
        figure = Figure(figsize=(WIDTH, 0.21 * len(ordered) + 0.9), layout="constrained")
        axes = figure.subplots()
        axes.barh(range(len(ordered)), [word.count for word in ordered], height=0.7, color=OURS)
        axes.set_yticks(range(len(ordered)), [word.name for word in ordered], parse_math=False)
        axes.set_xlabel("training pictures")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        tidy(axes, "", grid="x")
        axes.tick_params(axis="y", length=0)
        return svg(figure, title)


def sizes(counts: Mapping[int, int], what: str) -> str:
    """How many pictures have 0, 1, 2, ... of something; SVG."""
    with style(what):
        figure = Figure(figsize=(WIDTH, 2.4), layout="constrained")
        axes = figure.subplots()
        axes.bar(list(counts), list(counts.values()), width=0.8, color=OURS)
        axes.set_xlabel(what)
        axes.set_ylabel("pictures")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        tidy(axes, "")
        return svg(figure, f"How many pictures have how many: {what}")


def _plain_logarithms(axes: Axes) -> None:
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axis.set_minor_formatter(NullFormatter())


def _ranks(words: Sequence[Word]) -> tuple[list[int], list[int]]:
    """Ranks and counts where a run of equal counts begins and ends: all that a line needs."""
    counts = sorted((word.count for word in words if word.count > 0), reverse=True)
    kept = [
        place
        for place, count in enumerate(counts)
        if place in (0, len(counts) - 1) or counts[place - 1] != count or counts[place + 1] != count
    ]
    return [place + 1 for place in kept], [counts[place] for place in kept]
