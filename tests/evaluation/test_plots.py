from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable

import pytest

from emotionnet.evaluation.class_table import ClassScore
from emotionnet.evaluation.intervals import Estimate
from emotionnet.evaluation.plots import (
    class_distribution,
    class_forest,
    sizes,
    tag_distribution,
    training_curves,
    word_forest,
)
from emotionnet.records import Word

HISTORY = [{"epoch": epoch, "train.loss": 3.0 - epoch, "val.hit_rate": epoch / 4} for epoch in range(3)]
CLASSES = [
    ClassScore("joy & $x$", positives=4, ap=Estimate(0.8, 0.6, 0.95), auc=None, chance=0.2, prevalence=0.1),
    ClassScore("awe", positives=1, ap=Estimate(0.3, 0.0, 1.0), auc=None, chance=0.1, prevalence=0.05),
    ClassScore("envy", positives=0, ap=None, auc=None, chance=None, prevalence=0.0),
]
WORDS = [Word("heart", 9), Word("face", 9), Word("sun", 9), Word("cloud", 1)]
UNSEEN = {"fury": Estimate(0.4, 0.2, 0.6), "gloom": Estimate(0.9, 0.8, 1.0)}
FIGURES = [
    lambda: training_curves(HISTORY),
    lambda: class_forest(CLASSES),
    lambda: word_forest(UNSEEN),
    lambda: tag_distribution(WORDS, WORDS[:1]),
    lambda: class_distribution(WORDS),
    lambda: sizes({0: 2, 3: 4}, "emotions of a picture"),
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


def names(svg: str, among: set[str]) -> list[str]:
    """Names of lines in a forest plot, from the top."""
    return [text for text in texts(svg)[::-1] if text in among]


def lines(svg: str, colour: str) -> list[float]:
    """Lengths of the horizontal lines of a colour."""
    found = re.findall(r'd="M (\S+) (\S+) \nL (\S+) (\S+) \n"[^>]*stroke: var\(--' + colour, svg)
    return [float(x2) - float(x1) for x1, y1, x2, y2 in found if y1 == y2]


def test_a_forest_has_the_best_emotion_on_top_and_none_without_a_score() -> None:
    svg = class_forest(CLASSES)
    assert names(svg, {"joy & $x$ (4)", "awe (1)"}) == ["joy & $x$ (4)", "awe (1)"]
    assert not any("envy" in text for text in texts(svg))
    assert {"average precision, 95 % interval", "chance"} <= set(texts(svg))


def test_a_forest_of_many_emotions_has_those_that_most_groups_carry() -> None:
    ap = Estimate(0.5, 0.4, 0.6)
    many = [
        ClassScore(f"e{n}", positives=n, ap=ap, auc=None, chance=0.1, prevalence=0.1) for n in range(1, 71)
    ]
    shown = [text for text in texts(class_forest(many)) if text.startswith("e") and text.endswith(")")]
    assert sorted(shown) == sorted(f"e{n} ({n})" for n in range(11, 71))


def test_an_interval_is_as_long_as_it_is_wide_and_faint_when_it_says_nothing() -> None:
    svg = class_forest(CLASSES)
    (told,) = lines(svg, "ours")
    nothing, _axis = lines(svg, "line")
    assert told / nothing == pytest.approx(0.35, abs=0.001)  # 0.6 to 0.95, beside 0 to 1


def test_words_have_a_forest_of_their_auc() -> None:
    svg = word_forest(UNSEEN)
    assert names(svg, {"fury", "gloom"}) == ["gloom", "fury"]
    assert "AUC, 95 % interval" in texts(svg)


def test_curves_show_what_the_history_holds() -> None:
    found = texts(training_curves(HISTORY))
    assert {"training", "hit rate", "Loss", "epoch"} <= set(found)
    assert not {"validation", "macro mAP"} & set(found)


def test_a_single_epoch_is_a_whole_number() -> None:
    found = texts(training_curves([{"epoch": 0, "val.loss": 0.5}]))
    assert "1" in found
    assert "0.96" not in found


def test_thousands_of_tags_of_equal_count_need_few_marks() -> None:
    many = [Word(f"w{number}", 5) for number in range(3000)]
    assert tag_distribution(many, many).count("<use ") < 100


def test_a_data_set_without_tags_has_a_distribution_too() -> None:
    assert "emotions" in texts(tag_distribution([], WORDS))


def test_bars_are_as_long_as_counts_with_the_most_frequent_emotion_on_top() -> None:
    svg = class_distribution([Word("a & $b$", 2), Word("fear", 10), Word("awe", 5)])
    assert names(svg, {"a & $b$", "fear", "awe"}) == ["fear", "awe", "a & $b$"]
    path = r'd="M (\S+) \S+ \nL (\S+) \S+ \nL \S+ \S+ \nL \S+ \S+ \nz\n"[^>]*fill: var\(--ours'
    lengths = [float(right) - float(left) for left, right in re.findall(path, svg)]
    assert [length / lengths[0] for length in lengths] == pytest.approx([1, 2.5, 5], rel=1e-3)


def test_hundreds_of_emotions_become_a_curve() -> None:
    svg = class_distribution([Word(f"w{number}", 700 - number) for number in range(690)])
    assert "rank of the emotion" in texts(svg)
    assert len(svg) < 200_000


def test_figures_of_nothing() -> None:
    assert "training pictures" in texts(class_distribution([]))
    assert "training pictures" in texts(class_distribution([Word("joy", 0)]))
    assert "pictures" in texts(sizes({}, "tags of a picture"))
