"""From which probability a word is a tag."""

from __future__ import annotations

import pytest

from emotionnet.records import DataError
from emotionnet.search.thresholds import tag_thresholds

EMOTIONS = ("anger", "joy", "sadness")
FITTED = {"anger": 0.2, "joy": 0.4}


def test_the_users_word_goes_before_the_fitted_one() -> None:
    assert tag_thresholds([], EMOTIONS, FITTED, []) == FITTED
    assert tag_thresholds(["joy=0.9"], EMOTIONS, FITTED, []) == {"anger": 0.2, "joy": 0.9}
    assert tag_thresholds(["0.3"], EMOTIONS, FITTED, []) == dict.fromkeys(EMOTIONS, 0.3)
    both = {"anger": 0.3, "joy": 1.0, "sadness": 0.3}
    assert tag_thresholds(["joy=1", "0.3"], EMOTIONS, FITTED, []) == both


def test_taught_words() -> None:
    assert tag_thresholds([], EMOTIONS, FITTED, ["fog"]) == FITTED | {"fog": 0.5}
    assert tag_thresholds([], EMOTIONS, {}, ["fog"]) == {"fog": 0.5}
    assert tag_thresholds(["fog=0.7", "0.1"], EMOTIONS, {}, ["fog"])["fog"] == 0.7
    assert tag_thresholds([], EMOTIONS, FITTED, ["joy"]) == {
        "anger": 0.2,
        "joy": 0.5,
    }  # it has another meaning now


def test_every_fault_is_told() -> None:
    with pytest.raises(DataError) as told:
        tag_thresholds(["2", "nan", "joy=", "jov=0.3", "x=0.3", "0.1", "0.2"], EMOTIONS, FITTED, ["fog"])
    assert told.value.faults == (
        "--threshold 2: must be a number from 0 to 1, such as 0.3 or joy=0.3",
        "--threshold nan: must be a number from 0 to 1, such as 0.3 or joy=0.3",
        "--threshold joy=: must be a number from 0 to 1, such as 0.3 or joy=0.3",
        "--threshold jov=0.3: must name an emotion of the model or a taught word; did you mean joy?",
        "--threshold x=0.3: must name an emotion of the model or a taught word",
        "--threshold: one may hold for all words; got 2",
    )


def test_a_model_without_thresholds_needs_one() -> None:
    with pytest.raises(DataError, match=r"no word has a threshold: .*; add --threshold 0.3"):
        tag_thresholds([], EMOTIONS, {}, [])


def test_a_model_without_emotions_needs_taught_words() -> None:
    with pytest.raises(
        DataError, match="the model has no emotions: add --index, an INDEX that was taught words"
    ):
        tag_thresholds(["0.3"], (), {}, [])
    assert tag_thresholds([], (), {}, ["fog"]) == {"fog": 0.5}
