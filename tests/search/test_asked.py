from __future__ import annotations

from datetime import date

import pytest

from emotionnet.records import DataError
from emotionnet.search.asked import condition
from emotionnet.search.query import Bound, Query

EMOTIONS = ("joy", "fear")


def test_nothing_bound_is_no_condition() -> None:
    assert condition(Query(words=(("joy", 1.0),)), EMOTIONS) is None


def test_each_bound_is_part_of_the_condition() -> None:
    query = Query(
        emotions=(Bound("Fear", "<", 0.25), Bound("joy", ">", 0.5)),
        folder="it's/here/",
        taken_from=date(2020, 1, 2),
        taken_to=date(9999, 12, 31),
    )
    assert condition(query, EMOTIONS) == (
        "array_element(probabilities, 2) < 0.25 AND array_element(probabilities, 1) > 0.5 AND "
        "contains(path, '/it''s/here/') AND taken >= timestamp '2020-01-02 00:00:00' AND "
        "taken <= timestamp '9999-12-31 23:59:59'"
    )


@pytest.mark.parametrize(
    ("folder", "expected"),
    [
        ("/a/b", "starts_with(path, '/a/b/')"),
        ("/", "starts_with(path, '/')"),
        ("b", "contains(path, '/b/')"),
        ("b\udce9", r"contains(path, '/b\udce9/')"),  # a name that is no UTF-8, as the index spells it
    ],
)
def test_a_folder_is_a_whole_path_or_part_of_one(folder: str, expected: str) -> None:
    assert condition(Query(folder=folder), EMOTIONS) == expected


def test_an_unknown_emotion_is_named_with_the_nearest() -> None:
    with pytest.raises(DataError) as caught:
        condition(Query(emotions=(Bound("joi", ">", 0), Bound("calm", "<", 1))), EMOTIONS)
    assert caught.value.faults == (
        "'joi' must be one of the model's 2 emotions; did you mean joy?",
        "'calm' must be one of the model's 2 emotions; did you mean joy or fear?",
    )
