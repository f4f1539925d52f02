from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from emotionnet.apps.benchmark.config import BenchmarkConfig, SpaceConfig
from emotionnet.apps.benchmark.plan import (
    Unit,
    available,
    curate_config,
    left_out_source,
    rows_of,
    spaces_of,
    stage,
    train_config,
    units,
)
from emotionnet.config import CurateConfig
from emotionnet.config_files import load_config
from emotionnet.records import ConfigError, DataError

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


def test_the_benchmarks_units_are_those_that_they_were(config: BenchmarkConfig) -> None:
    """Results that are kept are found again by these names, in this order."""
    names = [unit.name for unit in units(config, ("ink", "oil"), unseen=True)]
    swapped = [f"tags-shuffled-seed{seed}-fold{fold}" for seed in range(2) for fold in range(2)]
    tags = "frozen nearest pixels ridge head softmax full full_without frozen_without"
    families = "frozen nearest pixels head softmax full"
    methods = [("tags", name) for name in tags.split()] + [("families", name) for name in families.split()]
    expected = [
        f"{space}-{method}-seed{seed}-fold{fold}"
        for seed in range(2)
        for fold in range(3)
        for space, method in methods
    ]
    assert names == swapped + expected


def test_an_ablation_is_its_rows_and_the_probe_on_every_space(ablation: BenchmarkConfig) -> None:
    every = units(ablation, ("ink", "oil"), unseen=False)
    assert [unit.name for unit in every[:6]] == [
        f"{space}-{method}-seed0-fold0" for space in ("one", "two") for method in ("frozen", "plain", "words")
    ]
    assert len(every) == 3 * 6


def test_a_row_changes_train_json_and_a_space_curate_json(ablation: BenchmarkConfig, tmp_path: Path) -> None:
    found = train_config(ablation, "words", data__root=tmp_path, out=tmp_path / "x")
    assert (found.model.shape, found.objective.classification) == ("2branch", "none")
    assert (found.model.trunk, found.data.batch_size) == ("test_resnet", 8)
    assert curate_config(ablation, "two").splits.val == 2
    assert curate_config(ablation, "two").source == ablation.stages / "records.jsonl"
    assert curate_config(ablation, "one").splits.val == 1


def test_a_space_whose_package_is_not_installed_is_left_out(
    ablation: BenchmarkConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    spaces = {**spaces_of(ablation), "clips": SpaceConfig(curate={"source": "openclipart"})}
    both = ablation.model_copy(update={"spaces": spaces})
    monkeypatch.setattr("emotionnet.curation.openclipart.is_installed", lambda: False)
    assert list(spaces_of(available(both))) == ["one", "two"]
    (ablation.out / "clips" / "dataset").mkdir(parents=True)
    assert list(spaces_of(available(both))) == ["one", "two", "clips"], "what was curated needs no source"
    alone = both.model_copy(update={"spaces": {"others": spaces["clips"]}})
    with pytest.raises(ConfigError, match="install openclipart-png openclipart-svg"):
        available(alone)


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("frozen", {"title": "x", "place": 3}, "frozen is a probe"),
        (
            "odd",
            {"title": "x", "place": 3, "against": "nothing"},
            "against must be another row; got 'nothing'",
        ),
        ("odd", {"title": "x", "place": 3, "against": "odd"}, "against must be another row; got 'odd'"),
        ("odd", {"title": "x"}, "place: must be given"),
    ],
)
def test_a_row_that_cannot_be_is_named(
    ablation: BenchmarkConfig, name: str, values: dict[str, Any], message: str
) -> None:
    assert ablation.rows is not None
    (ablation.rows / f"{name}.json").write_text(json.dumps(values))
    with pytest.raises(ConfigError, match=message):
        rows_of(ablation)


def test_rows_come_from_at_least_one_file(ablation: BenchmarkConfig, tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    with pytest.raises(ConfigError, match=r"must hold a \.json file for each row"):
        rows_of(ablation.model_copy(update={"rows": tmp_path / "none"}))
