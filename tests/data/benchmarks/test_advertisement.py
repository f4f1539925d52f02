"""Advertisement: votes by numbers, and a list of what they mean."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType

import pytest

from emotionnet.data.benchmarks.advertisement import LABELS, read, read_list
from emotionnet.records import DataError


@pytest.fixture
def root(tmp_path: Path, writers_b: ModuleType) -> Path:
    writers_b.write_sentiments_list(tmp_path)
    (tmp_path / "image/3").mkdir(parents=True)
    return tmp_path


def write(root: Path, content: object) -> None:
    (root / "image/Sentiments.json").write_text(json.dumps(content))


def test_votes_are_weights(root: Path) -> None:
    write(root, {"3/a.jpg": [["1", "30"], ["30"], ["30", "30", "5"]], "4/b.jpg": [["12"]], "4/c.jpg": [[]]})
    one, two, three = read(root, "all")
    assert (one.path, two.path) == ("image/3/a.jpg", "4/b.jpg")
    assert dict(zip([LABELS[label] for label in one.labels], one.label_weights, strict=True)) == {
        "active": 1,
        "amazed": 1,
        "youthful": 3,
    }
    assert LABELS[two.labels[0]] == "creative"
    assert three.labels == three.label_weights == ()


def test_numbers_mean_what_the_list_says(root: Path) -> None:
    """Counting from 0, or by the order of `LABELS`, would make number 1 another sentiment."""
    turned = [f'{number}. "{name}"' for number, name in enumerate(reversed(LABELS), start=1)]
    (root / "Sentiments_List.txt").write_text("\n".join(turned))
    write(root, {"3/a.jpg": [["1"]]})
    assert LABELS[read(root, "all")[0].labels[0]] == "youthful"


def test_the_list_is_read_whatever_stands_around_the_names(tmp_path: Path) -> None:
    lines = [f'{number}. "Word (x, 9 y)"  (ABBREVIATION: "{name}")' for number, name in enumerate(LABELS, 1)]
    lines[0] = '  "1". \x93Active (energetic, caf\xe9)\x94   (abbreviation:  "Active" )'
    lines[1] = "2) Afraid"
    path = tmp_path / "Sentiments_List.txt"
    path.write_bytes("\r\n".join(["Thirty sentiments", "", *lines]).encode("latin-1"))
    assert read_list(path) == {str(number + 1): number for number in range(30)}


def test_faults(root: Path) -> None:
    write(
        root, {"3/a.jpg": [["31"]], "../b.jpg": [["1"]], "3/c.jpg": ["1"], "3/d.jpg": [[1]], "3/e.jpg": None}
    )
    with pytest.raises(DataError) as told:
        read(root, "all")
    texts = [fault.split("Sentiments.json: ")[1] for fault in told.value.faults]
    assert texts[0] == "'3/a.jpg': an id must be '1' to '30'; got '31'"
    assert "must not leave the image folder" in texts[1]
    assert texts[2] == "'3/c.jpg': must be a list of ids for each annotator; got ['1']"
    assert texts[3] == "'3/d.jpg': an id must be '1' to '30'; got 1"
    assert texts[4] == "'3/e.jpg': must be a list of ids for each annotator; got None"
    write(root, [])
    with pytest.raises(DataError, match=r"Sentiments.json: must be a JSON object; got list"):
        read(root, "all")
    (root / "image/Sentiments.json").unlink()
    with pytest.raises(DataError, match=r"image/Sentiments.json: file not found"):
        read(root, "all")


def test_faults_of_the_list(tmp_path: Path) -> None:
    path = tmp_path / "Sentiments_List.txt"
    path.write_text('1. "Active"\n2. "Hungry"\n1. "Afraid"\n')
    with pytest.raises(DataError) as told:
        read_list(path)
    first, second = told.value.faults
    assert first.startswith(f"{path}:2: a label must be one of active, afraid")
    assert first.endswith("got 'Hungry'")
    assert second.startswith(f"{path}:3: a number and a sentiment must stand once")
    path.write_text('1. "Active"\n')
    with pytest.raises(DataError, match=r"must name 30 sentiments; names 1"):
        read_list(path)
