"""SE30K8: the dict, the 3-vote rule, the split of 2020, and Fleiss' kappa."""

from __future__ import annotations

import pickle
import random
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emotionnet.data.annotations import read_annotations
from emotionnet.data.se30k8 import (
    EMOTIONS,
    Se30k8,
    VotedImage,
    agreement,
    count_votes,
    fleiss_kappa,
    label_of_counts,
    single_label,
    split_images,
    write_se30k8,
)
from emotionnet.records import DataError

VOTES = [[3], [3, 7], [3], [4], [7]]


def entry(**changes: Any) -> dict[str, Any]:
    base = {
        "access_key": "k",
        "image_emotion": VOTES,
        "image_url": "http://x/1000_1.jpg",
        "work_ids": ["w1", "w2"],
        "tags": ["sun", "happy"],
        "emotion_tags": ["happy"],
        "keys": ["happy"],
        "re_path": "a/1.jpg",
    }
    return base | changes


def written(folder: Path, content: Any) -> Path:
    path = folder / "se.pkl"
    path.write_bytes(pickle.dumps(content, protocol=2))
    return path


def read(path: Path, **options: Any) -> Se30k8:
    found = read_annotations(path, **options)
    assert isinstance(found, Se30k8)
    return found


def image(number: int, votes: Any = VOTES, tags: tuple[str, ...] = ("sun",)) -> VotedImage:
    return VotedImage(f"{number}.jpg", votes, tags, (), number, {})


def test_an_entry_is_read_whatever_its_spelling(tmp_path: Path) -> None:
    other = entry(
        image_emotion=[[EMOTIONS[e] for e in chosen] for chosen in VOTES], **{"emotion-tags": ["joy"]}
    )
    del other["emotion_tags"]
    first, second = read(written(tmp_path, {1: entry(), "2": other})).images
    assert first[:4] == ("a/1.jpg", ((3,), (3, 7), (3,), (4,), (7,)), ("sun", "happy"), ("happy",))
    assert (second.votes, second.emotion_tags, second.cid) == (first.votes, ("joy",), "2")


def test_what_is_written_is_what_was_read(tmp_path: Path) -> None:
    content = {7: entry(), "x": {"re_path": "b.jpg", "image_emotion": [[]] * 5, "emotion-tags": ["joy"]}}
    write_se30k8(tmp_path / "back.pkl", read(written(tmp_path, content)).images)
    assert pickle.loads((tmp_path / "back.pkl").read_bytes()) == content
    assert list(pickle.loads((tmp_path / "back.pkl").read_bytes())) == [7, "x"]


@pytest.mark.parametrize(
    ("cid", "bad", "reason"),
    [
        (1, [1], "an entry must be a dict; got [1]"),
        (1, {"tags": []}, "image_emotion and re_path missing"),
        (
            1,
            entry(image_emotion=[[1]] * 4),
            "image_emotion must be 5 lists of emotions; got [[1], [1], [1], [1]]",
        ),
        (1, entry(image_emotion=[1] * 5), "image_emotion must be 5 lists of emotions"),
        (1, entry(image_emotion=[[8]] * 5), "an emotion must be in 0..7 or its name; got 8"),
        (1, entry(image_emotion=[[-1]] * 5), "an emotion must be in 0..7 or its name; got -1"),
        (1, entry(image_emotion=[[True]] * 5), "an emotion must be in 0..7 or its name; got True"),
        (1, entry(image_emotion=[["joy"]] * 5), "an emotion must be in 0..7 or its name; got 'joy'"),
        (1, entry(re_path="../x.jpg"), "path must not leave the image folder; got '../x.jpg'"),
        (1, entry(re_path=3), "re_path must be a text; got 3"),
        (1, entry(tags="sun"), "tags must be a list of words; got 'sun'"),
        (1, entry(tags=[3]), "tags must be a list of words; got [3]"),
        (1, entry(emotion_tags=["\ud800"]), "emotion_tags must be words of at most 4096 letters of UTF-8"),
        (1.5, entry(), "a cid must be a whole number or a text; got 1.5"),
    ],
)
def test_a_bad_entry_is_named_or_left_out(tmp_path: Path, cid: Any, bad: Any, reason: str) -> None:
    path = written(tmp_path, {"good": entry(), cid: bad})
    with pytest.raises(DataError) as caught:
        read(path)
    (fault,) = caught.value.faults
    assert fault.startswith(f"{path}: row 1: ")
    assert reason in fault
    found = read(path, skip_bad_rows=True)
    assert [one.cid for one in found.images] == ["good"]
    assert [reject[0] for reject in found.rejects] == ["1" if cid == 1 else "se: row 1"]


@pytest.mark.parametrize(
    ("votes", "label"),
    [
        (VOTES, 3),
        ([[3], [7], [3], [7], [1]], None),
        ([[7, 3], [3, 7], [3, 7], [], []], 7),
        ([[1], [3, 7], [3, 7], [3, 7], [1]], 3),
        ([[], [], [], [], []], None),
        ([[0], [1], [1, 0], [0, 1], [1]], 1),
    ],
)
def test_the_single_label_needs_three_votes_and_the_first_of_equals_wins(
    votes: Any, label: int | None
) -> None:
    assert single_label(votes) == label
    assert label_of_counts(count_votes(votes)) == label


def test_all_votes_count() -> None:
    assert list(count_votes(VOTES).items()) == [(3, 3), (7, 2), (4, 1)]


def test_the_split_is_that_of_pythons_random_with_seed_0() -> None:
    """The literal rule, by the global generator, whose state is put back."""
    images = [image(number, tags=("sun",) if number % 4 else ("moon",)) for number in range(47)]
    literal = [one for one in images if one.tags == ("sun",)]
    state = random.getstate()
    random.seed(0)
    random.shuffle(literal)
    random.setstate(state)
    train, val, dropped = split_images(images, ["sun", "sea"])
    assert len(literal) == 35
    assert (val, train) == (literal[:3], literal[3:])
    assert dropped == images[::4]
    assert random.getstate() == state


def test_without_a_vocabulary_nothing_is_dropped() -> None:
    train, val, dropped = split_images([image(n, tags=()) for n in range(20)])
    assert (len(train), len(val), dropped) == (18, 2, [])


def test_kappa_of_fleiss_example() -> None:
    """Ten subjects, fourteen raters, five categories: the worked example of the textbooks, 0.210."""
    table = """0 0 0 0 14 / 0 2 6 4 2 / 0 0 3 5 6 / 0 3 9 2 0 / 2 2 8 1 1
             / 7 7 0 0 0 / 3 2 6 3 0 / 2 5 3 2 2 / 6 5 2 1 0 / 0 2 2 3 7"""
    counts_NK = np.array([row.split() for row in table.split("/")], dtype=np.int64)
    assert fleiss_kappa(counts_NK) == pytest.approx(0.20993, abs=5e-6)


def test_kappa_at_its_ends() -> None:
    assert fleiss_kappa(np.array([[5, 0], [0, 5]])) == pytest.approx(1)
    assert fleiss_kappa(np.array([[5, 0], [5, 0]])) is None
    assert fleiss_kappa(np.array([[1, 1], [1, 1]])) == pytest.approx(-1)


five_judges = st.lists(st.lists(st.integers(0, 7), max_size=3), min_size=5, max_size=5)


def literal_kappa(choices: list[list[int]]) -> float | None:
    """Share of agreeing pairs of judges, against that of two judgements drawn from all, pair by pair."""
    agreeing = [a == b for judged in choices for a, b in combinations(judged, 2)]
    everything = [choice for judged in choices for choice in judged]
    chance = sum((everything.count(c) / len(everything)) ** 2 for c in set(everything))
    return None if len(set(everything)) == 1 else (sum(agreeing) / len(agreeing) - chance) / (1 - chance)


@settings(max_examples=40, deadline=None)
@given(st.lists(five_judges, min_size=1, max_size=9))
def test_agreement_equals_a_literal_count(votes: list[list[list[int]]]) -> None:
    found = agreement([image(number, chosen) for number, chosen in enumerate(votes)])
    assert list(found) == list(EMOTIONS)
    for emotion, name in enumerate(EMOTIONS):
        expected = literal_kappa([[int(emotion in judge) for judge in chosen] for chosen in votes])
        assert found[name] == (None if expected is None else pytest.approx(expected, abs=1e-12))
