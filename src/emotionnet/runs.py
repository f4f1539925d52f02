"""The RUN folder: what a training leaves behind, and how its numbers are kept.

config.json  manifest.json  metrics.jsonl  metrics.json  model.safetensors  model.json
vectors.safetensors  words.json  checkpoints/  tensorboard/  predictions/  report.html  README.md
"""

from __future__ import annotations

import json
import platform
import shutil
import subprocess
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

from emotionnet.files import read_json, write_json
from emotionnet.records import DataError

CONFIG = "config.json"
MANIFEST = "manifest.json"
METRICS = "metrics.json"
HISTORY = "metrics.jsonl"
MODEL = "model.json"
WEIGHTS = "model.safetensors"
REPORT = "report.html"
CARD = "README.md"
CHECKPOINTS = "checkpoints"
TENSORBOARD = "tensorboard"
PREDICTIONS = "predictions"
PARTS = (
    *(CONFIG, MANIFEST, METRICS, HISTORY, MODEL, WEIGHTS, REPORT, CARD),
    *("vectors.safetensors", "words.json", "vectors.json", CHECKPOINTS, TENSORBOARD, PREDICTIONS),
)
PACKAGES = ("emotionnet", "lightning", "numpy", "polars", "scikit-learn", "timm", "torch", "torchvision")


def prepare(run: Path, *, overwrite: bool, resume: bool) -> None:
    """Make `run` ready to be written; other folders inside it are never touched.

    Raises:
        DataError: It is a file, or a RUN that is neither resumed nor overwritten.
    """
    if run.exists() and not run.is_dir():
        raise DataError(f"{run}: must be a folder or not exist; it is a file")
    present = [run / part for part in PARTS if (run / part).exists()]
    if present and not (overwrite or resume):
        raise DataError(f"{run}: holds a run already; choose another --out, or add --resume or --overwrite")
    run.mkdir(parents=True, exist_ok=True)
    if overwrite and not resume:
        for part in present:
            shutil.rmtree(part) if part.is_dir() else part.unlink()


def require_run(run: Path) -> None:
    """Check that `run` is a finished RUN.

    Raises:
        DataError: It is missing, or has no model yet.
    """
    if not run.is_dir():
        raise DataError(f"{run}: must be a RUN folder; it does not exist")
    missing = [name for name in (CONFIG, MODEL, WEIGHTS) if not (run / name).is_file()]
    if missing:
        raise DataError(f"{run}: must be a finished RUN; {', '.join(missing)} not found in it")


def read_metrics(run: Path) -> dict[str, float]:
    """All scores of a run so far; empty when nothing was scored."""
    path = run / METRICS
    values = read_json(path) if path.is_file() else {}
    if not isinstance(values, dict):
        raise DataError(f"{path}: must be a JSON object of numbers; got {type(values).__name__}")
    return values


def merge_metrics(run: Path, values: Mapping[str, float]) -> dict[str, float]:
    """Put scores into `metrics.json` beside those already there; returns the whole."""
    merged = {**read_metrics(run), **values}
    write_json(run / METRICS, merged)
    return merged


def read_history(run: Path) -> list[dict[str, float]]:
    """The lines of `metrics.jsonl`, one for each epoch."""
    path = run / HISTORY
    if not path.is_file():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def versions() -> dict[str, str]:
    """Python's and the main packages' versions, and the commit of a source checkout."""
    found = {name: metadata.version(name) for name in PACKAGES}
    return {"python": platform.python_version(), **found, "commit": _commit()}


def _commit() -> str:
    """The commit of the checkout that this code runs from; 'installed' for an installed package."""
    root = Path(__file__).parents[2]
    if not (root / ".git").exists() or not (root / "pyproject.toml").is_file():
        return "installed"
    command = ["git", "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        result = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return "unknown"
    return result.stdout.strip() or "unknown"
