from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from emotionnet.apps.benchmark.plan import units
from emotionnet.apps.benchmark.run import run_benchmark
from emotionnet.config import BenchmarkConfig
from emotionnet.config_files import load_config
from emotionnet.records import ConfigError, DataError

MakeBenchmark = Callable[[], Path]
pytest.importorskip("gensim")


def begin(config: Path, out: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "emotionnet", "benchmark", str(config), "--out", str(out)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def kill_after(config: Path, out: Path, done: int) -> None:
    """Begin, and kill the process alone once so many units are done; its workers must end by themselves."""
    process = begin(config, out)
    deadline = time.monotonic() + 200
    while len(list(out.glob("predictions/*.parquet"))) < done:
        assert process.poll() is None, process.stderr.read().decode() if process.stderr else ""
        assert time.monotonic() < deadline
        time.sleep(0.05)
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


def test_killed_twice_it_ends_with_what_it_would_have_found_at_once(
    make_benchmark: MakeBenchmark, tmp_path: Path
) -> None:
    config, killed, straight = make_benchmark(), tmp_path / "killed", tmp_path / "straight"
    for done in (2, 14):
        kill_after(config, killed, done)
    settings = load_config(BenchmarkConfig, config, {"out": str(straight), "workers": 1})
    page = run_benchmark(settings)
    process = begin(config, killed)
    _, errors = process.communicate(timeout=280)
    assert process.returncode == 0, errors.decode()
    assert tables(killed / "benchmarks.md") == tables(page)
    every = units(settings, ("ink", "oil"))
    files = {unit.name: (straight / "predictions" / f"{unit.name}.parquet").read_bytes() for unit in every}
    assert len(files) == 1 + 3 * (7 + 5)
    for name, content in files.items():
        assert (killed / "predictions" / f"{name}.parquet").read_bytes() == content
    assert list((killed / "work").iterdir()) == []


def test_a_finished_benchmark_only_writes_its_page_again(
    make_benchmark: MakeBenchmark, tmp_path: Path
) -> None:
    """Refused with another config or in another folder; nothing is lost."""
    config, out = make_benchmark(), tmp_path / "out"
    out.mkdir()
    (out / "notes.txt").write_text("mine")
    with pytest.raises(DataError, match=r"holds files of another kind \(notes\.txt\)"):
        run_benchmark(load_config(BenchmarkConfig, config, {"out": str(out)}))
    (out / "notes.txt").unlink()
    (out / "config.json").write_text(json.dumps({"folds": 9}))
    with pytest.raises(ConfigError, match="holds a benchmark of another config"):
        run_benchmark(load_config(BenchmarkConfig, config, {"out": str(out)}))
    assert json.loads((out / "config.json").read_text()) == {"folds": 9}


def test_a_fault_of_a_stage_ends_it_with_one_line(make_benchmark: MakeBenchmark, tmp_path: Path) -> None:
    config, out = make_benchmark(), tmp_path / "out"
    stage = config.parent / "curate.json"
    stage.write_text(json.dumps({**json.loads(stage.read_text()), "min_emotion_groups": 1000}))
    process = begin(config, out)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 2
    lines = [line for line in errors.decode().splitlines() if line.startswith("error:")]
    assert len(lines) == 1
    assert "at least 2 emotions must be carried by 1000 groups" in lines[0]
    assert "Traceback" not in errors.decode()


@pytest.mark.parametrize("number", [signal.SIGINT])
def test_interrupted_it_says_that_what_was_saved_is_kept(
    make_benchmark: MakeBenchmark, tmp_path: Path, number: signal.Signals
) -> None:
    config, out = make_benchmark(), tmp_path / "out"
    process = begin(config, out)
    deadline = time.monotonic() + 200
    while not (out / "config.json").exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(number)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "error: stopped; what was saved is kept" in errors.decode()
