"""report.html: what a run found, in one file that asks nothing of the network and needs no script."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from markupsafe import Markup

from emotionnet import runs
from emotionnet.evaluation import plots, score_tables, summary
from emotionnet.evaluation.card import card_text
from emotionnet.evaluation.census import counted
from emotionnet.evaluation.errors_section import error_figures
from emotionnet.evaluation.every_score import all_scores_table
from emotionnet.evaluation.findings import Findings, gather
from emotionnet.evaluation.gallery import best_and_worst
from emotionnet.evaluation.rendering import environment
from emotionnet.files import write_text

PAGES = environment("emotionnet.evaluation", html=True)


def report_run(run: Path, *, data: Path | str | None = None, format: str = "auto") -> tuple[Path, Path]:  # noqa: A002
    """Write `report.html` and the model card `README.md` into a run that was evaluated.

    Args:
        run: A finished RUN with test scores.
        data: Another place of its data set, or the one that it was scored on; None: the one named in the
            run's config.
        format: What `data` is, see `SourceConfig.format`.

    Returns:
        The report and the card.

    Raises:
        DataError: The run was not evaluated, or before scores had intervals, or its files or pictures
            are missing or broken; nothing is written.
    """
    found = gather(run, data, format=format)
    report, card = report_page(found), card_text(found)
    write_text(run / runs.REPORT, report)
    write_text(run / runs.CARD, card)
    return run / runs.REPORT, run / runs.CARD


def report_page(found: Findings) -> str:
    """The report as HTML.

    Raises:
        DataError: A picture is missing or broken, or the history is.
    """
    best, worst = best_and_worst(found.predictions, found.dataset, found.model.emotions)
    history = runs.read_history(found.run)
    words = score_tables.word_scores(found.metrics)
    return PAGES.get_template("report.html.j2").render(
        name=found.dataset.name,
        failure=summary.zero_shot_failure(found.metrics),
        headline=summary.headline(found.metrics, found.dataset.name),
        caution=summary.CAUTION,
        zero_shot=summary.zero_shot_line(found.metrics),
        further=summary.further_lines(found.metrics),
        scores=score_tables.score_table(found.metrics),
        all_scores=all_scores_table(found.metrics),
        differences=score_tables.difference_table(found.metrics),
        word_scores=score_tables.word_table(found.metrics),
        word_differences=score_tables.word_difference_table(found.metrics),
        word_forest=Markup(plots.word_forest(words)) if words else "",
        best=best,
        worst=worst,
        curves=Markup(plots.training_curves(history)) if history else "",
        forest=Markup(plots.class_forest(found.classes)),
        model_emotions=len(found.classes),
        in_forest=min(plots.BARS, len(found.classes)),
        errors=error_figures(found),
        training_classes=_training_classes(found),
        distribution=_distribution(found),
        classes=score_tables.class_score_table(found.classes),
        counts=found.dataset.info.get("counts", {}),
        manifest=tuple(flat(found.manifest)),
    )


def _distribution(found: Findings) -> str:
    """How often tags occur, as a figure; empty where the data set has none."""
    tags, emotions = found.dataset.tags, found.dataset.emotions
    return Markup(plots.tag_distribution(tags, emotions)) if any(word.count > 0 for word in tags) else ""


def _training_classes(found: Findings) -> str:
    """How often the training pictures carry each emotion, as a figure; empty where there are none."""
    records = found.dataset.checked_records("train")
    counts = counted((record.given_labels for record in records), found.dataset.emotions)
    return Markup(plots.class_distribution(counts)) if records else ""


def flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Nested values as dotted keys and texts, in order."""
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{prefix}{key}.")
        elif isinstance(value, list):
            yield f"{prefix}{key}", ", ".join(map(str, value)) or "none"
        else:
            yield f"{prefix}{key}", str(value)
