"""What holds of every benchmark, on the small copy of its layout."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from emotionnet.data.benchmarks.benchmark import ALL
from emotionnet.data.benchmarks.catalogue import BENCHMARKS
from emotionnet.evaluation.score_list import score_of
from emotionnet.records import SPLITS, DataError

Copies = Mapping[str, Callable[[Path], None]]
EACH = pytest.mark.parametrize("name", list(BENCHMARKS))


@EACH
def test_what_it_says_of_itself(name: str) -> None:
    benchmark = BENCHMARKS[name]
    assert benchmark.name == name
    assert len(set(benchmark.labels)) == len(benchmark.labels)
    assert benchmark.splits == (ALL,) or set(benchmark.splits) <= set(SPLITS)
    assert benchmark.licence
    assert benchmark.citation
    assert benchmark.title
    assert benchmark.layout
    assert (benchmark.ranges is not None) == bool(benchmark.dimensions)
    known = {ALL, *benchmark.splits, *benchmark.labels}
    parts = {part for key in benchmark.published for part in key.split("/", 1)}
    assert parts <= known


@EACH
def test_its_main_score_is_one_of_ours(name: str) -> None:
    assert score_of(BENCHMARKS[name].main_score).needs


def test_dimensions_are_the_score_where_folders_are_no_emotions() -> None:
    assert BENCHMARKS["gaped"].main_score == "ccc"


@EACH
def test_its_protocol_shares_out_everything(name: str) -> None:
    protocol = BENCHMARKS[name].protocol
    if protocol.folds:
        assert protocol.folds > 1
        assert 0 <= protocol.val < 1
    else:
        assert protocol.train + protocol.val + protocol.test == pytest.approx(1)


@EACH
def test_published_counts_of_classes_sum_to_the_whole(name: str) -> None:
    benchmark = BENCHMARKS[name]
    by_class = [benchmark.published[label] for label in benchmark.labels if label in benchmark.published]
    if by_class and ALL in benchmark.published:
        assert sum(by_class) == benchmark.published[ALL]


@EACH
def test_its_copy_reads_the_same_twice(name: str, copies: Copies, tmp_path: Path) -> None:
    benchmark = BENCHMARKS[name]
    copies[name](tmp_path)
    ids = []
    for split in benchmark.splits:
        records = benchmark.read(tmp_path, split)
        assert records
        assert repr(records) == repr(benchmark.read(tmp_path, split))  # NaN is not equal to itself
        ids += [record.id for record in records]
        for record in records:
            assert all(0 <= label < len(benchmark.labels) for label in record.labels)
            assert len(record.label_weights) in (0, len(record.labels))
            assert len(record.dimensions) in (0, len(benchmark.dimensions))
            low, high = benchmark.ranges or (0, 0)
            assert all(math.isnan(value) or low <= value <= high for value in record.dimensions)
        assert any((tmp_path / record.path).is_file() for record in records)
    assert len(set(ids)) == len(ids)


@EACH
def test_an_unknown_split_is_refused(name: str, copies: Copies, tmp_path: Path) -> None:
    copies[name](tmp_path)
    with pytest.raises(DataError, match=r"split must be one of .*; got 'holdout'"):
        BENCHMARKS[name].read(tmp_path, "holdout")


@EACH
def test_an_empty_folder_is_refused_in_one_line_for_each_fault(name: str, tmp_path: Path) -> None:
    benchmark = BENCHMARKS[name]
    with pytest.raises(DataError) as told:
        benchmark.read(tmp_path, benchmark.splits[0])
    assert all(str(tmp_path) in fault and "\n" not in fault for fault in told.value.faults)
