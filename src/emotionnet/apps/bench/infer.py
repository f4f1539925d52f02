"""Features measured: ResNet-50 with three heads of the sizes of 2020, the whole way from small JPEG files.

Shape letters: N = images, F = features.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from emotionnet.apps.bench.demo_int8 import demo_int8
from emotionnet.apps.bench.fresh_run import fresh_run
from emotionnet.apps.bench.machine import measured, resnet50_floor
from emotionnet.apps.bench.peers_infer import rate
from emotionnet.apps.bench.photographs import photographs
from emotionnet.apps.bench.rounds import Contender, Rates, race
from emotionnet.apps.memory import keep_freed_memory
from emotionnet.evaluation.exporting import Int8, export
from emotionnet.inference.engine import run_files
from emotionnet.inference.export import export_run
from emotionnet.inference.loading import load_predictor
from emotionnet.inference.outputs import Array
from emotionnet.inference.predictor import Predictor
from emotionnet.runs import WEIGHTS

KEY = "infer.resnet50"
TRUNK = "resnet50"
WIDTH, HEIGHT = 340, 256  # of the files
CALIBRATION = 32  # pictures that int8 is fitted to
GPU = torch.cuda.is_available()
PICTURES = {  # in a round: some seconds for each
    "2020": 512 if GPU else 16,
    "timm": 2048 if GPU else 64,
    "onnxruntime": 32,
    "openvino": 160,
    "ours": 2048 if GPU else 160,
    "int8": 224,
}
COMPARED = 64  # pictures whose features are compared with torch


def infer(work: Path) -> dict[str, float]:
    """Pictures a second of ours, of peers, and of ours in int8; then what int8 costs the demo's network.

    Args:
        work: An empty folder.
    """
    run = fresh_run(work / "fresh", trunk=TRUNK, weights="none", pictures=CALIBRATION, epochs=1)
    exported, int8 = work / "exported", work / "int8"
    export_run(run, exported, form="openvino")
    export(run, int8, int8=Int8(max_drop=1.0, pictures=CALIBRATION))
    files = photographs(work / "pictures", max(PICTURES.values()), width=WIDTH, height=HEIGHT)
    quickest = run if GPU else exported
    quick = load_predictor(quickest, backend="auto")
    cosine = _cosine(_features(quick, files[:COMPARED]), _features(load_predictor(run), files[:COMPARED]))
    rates = race(_contenders(files, run, {"ours": quickest, "int8": int8}, quick.backend.step))
    return {**figures(rates), f"{KEY}.cosine": cosine, **demo_int8(work)}


def figures(rates: Rates) -> dict[str, float]:
    """The ratios of a race, the share of what the machine could reach, and all rates."""
    return {
        f"{KEY}.speedup_vs_2020": rates.ratio("ours", "2020"),
        f"{KEY}.int8.speedup_vs_2020": rates.ratio("int8", "2020"),
        f"{KEY}.speedup_vs_timm": rates.ratio("ours", "timm"),
        f"{KEY}.speedup_vs_onnxruntime": rates.ratio("ours", "onnxruntime"),
        f"{KEY}.ratio_vs_openvino": rates.ratio("ours", "openvino"),
        f"{KEY}.images_per_second": rates.median("ours"),
        f"{KEY}.share_of_floor": rates.median("ours") * resnet50_floor(measured(), training=False),
        **rates.flat(KEY),
    }


def make_ours(*, run: Path, files: Sequence[Path]) -> Callable[[], float]:
    """Features by whatever computes fastest here, as `extract` gets them from a RUN or a MODEL."""
    keep_freed_memory()
    predictor = load_predictor(run, backend="auto")
    return lambda: rate(lambda: _features(predictor, files), len(files))


def _contenders(files: Sequence[Path], run: Path, ours: Mapping[str, Path], batch: int) -> list[Contender]:
    """Peers, and ours with the RUN or MODEL of each; OpenVINO by hand takes `batch` pictures at once."""
    peer: dict[str, Any] = {"weights": run / WEIGHTS, "trunk": TRUNK}
    makers = {
        name: (f"emotionnet.apps.bench.peers_infer:make_{name}", peer)
        for name in ("2020", "timm", "onnxruntime", "openvino")
    }
    makers["openvino"] = (makers["openvino"][0], {**peer, "batch": batch})
    makers |= {name: (f"{__name__}:make_ours", {"run": place}) for name, place in ours.items()}
    return [
        Contender(name, make, {"files": files[: PICTURES[name]], **more})
        for name, (make, more) in makers.items()
    ]


def _cosine(quick_NF: Array, exact_NF: Array) -> float:
    """Mean over the pictures; no unit, 1 where both say the same."""
    lengths_N = np.linalg.norm(quick_NF, axis=1) * np.linalg.norm(exact_NF, axis=1)
    return float(np.mean((quick_NF * exact_NF).sum(axis=1) / lengths_N))


def _features(predictor: Predictor, files: Sequence[Path]) -> Array:
    """Float32, shape (N, F)."""
    steps = run_files(predictor.backend, predictor.model.preprocessing, files, progress="")
    return np.concatenate([told.outputs.features for told in steps if told.outputs is not None])
