"""A benchmark in small settings: its config and a source of web records, nothing of it from the network."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from emotionnet.apps.benchmark.config import BenchmarkConfig
from emotionnet.config_files import load_config

Words = {"happy": (235, 200, 50), "sad": (50, 80, 200), "fury": (200, 40, 40)}
GROUPS = 8
STAGES: dict[str, dict[str, Any]] = {
    "curate": {
        "source": "records.jsonl",
        "min_emotion_groups": 5,
        "unseen_vectors": None,
        "splits": {"test": 1, "val": 1, "train": 100},
    },
    "vectors": {"data": ".", "method": "word2vec", "size": 8, "min_count": 1, "epochs": 1},
    "teacher": {
        "data": {"root": ".", "batch_size": 8},
        "text": {},
        "model": {"width": 8},
        "optimizer": {"name": "adamw", "lr": 0.01},
        "epochs": 1,
    },
    "train": {
        "data": {"root": ".", "image_size": 32, "batch_size": 8, "workers": 0},
        "model": {"trunk": "test_resnet", "weights": "none"},
        "optimizer": {"name": "adamw", "lr": 0.003},
        "epochs": 1,
    },
}


@pytest.fixture
def make_benchmark(tmp_path: Path) -> Callable[[], Path]:
    """A factory: the config file of a benchmark of 3 folds and 1 seed on 24 groups of two sources."""

    def make() -> Path:
        folder = tmp_path / "stages"
        (folder / "pictures").mkdir(parents=True)
        rows = [
            _row(folder, word, number, source)
            for word in Words
            for number in range(GROUPS)
            for source in ("oil", "ink")
        ]
        (folder / "records.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        for name, values in STAGES.items():
            (folder / f"{name}.json").write_text(json.dumps(values))
        config = folder / "benchmark.json"
        config.write_text(json.dumps({"stages": ".", "folds": 3, "seeds": 1}))
        return config

    return make


def _row(folder: Path, word: str, number: int, source: str) -> dict[str, Any]:
    """A picture whose tint tells the word, its pattern the record."""
    seed = [list(Words).index(word), number, len(source) + ord(source[0])]
    coarse = np.random.default_rng(seed).integers(0, 160, size=(16, 16, 3)) + np.array(Words[word]) * 0.35
    image = f"pictures/{source}-{word}{number}.png"
    pixels = Image.fromarray(coarse.clip(0, 255).astype(np.uint8))
    pixels.resize((64, 64), Image.Resampling.NEAREST).save(folder / image)
    thing = f"thing {chr(97 + number)}"
    return {
        "id": f"{source}/{word}{number}",
        "image": image,
        "tags": [word, thing],
        "group": f"{word}{number}",
        "source": source,
    }


ROWS: dict[str, dict[str, Any]] = {
    "plain": {"title": "labels", "place": 1, "train": {"model": {"shape": "plain"}}},
    "words": {
        "title": "words",
        "place": 2,
        "against": "plain",
        "leaves_open": "much.",
        "train": {
            "model": {"shape": "2branch"},
            "objective": {
                "classification": "none",
                "embedding": "teacher",
                "distillation": "none",
                "criterion": "loss",
            },
        },
    },
}


@pytest.fixture
def make_ablation(make_benchmark: Callable[[], Path]) -> Callable[[], Path]:
    """A factory: the config file of an ablation of two rows on two spaces, one of which counts pictures."""

    def make() -> Path:
        config = make_benchmark()
        rows = config.parent / "rows"
        rows.mkdir()
        for name, values in ROWS.items():
            (rows / f"{name}.json").write_text(json.dumps(values))
        spaces = {
            "one": {"title": "One", "about": "a first."},
            "two": {
                "title": "Two",
                "about": "a second.",
                "curate": {"splits": {"val": 2}},
                "unit": "picture",
            },
        }
        values = {"stages": ".", "rows": "rows", "spaces": spaces, "folds": 3, "seeds": 1}
        config.write_text(json.dumps(values))
        return config

    return make


@pytest.fixture
def ablation(make_ablation: Callable[[], Path], tmp_path: Path) -> BenchmarkConfig:
    return load_config(BenchmarkConfig, make_ablation(), {"out": str(tmp_path / "out")})
