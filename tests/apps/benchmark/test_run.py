from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock

from emotionnet.apps.benchmark.config import BenchmarkConfig, SpaceConfig
from emotionnet.apps.benchmark.folder import write_found
from emotionnet.apps.benchmark.plan import Unit, stage, units
from emotionnet.apps.benchmark.run import _identity, require_same_data, run_benchmark
from emotionnet.config import CurateConfig
from emotionnet.config_files import load_config
from emotionnet.curation.curate import curate
from emotionnet.records import ConfigError, DataError

MakeBenchmark = Callable[[], Path]
pytest.importorskip("gensim")


def begin(config: Path, out: Path) -> subprocess.Popen[bytes]:
    """Results and messages go to a file beside `out`."""
    command = [sys.executable, "-m", "emotionnet", "benchmark", str(config), "--out", str(out)]
    with out.with_suffix(".log").open("wb") as log:
        return subprocess.Popen(command, stdout=log, stderr=log)


def _errors(out: Path) -> str:
    return out.with_suffix(".log").read_text()


def kill_when(config: Path, out: Path, pattern: str, count: int) -> None:
    """Begin, and kill the process alone once so many files are there; its workers must end by themselves."""
    process = begin(config, out)
    deadline = time.monotonic() + 250
    while len(list(out.glob(pattern))) < count:
        assert process.poll() is None, _errors(out)
        assert time.monotonic() < deadline
        time.sleep(0.02)
    children = [int(text) for text in _children(process.pid)]
    process.kill()
    process.wait()
    while any(_alive(child) for child in children):
        assert time.monotonic() < deadline, "a worker outlived the benchmark"
        time.sleep(0.05)


def _children(pid: int) -> list[str]:
    path = Path(f"/proc/{pid}/task/{pid}/children")
    return path.read_text().split() if path.is_file() else []


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()


def tables(page: Path) -> list[str]:
    """The page but for the lines about this very run: machine and time."""
    return [line for line in page.read_text().splitlines() if not line.startswith(("* Machine", "* Time"))]


@pytest.mark.slow
def test_killed_twice_it_ends_with_what_it_would_have_found_at_once(
    make_benchmark: MakeBenchmark, tmp_path: Path
) -> None:
    config, killed, straight = make_benchmark(), tmp_path / "killed", tmp_path / "straight"
    kill_when(config, killed, "work/*/run/checkpoints/last.pt", 1)  # in the middle of a training
    kill_when(config, killed, "predictions/*.parquet", 14)
    settings = load_config(BenchmarkConfig, config, {"out": str(straight), "workers": 1})
    page = run_benchmark(settings)
    process = begin(config, killed)
    assert process.wait(timeout=280) == 0, _errors(killed)
    assert tables(killed / "benchmarks.md") == tables(page)
    every = units(settings, ("ink", "oil"), unseen=False)
    files = {unit.name: (straight / "predictions" / f"{unit.name}.parquet").read_bytes() for unit in every}
    assert len(files) == 2 + 3 * (8 + 6)
    for name, content in files.items():
        assert (killed / "predictions" / f"{name}.parquet").read_bytes() == content
    assert not (killed / "work").exists()


def test_a_folder_that_holds_something_else_is_left_alone(
    make_benchmark: MakeBenchmark, tmp_path: Path
) -> None:
    config, out = make_benchmark(), tmp_path / "out"
    settings = load_config(BenchmarkConfig, config, {"out": str(out)})
    out.mkdir()
    (out / "notes.txt").write_text("mine")
    with pytest.raises(DataError, match=r"holds files of another kind \(notes\.txt\)"):
        run_benchmark(settings, overwrite=True)
    (out / "notes.txt").unlink()
    (out / "config.json").write_text(json.dumps({"folds": 9}))
    with pytest.raises(ConfigError, match="holds a benchmark of another config"):
        run_benchmark(settings)
    assert json.loads((out / "config.json").read_text()) == {"folds": 9}
    (out / "config.json").unlink()
    (out / ".config.json.x1").write_text("what a killed write leaves")
    with FileLock(out / ".lock"), pytest.raises(DataError, match="a benchmark is running in it"):
        run_benchmark(settings)


def test_what_was_found_on_other_data_is_not_mixed_in(make_benchmark: MakeBenchmark, tmp_path: Path) -> None:
    out = tmp_path / "out"
    dataset = curate(stage(_settings(make_benchmark, out), CurateConfig, out=tmp_path / "dataset"))
    unit = Unit("tags", "frozen", 0, 0)
    write_found(
        out,
        unit,
        dataset.records("test"),
        {"seconds": 1.0, "data_hash": "of something else"},
        **dict.fromkeys(
            ("labels", "scores", "unseen", "cosines"), np.zeros((len(dataset.records("test")), 0))
        ),
    )
    with pytest.raises(
        DataError, match=r"1 parts are of another, first tags-frozen-seed0-fold0; --overwrite"
    ):
        require_same_data(out, [unit], {"tags": dataset})


def _settings(make_benchmark: MakeBenchmark, out: Path) -> BenchmarkConfig:
    return load_config(BenchmarkConfig, make_benchmark(), {"out": str(out)})


@pytest.mark.slow
def test_a_fault_of_a_stage_ends_it_with_one_line(make_benchmark: MakeBenchmark, tmp_path: Path) -> None:
    config, out = make_benchmark(), tmp_path / "out"
    stage = config.parent / "curate.json"
    stage.write_text(json.dumps({**json.loads(stage.read_text()), "min_emotion_groups": 1000}))
    process = begin(config, out)
    assert process.wait(timeout=120) == 2
    lines = [line for line in _errors(out).splitlines() if line.startswith("error:")]
    assert len(lines) == 1
    assert "at least 2 emotions must be carried by 1000 groups" in lines[0]
    assert "Traceback" not in _errors(out)


@pytest.mark.slow
def test_interrupted_it_says_that_what_was_saved_is_kept(
    make_benchmark: MakeBenchmark, tmp_path: Path
) -> None:
    config, out = make_benchmark(), tmp_path / "out"
    process = begin(config, out)
    deadline = time.monotonic() + 200
    while not (out / "config.json").exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=120) == 130
    assert "error: stopped; what was saved is kept" in _errors(out)


def test_what_tells_a_folder_is_what_it_was(make_benchmark: MakeBenchmark, tmp_path: Path) -> None:
    """Folders of before there were rows and spaces go on being accepted."""
    settings = _settings(make_benchmark, tmp_path / "out")
    stages = {
        name: json.loads((settings.stages / f"{name}.json").read_text())
        for name in ("curate", "vectors", "teacher", "train")
    }
    assert _identity(settings) == {"folds": 3, "seeds": 1, "out": ".", "stages": stages}


def test_a_space_must_not_be_called_as_another_part(make_benchmark: MakeBenchmark, tmp_path: Path) -> None:
    settings = _settings(make_benchmark, tmp_path / "out").model_copy(
        update={"spaces": {"work": SpaceConfig()}}
    )
    with pytest.raises(ConfigError, match="a label space must not be called work"):
        run_benchmark(settings)
