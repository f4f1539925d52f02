"""Parquet files from outside."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from polars.testing import assert_frame_equal

from emotionnet.data.record_tables import SCHEMA
from emotionnet.data.tables import read_parquet, write_pieces
from emotionnet.records import DataError, first_line

TABLE = pl.DataFrame(
    {
        "id": ["a", None, "é"],
        "labels": [[1, 2], [], None],
        "words": [["x"], ["y", None], []],
        "score": [0.5, None, -1.0],
        "count": [1, 2, 3],
        "nothing": [None, None, None],
        "kind": pl.Series(["u", "v", "u"], dtype=pl.Categorical),
    },
    schema_overrides={"labels": SCHEMA["labels"], "count": pl.UInt16},
)


@pytest.mark.parametrize("folder", ["plain", "run[1]", "a*b?"])
def test_a_table_is_what_polars_wrote(tmp_path: Path, folder: str) -> None:
    """Types too; a name with brackets or a star is a name, whatever else the star would find."""
    (tmp_path / folder).mkdir()
    (tmp_path / "axbx").mkdir()
    TABLE.head(1).write_parquet(tmp_path / "axbx" / "t.parquet")
    TABLE.write_parquet(tmp_path / folder / "t.parquet")
    found = read_parquet(tmp_path / folder / "t.parquet")
    assert found.schema == TABLE.schema
    assert_frame_equal(found, TABLE)
    assert_frame_equal(found, pl.read_parquet(tmp_path / folder / "t.parquet", glob=False))


def test_a_table_of_other_programs_has_the_types_that_polars_reads(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    columns: dict[str, Any] = {
        "labels": pa.array([[1], None], pa.list_(pa.int32())),
        "large": pa.array([["a"], []], pa.large_list(pa.large_string())),
        "text": pa.array(["a", "b"], pa.string()),
        "word": pa.array(["a", "a"]).dictionary_encode(),
    }
    pq.write_table(pa.table(columns), path)
    found = read_parquet(path)
    assert found.schema["labels"] == SCHEMA["labels"]
    assert found.schema["large"] == pl.List(pl.String())
    assert_frame_equal(found, pl.read_parquet(path), categorical_as_str=True)


@pytest.mark.parametrize("rows_per_group", [1, 2, 1000])
def test_row_groups_do_not_matter(tmp_path: Path, rows_per_group: int) -> None:
    path = tmp_path / "t.parquet"
    TABLE.write_parquet(path, row_group_size=rows_per_group)
    assert_frame_equal(read_parquet(path), TABLE)


@pytest.mark.parametrize("content", [b"", b"PAR1", b"not a table", None])
def test_a_file_of_another_kind_is_named_in_one_line(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "t.parquet"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError, match=r"t\.parquet: must be a Parquet file; \S") as error:
        read_parquet(path)
    assert len(error.value.faults) == len(str(error.value).splitlines()) == 1


def test_a_damaged_file_is_a_fault_or_a_table_and_never_the_end_of_the_process(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "t.parquet"
    TABLE.drop("kind").write_parquet(path)
    whole, rng, faults = path.read_bytes(), random.Random(0), 0
    for _ in range(400):
        damaged = bytearray(whole)
        for _ in range(rng.choice((1, 3))):
            damaged[rng.randrange(len(damaged))] = rng.randrange(256)
        path.write_bytes(damaged)
        try:
            read_parquet(path)
        except DataError:
            faults += 1
    assert faults > 100
    assert "panicked" not in capfd.readouterr().err


def test_an_error_is_one_line() -> None:
    assert first_line(ValueError("a\nb")) == "a"
    assert first_line(ValueError()) == "ValueError"


def test_pieces_are_put_together_in_row_groups(tmp_path: Path) -> None:
    schema = pa.schema([("n", pa.int64())])
    pieces = [pa.table({"n": list(range(start, start + 3))}, schema=schema) for start in range(0, 21, 3)]
    with (tmp_path / "t.parquet").open("wb") as file:
        assert write_pieces(file, schema, iter(pieces), rows=5) == 21
    written = pq.ParquetFile(tmp_path / "t.parquet")
    assert [written.metadata.row_group(place).num_rows for place in range(4)] == [6, 6, 6, 3]
    assert written.read()["n"].to_pylist() == list(range(21))
