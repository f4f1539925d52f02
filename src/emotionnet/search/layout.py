"""The INDEX folder: what lies in it, and how its table of pictures is opened.

index.json          the model, sizes and counts
model.json          the model's own description
vectors.safetensors  words.json  vectors.json   word vectors in the space of its projection, where it has some
guard.safetensors   what tells pictures unlike those of its training, where it has that
pictures.lance/     a row for each picture
unreadable.json     files that are no pictures, and why
files.arrow         the files of the pictures, and in which state they were
taught/             words that its user taught it

Shape letters: F = features, D = embedding size, C = emotions.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field, PositiveInt, ValidationError

from emotionnet.config_files import description_error
from emotionnet.data.looks import HASH_BYTES
from emotionnet.files import read_object, write_json
from emotionnet.inference.exported import BESIDE
from emotionnet.models.description import Names, Size
from emotionnet.records import DataError, first_line
from emotionnet.runs import MODEL

if TYPE_CHECKING:
    from lancedb.table import LanceTable

INFO = "index.json"
TABLE = "pictures"
UNREADABLE = "unreadable.json"
KNOWN = "files.arrow"
TAUGHT = "taught"
PARTS = (INFO, MODEL, *BESIDE, f"{TABLE}.lance", UNREADABLE, KNOWN, TAUGHT)
SCHEMA_VERSION = 1


class Ann(BaseModel):
    """The approximate search of a column, and what it was measured to find.

    `partitions` were made for `trained_on` pictures, `probes` of them are looked at, and `refined` candidates
    are compared exactly. `recall` is the share of the 10 nearest that it finds among its 10, `rows` the
    pictures that there were.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    kind: str
    partitions: PositiveInt
    probes: PositiveInt
    refined: PositiveInt
    trained_on: PositiveInt
    recall: float
    rows: PositiveInt


class IndexInfo(BaseModel):
    """What index.json says.

    `model` is what was given, a path absolute; `identity` its `Predictor.identity`; `stamp` tells without
    opening it whether its files are still the same. `table_version` is LanceDB's, of the table that is told
    of. `ann` has an entry for each column with approximate search.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    schema_version: Literal[1] = 1
    model: str
    identity: str
    stamp: str = ""
    trained_on: str
    emotions: Names
    activation: Literal["softmax", "sigmoid"]
    n_features: Size
    embedding_size: Size | None
    backend: str
    counts: dict[str, int] = Field(default_factory=dict)
    table_version: int = 0
    ann: dict[str, Ann] | None = None
    versions: dict[str, str] = Field(default_factory=dict)


def write_info(folder: Path, info: IndexInfo) -> None:
    """Write `index.json`."""
    write_json(folder / INFO, info.model_dump(mode="json"))


def read_info(folder: Path) -> IndexInfo:
    """Read `index.json`.

    Raises:
        DataError: There is none, it is broken (one line for each fault), or of a newer version.
    """
    path = folder / INFO
    if not path.is_file():
        found = "does not exist" if not folder.exists() else "is a file"
        found = f"holds no {INFO}" if folder.is_dir() else found
        raise DataError(f"{folder}: must be an INDEX folder, which 'emotionnet index' writes; it {found}")
    values = read_object(path)
    version = values.get("schema_version")
    if isinstance(version, int) and version > SCHEMA_VERSION:
        raise DataError(
            f"{path}: must have a schema_version of at most {SCHEMA_VERSION}; it has {version}: it was made "
            "by a newer version of emotionnet"
        )
    try:
        return IndexInfo.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise description_error(path, error) from None


def row_schema(info: IndexInfo) -> pa.Schema:
    """The columns of the table of pictures; what nothing is known of is null."""
    vectors = [("features", info.n_features), ("probabilities", len(info.emotions))]
    if info.embedding_size is not None:
        vectors.insert(1, ("projection", info.embedding_size))
    return pa.schema(
        [
            *[(name, pa.string()) for name in ("id", "path", "folder", "name", "sha256")],
            *[(name, pa.int64()) for name in ("bytes", "modified_ns")],
            *[(name, pa.int32()) for name in ("width", "height")],
            ("taken", pa.timestamp("s")),
            ("look", pa.binary(HASH_BYTES)),
            ("tags", pa.list_(pa.string())),
            ("outside", pa.bool_()),
            ("distance", pa.float32()),
            ("thumbnail", pa.binary()),
            *[(name, pa.list_(pa.float32(), size)) for name, size in vectors],
        ]
    )


def picture_id(path: str) -> str:
    """The id of a picture in every index: 16 hexadecimal digits that stand for its path."""
    return hashlib.sha256(path.encode()).hexdigest()[:16]


def picture_rows(info: IndexInfo, paths: Sequence[str], columns: Mapping[str, Any]) -> pa.Table:
    """Rows of the table of pictures.

    Args:
        info: The index that they are for.
        paths: Absolute, as text; id, folder and name come from them.
        columns: The others by name, a value for each path: lists, or arrays (N, size) for vectors. Those that
            are not given are null.
    """
    given = {
        "id": list(map(picture_id, paths)),
        "path": list(paths),
        "folder": [str(PurePath(path).parent) for path in paths],
        "name": [PurePath(path).name for path in paths],
        **columns,
    }
    schema = row_schema(info)
    arrays = [_column(given.get(field.name), field.type, len(paths)) for field in schema]
    return pa.Table.from_arrays(arrays, schema=schema)


def _column(values: Any, kind: pa.DataType, count: int) -> pa.Array:
    if values is None:
        return pa.nulls(count, kind)
    if isinstance(values, np.ndarray) and values.ndim == 2:
        flat = pa.array(np.ascontiguousarray(values, dtype=np.float32).reshape(-1))
        return pa.FixedSizeListArray.from_arrays(flat, type=kind)
    return pa.array(values, type=kind)


def create_pictures(folder: Path, info: IndexInfo) -> LanceTable:
    """An empty table of pictures in a new folder."""
    with lance_faults(folder):
        return _connect(folder).create_table(TABLE, schema=row_schema(info))


def open_pictures(folder: Path, info: IndexInfo) -> LanceTable:
    """The table of pictures, as it is now.

    Raises:
        DataError: There is none, it is broken, or its columns are not those that index.json speaks of.
    """
    with lance_faults(folder):
        table = _connect(folder).open_table(TABLE)
        found = table.schema
    wanted = row_schema(info)
    for field in wanted:
        place = found.get_field_index(field.name)
        if place < 0 or found.field(place).type != field.type:
            told = "missing" if place < 0 else f"of type {found.field(place).type}"
            raise DataError(
                f"{folder / TABLE}.lance: the column {field.name} must be {field.type}, as {INFO} says; it "
                f"is {told}: make the index again, with --overwrite"
            )
    return table


def _connect(folder: Path) -> Any:
    return import_lancedb().connect(str(folder))


def import_lancedb() -> Any:
    """The package.

    Raises:
        DataError: It is not installed.
    """
    os.environ.setdefault("LANCEDB_LOG", "error")  # empty partitions and the like are no news to a user
    try:
        import lancedb
    except ImportError:
        raise DataError(
            "an index needs the package lancedb, which is not installed: pip install 'emotionnet[search]'"
        ) from None
    return lancedb


@contextmanager
def lance_faults(folder: Path) -> Iterator[None]:
    """Whatever LanceDB raises on a table that is broken, gone or cannot be written, as one line."""
    try:
        yield
    except (DataError, KeyboardInterrupt, SystemExit, GeneratorExit):
        raise
    except BaseException as error:  # what Rust raises when it gives up is no Exception
        raise _broken(folder, error) from None


def _broken(folder: Path, error: BaseException) -> DataError:
    return DataError(
        f"{folder / TABLE}.lance: must be the table that 'emotionnet index' wrote; LanceDB refuses it "
        f"({first_line(error)[:200]}): where it is broken, make the index again, with --overwrite"
    )
