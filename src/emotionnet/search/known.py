"""The files of an INDEX and their states in one file, so that nothing else is opened where all is as it was.

To import LanceDB alone takes longer than to look at thousands of files. The file is a shortcut: where it is
missing, broken or older than the table, the table is asked.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from emotionnet.files import new_file
from emotionnet.search.layout import KNOWN, TABLE

if TYPE_CHECKING:
    from lancedb.table import LanceTable

State = tuple[int, int]  # bytes and modified_ns
_SCHEMA = pa.schema([("path", pa.string()), ("bytes", pa.int64()), ("modified_ns", pa.int64())])
_VERSIONS = b"versions"


def table_states(pictures: LanceTable) -> dict[str, State]:
    """By path, from the table."""
    return _states(pictures.search().select(_SCHEMA.names).to_arrow())


def write_known(folder: Path, pictures: LanceTable) -> None:
    """Write down what the table holds now."""
    table = pictures.search().select(_SCHEMA.names).to_arrow().select(_SCHEMA.names)
    table = table.replace_schema_metadata({_VERSIONS: _versions(folder)})
    options = pa.ipc.IpcWriteOptions(compression="lz4")
    with new_file(folder / KNOWN) as file, pa.ipc.new_file(file, table.schema, options=options) as writer:
        writer.write_table(table)


def read_known(folder: Path) -> dict[str, State] | None:
    """By path, without the table; None where that cannot be told."""
    try:
        table = pa.ipc.open_file(pa.BufferReader((folder / KNOWN).read_bytes())).read_all()
        table.validate(full=True)  # a text that ends outside of the file would end the process
        same = (table.schema.metadata or {}).get(_VERSIONS) == _versions(folder)
        return _states(table) if same and table.schema.equals(_SCHEMA) else None
    except (OSError, ValueError, KeyError, pa.ArrowException):
        return None


def _versions(folder: Path) -> bytes:
    """The versions of the table that lie there: each commit of LanceDB adds a file of another name."""
    return "\n".join(
        sorted(path.name for path in (folder / f"{TABLE}.lance" / "_versions").iterdir())
    ).encode()


def _states(table: pa.Table) -> dict[str, State]:
    states = zip(table["bytes"].to_pylist(), table["modified_ns"].to_pylist(), strict=True)
    return dict(zip(table["path"].to_pylist(), states, strict=True))
