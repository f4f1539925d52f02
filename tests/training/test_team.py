"""Processes that train together, started as srun starts them; `test_many.py` has torchrun."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from emotionnet.config import DistributedConfig
from emotionnet.records import ConfigError
from emotionnet.training.joining import joined, launched
from emotionnet.training.run import _require_enough_for
from emotionnet.training.team import Team, here

SCRIPT = Path(__file__).with_name("team_script.py")


def srun(folder: Path, how: str) -> list[tuple[int, str]]:
    """Exit status and standard error of each of two processes."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    slurm = {"SLURM_STEP_NUM_TASKS": 2, "SLURM_STEP_NODELIST": "localhost", "SLURM_NODEID": 0}
    processes = []
    for rank in range(2):
        own = slurm | {"SLURM_PROCID": rank, "SLURM_LOCALID": rank, "MASTER_PORT": port, "OMP_NUM_THREADS": 1}
        environment = os.environ | {name: str(value) for name, value in own.items()}
        command = [sys.executable, str(SCRIPT), str(folder), how]
        processes.append(subprocess.Popen(command, stderr=subprocess.PIPE, env=environment, text=True))
    told = [process.communicate(timeout=120)[1] for process in processes]
    return [(process.returncode, text) for process, text in zip(processes, told, strict=True)]


def test_two_processes_find_the_same_and_one_tells_a_fault(tmp_path: Path) -> None:
    (first, told), (second, silent) = srun(tmp_path, "each")
    found = [json.loads((tmp_path / f"{rank}.json").read_text()) for rank in (0, 1)]
    assert [one.pop("team") for one in found] == [[0, 2, 0, 2, True, True], [1, 2, 1, 2, True, False]]
    assert [one.pop("each") for one in found] == [False, True], "the first of a machine makes, others find"
    assert [one.pop("means") for one in found] == [[0.5, 0.0], [0.5, 1.0]], "what is frozen stays"
    assert [one.pop("collected") for one in found] == [[1, 2], []]
    assert found[0] == found[1]
    assert found[0] == {
        "counts": [5, 6],
        "gathered": [{"rank": 0}, {"rank": 1}],
        "first": "made by 0",
        "gradient": [0.5, 1.5],
        "unused": None,
    }
    assert (first, told) == (2, "rank 0 speaks\n")
    assert (second, silent) == (7, "error: rank 1 finds no pictures\n")


@pytest.mark.slow
def test_a_fault_of_the_first_process_ends_all(tmp_path: Path) -> None:
    (first, told), (second, silent) = srun(tmp_path, "first")
    assert (first, told) == (7, "rank 0 speaks\nerror: the loss is not finite\n")
    assert (second, silent) == (1, "")


@pytest.mark.slow
def test_an_interrupt_of_all_is_told_once(tmp_path: Path) -> None:
    found = srun(tmp_path, "interrupt")
    assert sorted(status for status, _ in found) in ([7, 130], [1, 7])
    assert "".join(told for _, told in found).count("error: ") == 1


def test_one_process_is_a_team_that_asks_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TORCHELASTIC_RUN_ID", raising=False)
    monkeypatch.setenv("SLURM_NTASKS", "4")  # a batch script without srun
    with joined(DistributedConfig(), tmp_path) as team:
        assert team == here() == Team()
        assert (team.counts(3), team.gathered("a"), team.collected("b")) == ([3], ["a"], ["b"])
        assert (team.first(lambda: 1), team.each(lambda: 2)) == (1, 2)
        with team.waiting(), team.busy():
            team.at("anywhere")
    assert launched() == Team()


def test_a_batch_has_enough_for_each_process() -> None:
    _require_enough_for(Team(world=2), 4)
    with pytest.raises(ConfigError, match=r"batch_size: must be at least 2 for each process, .* got 3 for 2"):
        _require_enough_for(Team(world=2), 3)
