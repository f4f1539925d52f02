from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest

from emotionnet.data.benchmarks.benchmark import ALL
from emotionnet.data.benchmarks.catalogue import BENCHMARKS
from emotionnet.data.benchmarks.twitter import read_twitter1
from emotionnet.records import DataError

LABELS = BENCHMARKS["twitter1"].labels


@pytest.mark.parametrize("name", ["train_3_agree.txt", "three_agree.txt", "twitter_three_agrees.txt"])
def test_one_is_positive_whatever_the_place_of_the_label(
    writers: ModuleType, tmp_path: Path, name: str
) -> None:
    writers.write_lines(tmp_path / name, ["my cat.jpg 1", "b.jpg 0"])
    records = read_twitter1(tmp_path, ALL)
    assert [(record.path, LABELS[record.labels[0]]) for record in records] == [
        ("Agg_AMT_Candidates/my cat.jpg", "positive"),
        ("Agg_AMT_Candidates/b.jpg", "negative"),
    ]


def test_each_benchmark_reads_its_own_list(writers: ModuleType, tmp_path: Path) -> None:
    for agree, names in ((3, "abc"), (4, "ab"), (5, "a")):
        writers.write_lines(tmp_path / f"train_{agree}_agree.txt", [f"{name}.jpg 1" for name in names])
    sizes = [
        len(BENCHMARKS[name].read(tmp_path, ALL))
        for name in ("twitter1", "twitter1_agree4", "twitter1_agree5")
    ]
    assert sizes == [3, 2, 1]


def test_votes_go_by_the_names_of_the_header(writers: ModuleType, tmp_path: Path) -> None:
    rows = ["image,votes,negative,positive", "a.jpg,5,1,4", "b.jpg,5,5,0", "c.jpg,5,3,2"]
    writers.write_lines(tmp_path / "amt_result.csv", rows)
    expected = [("a", "positive"), ("b", "negative"), ("c", "negative")]
    for agree, several in ((3, expected), (4, expected[:2]), (5, expected[1:2])):
        records = read_twitter1(tmp_path, ALL, agree=agree)
        assert [(record.path, LABELS[record.labels[0]]) for record in records] == [
            (f"Agg_AMT_Candidates/{name}.jpg", label) for name, label in several
        ]


def test_all_faults_are_told_with_their_line(writers: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "train_3_agree.txt"
    writers.write_lines(path, ["a.jpg 2", "b.jpg", "/c.jpg 1", "d.jpg 1", "d.jpg 0"])
    with pytest.raises(DataError) as told:
        read_twitter1(tmp_path, ALL)
    assert set(told.value.faults) == {
        f"{path}:1: a label must be 1 (positive) or 0 (negative); got '2'",
        f"{path}:2: a row must have 2 columns; has 1: 'b.jpg'",
        f"{path}:3: path must be relative to the image folder; got '/c.jpg'",
        f"{path}:5: a picture must have one label; 'Agg_AMT_Candidates/d.jpg' stood before with another",
    }


def test_faults_of_files(writers: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"must hold one of train_4_agree\.txt, four_agree\.txt, .*amt_result"
    ):
        read_twitter1(tmp_path, ALL, agree=4)
    writers.write_lines(tmp_path / "amt_result.csv", ["image,count,a,b", "x.jpg,5,2,3"])
    with pytest.raises(DataError, match=r"csv:1: one column of the header must name positive; got image, c"):
        read_twitter1(tmp_path, ALL)
    writers.write_lines(tmp_path / "amt_result.csv", ["image,positive,negative", "x.jpg,-1,many"])
    with pytest.raises(DataError, match=r"csv:2: positive must be a whole number from 0 to 10000; got '-1'"):
        read_twitter1(tmp_path, ALL)
