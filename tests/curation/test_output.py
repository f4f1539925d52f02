import hashlib
from pathlib import Path

import polars as pl
import pytest
from PIL import Image

from emotionnet.curation import output
from emotionnet.curation.output import _store, _with_paths, picture_path
from emotionnet.records import DataError


def table(*rows: tuple[str, str, str, str]) -> pl.DataFrame:
    names = ("source", "id", "image", "sha256")
    return pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String), orient="row")


@pytest.mark.parametrize(
    ("source", "record", "image", "path"),
    [
        ("google", "google/1f600", "google/1f600.png", "images/google/1f600.png"),
        ("records", "12", "a/b.JPG", "images/records/12.jpg"),
        ("records", "12", "strange.exe", "images/records/12"),
    ],
)
def test_safe_names_stay(source: str, record: str, image: str, path: str) -> None:
    assert picture_path(source, record, image) == path


def test_other_names_are_made_safe_and_stay_apart() -> None:
    names = ["../../x", "a/b", "a_b", "A_b", "ä_b", "", "..", "con\0", "x" * 300, "x" * 301]
    paths = [picture_path("s", name, "a.png") for name in names]
    assert len({path.lower() for path in paths}) == len(names)
    assert paths[2] == "images/s/a_b.png"
    for path in paths:
        assert path.startswith("images/s/")
        assert path.count("/") == 2
        assert "." not in path.removesuffix(".png")
        assert len(path) < 120


def test_two_records_of_one_name_get_a_path_each_whatever_their_splits() -> None:
    first, second = ("web", "web/1", "a.png", "x"), ("web", "1", "b.png", "y")
    others = (("web", "2", "c.png", "z"), ("web", "1~", "http://x/1.png", ""))
    expected = [
        f"images/web/1~{hashlib.sha256(record.encode()).hexdigest()[:16]}.png" for record in ("web/1", "1")
    ]
    for tables in (
        {"train": table(first, second, *others), "val": table()},
        {"val": table(second, *others), "train": table(first)},
    ):
        placed = pl.concat(_with_paths(tables).values())
        found = dict(placed.select("id", "path").iter_rows())
        assert [found["web/1"], found["1"]] == expected
        assert (found["2"], found["1~"]) == ("images/web/2.png", "http://x/1.png")


def test_a_name_of_another_suffix_or_source_is_another_path() -> None:
    rows = [("web", "web/1", "a.png", "x"), ("web", "1", "b.jpg", "y"), ("net", "1", "b.png", "z")]
    assert _with_paths({"train": table(*rows)})["train"]["path"].to_list() == [
        "images/web/1.png",
        "images/web/1.jpg",
        "images/net/1.png",
    ]


def test_one_record_twice_is_a_fault() -> None:
    row = ("web", "1", "a.png", "x")
    with pytest.raises(DataError, match="every id must stand once"):
        _with_paths({"train": table(row), "val": table(row)})
    with pytest.raises(DataError, match=r"images/web/1~\w+\.png: two pictures would lie there"):
        _with_paths({"train": table(row), "val": table(("web", "1", "b.png", "y"))})


def test_of_a_shrunk_picture_a_png_is_stored() -> None:
    placed = _with_paths(
        {"train": table(("web", "1", "a.bmp", "x"), ("web", "2", "http://x/1.jpg", ""))}, shrunk=True
    )
    assert placed["train"]["path"].to_list() == ["images/web/1.png", "http://x/1.jpg"]


def test_a_source_with_many_pictures_has_them_in_folders_by_running_number(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(output, "FOLDER_PICTURES", 2)
    many = [("web", str(number), "a.png", "x") for number in range(3)]
    few = [("net", str(number), "a.png", "x") for number in range(2)]
    placed = _with_paths({"train": table(*many[:2], *few), "val": table(*many[2:])})
    assert placed["train"]["path"].to_list() == [
        "images/web/0000/0.png",
        "images/web/0000/1.png",
        "images/net/0.png",
        "images/net/1.png",
    ]
    assert placed["val"]["path"].to_list() == ["images/web/0001/2.png"]


def test_a_picture_with_another_sha256_is_named(tmp_path: Path) -> None:
    Image.new("RGB", (40, 40)).save(tmp_path / "a.png")
    found = hashlib.sha256((tmp_path / "a.png").read_bytes()).hexdigest()
    for side, digits in ((None, found), (20, "[0-9a-f]{64}")):
        message = (
            rf"a\.png: must have the sha256 0; got {digits}: the sha256 that its record gives does not fit"
        )
        with pytest.raises(DataError, match=message):
            _store(tmp_path / "a.png", tmp_path / "new" / "a.png", "0", side)
