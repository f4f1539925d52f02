from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from emotionnet.records import DataError
from emotionnet.search.query import MAX_WORDS, Bound, Query, parse_query


def test_words_weights_and_phrases() -> None:
    query = parse_query('serene, lonely:2 "broken  heart":0.5 joy:-1', not_=["fear", '"dark night":3'])
    assert query.words == (
        ("serene", 1.0),
        ("lonely", 2.0),
        ("broken heart", 0.5),
        ("joy", -1.0),
        ("fear", -1.0),
        ("dark night", -3.0),
    )


def test_everything_else() -> None:
    query = parse_query(
        emotion=["joy>0.3", " quiet joy < 1e-1 "],
        like=["0123456789abcdef", Path("a/b.jpg"), b"picture"],
        folder="holidays",
        taken=("2020-01-31", "2020-02-01"),
        k=3,
    )
    assert query == Query(
        (),
        ("0123456789abcdef", Path("a/b.jpg"), b"picture"),
        (Bound("joy", ">", 0.3), Bound("quiet joy", "<", 0.1)),
        "holidays",
        date(2020, 1, 31),
        date(2020, 2, 1),
        3,
    )
    assert str(query) == (
        "like a picture, like b.jpg, like a picture, joy>0.3, quiet joy<0.1, in holidays, from 2020-01-31, "
        "to 2020-02-01"
    )


def test_what_is_asked_can_be_read_again() -> None:
    assert str(parse_query('serene "broken heart":2', not_=["fear:3"])) == (
        'serene, "broken heart":2, not fear:3'
    )


@pytest.mark.parametrize(
    ("asked", "faults"),
    [
        ({}, ["a query needs words, a picture that results are to be like, or a bound of an emotion"]),
        ({"text": ' "" , '}, ["a query needs words, a picture that results are to be like"]),
        ({"folder": "x"}, ["a query needs words"]),
        (
            {"text": 'sad "open'},
            ["phrases stand in two \", weights behind a colon; '\"' in 'sad \"open' is none"],
        ),
        ({"text": "sad:much"}, ["sad: a weight must be a number other than 0, up to 100; got 'much'"]),
        ({"text": "sad:0 joy:inf fear:101"}, ["sad: a weight", "joy: a weight", "fear: a weight"]),
        ({"emotion": ["joy", "joy>2"]}, ["such as joy>0.3; got 'joy'", "such as joy>0.3; got 'joy>2'"]),
        ({"emotion": ["joy=0.5"]}, ["a bound must be an emotion, < or > and a probability from 0 to 1"]),
        ({"text": "a", "taken": ("31.1.2020", None)}, ["such as 2020-01-31; got '31.1.2020'"]),
        ({"text": "a", "taken": ("2020-02-01", "2020-01-01")}, ["the first day must not be after the last"]),
        ({"text": "a", "k": 0}, ["k must be at least 1; got 0"]),
        ({"text": "a", "k": 1001}, ["k: at most 1,000 may be asked for; got 1,001"]),
        ({"text": "a " * (MAX_WORDS + 1)}, ["words: at most 32 may be asked for; got 33"]),
        ({"text": "a" * 101}, ["a word must have at most 100 letters; 'aaaaaaaaaaaaaaaaaaaa'... has 101"]),
        ({"like": ["x"] * 17}, ["pictures to be like: at most 16 may be asked for; got 17"]),
    ],
)
def test_each_fault_has_its_line(asked: dict[str, Any], faults: list[str]) -> None:
    with pytest.raises(DataError) as caught:
        parse_query(**asked)
    assert len(caught.value.faults) == len(faults)
    for fault, part in zip(caught.value.faults, faults, strict=True):
        assert part in fault
