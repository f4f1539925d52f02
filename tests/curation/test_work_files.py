from pathlib import Path

import polars as pl

from emotionnet.curation.work_files import Rejects, WorkFiles


def test_parts_come_back_in_order_with_their_places(tmp_path: Path) -> None:
    files = WorkFiles(tmp_path, "some")
    for values in ([1, 2], [3], [4, 5, 6]):
        files.add(pl.DataFrame({"number": values, "other": values}))
    read = list(files.read("number"))
    assert files.height == 6
    assert [place for place, _ in read] == [slice(0, 2), slice(2, 3), slice(3, 6)]
    assert [part.to_dict(as_series=False) for _, part in read] == [
        {"number": [1, 2]},
        {"number": [3]},
        {"number": [4, 5, 6]},
    ]


def test_rejects_come_by_step_then_in_the_order_in_which_they_went(tmp_path: Path) -> None:
    rejects = Rejects(tmp_path, ("first", "second", "third"))
    for step, name in (("second", "a"), ("first", "b"), ("second", "c"), ("first", "d")):
        rejects.add(step, pl.DataFrame({"reason": [step], "id": [name], "more": [1]}))
    rejects.add("third", pl.DataFrame({"id": [], "reason": []}))
    frames = list(rejects.frames())
    assert frames[0].is_empty(), "a table of no rejects has its columns too"
    assert pl.concat(frames).rows() == [("b", "first"), ("d", "first"), ("a", "second"), ("c", "second")]
