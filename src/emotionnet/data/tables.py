"""Parquet files, read as if from outside.

PyArrow reads and checks them, since Polars stops the whole process over some broken files, and takes a path
with brackets for a pattern. What is checked is handed to Polars without a copy.
"""

from __future__ import annotations

import io
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from emotionnet.files import write_bytes
from emotionnet.records import DataError, first_line

_BUFFER = 2**20  # bytes of a column that are read at once


def read_parquet(path: Path) -> pl.DataFrame:
    """Read a Parquet file, all columns, in file order.

    Raises:
        DataError: The file is missing or broken.
    """
    try:
        content = io.BytesIO(path.read_bytes())
        table = pq.ParquetFile(content).read().replace_schema_metadata(None)
        table.validate(full=True)
        _require_text_names(table.schema)
        return pl.DataFrame(pl.from_arrow(table))
    except (Exception, pl.exceptions.PanicException) as error:  # a broken file can fail in many ways
        raise DataError(f"{path}: must be a Parquet file; {first_line(error)}") from None


def parquet_pieces(path: Path, *, columns: Collection[str], rows: int) -> Iterator[pl.DataFrame]:
    """Read a Parquet file a piece at a time, in file order; at least one piece, if an empty one.

    Args:
        path: The file.
        columns: Of these, those that it has.
        rows: At most so many at once.

    Raises:
        DataError: The file is missing or broken.
    """
    try:
        with pq.ParquetFile(path, pre_buffer=False, buffer_size=_BUFFER) as file:
            _require_text_names(file.schema_arrow)
            names = [name for name in file.schema_arrow.names if name in columns]
            empty = file.schema_arrow.remove_metadata().empty_table().select(names)
            yield pl.DataFrame(pl.from_arrow(empty))
            for batch in file.iter_batches(batch_size=rows, columns=names):
                batch.validate(full=True)
                yield pl.DataFrame(pl.from_arrow(batch.replace_schema_metadata(None)))
    except DataError:
        raise
    except (Exception, pl.exceptions.PanicException) as error:  # a broken file can fail in many ways
        raise DataError(f"{path}: must be a Parquet file; {first_line(error)}") from None


def write_parquet(path: Path, table: pl.DataFrame) -> None:
    """Write a Parquet file whole or not at all."""
    buffer = io.BytesIO()
    table.write_parquet(buffer)
    write_bytes(path, buffer.getvalue())


def write_pieces(file: BinaryIO, schema: pa.Schema, pieces: Iterable[pa.Table], *, rows: int) -> int:
    """Write a Parquet table that comes piece by piece, the pieces put together.

    Args:
        file: An open file.
        schema: Of the pieces.
        pieces: In order.
        rows: At least so many make a row group, but in the last: small ones would be slow to read.

    Returns:
        The number of rows.
    """
    count, waiting = 0, []
    with pq.ParquetWriter(file, schema) as writer:
        for piece in pieces:
            waiting.append(piece)
            count += piece.num_rows
            if sum(table.num_rows for table in waiting) >= rows:
                writer.write_table(pa.concat_tables(waiting))
                waiting = []
        if waiting:
            writer.write_table(pa.concat_tables(waiting))
    return count


def _require_text_names(fields: Iterable[pa.Field]) -> None:
    """Decode the name of every field, inner ones too: Polars stops over one that is not UTF-8."""
    for field in fields:
        field.name.encode()
        _require_text_names(field.type.field(number) for number in range(field.type.num_fields))
