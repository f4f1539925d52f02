from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest

from emotionnet.data.benchmarks.artphoto import ABSTRACT, ARTPHOTO, read_abstract, read_artphoto
from emotionnet.data.benchmarks.benchmark import ALL
from emotionnet.records import DataError

HEADER = "'','Sad','Fear','Excitement','Disgust','Content','Awe','Anger','Amusement'"


def test_sad_in_a_file_name_is_sadness(writers: ModuleType, tmp_path: Path) -> None:
    writers.write_artphoto(tmp_path)
    records = read_artphoto(tmp_path, ALL)
    assert len(records) == 48
    assert records[0].path == "testImages_artphoto/amusement_0000.jpg"
    assert records[-1].path == "testImages_artphoto/sad_0005.jpg"
    assert ARTPHOTO.labels[records[-1].labels[0]] == "sadness"
    inner = read_artphoto(tmp_path / "testImages_artphoto", ALL)
    assert [record.labels for record in inner] == [record.labels for record in records]
    assert inner[0].path == "amusement_0000.jpg"


def test_all_strange_names_of_artphoto_are_told(writers: ModuleType, tmp_path: Path) -> None:
    for name in ("joy_1.jpg", "sad.jpg", "Thumbs.db", ".sad_1.jpg"):
        writers.write_lines(tmp_path / "testImages_artphoto" / name, ["none"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError) as told:
        read_artphoto(tmp_path, ALL)
    folder = tmp_path / "testImages_artphoto"
    assert told.value.faults == (
        f"{folder}: a label must be one of {', '.join(ARTPHOTO.labels)}; got 'joy'",
        f"{folder}: a picture must be called <emotion>_<id>; got 'sad.jpg'",
    )
    with pytest.raises(DataError, match="must list a picture; it lists none"):
        read_artphoto(tmp_path / "empty", ALL)
    with pytest.raises(DataError, match="none: cannot be listed"):
        read_artphoto(tmp_path / "none", ALL)


def test_votes_go_by_the_names_of_the_header(writers: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "testImages_abstract" / "ABSTRACT_groundTruth.csv"
    writers.write_lines(path, [HEADER, "'a.jpg',5,0,0,0,2,0,0,0", '"b.jpg",0,0,0,0,0,0,1,3'])
    first, second = read_abstract(tmp_path, ALL)
    assert first.path == "testImages_abstract/a.jpg"
    assert [ABSTRACT.labels[label] for label in first.labels] == ["contentment", "sadness"]
    assert first.label_weights == (2.0, 5.0)
    assert second.path == "testImages_abstract/b.jpg"
    assert [ABSTRACT.labels[label] for label in second.labels] == ["amusement", "anger"]
    assert second.label_weights == (3.0, 1.0)


def test_a_tie_keeps_both_labels(writers: ModuleType, tmp_path: Path) -> None:
    writers.write_abstract(tmp_path)
    records = read_abstract(tmp_path, ALL)
    assert len(records) == 48
    assert records[-1].label_weights == (4.0, 4.0)
    assert all((tmp_path / record.path).is_file() for record in records)
    (tmp_path / "testImages_abstract" / "ABSTRACT_groundTruth.csv").rename(
        tmp_path / "ABSTRACT_groundTruth.csv"
    )
    assert read_abstract(tmp_path, ALL) == records


def test_all_faults_of_abstract_are_told_with_their_line(writers: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "ABSTRACT_groundTruth.csv"
    rows = ["'a.jpg',0,0,0,0,0,0,0,0", "'b.jpg',x,0,0,0,0,0,0,0", "'c.jpg',1", "'../d.jpg',1,0,0,0,0,0,0,0"]
    writers.write_lines(path, [HEADER, *rows])
    with pytest.raises(DataError) as told:
        read_abstract(tmp_path, ALL)
    assert set(told.value.faults) == {
        f"{path}:2: a picture must have a vote; it has none",
        f"{path}:3: 'Sad' must be a whole number from 0 to 10000; got 'x'",
        f"{path}:4: a row must have 9 columns; has 2: \"'c.jpg' 1\"",
        f"{path}:5: path must not leave the image folder; got '../d.jpg'",
    }
    writers.write_lines(path, [HEADER.replace("Sad", "Joy"), *rows])
    with pytest.raises(DataError, match=r"csv:1: a label must be one of .*; got 'Joy'"):
        read_abstract(tmp_path, ALL)
    writers.write_lines(path, [HEADER.rsplit(",", 1)[0], "'a.jpg',1,0,0,0,0,0,0"])
    with pytest.raises(DataError, match=r"csv:1: the header must name each of amusement, .* once; got"):
        read_abstract(tmp_path, ALL)
