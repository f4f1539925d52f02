from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from emotionnet.evaluation import summary
from emotionnet.evaluation.scoring import ClassScore
from emotionnet.records import DataError

TEST = {
    "test.macro_map": 0.331,
    "test.hit_rate": 0.4,
    "test.n_classes": 37,
    "test.n_groups": 128,
    "test.n_images": 300,
}
BASELINES = {
    "baseline.chance.macro_map": 0.06,
    "baseline.shuffled.macro_map": 0.062,
    "baseline.shuffled.macro_map_p95": 0.08,
    "baseline.pixels.macro_map": 0.22,
    "baseline.frozen.macro_map": 0.3442,
}


def score(emotion: str, ap: float | None, chance: float | None) -> ClassScore:
    return ClassScore(emotion=emotion, positives=3, ap=ap, auc=None, chance=chance, prevalence=0.1)


def test_headline_says_where_the_run_stands_also_when_it_is_below() -> None:
    assert summary.headline(TEST | BASELINES, "emoji") == (
        "On 128 unseen groups of emoji (unit: group, 300 pictures) macro mAP over 37 emotions is 0.331; "
        "chance 0.060, shuffled labels 0.062, 8x8 pixels 0.220, the frozen trunk 0.344. "
        "The run lies 0.013 below the frozen trunk."
    )


@pytest.mark.parametrize(
    ("frozen", "end"),
    [
        (0.3, "The run lies 0.031 above the frozen trunk."),
        (0.3312, "The run lies level with the frozen trunk."),
    ],
)
def test_headline_above_or_level(frozen: float, end: str) -> None:
    assert summary.headline(TEST | BASELINES | {"baseline.frozen.macro_map": frozen}, "emoji").endswith(end)


def test_headline_without_baselines_says_so() -> None:
    assert summary.headline(TEST, "emoji").endswith("is 0.331; baselines were not computed.")


def test_rows_are_those_that_were_computed() -> None:
    rows = summary.headline_rows(TEST | BASELINES)
    assert [row.name for row in rows] == [
        "this run",
        "frozen trunk",
        "8x8 pixels",
        "shuffled labels",
        "chance",
    ]
    assert (rows[0].macro_map, rows[0].hit_rate, rows[0].auc) == (0.331, 0.4, None)
    assert rows[3].note.endswith("mean of 100, 95th percentile 0.080")
    assert [row.name for row in summary.headline_rows(TEST)] == ["this run"]


def test_zero_shot_line() -> None:
    values = {"auc": 0.83, "macro_map": 0.21, "chance_map": 0.08, "n_tags": 16, "n_groups": 73}
    line = summary.zero_shot_line({f"zero_shot.unseen.{key}": value for key, value in values.items()})
    assert line.startswith("Zero-shot, 16 emotion words that no label and no tag")
    assert "mean AUC 0.830 (chance 0.5), macro mAP 0.210 (chance 0.080), over 73 groups." in line
    assert summary.zero_shot_line(TEST) == ""


def test_weakest_are_nearest_to_chance() -> None:
    rows = (
        score("joy", 0.9, 0.1),
        score("awe", 0.3, 0.25),
        score("envy", None, None),
        score("fear", 0.1, 0.2),
    )
    assert [row.emotion for row in summary.weakest(rows, 2)] == ["fear", "awe"]


def test_mix_ups_are_counted_over_groups() -> None:
    labels_GC = np.array([[True, False, False]] * 3 + [[False, True, True]] * 2 + [[False, False, True]])
    top = ["awe", "awe", "joy", "fear", "joy", "joy"]
    assert summary.mix_ups(top, labels_GC, ("joy", "awe", "fear")) == [
        "fear taken for joy (2 groups)",
        "joy taken for awe (2 groups)",
    ]


def test_a_run_without_test_scores_is_refused() -> None:
    with pytest.raises(DataError, match="must hold scores of the test split; 'emotionnet evaluate runs/x'"):
        summary.require_scores(Path("runs/x"), {"val.macro_map": 0.5})
