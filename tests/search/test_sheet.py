from __future__ import annotations

import dataclasses
from pathlib import Path

import lxml.html
import pytest

from emotionnet.records import DataError
from emotionnet.search.query import parse_query
from emotionnet.search.searcher import Results, Searcher
from emotionnet.search.sheet import write_sheet
from emotionnet.search.store import Index
from tests.search.conftest import MakeIndex


@pytest.fixture
def index(make_index: MakeIndex) -> Index:
    return make_index()


def written(results: Results, index: Index, folder: Path) -> str:
    write_sheet(results, index, folder / "sheet.html")
    return (folder / "sheet.html").read_text(encoding="utf-8")


def test_every_hit_has_its_thumbnail_inside(index: Index, tmp_path: Path) -> None:
    results = Searcher(index).search(parse_query("red", k=4))
    page = lxml.html.fromstring(written(results, index, tmp_path))
    images = page.xpath("//img")
    assert [image.get("alt") for image in images] == [Path(hit.picture.path).name for hit in results.hits]
    assert all(image.get("src").startswith("data:image/jpeg;base64,/9j/") for image in images)
    assert "4 of 6 pictures" in page.text_content()
    assert page.xpath("//h1")[0].text_content() == "red"


def test_nothing_comes_from_elsewhere_and_nothing_runs(index: Index, tmp_path: Path) -> None:
    text = written(Searcher(index).search(parse_query("red")), index, tmp_path)
    assert "http" not in text.replace("http-equiv", "")
    assert "<script" not in text
    assert "default-src 'none'" in text


def test_marks_copies_and_notes_are_told_and_escaped(index: Index, tmp_path: Path) -> None:
    hit = Searcher(index).search(parse_query("red", k=1)).hits[0]
    picture = dataclasses.replace(hit.picture, outside=True, path="/p/<b>.png")
    hit = dataclasses.replace(hit, picture=picture, duplicates=("/p/&.png",))
    results = Results(parse_query("<i>"), (hit,), ("<u>",))
    text = written(results, index, tmp_path)
    for part in ("&lt;i&gt;", "&lt;u&gt;", "&lt;b&gt;.png", "/p/&amp;.png", "1 copy"):
        assert part in text
    assert "Pictures with a * are unlike" in text
    for part in ("<i>", "<u>", "<b>"):
        assert part not in text


def test_an_earlier_sheet_is_replaced_and_nothing_else(index: Index, tmp_path: Path) -> None:
    results = Searcher(index).search(parse_query("red"))
    written(results, index, tmp_path)
    written(Searcher(index).search(parse_query("blue")), index, tmp_path)
    picture = tmp_path / "pictures" / "green.png"
    before = picture.read_bytes()
    for path in (picture, tmp_path / "pictures"):
        with pytest.raises(DataError, match=r"a contact sheet must be a file whose name ends in \.html"):
            write_sheet(results, index, path)
    assert picture.read_bytes() == before


def test_a_place_that_cannot_be_written_is_named(index: Index, tmp_path: Path) -> None:
    results = Searcher(index).search(parse_query("red"))
    with pytest.raises(DataError, match=r"sheet\.html: cannot be written"):
        write_sheet(results, index, tmp_path / "pictures" / "green.png" / "sheet.html")
