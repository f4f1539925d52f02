from __future__ import annotations

import pytest

from emotionnet.evaluation import score_tables
from emotionnet.evaluation.class_table import ClassScore
from emotionnet.evaluation.intervals import Difference, Estimate
from emotionnet.evaluation.score_tables import Cell

DASH = Cell(score_tables.NONE)


def scored(key: str, value: float) -> dict[str, float]:
    return {key: value, f"{key}_ci_low": value - 0.1, f"{key}_ci_high": value + 0.1}


RUN = {**scored("test.macro_map", 0.4), **scored("test.hit_rate", 0.5), "test.n_groups": 72}
BASELINES = {
    **scored("baseline.pixels.macro_map", 0.2),
    **scored("baseline.nearest.macro_map", 0.25),
    **scored("baseline.frozen.macro_map", 0.3),
    "baseline.shuffled.macro_map": 0.062,
    "baseline.shuffled.macro_map_p95": 0.08,
    "baseline.chance.macro_map": 0.06,
    "baseline.chance.auc": 0.5,
}


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (None, DASH),
        (0.25, Cell("0.250")),
        (Estimate(0.3656, 0.31, 0.424), Cell("0.366", ("0.31 to 0.42",))),
        (Difference(0.0391, -0.0004, 0.09, 0.0512), Cell("+0.039", ("0.000 to 0.090", "p = 0.051"))),
        (Difference(-0.05, -0.08, -0.02, 0.0002), Cell("-0.050", ("-0.080 to -0.020", "p < 0.001"))),
    ],
)
def test_how_a_number_stands_in_a_table(found: Estimate | float | None, expected: Cell) -> None:
    assert score_tables.cell(found) == expected


def test_rows_are_those_that_were_computed() -> None:
    rows = score_tables.score_table(RUN | BASELINES).rows
    assert [row.name for row in rows] == [
        "this run",
        "frozen trunk",
        "nearest neighbour",
        "8x8 pixels",
        "shuffled labels",
        "chance",
    ]
    assert rows[0].cells == (Cell("0.400", ("0.30 to 0.50",)), Cell("0.500", ("0.40 to 0.60",)), DASH, DASH)
    assert rows[4].cells == (Cell("0.062"), DASH, DASH, DASH)
    assert rows[4].note.endswith("mean of 100, 95th percentile 0.080")
    assert rows[5].cells == (Cell("0.060"), DASH, Cell("0.500"), DASH)
    assert [row.name for row in score_tables.score_table(RUN).rows] == ["this run"]


@pytest.mark.parametrize(
    ("far", "cell", "note"),
    [
        ({}, DASH, "not looked for without baselines."),
        ({"test.far.n_groups": 0}, DASH, "0 of 72, which leaves nothing to score."),
        (
            {"test.far.n_groups": 50, "test.far.n_classes": 35, **scored("test.far.macro_map", 0.35)},
            Cell("0.350", ("0.25 to 0.45",)),
            "over the 50 of 72 test groups with no training picture at a cosine above 0.9",
        ),
    ],
)
def test_groups_without_a_near_neighbour_are_counted(far: dict[str, float], cell: Cell, note: str) -> None:
    table = score_tables.score_table(RUN | far)
    assert table.rows[0].cells[-1] == cell
    assert note in table.terms["no near neighbour"]


def test_differences_are_those_that_were_computed() -> None:
    metrics = {**scored("difference.pixels.macro_map", 0.15), "difference.pixels.macro_map_p": 0.004}
    (row,) = score_tables.difference_table(metrics).rows
    assert row.name == "minus 8x8 pixels"
    assert row.cells == (Cell("+0.150", ("0.050 to 0.250", "p = 0.004")), DASH, DASH)
    assert score_tables.difference_table(RUN).rows == ()


def test_words_stand_beside_their_baselines() -> None:
    metrics = {
        **scored("zero_shot.unseen.auc", 0.8),
        **scored("zero_shot.ridge.auc", 0.7),
        **scored("zero_shot.similarity.auc", 0.6),
        **scored("zero_shot.difference.ridge.auc", 0.1),
        "zero_shot.unseen.chance_map": 0.09,
        "zero_shot.permuted.auc": 0.52,
        "zero_shot.permuted.auc_p95": 0.61,
        "zero_shot.difference.ridge.auc_p": 0.05,
    }
    rows = score_tables.word_table(metrics).rows
    assert [(row.name, row.cells[0].text) for row in rows] == [
        ("this run", "0.800"),
        ("ridge regression", "0.700"),
        ("its emotions' words", "0.600"),
        ("swapped words", "0.520"),
        ("chance", "0.500"),
    ]
    assert rows[-1].cells[1] == Cell("0.090")
    assert rows[3].note.endswith("95th percentile 0.610")
    assert [row.name for row in score_tables.word_difference_table(metrics).rows] == [
        "minus ridge regression"
    ]
    assert score_tables.word_table(RUN).rows == ()


def test_ends_of_intervals_are_not_taken_for_words() -> None:
    metrics = {**scored("zero_shot.unseen.auc.fury", 0.8), **scored("zero_shot.unseen.auc", 0.7)}
    assert list(score_tables.word_scores(metrics)) == ["fury"]


def test_classes_are_ordered_by_average_precision() -> None:
    classes = (
        ClassScore("envy", positives=0, ap=None, auc=None, chance=None, prevalence=0.0),
        ClassScore("awe", positives=1, ap=Estimate(0.2, 0.0, 1.0), auc=None, chance=0.1, prevalence=0.05),
        ClassScore("joy", positives=4, ap=Estimate(0.8, 0.6, 0.9), auc=None, chance=0.2, prevalence=0.1),
    )
    rows = score_tables.class_score_table(classes).rows
    assert [row.name for row in rows] == ["joy", "awe", "envy"]
    assert rows[0].cells[:2] == (Cell("4"), Cell("0.800", ("0.60 to 0.90",)))
    assert rows[2].cells == (Cell("0"), DASH, DASH, DASH, Cell("0.000"))
