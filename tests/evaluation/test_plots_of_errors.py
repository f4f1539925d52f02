from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from emotionnet.evaluation.calibration import reliability
from emotionnet.evaluation.plots_of_errors import confusion_matrix, dimension_scatter, reliability_plot

RNG = np.random.default_rng(0)
SURE = RNG.random(200)
BINS = reliability(SURE, RNG.random(200) < SURE)
COUNTS = np.array([[3.0, 1.0, 0.0], [0.0, 2.0, 2.0], [0.0, 0.0, 0.0]])
NAMES = ("joy & $x$", "awe", "envy")


def texts(svg: str) -> list[str]:
    return [element.text or "" for element in ET.fromstring(svg).iter() if element.tag.endswith("text")]


@pytest.mark.parametrize(
    "figure",
    [
        lambda: confusion_matrix(COUNTS, NAMES, (4, 4, 0)),
        lambda: reliability_plot([("as it is", BINS), ("temperature 2.00", BINS)]),
        lambda: dimension_scatter(np.array([1.0, 2.0]), np.array([1.5, np.nan]), "valence"),
    ],
)
def test_figures_are_equal_text_in_the_pages_colours(figure: object) -> None:
    assert callable(figure)
    svg = figure()
    assert svg.startswith('<svg role="img" aria-label="')
    assert "var(--ours)" in svg
    assert "#070809" not in svg
    assert figure() == svg


def test_a_row_tells_its_shares_and_how_many_there_are() -> None:
    svg = confusion_matrix(COUNTS, NAMES, (4, 4, 0))
    assert {"joy & $x$ (4)", "awe (4)", "envy (0)", "75", "25", "50"} <= set(texts(svg))
    drawn = re.findall(r"fill: var\(--(ours|other)\); fill-opacity: ([0-9.]+)", svg)
    assert [(colour, float(share)) for colour, share in drawn] == [
        ("ours", 0.08 + 0.92 * 0.75),
        ("other", 0.08 + 0.92 * 0.25),
        ("ours", 0.08 + 0.92 * 0.5),
        ("other", 0.08 + 0.92 * 0.5),
    ]


def test_many_classes_have_no_numbers() -> None:
    names = [f"class {number}" for number in range(40)]
    svg = confusion_matrix(np.eye(40), names, [1] * 40)
    assert "100" not in texts(svg)
    assert "class 39 (1)" in texts(svg)


def test_two_lines_are_told_apart() -> None:
    found = texts(reliability_plot([("as it is", BINS), ("temperature 2.00", BINS)]))
    assert {"as it is", "temperature 2.00", "probability told", "share that was right"} <= set(found)


def test_units_without_a_true_value_are_left_out() -> None:
    told, true = np.array([1.0, 2.0, 9.0]), np.array([1.5, 2.5, np.nan])
    assert dimension_scatter(told, true, "valence") == dimension_scatter(told[:2], true[:2], "valence")
