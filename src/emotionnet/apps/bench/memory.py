"""Whether memory grows with the number of pictures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from emotionnet.apps.bench.fresh_run import fresh_run
from emotionnet.apps.bench.photographs import photographs
from emotionnet.apps.bench.processes import peak_memory
from emotionnet.files import link_file
from emotionnet.inference.export import export_run
from emotionnet.models.trunks import EMBEDDED_TRUNK
from emotionnet.progress import message

FEW, MANY = 2_000, 20_000  # pictures
DIFFERENT = 200  # of them; the others are further names of these
SIDE = 96  # pixels


def memory(work: Path) -> dict[str, float]:
    """Peaks of `predict` and `extract` over few and many pictures, and how far they lie apart.

    Args:
        work: An empty folder.

    Returns:
        Memory in 10^6 bytes; growth is below 0 where the larger number needs less.
    """
    run = fresh_run(work / "fresh", trunk=EMBEDDED_TRUNK, weights="embedded")
    model = work / "model"
    export_run(run, model, form="openvino")
    files = photographs(work / "photographs", DIFFERENT, width=SIDE, height=SIDE)
    found: dict[str, float] = {}
    for command, more in {
        "predict": (),
        "extract": ("--out", str(work / "features.parquet"), "--overwrite"),
    }.items():
        few, many = (_peak(work, files, count, [command, str(model)], more) for count in (FEW, MANY))
        found[f"infer.memory.{command}_mb"] = many
        found[f"infer.memory.{command}_growth_mb"] = many - few
    growths = [value for key, value in found.items() if key.endswith("_growth_mb")]
    return {**found, "infer.memory_growth_mb": max(growths)}


def _peak(
    work: Path, files: Sequence[Path], count: int, command: Sequence[str], more: Sequence[str]
) -> float:
    folder = work / str(count)
    if not folder.exists():
        for number in range(count):
            link_file(files[number % len(files)], folder / f"{number:05}.jpg")
    message(f"{command[0]}: {count:,} pictures")
    return peak_memory([*command, str(folder), *more], work / "cache")
