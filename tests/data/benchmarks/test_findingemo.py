"""FindingEmo: the copy, and the real annotations where their package is installed."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from emotionnet.data.benchmarks import findingemo
from emotionnet.data.benchmarks.findingemo import LABELS, installed_annotations, read, read_annotations
from emotionnet.records import DataError

HEADER = "index,user,image_path,tags,age,valence,arousal,emotion,dec_factors,ambiguity,datetime"


def write(root: Path, *rows: str) -> Path:
    (root / "annotations_single.ann").write_text("\n".join([HEADER, *rows]), encoding="utf-8")
    return root / "annotations_single.ann"


def row(number: int, path: str, valence: object, arousal: object, emotion: str) -> str:
    return f'{number},u,{path},Undefined,"Adults,Seniors",{valence},{arousal},{emotion},"A,B",0,2023-09-01'


def test_the_real_annotations() -> None:
    pytest.importorskip("findingemo_light")
    path = installed_annotations()
    assert path is not None
    found = read_annotations(path)
    assert len(found) == 25_869
    counts = Counter(LABELS[one.label] for one in found)
    assert len(counts) == len(LABELS) == 24
    assert (counts["joy"], counts["loathing"]) == (3971, 165)
    assert Counter(one.valence for one in found)[-3] == 1870
    assert {one.valence for one in found} == set(range(-3, 4))
    assert {one.arousal for one in found} == set(range(7))
    assert found[0] == findingemo.FindingEmoRow(
        "Run_2/Loving toddlers sports/haiti-kids.jpg", LABELS.index("trust"), 0, 2
    )


def test_several_people_on_one_picture_are_one_group(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        row(0, "/Run_1/x y/a.jpg", -3, 6, "Joy"),
        row(4, "/Run_2/b..jpg", 0, 0, "Loathing"),
        row(9, "/Run_1/x y/a.jpg", 3, 1, "Terror"),
    )
    one, two, three = read(tmp_path, "all")
    assert (one.id, two.id, three.id) == ("Run_1/x y/a.jpg", "Run_2/b..jpg", "Run_1/x y/a.jpg#2")
    assert one.group == three.group != two.group
    assert [LABELS[record.labels[0]] for record in (one, two, three)] == ["joy", "loathing", "terror"]
    assert [record.dimensions for record in (one, two, three)] == [(-3, 6), (0, 0), (3, 1)]
    (tmp_path / "data").mkdir()
    path.rename(tmp_path / "data" / path.name)
    assert read(tmp_path, "all") == (one, two, three)


def test_the_package_serves_where_only_pictures_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = tmp_path / "site-packages"
    elsewhere.mkdir()
    path = write(elsewhere, row(0, "/Run_1/a.jpg", 0, 0, "Joy"))
    monkeypatch.setattr(findingemo, "installed_annotations", lambda: path)
    with pytest.raises(
        DataError, match=r"must hold annotations_single.ann, or Run_1 and Run_2 while the pack"
    ):
        read(tmp_path, "all")
    (tmp_path / "Run_1").mkdir()
    assert [record.path for record in read(tmp_path, "all")] == ["Run_1/a.jpg"]


def test_without_the_package_there_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(findingemo, "PACKAGE", "no-such-package-of-this-name")
    assert installed_annotations() is None


def test_faults(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        row(0, "/Run_1/a.jpg", 4, 0, "Joy"),
        row(1, "/Run_1/a.jpg", 0, 7, "Joy"),
        row(2, "/Run_1/a.jpg", 0, 0, "Happiness"),
        row(3, "/Run_1/../../a.jpg", 0, 0, "Joy"),
    )
    with pytest.raises(DataError) as told:
        read_annotations(path)
    first, second, third, fourth = told.value.faults
    assert first == f"{path}:2: valence must be a whole number from -3 to 3; got '4'"
    assert second == f"{path}:3: arousal must be a whole number from 0 to 6; got '7'"
    assert third.endswith("got 'Happiness'")
    assert "must not leave the image folder" in fourth
    path.write_text("index,user\n1,2\n")
    with pytest.raises(DataError, match=r"the header must name image_path, valence, arousal, emotion"):
        read_annotations(path)
