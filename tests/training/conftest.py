"""A tiny data set with vectors and a teacher, ready to be trained on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from emotionnet.config import TeacherConfig
from emotionnet.config_files import load_config
from emotionnet.text.vectors import WordVectors, write_vectors
from emotionnet.training.run import train_teacher


@pytest.fixture
def ready(make_dataset: Any, tmp_path: Path) -> dict[str, Any]:
    """A data set with vectors and a teacher, and the options of a small image run on them."""
    dataset = make_dataset()
    vectors = _make_vectors(dataset, tmp_path / "vectors")
    teacher = train_teacher(_teacher_config(dataset, vectors, tmp_path / "teacher"))
    return {
        "data.root": str(dataset.root),
        "data.image_size": 32,
        "data.crop_pct": 1.0,
        "data.batch_size": 5,
        "data.workers": 0,
        "text.vectors": str(vectors),
        "text.teacher": str(teacher),
        "model.trunk": "test_efficientnet",
        "model.weights": "none",
        "optimizer.lr": 0.05,
        "schedule.name": "cosine",
        "epochs": 3,
        "out": str(tmp_path / "run"),
    }


@pytest.fixture
def teacher_config() -> Callable[..., TeacherConfig]:
    """`teacher_config(dataset, vectors, out, **options)`: that of a small teacher."""
    return _teacher_config


def _teacher_config(dataset: Any, vectors: Path, out: Path, **options: Any) -> TeacherConfig:
    values = {
        "data.root": str(dataset.root),
        "text.vectors": str(vectors),
        "model.width": 8,
        "optimizer.name": "adamw",
        "optimizer.lr": 0.01,
        "data.batch_size": 6,
        "epochs": 3,
        "out": str(out),
    }
    return load_config(TeacherConfig, None, values | options)


def _make_vectors(dataset: Any, folder: Path) -> Path:
    rng = np.random.default_rng(3)
    words = (*dataset.tag_names, *dataset.unseen_names)
    folder.mkdir()
    write_vectors(
        WordVectors(words, rng.normal(size=(len(words), 6)).astype(np.float32)),
        folder,
        info={"method": "drawn at random"},
    )
    return folder
