"""What the README shows works: its config is valid, its commands exist, its Python runs."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from pathlib import Path
from typing import Any

import pytest

from emotionnet.apps.cli import STAGES
from emotionnet.apps.commands.base import app
from emotionnet.apps.options import split_options
from emotionnet.config import TrainConfig
from emotionnet.config_files import keys, load_config
from emotionnet.text.vectors import WordVectors, write_vectors
from emotionnet.training.run import train

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, flags=re.MULTILINE | re.DOTALL)


def commands() -> list[str]:
    lines = [line.split("#")[0].split(">")[0] for block in blocks("") for line in block.splitlines()]
    return [line.strip() for line in lines if line.startswith("emotionnet ")]


@pytest.mark.parametrize("command", commands())
def test_every_command_is_understood(command: str) -> None:
    tokens = shlex.split(command)[1:]
    stage = next((stage for stage in STAGES if tuple(tokens[: len(stage)]) == stage), ())
    rest, options = split_options(tokens[len(stage) :], STAGES[stage]) if stage else (tokens, {})
    app.parse_args([*stage, *rest] if stage else rest, print_error=False, exit_on_error=False)
    known = {name for name, _, _ in keys(STAGES[stage])} if stage else set()
    assert set(options) <= known


def test_the_config_is_valid(tmp_path: Path) -> None:
    (block,) = blocks("json")
    for folder in ("dataset", "vectors", "teacher"):
        (tmp_path / folder).mkdir()
    (tmp_path / "config.json").write_text(block)
    assert load_config(TrainConfig, tmp_path / "config.json", {}).model.trunk == "resnet50"


def test_the_python_runs(make_dataset: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a tiny data set and network in place of the real ones."""
    monkeypatch.chdir(tmp_path)
    dataset = make_dataset(folder=tmp_path / "dataset")
    words = (*dataset.tag_names, "awe", "disgust")
    (tmp_path / "vectors").mkdir()
    vectors = WordVectors(words, _unit_rows(len(words)))
    write_vectors(vectors, tmp_path / "vectors", info={})
    config = {
        "data": {"root": "dataset", "image_size": 32, "batch_size": 9, "workers": 0},
        "text": {"vectors": "vectors"},
        "model": {"trunk": "test_resnet", "weights": "none", "shape": "2branch"},
        "epochs": 1,
    }
    (tmp_path / "config.json").write_text(json.dumps(config))
    train(load_config(TrainConfig, Path("config.json"), {"out": "runs/demo"}))
    for name in ("picture.png", "a.png", "b.png"):
        shutil.copy(dataset.root / "images" / "oil-test-000.png", tmp_path / name)
    (predictor_code,) = [block for block in blocks("python") if "emotionnet.load" in block]
    for block in blocks("python"):
        space: dict[str, Any] = {}
        exec(compile(block, "README.md", "exec"), space)
        if block == predictor_code:
            assert space["prediction"].emotions[0].name in dataset.emotion_names


def _unit_rows(count: int) -> Any:
    import numpy as np

    return np.eye(count, dtype=np.float32)
