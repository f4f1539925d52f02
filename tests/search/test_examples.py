"""What a word is learned from."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from emotionnet.records import DataError
from emotionnet.search import examples as room
from emotionnet.search.examples import Marks, gather
from emotionnet.search.retrieval import Retrieval
from emotionnet.search.store import Index
from tests.search.conftest import SQUARES, MakeIndex


def test_the_background_weighs_as_much_as_all_yes() -> None:
    yes_N = np.array([True, True, False, False, False, False, False])
    no_N = np.array([False, False, True, False, False, False, False])
    weights_N = Marks(yes_N, no_N, np.arange(7)).row_weights
    assert weights_N.tolist() == [1, 1, 1, 0.5, 0.5, 0.5, 0.5]


def test_marked_pictures_come_first_and_all_others_behind_them(make_index: MakeIndex) -> None:
    index = make_index()
    no, yes = index.ids[1], index.ids[4]
    found = gather(Retrieval(index), {yes: True, no: False})
    order = [1, 4, 0, 2, 3, 5]
    np.testing.assert_array_equal(found.vectors("features"), index.features[order])
    assert index.projection is not None
    np.testing.assert_array_equal(found.vectors("projection"), index.projection[order])
    expected_NC = np.log(index.probabilities[order] + 1e-4)
    np.testing.assert_allclose(found.vectors("log_probabilities"), expected_NC, rtol=1e-5)
    assert found.marks.yes_N.tolist() == [False, True, False, False, False, False]
    assert found.marks.no_N.tolist() == [True, False, False, False, False, False]
    assert len(set(found.marks.groups_N.tolist())) == 6
    assert found.n_background == 4


def test_the_background_is_a_sample_and_the_same_each_time(
    make_index: MakeIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = make_index()
    monkeypatch.setattr(room, "BACKGROUND", 2)
    one, other = (gather(Retrieval(index), {index.ids[0]: True}) for _ in range(2))
    assert one.n_background == 2
    np.testing.assert_array_equal(one.vectors("features"), other.vectors("features"))


def test_a_file_that_equals_a_marked_one_is_no_background(make_index: MakeIndex) -> None:
    index = make_index()
    red = index.records(index.ids)[4].path
    shutil.copy(red, f"{red}.copy.png")
    index = make_index()
    assert len(index) == len(SQUARES) + 1
    marked = next(one.id for one in index.records(index.ids) if one.path == red)
    found = gather(Retrieval(index), {marked: True})
    assert found.n_background == len(SQUARES) - 1
    both = {one.id: True for one in index.records(index.ids) if one.path.startswith(red)}
    assert len(gather(Retrieval(index), both).marks.yes_N) == len(SQUARES) + 1


def test_pictures_that_look_alike_are_one_group(make_index: MakeIndex) -> None:
    """Ten bits apart, ten bits further, and far away."""
    index = make_index()
    looks = [np.zeros(256, dtype=np.uint8) for _ in range(4)]
    looks[1][:10], looks[2][:20], looks[3][:200] = 1, 1, 1
    index = _with_looks(index, [np.packbits(bits).tobytes() for bits in looks])
    found = gather(Retrieval(index), dict.fromkeys(index.ids, True) | {index.ids[-1]: False})
    groups = found.marks.groups_N.tolist()
    assert groups[0] == groups[1] == groups[2]
    assert len(set(groups)) == 4


def test_no_picture_to_tell_the_others_from(make_index: MakeIndex) -> None:
    index = make_index()
    with pytest.raises(DataError, match=r"index: must hold a picture that is not marked yes, .*; got none"):
        gather(Retrieval(index), dict.fromkeys(index.ids, True))


def test_vectors_that_are_no_numbers(make_index: MakeIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    index = make_index()
    monkeypatch.setattr(Index, "features", np.full((len(index), 3), np.nan, dtype=np.float32))
    with pytest.raises(DataError, match="index: its vectors must be finite; make the index again"):
        gather(Retrieval(index), {index.ids[0]: True})


def _with_looks(index: Index, looks: list[bytes]) -> Index:
    """The same, the first pictures with these looks."""
    for name, look in zip(index.ids, looks, strict=False):
        index.pictures.update(where=f"id = '{name}'", values={"look": look})
    return Index.open(index.folder)
