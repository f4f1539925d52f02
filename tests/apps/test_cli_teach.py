"""`emotionnet teach`: words of the user's own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from emotionnet.apps.cli import main
from emotionnet.search.taught import taught_words
from tests.apps.conftest import Command
from tests.conftest import MakeExported

pytest.importorskip("lancedb")


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for level in (50, 100, 150, 200, 250):
        for row, name in enumerate(("red", "green", "blue")):
            colour = tuple(level if place == row else 10 for place in range(3))
            Image.new("RGB", (8, 8), colour).save(folder / f"{name}{level}.png")
    return folder


@pytest.fixture
def index(pictures: Path, make_exported: MakeExported, tmp_path: Path) -> Path:
    main(["index", str(make_exported()), str(pictures), "--out", str(tmp_path / "index")])
    return tmp_path / "index"


def test_a_word_is_taught_listed_searched_and_forgotten(
    command: Command, index: Path, pictures: Path
) -> None:
    command()  # what the fixture printed
    yes = [pictures / f"red{level}.png" for level in (100, 150, 250)]
    status, out, lines = command("teach", index, "Warm", "--yes", *yes, "--no", pictures / "blue250.png")
    assert (status, lines) == (0, [])
    told = json.loads(out)
    assert {key: told[key] for key in ("word", "yes", "no", "background")} == {
        "word": "warm",
        "yes": 3,
        "no": 1,
        "background": 11,
    }
    assert 0 < told["chance"] < told["score"] <= 1
    assert json.loads(command("teach", index)[1]) == [told]
    _, out, _ = command("search", index, "warm", "--k", 4)
    found = [Path(hit["path"]).name for hit in json.loads(out)["hits"]]
    assert {"red100.png", "red150.png", "red250.png"} <= set(found)
    tag = ("tag", index.parent / "model", pictures, "--index", index, "--format", "csv")
    rows = (row.split(",") for row in command(*tag)[1].splitlines()[1:])
    tags = {Path(path).name: told for path, told in rows}
    assert tags["red250.png"].startswith("warm 0.")
    assert not [name for name, told in tags.items() if told and not name.startswith("red")]
    assert command("teach", index, "warm", "--forget")[1] == '{\n  "forgotten": "warm"\n}\n'
    assert command(*tag)[0] == 2
    assert command("teach", index)[1] == "[]\n"


def test_pictures_by_id_come_to_those_of_before(command: Command, index: Path, pictures: Path) -> None:
    command("teach", index, "warm", "--yes", pictures / "red100.png")
    (first,) = taught_words(index)["warm"].yes
    _, out, _ = command("search", index, "--like", pictures / "red250.png", "--k", 1)
    other = json.loads(out)["hits"][0]["id"]
    told = json.loads(command("teach", index, "warm", "--yes", other)[1])
    assert told["why"] == "a score needs at least 3 pictures marked yes that do not look alike; there are 2"
    assert (told["yes"], told["score"], told["chance"]) == (2, None, None)
    assert set(taught_words(index)["warm"].yes) == {first, other}


def test_unknown_pictures_and_words_are_a_line_each(command: Command, index: Path, pictures: Path) -> None:
    status, _, lines = command("teach", index, "warm", "--yes", pictures / "rad100.png", "--no", "red")
    assert status == 2
    must = f"must be a picture of {index}, a path or an id; did you mean {pictures}/red"
    assert lines[0].startswith(f"error: {pictures}/rad100.png: {must}100.png or ")
    assert lines[1].startswith(f"error: red: {must}")
    assert command("teach", index, "warm", "--forget")[::2] == (
        2,
        [f"error: 'warm' must be a word that was taught to {index}; there is none"],
    )


@pytest.mark.parametrize(
    ("tokens", "told"),
    [
        (["--yes", "a.png"], "WORD: must be given with --yes, --no and --forget; got none"),
        (["--forget"], "WORD: must be given with --yes, --no and --forget; got none"),
        (
            ["warm", "--yes", "a.png", "--forget"],
            "--forget: deletes the word with its marks; leave out --yes and --no",
        ),
        (["warm"], "warm: needs pictures to learn from, --yes PICTURE... and --no PICTURE...; got none"),
    ],
)
def test_what_makes_no_sense_is_told(command: Command, tmp_path: Path, tokens: list[str], told: str) -> None:
    assert command("teach", tmp_path, *tokens) == (2, "", [f"error: {told}"])


def test_no_index(command: Command, tmp_path: Path) -> None:
    for tokens in ([], ["warm", "--yes", "a.png"], ["warm", "--forget"]):
        status, _, (line,) = command("teach", tmp_path / "none", *tokens)
        assert status == 2
        assert line.startswith(
            f"error: {tmp_path}/none: must be an INDEX folder, which 'emotionnet index' writes"
        )
