"""Every benchmark's copy, opened and checked as a user's own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from emotionnet.config import SourceConfig
from emotionnet.data.benchmark_check import check_benchmark
from emotionnet.data.benchmarks.catalogue import BENCHMARKS
from emotionnet.data.opening import open_data
from emotionnet.records import SPLITS

Copies = Mapping[str, Callable[[Path], None]]


@pytest.mark.parametrize("name", BENCHMARKS)
def test_a_copy_opens_with_train_and_test(name: str, copies: Copies, tmp_path: Path) -> None:
    copies[name](tmp_path)
    benchmark = BENCHMARKS[name]
    dataset = open_data(SourceConfig(root=tmp_path, format=name))
    assert dataset.name == name
    assert dataset.emotion_names == benchmark.labels
    records = {split: dataset.records(split) for split in ("train", "test")}
    assert all(
        dataset.local_picture(record.path, record.id).is_file()
        for rows in records.values()
        for record in rows
    )
    if benchmark.dimensions:
        assert dataset.dimension_names == benchmark.dimensions
    ids = [record.id for split in SPLITS for record in dataset.unchecked_records(split)]
    assert len(ids) == len(set(ids))
    again = open_data(SourceConfig(root=tmp_path, format=name))
    assert again.content_hash == dataset.content_hash


@pytest.mark.parametrize("name", BENCHMARKS)
def test_a_copy_is_checked(name: str, copies: Copies, tmp_path: Path) -> None:
    copies[name](tmp_path)
    report = check_benchmark(name, tmp_path)
    found = {count.of: count.found for count in report.counts}
    assert report.pictures > 0
    assert sum(found[split] for split in BENCHMARKS[name].splits) <= report.records
    assert {finding.kind for finding in report.findings} <= {
        *("counts", "missing", "unlabelled", "placeholders", "duplicates", "near_duplicates")
    }
