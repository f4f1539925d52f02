"""The RUN folder: what a training leaves behind, and how its numbers are kept.

config.json  manifest.json  metrics.jsonl  metrics.json  model.safetensors  model.json  guard.safetensors
vectors.safetensors  words.json  checkpoints/  tensorboard/  predictions/  report.html  README.md
"""

from __future__ import annotations

import contextlib
import json
import platform
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path

from emotionnet.files import read_object, require_folder_or_nothing, write_json
from emotionnet.records import DataError

CONFIG = "config.json"
MANIFEST = "manifest.json"
METRICS = "metrics.json"
HISTORY = "metrics.jsonl"
MODEL = "model.json"
WEIGHTS = "model.safetensors"
GUARD = "guard.safetensors"  # what tells pictures that are unlike those of training
SPLITS = "splits.json"  # where they were drawn, which files that give none need
REPORT = "report.html"
CARD = "README.md"
CHECKPOINTS = "checkpoints"
TENSORBOARD = "tensorboard"
PREDICTIONS = "predictions"
CHECKPOINT = f"{CHECKPOINTS}/last.pt"  # a run with it can go on
REPLACED = ".replaced"
SIGNS = ("dataset", "data_hash")  # keys of a manifest that only a training writes
PARTS = (
    *(CONFIG, MANIFEST, METRICS, HISTORY, MODEL, WEIGHTS, GUARD, REPORT, CARD),
    *(
        "vectors.safetensors",
        "words.json",
        "vectors.json",
        SPLITS,
        CHECKPOINTS,
        TENSORBOARD,
        PREDICTIONS,
    ),
)
PACKAGES = ("emotionnet", "lightning", "numpy", "polars", "scikit-learn", "timm", "torch", "torchvision")


@contextlib.contextmanager
def writing(run: Path, *, overwrite: bool, resume: bool) -> Iterator[None]:
    """Make `run` ready to be written, and leave a run to go on with or what was there before.

    Nothing but a run's own files is ever touched. An earlier run waits in the folder `REPLACED`. It comes
    back when the new one ends without a checkpoint, for whatever reason; it is deleted otherwise.

    Args:
        run: The RUN folder.
        overwrite: Replace the run that it holds.
        resume: Go on with the run that it holds.

    Raises:
        DataError: It is a file, a RUN that is neither resumed nor overwritten, or a folder with
            files of another kind.
    """
    refuse_run(run, overwrite=overwrite, resume=resume)
    is_new = not run.exists()
    try:
        run.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"{run}: cannot be written ({error.strerror})") from None
    replaced = run / REPLACED
    try:
        if not resume:
            _set_aside(run, replaced)
        yield
    except BaseException:
        if not (run / CHECKPOINT).is_file():
            _delete_parts(run)
            _move_parts(replaced, run)
        raise
    finally:
        shutil.rmtree(replaced, ignore_errors=True)
        if is_new:
            with contextlib.suppress(OSError):  # not empty: it holds the run
                run.rmdir()


def is_run(run: Path) -> bool:
    """Whether a training wrote this folder: a config alone may be anyone's."""
    try:
        return (run / CONFIG).is_file() and {*SIGNS} <= read_object(run / MANIFEST).keys()
    except DataError:
        return False


def refuse_run(run: Path, *, overwrite: bool, resume: bool) -> None:
    """Check that a run may be written at `run`; arguments and errors as `writing`."""
    require_folder_or_nothing(run)
    names = sorted(path.name for path in run.iterdir()) if run.exists() else []
    if not is_run(run) and not is_run(run / REPLACED):
        foreign = [name for name in names if name in PARTS or (run / name).is_file()]
        if foreign:
            raise DataError(
                f"{run}: holds files of another kind ({', '.join(foreign[:5])}); choose another --out"
            )
    elif not (overwrite or resume):
        raise DataError(f"{run}: holds a run already; choose another --out, or add --resume or --overwrite")


def _set_aside(run: Path, replaced: Path) -> None:
    """Move a run out of the way, unless what waits there is better than a run that was killed at once."""
    if replaced.is_dir() and not (run / CHECKPOINT).is_file():
        _delete_parts(run)
    else:
        shutil.rmtree(replaced, ignore_errors=True)
        _move_parts(run, replaced)


def _move_parts(source: Path, target: Path) -> None:
    present = [part for part in PARTS if (source / part).exists() or (source / part).is_symlink()]
    if present:
        target.mkdir(exist_ok=True)
    for part in present:
        (source / part).replace(target / part)


def _delete_parts(run: Path) -> None:
    for part in PARTS:
        path = run / part
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def require_run(run: Path) -> None:
    """Check that `run` is a finished RUN.

    Raises:
        DataError: It is missing, or has no model yet.
    """
    if not run.is_dir():
        found = "is a file" if run.exists() else "does not exist"
        raise DataError(f"{run}: must be a RUN folder; it {found}")
    missing = [name for name in (CONFIG, MODEL, WEIGHTS) if not (run / name).is_file()]
    if missing:
        raise DataError(f"{run}: must be a finished RUN; {', '.join(missing)} not found in it")


def read_metrics(run: Path) -> dict[str, float]:
    """All scores of a run so far; empty when nothing was scored.

    Raises:
        DataError: `metrics.json` is broken or holds anything but numbers.
    """
    path = run / METRICS
    values = read_object(path) if path.is_file() else {}
    return _numbers(values, str(path))


def merge_metrics(
    run: Path, values: Mapping[str, float], *, replacing: tuple[str, ...] = ()
) -> dict[str, float]:
    """Put scores into `metrics.json` beside those already there; returns the whole.

    Args:
        run: The RUN folder.
        values: The new scores.
        replacing: Beginnings of keys of which none may be left over from an earlier scoring.
    """
    kept = {key: value for key, value in read_metrics(run).items() if not key.startswith(replacing)}
    merged = {**kept, **values}
    write_json(run / METRICS, merged)
    return merged


def read_history(run: Path) -> list[dict[str, float]]:
    """The lines of `metrics.jsonl`, one for each epoch; none before the first epoch is done.

    Raises:
        DataError: A line is no JSON object of numbers; names it.
    """
    path = run / HISTORY
    if not path.is_file():
        return []
    entries = []
    for number, line in enumerate(path.read_bytes().splitlines(), start=1):
        try:
            entries.append(_numbers(json.loads(line), f"{path}: line {number}"))
        except (ValueError, RecursionError) as error:
            if isinstance(error, DataError):
                raise
            raise DataError(f"{path}: line {number}: must be JSON; {error}") from None
    return entries


def _numbers(values: object, where: str) -> dict[str, float]:
    if not isinstance(values, dict):
        raise DataError(f"{where}: must be a JSON object of numbers; got {type(values).__name__}")
    odd = [name for name, value in values.items() if type(value) not in (int, float)]
    if odd:
        raise DataError(f"{where}: {odd[0]}: must be a number; got {values[odd[0]]!r}")
    return values


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
