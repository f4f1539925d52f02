from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from emotionnet.apps.cli import main
from emotionnet.search.build import build_index
from tests.conftest import MakeExported

pytest.importorskip("lancedb")
COLOURS = {"red": (255, 30, 30), "green": (30, 200, 30), "blue": (30, 30, 255)}


@pytest.fixture
def index(tmp_path: Path, make_exported: MakeExported) -> Path:
    """Of three pictures, red, green and blue; words are red, green and blue."""
    for name, colour in COLOURS.items():
        (tmp_path / "pictures").mkdir(exist_ok=True)
        Image.new("RGB", (8, 8), colour).save(tmp_path / "pictures" / f"{name}.png")
    build_index(make_exported(), [tmp_path / "pictures"], tmp_path / "index")
    return tmp_path / "index"


def names(out: str) -> list[str]:
    return [Path(hit["path"]).stem for hit in json.loads(out)["hits"]]


def test_json_by_words_pictures_and_bounds(
    index: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["search", str(index), "red", "--k", "1"])
    assert names(capsys.readouterr().out) == ["red"]
    main(["search", str(index), "red:0.1", "green:2", "--not", "blue", "--k", "1"])
    assert names(capsys.readouterr().out) == ["green"]
    main(["search", str(index), "--like", str(tmp_path / "pictures" / "blue.png"), "--k", "1"])
    hits = capsys.readouterr().out
    assert names(hits) == ["blue"]
    main(["search", str(index), "--like", json.loads(hits)["hits"][0]["id"], "--k", "1"])
    assert names(capsys.readouterr().out) == ["blue"]
    main(["search", str(index), "--emotion", "joy>0.5"])  # the second emotion is the mean of green
    assert names(capsys.readouterr().out) == ["green"]


def test_folders_are_found_from_where_one_is(
    index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    main(["search", "index", "red", "--folder", "pictures"])
    assert len(names(capsys.readouterr().out)) == 3
    main(["search", "index", "red", "--folder", "model"])
    told = capsys.readouterr()
    assert names(told.out) == []
    assert "no picture meets what was asked for" in told.err


def test_csv_and_a_contact_sheet(index: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sheet = tmp_path / "sheet.html"
    main(["search", str(index), "red", "--k", "2", "--format", "csv", "--html", str(sheet)])
    told = capsys.readouterr()
    header, first, _ = told.out.splitlines()
    assert header == "picture,score,domain,emotions,tags,taken,copies"
    assert first.startswith(f"{tmp_path / 'pictures' / 'red.png'},")
    assert f"open {sheet}" in told.err
    assert sheet.read_text(encoding="utf-8").count("<img ") == 2


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        ([], "a query needs words, a picture that results are to be like, or a bound of an emotion"),
        (["red", "--html", "picture.png"], "picture.png: a contact sheet must be a file whose name ends in"),
        (["red", "--emotion", "calm>0.1"], "'calm' must be one of the model's 3 emotions; did you mean"),
        (["--like", "none.png"], "none.png: file not found"),
        (["red", "--from", "May"], "a day must be given as year-month-day, such as 2020-01-31; got 'May'"),
        (["red", "--k", "0"], "--k"),
    ],
)
def test_faults(index: Path, arguments: list[str], fault: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["search", str(index), *arguments])
    assert ended.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ")
    assert fault in line


def test_what_is_no_index_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["search", str(tmp_path), "red"])
    assert "must be an INDEX folder, which 'emotionnet index' writes; it holds no index.json" in (
        capsys.readouterr().err
    )
