"""A suite that the system kills, from the outside."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image


def tree(root: Path, names: tuple[str, ...], seed: int) -> None:
    rng = np.random.default_rng(seed)
    for place, name in enumerate(names):
        (root / name).mkdir(parents=True)
        for number in range(12):
            pixels = np.clip(60 * place + rng.normal(40, 60, (32, 32, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(root / name / f"{number}.png")


@pytest.mark.slow
@pytest.mark.parametrize("cells_done", [1, 4])
def test_a_killed_suite_ends_with_the_same_table(
    make_run: Any, make_dataset: Any, tmp_path: Path, cells_done: int
) -> None:
    """Two runs, three data sets."""
    dataset = make_dataset()
    runs = [make_run(dataset, shape="plain", name="one"), make_run(dataset, name="two")]
    tree(tmp_path / "three", ("anger", "joy", "sadness"), 1)
    tree(tmp_path / "four", ("anger", "fear", "joy", "sadness"), 2)
    columns = [
        {"name": "squares", "root": str(dataset.root), "how": "labels"},
        {"name": "three", "root": "three", "how": "probe"},
        {"name": "four", "root": "four", "how": "map", "score": "hit_rate"},
    ]
    (tmp_path / "s.json").write_text(json.dumps({"clip": None, "benchmarks": columns}))
    command = [
        sys.executable,
        "-m",
        "emotionnet",
        "evaluate",
        *map(str, runs),
        "--suite",
        str(tmp_path / "s.json"),
    ]
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    subprocess.run([*command, "--out", str(whole)], check=True, capture_output=True)
    process = subprocess.Popen(
        [*command, "--out", str(killed)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    deadline = time.monotonic() + 120
    while len(list(killed.glob("cells/*/*/cell.json"))) < cells_done and time.monotonic() < deadline:
        time.sleep(0.002)
    os.killpg(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL, "it was to be killed before its end"
    assert not (killed / "table.md").exists()
    subprocess.run([*command, "--out", str(killed)], check=True, capture_output=True)
    for name in ("table.md", "table.csv", "table.tex"):
        assert (killed / name).read_bytes() == (whole / name).read_bytes()
