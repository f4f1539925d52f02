from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pytest

from emotionnet.inference.outputs import Array
from emotionnet.inference.words import VectorWords, Words
from emotionnet.records import DataError
from emotionnet.search.meaning import Reader
from emotionnet.search.ranking import Column, Measure, Mix
from emotionnet.search.teaching import Taught
from emotionnet.text.vectors import WordVectors

EMOTIONS = ("joy", "Fear")
POINTS = {
    "joy": (1.0, 0.0, 0.0),
    "fear": (0.0, 1.0, 0.0),
    "delight": (0.8, 0.0, 0.6),
    "table": (0.2, 0.0, 0.98),
    "both": (0.6, 0.6, 0.53),
}


@pytest.fixture
def known() -> VectorWords:
    return VectorWords(WordVectors(tuple(POINTS), np.array(list(POINTS.values()), dtype=np.float32)))


@pytest.fixture(autouse=True)
def no_sentence_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("emotionnet.inference.words.has_sentence_model", lambda: False)


def reader(known: Words | None = None, **taught: Taught) -> Reader:
    return Reader(EMOTIONS, taught, known, lambda _: None)


def column(term: Measure | Mix, name: Column) -> list[float]:
    assert isinstance(term, Measure)
    return [round(value, 3) for value in term.directions[name].tolist()]


def test_an_emotion_goes_by_cosine_and_probability_and_is_asked_once(known: VectorWords) -> None:
    (found,) = reader(known).meanings(["JOY"])
    assert not found.loose
    assert isinstance(found.term, Mix)
    (one, cosine), (weight, shares) = found.term.terms
    assert one == 1
    assert weight == pytest.approx(1)
    assert column(cosine, "projection") == [1, 0, 0]
    other = np.exp(-1 / 0.15)  # a cosine of 0, which is 1 below that of joy itself
    assert column(shares, "probabilities") == pytest.approx([1 / (1 + other), other / (1 + other)], abs=1e-3)


def test_a_word_near_to_an_emotion_leans_on_it_and_is_asked_again(known: VectorWords) -> None:
    near, far = reader(known).meanings(["delight", "table"])
    assert near.loose
    assert isinstance(near.term, Mix)
    assert near.term.terms[1][0] == pytest.approx((0.8 - 0.3) / 0.7, abs=1e-3)
    assert far.loose
    assert column(far.term, "projection") == pytest.approx([0.2, 0, 0.98], abs=1e-3)


def test_a_word_between_two_emotions_takes_both(known: VectorWords) -> None:
    (found,) = reader(known).meanings(["both"])
    assert isinstance(found.term, Mix)
    assert column(found.term.terms[1][1], "probabilities") == [0.5, 0.5]


def test_emotions_without_a_vector_say_nothing() -> None:
    vectors = VectorWords(WordVectors(("table",), np.ones((1, 3), dtype=np.float32)))
    (found,) = reader(vectors).meanings(["table"])
    assert isinstance(found.term, Measure)
    (emotion,) = reader(vectors).meanings(["fear"])
    assert column(emotion.term, "probabilities") == [0, 1]


def test_without_projection_emotions_go_by_probability() -> None:
    (found,) = reader().meanings([" fear "])
    assert column(found.term, "probabilities") == [0, 1]
    assert not found.loose


def test_a_taught_word_goes_by_its_probe(known: VectorWords) -> None:
    taught = Taught(
        word="joy",
        identity="",
        yes=("a",),
        no=(),
        n_background=1,
        score=None,
        chance=None,
        why="",
        weights=(1.0, 2.0),
        word_weights=(0.0, 3.0, 0.0),
        intercept=5.0,
    )
    (found,) = reader(known, joy=taught).meanings(["Joy"])
    assert column(found.term, "features") == [1, 2]
    assert column(found.term, "projection") == [0, 3, 0]
    assert not found.loose


class AnyWords:
    """As CLIP's: every word has a point."""

    size, known = 3, ()

    def points(self, words: Sequence[str], **_: object) -> Array:
        return np.ones((len(words), 3), dtype=np.float32)

    def label_points(self, labels: Mapping[str, Sequence[str]]) -> Array:
        raise NotImplementedError


def test_words_of_a_text_tower_go_by_cosine_alone() -> None:
    (found,) = reader(AnyWords()).meanings(["joy"])
    assert column(found.term, "projection") == [1, 1, 1]
    assert not found.loose


def test_each_unknown_word_has_its_line(known: VectorWords) -> None:
    with pytest.raises(DataError) as caught:
        reader(known).meanings(["delihgt", "joy", "tablet"])
    assert len(caught.value.faults) == 2
    assert "did you mean delight" in caught.value.faults[0]
    assert "did you mean table" in caught.value.faults[1]
    with pytest.raises(DataError, match=r"'joi' must be one of the model's 2 emotions.*did you mean joy\?"):
        reader().meanings(["joi"])
