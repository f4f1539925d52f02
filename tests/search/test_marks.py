from __future__ import annotations

from pathlib import Path

import pytest

from emotionnet.records import DataError
from emotionnet.search import marks as room
from emotionnet.search.marks import marked_pictures, merged_marks
from tests.search.conftest import SQUARES, MakeIndex


def test_pictures_by_path_and_by_id(
    make_index: MakeIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = make_index()
    places = {name: index.ids[place] for place, name in enumerate(sorted(SQUARES))}
    absolute = str(tmp_path / "pictures" / "green.png")
    monkeypatch.chdir(tmp_path / "pictures" / "red")
    names = [absolute, "../grey.png", "light.png", places["blue/dark.png"], absolute]
    wanted = ["green.png", "grey.png", "red/light.png", "blue/dark.png", "green.png"]
    assert marked_pictures(index, names) == [places[name] for name in wanted]
    assert marked_pictures(index, []) == []


def test_unknown_pictures_are_a_line_each_with_the_most_similar_names(
    make_index: MakeIndex, tmp_path: Path
) -> None:
    index = make_index()
    with pytest.raises(DataError) as caught:
        marked_pictures(index, ["gren.png", "0123456789abcdef", "", str(tmp_path / "pictures" / "grey.png")])
    must = f"must be a picture of {index.folder}, a path or an id"
    green, grey = (tmp_path / "pictures" / name for name in ("green.png", "grey.png"))
    assert caught.value.faults == (
        f"gren.png: {must}; did you mean {green} or {grey}?",
        f"0123456789abcdef: {must}",
        f": {must}",
    )


def test_large_indexes_are_not_looked_through(make_index: MakeIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "LOOKED_THROUGH", 5)
    with pytest.raises(DataError, match=r"an id$"):
        marked_pictures(make_index(), ["gren.png"])


def test_the_last_mark_counts(make_index: MakeIndex) -> None:
    index = make_index()
    one, two, three, four = index.ids[:4]
    merged = merged_marks(index, {one: True, two: True, three: False}, [three, four], [two])
    assert merged == {one: True, two: False, three: True, four: True}


def test_earlier_marks_of_pictures_that_are_gone(
    make_index: MakeIndex, capsys: pytest.CaptureFixture[str]
) -> None:
    index = make_index()
    assert merged_marks(index, {"gone": True, "lost": False}, [index.ids[0]], []) == {index.ids[0]: True}
    assert capsys.readouterr().err == "left out: 2 earlier marks, of pictures that are gone from the index\n"


def test_marks_that_cannot_be(make_index: MakeIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    index = make_index()
    one, two, three = index.ids[:3]
    with pytest.raises(DataError) as caught:
        merged_marks(index, {}, [one, "0" * 16], [one, two])
    assert caught.value.faults[0] == f"{one}: must be marked yes or no; it is marked both"
    assert "none has the id '0000000000000000'" in caught.value.faults[1]
    with pytest.raises(DataError, match="at least one picture must be marked yes; got none"):
        merged_marks(index, {one: True}, [], [one])
    monkeypatch.setattr(room, "MAX_MARKS", 2)
    assert len(merged_marks(index, {}, [one, two], [three])) == 3
    with pytest.raises(DataError, match="a word must have at most 2 marks on either side; got 3"):
        merged_marks(index, {}, [one, two, three], [])
