"""The folder of a benchmark: what each unit found, whole or absent, so that a stopped run goes on.

config.json     tags/  families/            each with dataset/, vectors/ and features.npz
    predictions/<unit>.parquet              one row for each test picture, see `SCHEMA`
    predictions/<unit>.json                 seconds and settings
    work/<unit>/                            while a unit is run
    benchmarks.md
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from emotionnet.apps.benchmark.plan import Unit
from emotionnet.data.tables import read_parquet, write_parquet
from emotionnet.evaluation.metrics import Labels
from emotionnet.files import read_object, write_json
from emotionnet.records import DataError, ImageRecord, first_line

CONFIG = "config.json"
PAGE = "benchmarks.md"
SCHEMA = pl.Schema(
    {
        "id": pl.String(),
        "group": pl.String(),
        "source": pl.String(),
        "labels": pl.List(pl.Boolean()),
        "scores": pl.List(pl.Float32()),
        "unseen": pl.List(pl.Boolean()),
        "cosines": pl.List(pl.Float32()),
    }
)


@dataclass(frozen=True)
class Found:
    """What one unit says of its test pictures.

    `labels` and `scores` (M, C); `unseen` and `cosines` (M, K), K = 0 for a method without projection.
    """

    groups: tuple[str, ...]
    sources: tuple[str, ...]
    labels: Labels
    scores: npt.NDArray[np.float32]
    unseen: Labels
    cosines: npt.NDArray[np.float32]


def is_done(out: Path, unit: Unit) -> bool:
    """Whether a unit's predictions are there."""
    return _path(out, unit).is_file()


def write_found(
    out: Path,
    unit: Unit,
    records: tuple[ImageRecord, ...],
    facts: dict[str, Any],
    **columns: npt.NDArray[Any],
) -> None:
    """Write what a unit found; the table comes last, since it tells that the unit is done.

    Args:
        out: The benchmark's folder.
        unit: Which.
        records: The M test pictures.
        facts: JSON values: seconds, settings.
        columns: `labels`, `scores`, `unseen` and `cosines`, a row for each picture.
    """
    table = pl.DataFrame(
        {
            "id": [record.id for record in records],
            "group": [record.group for record in records],
            "source": [record.source for record in records],
            **{name: values.tolist() for name, values in columns.items()},
        },
        schema=SCHEMA,
    )
    write_json(_path(out, unit).with_suffix(".json"), facts)
    write_parquet(_path(out, unit), table)


def read_found(out: Path, unit: Unit) -> Found:
    """Read what a unit found.

    Raises:
        DataError: The table is missing or broken.
    """
    path = _path(out, unit)
    try:
        table = read_parquet(path).select(SCHEMA.names()).cast(SCHEMA)
    except (DataError, pl.exceptions.PolarsError) as error:
        raise DataError(
            f"{path}: must be what a part of the benchmark found; {first_line(error)}; "
            "delete it and the part is run again"
        ) from None
    arrays = {name: np.array(table[name].to_list()) for name in ("labels", "scores", "unseen", "cosines")}
    return Found(
        groups=tuple(table["group"]),
        sources=tuple(table["source"]),
        labels=arrays["labels"].astype(np.bool_),
        scores=arrays["scores"].astype(np.float32),
        unseen=arrays["unseen"].astype(np.bool_),
        cosines=arrays["cosines"].astype(np.float32),
    )


def read_facts(out: Path, unit: Unit) -> dict[str, Any]:
    """Seconds and settings of a unit."""
    return read_object(_path(out, unit).with_suffix(".json"))


def _path(out: Path, unit: Unit) -> Path:
    return out / "predictions" / f"{unit.name}.parquet"
