"""Records as rows of a table: which columns there are, and of which kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from emotionnet.data.tables import read_parquet
from emotionnet.records import DataError, ImageRecord, first_line

SCHEMA = pl.Schema(
    {
        "id": pl.String(),
        "path": pl.String(),
        "labels": pl.List(pl.Int32()),
        "tags": pl.List(pl.Int32()),
        "unseen": pl.List(pl.Int32()),
        "group": pl.String(),
        "source": pl.String(),
        "licence": pl.String(),
        "sha256": pl.String(),
    }
)
OPTIONAL = pl.Schema(  # columns that a table has where there is something to put into them
    {
        "label_weights": pl.List(pl.Float64()),
        "keywords": pl.List(pl.String()),
        "box": pl.List(pl.Float64()),
        "dimensions": pl.List(pl.Float64()),
    }
)

PLACES = (
    pl.Schema(  # columns of a data set in shards: the tar file, the picture's name in it, where its bytes lie
        {"shard": pl.String(), "member": pl.String(), "offset": pl.Int64(), "size": pl.Int64()}
    )
)


def table_of(records: Sequence[ImageRecord]) -> pl.DataFrame:
    """Records as a table: columns as in `SCHEMA`, and those of `OPTIONAL` that any of them fills."""
    kinds = {
        **SCHEMA,
        **{name: kind for name, kind in OPTIONAL.items() if any(getattr(r, name) for r in records)},
    }
    rows = [[getattr(record, name) for name in kinds] for record in records]
    return pl.DataFrame(rows, schema=pl.Schema(kinds), orient="row")


def typed(table: pl.DataFrame) -> pl.DataFrame:
    """The columns that a data set may have, in their order, as what they must be."""
    optional = {**OPTIONAL, **PLACES}
    kinds = {**SCHEMA, **{name: kind for name, kind in optional.items() if name in table.columns}}
    return table.select(kinds.keys()).cast(pl.Schema(kinds))


def record_of(row: Mapping[str, Any]) -> ImageRecord:
    """A row of such a table; what is null in it is empty."""
    return ImageRecord(
        id=row["id"] or "",
        path=row["path"] or "",
        labels=tuple(row["labels"] or ()),
        tags=tuple(row["tags"] or ()),
        unseen=tuple(row["unseen"] or ()),
        group=row["group"] or "",
        source=row["source"] or "",
        licence=row["licence"] or "",
        sha256=row["sha256"] or "",
        **{name: tuple(row.get(name) or ()) for name in OPTIONAL},
    )


def read_records_table(path: Path) -> pl.DataFrame:
    """Read a table of records, its columns in their order and as what they must be.

    Raises:
        DataError: The table is missing or broken, or a column is missing or of another kind.
    """
    table = read_parquet(path)
    missing = [name for name in SCHEMA if name not in table.columns]
    if missing:
        raise DataError(f"{path}: must have the columns {', '.join(SCHEMA)}; {', '.join(missing)} missing")
    try:
        return typed(table)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        reason = first_line(error)
        raise DataError(f"{path}: a column has another type than {dict(SCHEMA)}; {reason}") from None
