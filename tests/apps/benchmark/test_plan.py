from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from emotionnet.apps.benchmark.plan import Unit, left_out_source, stage, units
from emotionnet.config import BenchmarkConfig, CurateConfig
from emotionnet.config_files import load_config
from emotionnet.records import DataError

MakeBenchmark = Callable[[], Path]


@pytest.fixture
def config(make_benchmark: MakeBenchmark, tmp_path: Path) -> BenchmarkConfig:
    return load_config(BenchmarkConfig, make_benchmark(), {"out": str(tmp_path / "out"), "seeds": 2})


def test_every_method_meets_every_fold_of_every_seed_once(config: BenchmarkConfig) -> None:
    every = units(config, ("ink", "oil"), unseen=True)
    assert len({unit.name for unit in every}) == len(every) == 2 * (2 + 3 * (9 + 6))
    by_method = Counter((unit.space, unit.method) for unit in every)
    assert by_method.pop(("tags", "shuffled")) == 4
    assert set(by_method.values()) == {6}
    assert {method for space, method in by_method if space == "families"} == {
        *("frozen", "nearest", "pixels", "head", "softmax", "full")
    }


def test_a_single_source_is_never_left_out(config: BenchmarkConfig) -> None:
    assert not [unit for unit in units(config, ("oil",), unseen=True) if unit.method.endswith("_without")]


def test_without_held_out_words_nothing_is_looked_for(config: BenchmarkConfig) -> None:
    assert not [unit for unit in units(config, ("ink", "oil"), unseen=False) if unit.method == "ridge"]


def test_sources_take_turns() -> None:
    sources = ("oil", "ink", "lead")
    turns = [
        left_out_source(Unit("tags", "full_without", seed, fold), sources)
        for seed in (0, 1)
        for fold in range(3)
    ]
    assert turns == ["ink", "lead", "oil", "lead", "oil", "ink"]


def test_a_stage_is_its_file_with_options_over_it(config: BenchmarkConfig, tmp_path: Path) -> None:
    found = stage(config, CurateConfig, labels="mikels8", splits__val=7, out=tmp_path / "x")
    assert (found.labels, found.splits.val, found.splits.test) == ("mikels8", 7, 1)
    assert found.out == tmp_path / "x"
    assert found.source == config.stages / "records.jsonl"


def test_a_stage_that_is_missing_is_named(config: BenchmarkConfig) -> None:
    (config.stages / "curate.json").unlink()
    with pytest.raises(DataError, match=r"curate\.json: file not found"):
        stage(config, CurateConfig)
