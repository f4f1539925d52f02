"""Annotation files: each form, what is refused, and that what is written reads equal."""

from __future__ import annotations

import math
import os
import pickle
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emotionnet.data.annotation_rows import FORMS, MAX_INDEX, Row, form_of
from emotionnet.data.annotations import Annotations, Inside, read_annotations, write_annotations
from emotionnet.emotions import LABEL_SETS
from emotionnet.records import DataError

BOX = [10, 20, 30.5, 40]
EXAMPLES: dict[str, tuple[list[Any], list[Row]]] = {
    "labels": (
        [["a/1.jpg", [3, 3, 1]], ("b.jpg", np.array([0])), ["c.jpg", (np.int64(2),)]],
        [Row("a/1.jpg", (3, 3, 1)), Row("b.jpg", (0,)), Row("c.jpg", (2,))],
    ),
    "label": (
        [["a.jpg", 3], ["a.jpg", np.int32(0)]],
        [Row("a.jpg", (3,)), Row("a.jpg", (0,))],
    ),
    "labels_tags": (
        [["a.jpg", [1], [7, 7, 0]], ["b.jpg", [0, 2], []]],
        [Row("a.jpg", (1,), (7, 7, 0)), Row("b.jpg", (0, 2), ())],
    ),
    "counts": (
        [["a.jpg", [[2, 3], [0, 2]]], ["b.jpg", np.array([[1, 5]])], ["c.jpg", []], ["d.jpg", [[1, 0]]]],
        [
            Row("a.jpg", (2, 0), weights=(3, 2)),
            Row("b.jpg", (1,), weights=(5,)),
            Row("c.jpg", ()),
            Row("d.jpg", (1,), weights=(0,)),
        ],
    ),
    "soft": (
        [["a.jpg", [0.25, 0.0, 0.75]], ["b.jpg", np.array([0, 0.5, 0], np.float32)], ["c.jpg", [0, 0, 0]]],
        [Row("a.jpg", (0, 2), weights=(0.25, 0.75)), Row("b.jpg", (1,), weights=(0.5,)), Row("c.jpg", ())],
    ),
    "emotic": (
        [
            ["a.jpg", Counter({"Fear": 2, "Peace": 1}), [5.0, 6, 7.5], BOX],
            ["a.jpg", {25: 1}, np.array([math.nan, 5, 5]), np.array([-3, 0, 9, 9])],
            ["b.jpg", Counter(), [None, 1, 1], (1, 2, 1, 2)],
        ],
        [
            Row("a.jpg", (23, 0), weights=(2, 1), dimensions=(5, 6, 7.5), box=(10, 20, 30.5, 40)),
            Row("a.jpg", (25,), weights=(1,), box=(-3, 0, 9, 9)),
            Row("b.jpg", (), box=(1, 2, 1, 2)),
        ],
    ),
}


def written(folder: Path, content: Any, protocol: int = 2) -> Path:
    path = folder / "rows.pkl"
    path.write_bytes(pickle.dumps(content, protocol=protocol))
    return path


def read(path: Path, **options: Any) -> Annotations:
    found = read_annotations(path, **options)
    assert isinstance(found, Annotations)
    return found


def faults(path: Path, **options: Any) -> list[str]:
    """What is wrong, without the file's name, which every line must begin with."""
    with pytest.raises(DataError) as caught:
        read_annotations(path, **options)
    assert all(fault.startswith(f"{path}: ") for fault in caught.value.faults)
    assert all("\n" not in fault for fault in caught.value.faults)
    return [fault.removeprefix(f"{path}: ") for fault in caught.value.faults]


def test_every_form_has_an_example() -> None:
    assert EXAMPLES.keys() == FORMS.keys()


@pytest.mark.parametrize("protocol", [2, 4])
@pytest.mark.parametrize("form", EXAMPLES)
def test_each_form_is_told_and_read(tmp_path: Path, form: str, protocol: int) -> None:
    content, rows = EXAMPLES[form]
    found = read(written(tmp_path, content, protocol))
    assert (found.form, list(found.rows), found.rejects) == (form, rows, ())


@pytest.mark.parametrize("form", EXAMPLES)
def test_what_is_written_reads_equal_and_is_plain(tmp_path: Path, form: str) -> None:
    found = read(written(tmp_path, EXAMPLES[form][0]))
    back = tmp_path / "back.pkl"
    write_annotations(back, form, found.rows, classes=found.classes)
    again = read(back)
    assert (again.form, again.rows) == (form, found.rows)
    assert back.read_bytes()[:2] == b"\x80\x02"
    assert b"numpy" not in back.read_bytes()


def test_plain_rows_come_back_as_they_were(tmp_path: Path) -> None:
    contents: dict[str, list[Any]] = {
        "labels": [["a/1.jpg", [3, 3, 1]], ["b.jpg", [0]]],
        "label": [["a.jpg", 3], ["a.jpg", 0]],
        "labels_tags": [["a.jpg", [1], [7, 7, 0]], ["b.jpg", [0, 2], []]],
        "counts": [["a.jpg", [[2, 3], [0, 2]]], ["c.jpg", []]],
        "soft": [["a.jpg", [0.25, 0.0, 0.75]], ["c.jpg", [0.0, 0.0, 0.0]]],
        "emotic": [["a.jpg", Counter({"Fear": 2, "Peace": 1}), [5.0, 6.0, 7.5], BOX]],
    }
    for form, content in contents.items():
        found = read(written(tmp_path, content))
        write_annotations(tmp_path / "back.pkl", form, found.rows, classes=found.classes)
        assert pickle.loads((tmp_path / "back.pkl").read_bytes()) == content


names = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="/\\\0:"), min_size=1, max_size=9)
paths = names.filter(lambda name: name not in (".", "..")).map(lambda name: f"a/{name}")
labels = st.lists(st.integers(0, 7), min_size=1, max_size=5)
shares = st.lists(st.floats(0, 1, exclude_min=True) | st.just(0.0), min_size=8, max_size=8)
votes = st.dictionaries(st.sampled_from(LABEL_SETS["emotic26"]), st.integers(0, 9)).map(Counter)
FORM_ROWS: dict[str, Any] = {
    "labels": st.tuples(paths, labels),
    "label": st.tuples(paths, st.integers(0, 7)),
    "labels_tags": st.tuples(paths, labels, st.lists(st.integers(0, 99))),
    "counts": st.tuples(
        paths, st.lists(st.tuples(st.integers(0, 7), st.integers(0, 9)).map(list), min_size=1)
    ),
    "soft": st.tuples(paths, shares),
    "emotic": st.tuples(
        paths,
        votes,
        st.lists(st.floats(1, 10), min_size=3, max_size=3),
        st.tuples(*[st.integers(-9, 99)] * 2, *[st.integers(100, 999)] * 2).map(list),
    ),
}


@pytest.mark.parametrize("form", FORM_ROWS)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_rows_survive_reading_and_writing(tmp_path: Path, form: str, data: st.DataObject) -> None:
    content = data.draw(st.lists(FORM_ROWS[form].map(list), min_size=1, max_size=4))
    found = read(written(tmp_path, content), classes=26 if form == "emotic" else 8)
    write_annotations(tmp_path / "back.pkl", form, found.rows, classes=found.classes)
    assert pickle.loads((tmp_path / "back.pkl").read_bytes()) == content


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    content=st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
        max_leaves=12,
    )
)
def test_any_content_is_read_or_refused_in_lines(tmp_path: Path, content: Any) -> None:
    path = written(tmp_path, content, 4)
    found: list[str] = []
    try:
        read_annotations(path)
    except DataError as error:
        found.extend(error.faults)
    assert all(fault.startswith(f"{path}: ") and "\n" not in fault for fault in found)


def test_how_many_classes_and_tags_there_are(tmp_path: Path) -> None:
    path = written(tmp_path, EXAMPLES["labels_tags"][0])
    assert (read(path).classes, read(path).tags) == (3, 8)
    assert (read(path, classes=5, vocabulary=9).classes, read(path, vocabulary=9).tags) == (5, 9)
    assert read(written(tmp_path, EXAMPLES["labels"][0]), vocabulary=12).classes == 12
    assert read(written(tmp_path, EXAMPLES["soft"][0])).classes == 3
    assert read(written(tmp_path, EXAMPLES["emotic"][0])).classes == 26


def test_the_form_is_that_of_most_rows(tmp_path: Path) -> None:
    path = written(tmp_path, [["a.jpg", 1], ["b.jpg", [1]], ["c.jpg", [2]], ["d.jpg", 0.5], 7])
    assert faults(path) == [
        "row 0: a row must be [path, [label, ...]]; got ['a.jpg', 1]",
        "row 3: a row must be [path, [label, ...]]; got ['d.jpg', 0.5]",
        "row 4: a row must be [path, [label, ...]]; got 7",
    ]
    found = read(path, skip_bad_rows=True)
    assert [row.path for row in found.rows] == ["b.jpg", "c.jpg"]
    assert [reject.id for reject in found.rejects] == ["a.jpg", "d.jpg", "rows: row 4"]


def test_of_equally_many_rows_the_first_form_holds(tmp_path: Path) -> None:
    assert faults(written(tmp_path, [["a.jpg", 1], ["b.jpg", [1]]])) == [
        "row 1: a row must be [path, label]; got ['b.jpg', [1]]"
    ]


WHOLE = "must be a whole number in 0.."


@pytest.mark.parametrize(
    ("form", "row", "reason"),
    [
        ("labels", ["x.jpg", [-1]], f"a label {WHOLE}3; got -1"),
        ("labels", ["x.jpg", [0, 4]], f"a label {WHOLE}3; got 4"),
        ("labels", ["x.jpg", [True]], f"a label {WHOLE}3; got True"),
        ("labels", ["x.jpg", [0.5]], f"a label {WHOLE}3; got 0.5"),
        ("labels", ["x.jpg", [10**5000]], f"a label {WHOLE}3; got a number of many digits"),
        ("labels", ["x.jpg", ["joy"]], f"a label {WHOLE}3; got 'joy'"),
        ("labels", ["x.jpg", np.array([-1])], f"a label {WHOLE}3; got -1"),
        ("labels", ["x.jpg", []], "a row must have at least one label; it has none"),
        (
            "labels",
            ["x.jpg", np.array([True])],
            "a row must be [path, [label, ...]]; got ['x.jpg', a numpy array]",
        ),
        ("labels", ["x.jpg", np.zeros((10**9, 0))], "a row must be [path, [label, ...]]"),
        ("label", ["x.jpg", -1], f"a label {WHOLE}3; got -1"),
        ("label", ["x.jpg", np.int64(4)], f"a label {WHOLE}3; got 4"),
        ("label", ["x.jpg", np.bool_(True)], f"a label {WHOLE}3; got True"),
        ("label", ["x.jpg", None], f"a label {WHOLE}3; got None"),
        ("labels_tags", ["x.jpg", [4], [0]], f"a label {WHOLE}3; got 4"),
        ("labels_tags", ["x.jpg", [], [0]], "a row must have at least one label; it has none"),
        ("labels_tags", ["x.jpg", [0], [9]], f"a tag id {WHOLE}8; got 9"),
        ("labels_tags", ["x.jpg", [0], [-1]], f"a tag id {WHOLE}8; got -1"),
        ("labels_tags", ["x.jpg", [0]], "a row must be [path, [label, ...], [tag id, ...]]"),
        ("counts", ["x.jpg", [[4, 1]]], f"a label {WHOLE}3; got 4"),
        ("counts", ["x.jpg", [[0, -1]]], "a count must be at least 0; got -1"),
        ("counts", ["x.jpg", [[0, math.nan]]], "a count must be a number, at most 2147483648; got nan"),
        ("counts", ["x.jpg", [[0, True]]], "a count must be a number, at most 2147483648; got True"),
        ("counts", ["x.jpg", [[0, 1e30]]], "a count must be a number, at most 2147483648; got 1e+30"),
        ("counts", ["x.jpg", [[0, 1, 2]]], "a row must be [path, [[label, count], ...]]"),
        ("counts", ["x.jpg", [1, 2]], "a row must be [path, [[label, count], ...]]"),
        ("soft", ["x.jpg", [0.5, 0.5]], "soft labels must be 4 numbers, one for each class; got 2"),
        ("soft", ["x.jpg", [0.5, 0.5, 0.5, -0.1]], "a share must be at least 0; got -0.1"),
        ("soft", ["x.jpg", [0.5, 0.5, 0.5, math.nan]], "a share must be a number, at most"),
        ("soft", ["x.jpg", [0.5, 0.5, 0.5, math.inf]], "a share must be a number, at most"),
        (
            "soft",
            ["x.jpg", [3, 1, 2, 0]],
            "a row must be [path, [p_0, ..., p_{C-1}]]; got ['x.jpg', [3, 1, 2, 0]]",
        ),
        ("emotic", ["x.jpg", {"Joy": 1}, [1, 1, 1], BOX], "a category must be one of EMOTIC's 26; got 'Joy'"),
        ("emotic", ["x.jpg", {26: 1}, [1, 1, 1], BOX], f"a category {WHOLE}25; got 26"),
        (
            "emotic",
            ["x.jpg", {"Peace": 1, 0: 1}, [1, 1, 1], BOX],
            "a category must stand once, by name or by",
        ),
        ("emotic", ["x.jpg", {"Peace": -1}, [1, 1, 1], BOX], "a count must be at least 0; got -1"),
        ("emotic", ["x.jpg", {}, [1, 1, -1], BOX], "a dimension must be at least 0; got -1"),
        ("emotic", ["x.jpg", {}, [1, 1], BOX], "a row must be [path, Counter({category: n}), [valence"),
        ("emotic", ["x.jpg", {}, [1, 1, 1], [5, 5, 4, 9]], "x1 <= x2 and y1 <= y2; got [5.0, 5.0, 4.0, 9.0]"),
        ("emotic", ["x.jpg", {}, [1, 1, 1], [0, 0, math.inf, 9]], "a box must be a number, at most"),
        ("emotic", ["x.jpg", [1], [1, 1, 1], BOX], "a row must be [path, Counter({category: n}), [valence"),
        ("labels", ["../../etc/passwd", [0]], "path must not leave the image folder; got '../../etc/passwd'"),
        ("labels", ["a/..\\..\\b", [0]], "path must not leave the image folder"),
        ("labels", ["/etc/passwd", [0]], "path must be relative to the image folder; got '/etc/passwd'"),
        ("labels", ["C:\\x.jpg", [0]], "path must be relative to the image folder"),
        ("labels", ["a\0.jpg", [0]], "path must not hold null bytes; got 'a\\x00.jpg'"),
        ("labels", ["", [0]], "path must name a picture; got ''"),
        ("labels", ["./.", [0]], "path must name a picture; got './.'"),
        ("labels", ["\ud800.jpg", [0]], "path must be spelled in UTF-8; got '\\ud800.jpg'"),
        ("labels", ["a" * 5000, [0]], "path must have at most 4096 characters; has 5000"),
        ("labels", [b"x.jpg", [0]], "a row must be [path, [label, ...]]; got [b'x.jpg', [0]]"),
        ("labels", {"x.jpg": [0]}, "a row must be [path, [label, ...]]; got a dict of 1"),
        ("labels", ["x.jpg", [0], [0], [0], [0]], "a row must be [path, [label, ...]]"),
    ],
)
def test_a_bad_row_is_named(tmp_path: Path, form: str, row: Any, reason: str) -> None:
    good = {
        "labels": ["a.jpg", [3]],
        "label": ["a.jpg", 3],
        "labels_tags": ["a.jpg", [3], [8]],
        "counts": ["a.jpg", [[3, 1]]],
        "soft": ["a.jpg", [0.5, 0.5, 0, 0]],
        "emotic": ["a.jpg", {}, [1, 1, 1], BOX],
    }[form]
    path = written(tmp_path, [good, row, good], 4)
    (fault,) = faults(path, classes=4, vocabulary=9)
    assert fault.startswith("row 1: ")
    assert reason in fault
    assert len(fault) < 500
    found = read(path, classes=4, vocabulary=9, skip_bad_rows=True)
    assert (len(found.rows), len(found.rejects)) == (2, 1)
    assert reason in found.rejects[0].reason


def test_the_first_ten_bad_rows_are_named_and_the_others_counted(tmp_path: Path) -> None:
    path = written(tmp_path, [[f"{number}.jpg", [0 if number < 5 else 7]] for number in range(30)])
    found = faults(path, classes=5)
    assert found[0] == f"row 5: a label {WHOLE}4; got 7"
    assert found[9].startswith("row 14: ")
    assert found[10:] == ["15 more bad rows"]
    assert len(read(path, classes=5, skip_bad_rows=True).rejects) == 25


def test_unknown_forms_and_empty_files_are_refused(tmp_path: Path) -> None:
    path = written(tmp_path, [["a.jpg", {}], ["b.jpg", []]])
    for skip in (False, True):
        found = faults(path, skip_bad_rows=skip)
        assert [line.split(";")[0].split(":")[0] for line in found] == ["row 0", "row 1"]
        assert found[1].endswith("[x1, y1, x2, y2]]; got ['b.jpg', []]")
    assert faults(written(tmp_path, [])) == ["must hold at least one row; it holds none"]
    assert faults(written(tmp_path, 5)) == ["must hold a list of rows, or the dict of SE30K8; got 5"]


def test_labels_that_would_need_endless_names_are_refused(tmp_path: Path) -> None:
    (fault,) = faults(written(tmp_path, [["a.jpg", [10**12]]]))
    assert fault == f"row 0: a label {WHOLE}{MAX_INDEX - 1}; got 1000000000000"


def test_a_path_that_leaves_through_a_link_is_found(tmp_path: Path) -> None:
    images = tmp_path / "images"
    (images / "in").mkdir(parents=True)
    (tmp_path / "out").mkdir()
    (images / "away").symlink_to(tmp_path / "out")
    (images / "here").symlink_to(images / "in")
    path = written(tmp_path, [["here/a.jpg", [0]], ["away/a.jpg", [0]]])
    assert faults(path, images=images) == [
        f"row 1: path must not leave the image folder {images}; got 'away/a.jpg'"
    ]
    assert len(read(path).rows) == 2


def test_one_list_may_stand_in_some_rows_and_not_in_all(tmp_path: Path) -> None:
    tags = list(range(5000))
    assert len(read(written(tmp_path, [["a.jpg", [0], tags]] * 100)).rows) == 100
    (fault,) = faults(written(tmp_path, [[f"{n}.jpg", [0], tags] for n in range(2000)]))
    assert "entries for the file's size; hold 10,00" in fault


def test_minus_one_means_no_label_where_asked(tmp_path: Path) -> None:
    path = written(tmp_path, [["a.jpg", -1], ["b.jpg", 2]])
    assert faults(path) == [f"row 0: a label {WHOLE}{MAX_INDEX - 1}; got -1"]
    found = read(path, unlabelled=True)
    assert [row.labels for row in found.rows] == [(), (2,)]
    write_annotations(tmp_path / "back.pkl", "label", found.rows)
    assert pickle.loads((tmp_path / "back.pkl").read_bytes()) == [["a.jpg", -1], ["b.jpg", 2]]
    assert faults(written(tmp_path, [["a.jpg", -2]]), unlabelled=True) == [
        f"row 0: a label {WHOLE}{MAX_INDEX - 1}; got -2"
    ]


@pytest.mark.parametrize(
    ("form", "row", "reason"),
    [
        ("label", Row("a.jpg", (1, 2)), "a.jpg: [path, label] takes one label; got [1, 2]"),
        ("labels", Row("a.jpg", ()), "a.jpg: [path, [label, ...]] takes at least one label; got none"),
        ("counts", Row("a.jpg", (1,)), "a.jpg: [path, [[label, count], ...]] takes a number for each label"),
        ("emotic", Row("a.jpg", (1,), weights=(1,)), "takes a box of four numbers; got []"),
        (
            "json",
            Row("a.jpg", (1,)),
            "form must be one of labels, label, labels_tags, counts, soft, emotic; got",
        ),
    ],
)
def test_a_form_without_place_for_a_row_is_not_written(
    tmp_path: Path, form: str, row: Row, reason: str
) -> None:
    with pytest.raises(DataError) as caught:
        write_annotations(tmp_path / "out.pkl", form, [row])
    assert reason in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_looks_that_fit_several_forms_are_none() -> None:
    assert form_of(["a.jpg", []]) is None
    assert form_of(["a.jpg", True]) is None
    assert form_of(["a.jpg"]) is None
    assert form_of([1, [1]]) is None
    assert form_of(["a.jpg", [0, 0.5]]) == "soft"


def test_a_path_is_inside_as_far_as_the_system_follows_it(tmp_path: Path) -> None:
    root, away = tmp_path / "root", tmp_path / "away"
    (root / "a" / "b").mkdir(parents=True)
    away.mkdir()
    (root / "out").symlink_to(away)
    (root / "a" / "back").symlink_to(root)
    (root / "a" / "leaf.jpg").symlink_to(away / "x.jpg")
    (root / "round").symlink_to(root / "round")
    (tmp_path / "rootless").mkdir()
    (root / "sibling").symlink_to(tmp_path / "rootless")
    inside = Inside(root)
    paths = [
        "x",
        "a/b/x.jpg",
        "a/back/a/x",
        "out/x",
        "a/leaf.jpg",
        "round/x",
        "round",
        "a/back/out",
        "sibling/x",
    ]
    paths += ["a/", ".", "none/x", "a/./b", "a/b/", "out/"]
    expected = [Path(os.path.realpath(root / path)).is_relative_to(root.resolve()) for path in paths]
    assert [path in inside for path in paths] == expected
    assert not all(expected)
