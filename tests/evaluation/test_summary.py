from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from emotionnet.evaluation import summary
from emotionnet.evaluation.class_table import ClassScore
from emotionnet.evaluation.intervals import Estimate
from emotionnet.records import DataError

TEST = {
    "test.macro_map": 0.331,
    "test.macro_map_ci_low": 0.28,
    "test.macro_map_ci_high": 0.384,
    "test.hit_rate": 0.4,
    "test.hit_rate_ci_low": 0.3,
    "test.hit_rate_ci_high": 0.5,
    "test.n_classes": 37,
    "test.n_groups": 128,
    "test.n_images": 300,
}
BASELINES = {
    "baseline.chance.macro_map": 0.06,
    "baseline.shuffled.macro_map": 0.062,
    "baseline.pixels.macro_map": 0.22,
    "baseline.frozen.macro_map": 0.3442,
}
ZERO_SHOT = {
    "zero_shot.unseen.auc": 0.83,
    "zero_shot.unseen.auc_ci_low": 0.7,
    "zero_shot.unseen.auc_ci_high": 0.96,
    "zero_shot.unseen.n_tags": 16,
    "zero_shot.unseen.n_groups": 73,
    "zero_shot.permuted.auc": 0.51,
    "zero_shot.permuted.auc_p95": 0.6,
    "zero_shot.permuted.auc_p": 1 / 201,
}
SHOWS_NONE = "the interval includes 0, so this split does not show a difference."


def paired(key: str, value: float, low: float, high: float, p: float) -> dict[str, float]:
    return {key: value, f"{key}_ci_low": low, f"{key}_ci_high": high, f"{key}_p": p}


def score(emotion: str, ap: float | None, chance: float | None) -> ClassScore:
    found = None if ap is None else Estimate(ap, 0.0, 1.0)
    return ClassScore(emotion=emotion, positives=3, ap=found, auc=None, chance=chance, prevalence=0.1)


def test_headline_says_where_the_run_stands_also_when_it_is_below() -> None:
    difference = paired("difference.frozen.macro_map", -0.0132, -0.0401, 0.0137, 0.336)
    assert summary.headline(TEST | BASELINES | difference, "emoji") == (
        "On 128 unseen groups of emoji (unit: group, 300 pictures) macro mAP over 37 emotions is 0.331 "
        "(95 % interval 0.28 to 0.38); "
        "chance 0.060, shuffled labels 0.062, 8x8 pixels 0.220, the frozen trunk 0.344. "
        f"The run lies 0.013 below the frozen trunk (-0.040 to 0.014, p = 0.34): {SHOWS_NONE}"
    )


@pytest.mark.parametrize(
    ("difference", "end"),
    [
        (
            (0.0391, -0.0121, 0.09, 0.12),
            f"0.039 above the frozen trunk (-0.012 to 0.090, p = 0.12): {SHOWS_NONE}",
        ),
        (
            (0.0391, 0.0004, 0.08, 0.0481),
            "0.039 above the frozen trunk (0.000 to 0.080, p = 0.048): the interval leaves out 0.",
        ),
        (
            (-0.05, -0.08, -0.02, 0.00001),
            "0.050 below the frozen trunk (-0.080 to -0.020, p < 0.001): the interval leaves out 0.",
        ),
        (
            (-0.0002, -0.02, 0.02, 0.98),
            f"level with the frozen trunk (-0.020 to 0.020, p = 0.98): {SHOWS_NONE}",
        ),
        ((0.0, 0.0, 0.0, 1.0), f"level with the frozen trunk (0.000 to 0.000, p = 1.00): {SHOWS_NONE}"),
    ],
)
def test_headline_tells_a_difference_with_its_interval(
    difference: tuple[float, float, float, float], end: str
) -> None:
    metrics = TEST | BASELINES | paired("difference.frozen.macro_map", *difference)
    assert summary.headline(metrics, "emoji").endswith(f"The run lies {end}")


def test_headline_without_baselines_says_so() -> None:
    assert summary.headline(TEST, "emoji").endswith("0.38); baselines were not computed.")


def test_zero_shot_line() -> None:
    ridge = paired("zero_shot.difference.ridge.auc", 0.1, 0.02, 0.18, 0.014)
    similarity = paired("zero_shot.difference.similarity.auc", -0.01, -0.05, 0.03, 0.62)
    assert summary.zero_shot_line(ZERO_SHOT | ridge | similarity) == (
        "Zero-shot, 16 emotion words that no label and no tag of the data set contains, over 73 groups: "
        "mean AUC is 0.830 (95 % interval 0.70 to 0.96); chance 0.500, words with swapped vectors 0.510 "
        "(95th percentile 0.600, p = 0.005). "
        "It lies 0.100 above ridge regression from the frozen trunk (0.020 to 0.180, p = 0.014): "
        "the interval leaves out 0. "
        f"It lies 0.010 below the words of its emotions (-0.050 to 0.030, p = 0.62): {SHOWS_NONE}"
    )
    assert summary.zero_shot_line(TEST) == ""


@pytest.mark.parametrize(("auc", "failed"), [(0.61, False), (0.6, True), (0.4, True)])
def test_zero_shot_fails_when_it_is_not_above_swapped_words(auc: float, failed: bool) -> None:
    said = summary.zero_shot_failure(ZERO_SHOT | {"zero_shot.unseen.auc": auc})
    assert (
        said.startswith(f"Zero-shot failed: emotion words never seen are found with mean AUC {auc:.3f}, not")
        == failed
    )
    assert bool(said) == failed


def test_zero_shot_that_was_not_scored_has_not_failed() -> None:
    assert summary.zero_shot_failure(TEST) == ""


def test_weakest_are_nearest_to_chance() -> None:
    rows = (
        score("joy", 0.9, 0.1),
        score("awe", 0.3, 0.25),
        score("envy", None, None),
        score("fear", 0.1, 0.2),
    )
    assert summary.weakest(rows, 2) == (("fear", 0.1, 0.2), ("awe", 0.3, 0.25))


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


def test_scores_with_intervals_are_taken_and_those_without_refused_with_the_commands() -> None:
    summary.require_scores(Path("runs/x"), TEST | ZERO_SHOT)
    with pytest.raises(DataError) as caught:
        summary.require_scores(Path("runs/x"), TEST | BASELINES | {"zero_shot.unseen.auc": 0.5})
    assert caught.value.faults == (
        "runs/x: scores must have intervals, which earlier ones have not; "
        "'emotionnet evaluate runs/x' computes them again",
        "runs/x: scores must have intervals, which earlier ones have not; "
        "'emotionnet zeroshot runs/x' computes them again",
    )


def test_scores_that_are_no_numbers_are_refused() -> None:
    with pytest.raises(DataError, match=r"runs/x/metrics.json: test.n_groups: must be finite; got nan"):
        summary.require_scores(Path("runs/x"), TEST | {"test.n_groups": float("nan")})
