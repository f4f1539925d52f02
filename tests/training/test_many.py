"""Runs of several processes, from the outside: they are one training, and a lost process is named."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from emotionnet import runs
from emotionnet.config import TrainConfig
from emotionnet.config_files import load_config
from emotionnet.files import sha256
from emotionnet.training.run import train

EPOCHS = 10
OPTIONS: dict[str, Any] = {
    "data.image_size": 32,
    "data.batch_size": 9,  # 4 and 5 for the two processes
    "data.workers": 0,
    "model.trunk": "test_convnext",  # without BatchNorm
    "model.weights": "none",
    "model.shape": "plain",
    "optimizer.lr": 0.05,
    "optimizer.clip_norm": 5.0,
    "epochs": EPOCHS,
    "checkpoint_steps": 1,
    "precision": "float32",
    "memory_format": "channels_last",
    "compile": "off",
}


@pytest.fixture
def options(make_dataset: Any) -> dict[str, Any]:
    return OPTIONS | {"data.root": str(make_dataset({"train": 12}).root)}  # 18 pictures: 2 steps an epoch


def torchrun(options: dict[str, Any], *more: str, launcher: tuple[str, ...] = ()) -> list[str]:
    tokens = [str(part) for key, value in options.items() for part in (f"--{key}", value)]
    start = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--nproc-per-node",
        "2",
        *launcher,
    ]
    return [*start, "-m", "emotionnet", "train", *tokens, *more]


@contextlib.contextmanager
def started(command: list[str], folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A command in the background; what it says goes to `folder`/err, and nothing of it stays."""
    with (folder / "err").open("wb") as err, (folder / "out").open("wb") as out:
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        process = subprocess.Popen(command, stdout=out, stderr=err, env=environment, start_new_session=True)
    try:
        yield process
    finally:
        if process.poll() is None:
            for pid in workers(process.pid).values():
                os.kill(pid, signal.SIGKILL)
            process.kill()
            process.wait()


def workers(agent: int) -> dict[int, int]:
    """The pid of each rank."""
    found = {}
    for pid in Path(f"/proc/{agent}/task/{agent}/children").read_text().split():
        with contextlib.suppress(OSError):  # it ended meanwhile
            for entry in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
                if entry.startswith(b"RANK="):
                    found[int(entry.removeprefix(b"RANK="))] = int(pid)
    return found


def lose(process: subprocess.Popen[bytes], run: Path, rank: int, how: signal.Signals, *, after: int) -> int:
    """Send a signal to a rank once so many epochs are done; its pid."""
    deadline = time.monotonic() + 120
    while len(runs.read_history(run)) < after:
        assert time.monotonic() < deadline
        assert process.poll() is None, "it was to be lost before its end"
        time.sleep(0.01)
    pid = workers(process.pid)[rank]
    os.kill(pid, how)
    return pid


def errors(folder: Path) -> list[str]:
    return [line for line in (folder / "err").read_text().splitlines() if line.startswith("error: ")]


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="finds processes as Linux tells them")
def test_two_processes_one_of_them_killed_are_one_training(options: dict[str, Any], tmp_path: Path) -> None:
    alone, run = (
        train(load_config(TrainConfig, None, options | {"out": str(tmp_path / "alone")})),
        tmp_path / "run",
    )
    with started(_restarted(options | {"out": run}), tmp_path) as process:
        pid = lose(process, run, 1, signal.SIGKILL, after=3)
        assert process.wait(timeout=120) == 0
    (line,) = errors(tmp_path)
    assert f"error: rank 1 of 2 (pid {pid} on host " in line
    assert line.endswith(f"; restart with --resume: it goes on from {run / runs.CHECKPOINT}")
    history, expected = runs.read_history(run), runs.read_history(alone)
    assert len(history) == EPOCHS
    for name in expected[0]:
        if name not in ("seconds", "images_per_second"):
            assert [one[name] for one in history] == pytest.approx([one[name] for one in expected], rel=1e-3)
    _require_same_weights(run, alone)
    assert _files(run) == _files(alone)
    assert json.loads((run / runs.MANIFEST).read_text())["processes"] == 2
    told = (tmp_path / "out").read_text()
    assert json.loads(told)["val.macro_map"] == runs.read_metrics(run)["val.macro_map"], (
        "one process prints it"
    )


@pytest.mark.slow
def test_a_killed_run_of_two_processes_ends_with_the_same_bits(
    options: dict[str, Any], tmp_path: Path
) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    with started(torchrun(options | {"out": whole}), tmp_path) as process:
        assert process.wait(timeout=120) == 0
    told = (tmp_path / "err").read_text().splitlines()
    assert len(told) == EPOCHS, "one process speaks, and nothing else is said"
    assert all(line.startswith("epoch ") for line in told)
    with started(_restarted(options | {"out": killed}), tmp_path) as process:
        lose(process, killed, 1, signal.SIGKILL, after=3)
        assert process.wait(timeout=120) == 0
    assert sha256(killed / runs.WEIGHTS) == sha256(whole / runs.WEIGHTS)
    assert (killed / runs.METRICS).read_bytes() == (whole / runs.METRICS).read_bytes()
    curves = [[one["train.loss"] for one in runs.read_history(run)] for run in (killed, whole)]
    assert curves[0] == curves[1]


def _restarted(options: dict[str, Any]) -> list[str]:
    return torchrun(options, "--resume", launcher=("--max-restarts", "1"))


def _require_same_weights(one: Path, other: Path) -> None:
    first, second = (load_file(run / runs.WEIGHTS) for run in (one, other))
    for name, tensor in first.items():
        torch.testing.assert_close(tensor, second[name], rtol=1e-3, atol=1e-4, msg=name)


def _files(run: Path) -> set[str]:
    return {
        str(path.relative_to(run))
        for path in run.rglob("*")
        if path.is_file() and runs.TENSORBOARD not in path.parts
    }


@pytest.mark.slow
@pytest.mark.parametrize(
    ("rank", "how", "fault"),
    [(0, signal.SIGKILL, "has died"), (1, signal.SIGSTOP, r"has died or hangs: no sign of life for \d+ s")],
)
def test_a_lost_process_is_named_in_time_and_the_run_goes_on(
    options: dict[str, Any], tmp_path: Path, rank: int, how: signal.Signals, fault: str
) -> None:
    run = tmp_path / "run"
    more = {"out": run, "epochs": 200, "distributed.timeout_seconds": 10}
    with started(torchrun(options | more), tmp_path) as process:
        pid = lose(process, run, rank, how, after=2)
        begun = time.monotonic()
        while not errors(tmp_path) and time.monotonic() - begun < 60:
            time.sleep(0.1)
        (line,) = errors(tmp_path)
        assert f"error: rank {rank} of 2 (pid {pid} on host " in line
        assert re.search(rf"\) {fault}; last seen in ", line)
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)  # torchrun waits for one that was stopped
        assert process.wait(timeout=60) == 1
    assert not (run / runs.WEIGHTS).exists()
    before = len(runs.read_history(run))
    with started(torchrun(options | more, "--resume"), tmp_path) as process:
        lose(process, run, 1, signal.SIGKILL, after=before + 1)
        assert process.wait(timeout=60) == 1
    assert [one["epoch"] for one in runs.read_history(run)] == list(range(len(runs.read_history(run))))


@pytest.mark.slow
def test_a_run_goes_on_with_another_number_of_processes(options: dict[str, Any], tmp_path: Path) -> None:
    alone = train(load_config(TrainConfig, None, options | {"out": str(tmp_path / "alone")}))
    run = tmp_path / "run"
    with started(torchrun(options | {"out": run}), tmp_path) as process:
        lose(process, run, 0, signal.SIGKILL, after=4)
        assert process.wait(timeout=60) == 1
    train(load_config(TrainConfig, None, options | {"out": str(run)}), resume=True)
    curves = [[one["train.loss"] for one in runs.read_history(folder)] for folder in (run, alone)]
    assert curves[0] == pytest.approx(curves[1], rel=1e-3)
