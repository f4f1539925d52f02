"""A run that the system kills, from the outside."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from emotionnet import runs
from emotionnet.files import sha256

OPTIONS = {
    "data.image_size": 64,
    "data.batch_size": 4,
    "model.trunk": "test_resnet",
    "model.weights": "none",
    "model.shape": "plain",
    "optimizer.lr": 0.05,
    "epochs": 12,
    "precision": "float32",  # else a slow moment of the machine might choose another
    "memory_format": "channels_last",
    "compile": "off",
}


def command(root: Path, out: Path, *more: str) -> list[str]:
    options = OPTIONS | {"data.root": root, "out": out}
    tokens = [str(part) for key, value in options.items() for part in (f"--{key}", value)]
    return [sys.executable, "-m", "emotionnet", "train", *tokens, *more]


@pytest.mark.slow
@pytest.mark.parametrize("epochs_done", [1, 4])
def test_a_killed_run_ends_with_the_same_weights(make_dataset: Any, tmp_path: Path, epochs_done: int) -> None:
    dataset = make_dataset({"train": 60})
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    subprocess.run(command(dataset.root, whole), check=True, capture_output=True)
    process = subprocess.Popen(
        command(dataset.root, killed),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    deadline = time.monotonic() + 120
    while len(runs.read_history(killed)) < epochs_done and time.monotonic() < deadline:
        time.sleep(0.02)
    time.sleep(0.1)  # into the next epoch
    os.killpg(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL, "it was to be killed before its end"
    assert not (killed / runs.WEIGHTS).exists()
    subprocess.run(command(dataset.root, killed, "--resume"), check=True, capture_output=True)
    assert sha256(killed / runs.WEIGHTS) == sha256(whole / runs.WEIGHTS)
