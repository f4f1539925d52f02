from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Callable

import pytest

from emotionnet.evaluation.plots import class_bars, tag_distribution, training_curves
from emotionnet.evaluation.scoring import ClassScore
from emotionnet.records import Word

HISTORY = [{"epoch": epoch, "train.loss": 3.0 - epoch, "val.hit_rate": epoch / 4} for epoch in range(3)]
CLASSES = [
    ClassScore("joy & $x$", positives=4, ap=0.8, auc=0.9, chance=0.2, prevalence=0.1),
    ClassScore("awe", positives=2, ap=0.3, auc=0.6, chance=0.1, prevalence=0.05),
    ClassScore("envy", positives=0, ap=None, auc=None, chance=None, prevalence=0.0),
]
WORDS = [Word("heart", 9), Word("face", 9), Word("sun", 9), Word("cloud", 1)]
FIGURES = [
    lambda: training_curves(HISTORY),
    lambda: class_bars(CLASSES),
    lambda: tag_distribution(WORDS, WORDS[:1]),
]


def texts(svg: str) -> list[str]:
    return [element.text or "" for element in ET.fromstring(svg).iter() if element.tag.endswith("text")]


@pytest.mark.parametrize("figure", FIGURES)
def test_figures_are_inline_svg_in_the_pages_colours(figure: Callable[[], str]) -> None:
    svg = figure()
    assert svg.startswith('<svg role="img" aria-label="')
    assert "var(--ink)" in svg
    assert "#010203" not in svg
    assert figure() == svg


def test_bars_name_the_emotions_that_have_a_score() -> None:
    found = texts(class_bars(CLASSES))
    assert "joy & $x$ (4)" in found
    assert "awe (2)" in found
    assert not any("envy" in text for text in found)


def test_curves_show_what_the_history_holds() -> None:
    found = texts(training_curves(HISTORY))
    assert {"training", "hit rate", "Loss", "epoch"} <= set(found)
    assert not {"validation", "macro mAP"} & set(found)


def test_thousands_of_tags_of_equal_count_need_few_marks() -> None:
    many = [Word(f"w{number}", 5) for number in range(3000)]
    assert tag_distribution(many, many).count("<use ") < 100


def test_a_data_set_without_tags_has_a_distribution_too() -> None:
    assert "emotions" in texts(tag_distribution([], WORDS))
