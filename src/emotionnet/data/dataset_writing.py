"""The DATASET folder, written; `store` reads it and says what lies in it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow.parquet as pq

from emotionnet.data.record_tables import typed
from emotionnet.data.store import FILES, MARKER, REJECTS_SCHEMA, VOCABULARIES
from emotionnet.files import sha256, write_json, write_text
from emotionnet.records import SPLITS, Word


def write_dataset(
    folder: Path,
    *,
    info: Mapping[str, Any],
    words: Mapping[str, Sequence[Word]],
    tables: Mapping[str, pl.DataFrame],
    rejects: Iterable[pl.DataFrame],
) -> None:
    """Fill `folder`, which already holds the pictures, with the rest of a data set.

    Args:
        folder: A folder that `files.new_folder` gave.
        info: What `dataset.json` says besides counts and hashes.
        words: The words of each of `VOCABULARIES`, in index order.
        tables: Rows by split, columns as `record_tables` has them.
        rejects: Frames with the columns id and reason, which follow each other.
    """
    for name in VOCABULARIES:
        write_text(folder / f"{name}.json", _word_list(words[name]))
    for split in SPLITS:
        typed(tables[split]).write_parquet(folder / f"{split}.parquet")
    n_rejects = _write_rejects(folder / "rejects.parquet", rejects)
    counts = {split: tables[split].height for split in SPLITS}
    counts |= {"rejects": n_rejects} | {name: len(words[name]) for name in VOCABULARIES}
    counts |= {f"{split}_groups": tables[split]["group"].n_unique() for split in SPLITS}
    files = {name: sha256(folder / name) for name in sorted(FILES)}
    write_json(folder / MARKER, {**info, "counts": counts, "files": files})


def _word_list(words: Sequence[Word]) -> str:
    """What `write_json` would write, whose time for a large vocabulary is that of curating 50,000 records."""
    spelt = json.JSONEncoder(ensure_ascii=False).encode
    entries = (f'  {{\n    "count": {word.count},\n    "name": {spelt(word.name)}\n  }}' for word in words)
    return "[\n" + ",\n".join(entries) + "\n]\n" if words else "[]\n"


def _write_rejects(path: Path, rejects: Iterable[pl.DataFrame]) -> int:
    """Write them frame by frame, since they may be more than memory holds; how many there were."""
    schema = pl.DataFrame(schema=REJECTS_SCHEMA).to_arrow().schema
    n = 0
    with pq.ParquetWriter(path, schema, compression="zstd") as file:
        for frame in rejects:
            file.write_table(frame.select(REJECTS_SCHEMA.names()).cast(REJECTS_SCHEMA).to_arrow())
            n += frame.height
    return n
