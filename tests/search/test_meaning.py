from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pytest

from emotionnet.inference.outputs import Array
from emotionnet.inference.words import VectorWords, Words
from emotionnet.records import DataError
from emotionnet.search.meaning import Reader
from emotionnet.search.ranking import Measure, Mix, Term
from emotionnet.search.taught import Taught
from emotionnet.text.vectors import WordVectors

EMOTIONS = ("joy", "Fear")
POINTS = {
    "joy": (1.0, 0.0, 0.0),
    "fear": (0.0, 1.0, 0.0),
    "delight": (0.8, 0.0, 0.6),
    "table": (0.2, 0.0, 0.98),
    "both": (0.6, 0.6, 0.53),
    "rather joy": (0.6, 0.5, 0.6245),
}


@pytest.fixture
def known() -> VectorWords:
    return VectorWords(WordVectors(tuple(POINTS), np.array(list(POINTS.values()), dtype=np.float32)))


@pytest.fixture(autouse=True)
def no_sentence_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("emotionnet.inference.words.has_sentence_model", lambda: False)


def reader(known: Words | None = None, **taught: Taught) -> Reader:
    return Reader(EMOTIONS, taught, known, lambda _: None)


def measured(term: Term) -> list[tuple[float, str, list[float]]]:
    """The weight, the column and the direction of each measure, which has but one."""
    assert isinstance(term, Mix)
    found = [(weight, measure) for weight, measure in term.terms if isinstance(measure, Measure)]
    assert len(found) == len(term.terms)
    return [
        (round(weight, 3), *column)
        for weight, measure in found
        for column in [(name, rounded(row)) for name, row in measure.directions.items()]
    ]


def rounded(row: Array) -> list[float]:
    return [round(value, 3) for value in row.tolist()]


def test_an_emotion_goes_by_cosine_and_probability(known: VectorWords) -> None:
    """The other one has a cosine of 0, which is 1 below that of joy itself: a share of exp(-20)."""
    (found,) = reader(known).terms(["JOY"])
    assert measured(found) == [(1, "projection", [1, 0, 0]), (1, "log_probabilities", [1, 0])]


def test_a_word_near_to_an_emotion_leans_on_it(known: VectorWords) -> None:
    near, far = reader(known).terms(["delight", "table"])
    assert measured(near) == [
        (1, "projection", [0.8, 0, 0.6]),
        (pytest.approx((0.8 - 0.3) / 0.7, abs=1e-3), "log_probabilities", [1, 0]),
    ]
    assert measured(far) == [(1, "projection", [0.2, 0, 0.98])]


def test_emotions_share_a_word_by_how_near_they_are(known: VectorWords) -> None:
    equal, nearly = reader(known).terms(["both", "rather joy"])
    assert measured(equal)[1][1:] == ("log_probabilities", [0.5, 0.5])
    other = np.exp(-0.1 / 0.05)  # its cosine is 0.1 lower
    shares = pytest.approx([1 / (1 + other), other / (1 + other)], abs=2e-3)
    assert measured(nearly)[1][2] == shares


def test_emotions_without_a_vector_say_nothing() -> None:
    vectors = VectorWords(WordVectors(("table",), np.ones((1, 3), dtype=np.float32)))
    table, emotion = reader(vectors).terms(["table", "fear"])
    assert [name for _, name, _ in measured(table)] == ["projection"]
    assert measured(emotion) == [(1, "log_probabilities", [0, 1])]


def test_without_projection_emotions_go_by_probability() -> None:
    (found,) = reader().terms([" fear "])
    assert measured(found) == [(1, "log_probabilities", [0, 1])]


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
        emotion_weights=(4.0, 0.0),
        intercept=5.0,
    )
    knowing = reader(known, joy=taught)
    (found,) = knowing.terms(["Joy"])
    assert isinstance(found, Measure)
    assert {name: rounded(row) for name, row in found.directions.items()} == {
        "features": [1, 2],
        "projection": [0, 3, 0],
        "log_probabilities": [4, 0],
    }
    untaught = Mix(knowing.measures("Joy"))  # what it learns from when it is taught again
    assert measured(untaught) == [(1, "projection", [1, 0, 0]), (1, "log_probabilities", [1, 0])]


class AnyWords:
    """As CLIP's: every word has a point."""

    size, known = 3, ()

    def points(self, words: Sequence[str], **_: object) -> Array:
        return np.ones((len(words), 3), dtype=np.float32)

    def label_points(self, labels: Mapping[str, Sequence[str]]) -> Array:
        raise NotImplementedError


def test_words_of_a_text_tower_go_by_cosine_alone() -> None:
    (found,) = reader(AnyWords()).terms(["joy"])
    assert measured(found) == [(1, "projection", [1, 1, 1])]


def test_each_unknown_word_has_its_line(known: VectorWords) -> None:
    with pytest.raises(DataError) as caught:
        reader(known).terms(["delihgt", "joy", "tablet"])
    assert len(caught.value.faults) == 2
    assert "did you mean delight" in caught.value.faults[0]
    assert "did you mean table" in caught.value.faults[1]
    with pytest.raises(DataError, match=r"'joi' must be one of the model's 2 emotions.*did you mean joy\?"):
        reader().terms(["joi"])
