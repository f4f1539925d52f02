"""Features of pictures as files: one table, or one array beside each picture's name.

Shape letters: F = features.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pyarrow as pa

from emotionnet.data.shards.member import PictureFile
from emotionnet.data.shards.naming import find_pictures
from emotionnet.data.tables import write_pieces
from emotionnet.files import (
    new_file,
    new_folder,
    read_object,
    refuse_existing,
    write_bytes,
    write_json,
)
from emotionnet.inference.choice import BackendName
from emotionnet.inference.engine import Told
from emotionnet.inference.opening import EngineName, Opening
from emotionnet.inference.outputs import Array
from emotionnet.inference.predictor import Predictor
from emotionnet.records import DataError, as_text

TABLE = ".parquet"
INFO = "features.json"  # of a folder of arrays: how they were made, and what the folder holds
ROWS = 4096  # of a row group of the table
SCHEMA = pa.schema([("path", pa.string()), ("features", pa.list_(pa.float32()))])

Features = tuple[tuple[PictureFile, ...], Array]  # of some pictures, (N, F)


@dataclass(frozen=True)
class Extracted:
    """Where the features lie, of how many pictures and of which size, and one line for each name without."""

    path: Path
    count: int
    size: int
    faults: tuple[str, ...]


def extract_features(
    run: Path | str,
    names: Sequence[str | Path],
    out: Path,
    *,
    backend: BackendName | None = None,
    engine: EngineName = "local",
    overwrite: bool = False,
) -> Extracted:
    """Write the trunk's pooled features of pictures, those that `Predictor.embed` gives.

    Args:
        run: Whatever `load_predictor` opens.
        names: Pictures, folders (searched to any depth, through links) and patterns, see `find_pictures`.
        out: `*.parquet`: a table with the columns path and features (list of float32), a row for each picture
            in the order of `names`. Any other name: a folder with an array of shape (F,) for each picture,
            at the picture's path below the folder that all `names` have in common, with '.npy' behind it,
            and `features.json`.
        backend: What computes them, see `load_predictor`.
        engine: Where, see `Opening`.
        overwrite: Replace an earlier result.

    Returns:
        What was written; pictures that cannot be read are left out, and named among the faults.

    Raises:
        DataError: No picture can be read, two of them would be one file, or `out` may not be written;
            nothing is.
    """
    as_table = out.suffix.lower() == TABLE
    if as_table:
        _refuse_existing_file(out, overwrite=overwrite)
    else:
        refuse_existing(out, parts=_held(out), overwrite=overwrite)
    found = {name: find_pictures([name]) for name in names}
    unknown = [fault for _, faults in found.values() for fault in faults]
    images = list(dict.fromkeys(path for some, _ in found.values() for path in some))
    if not images:
        raise DataError(unknown or "at least one picture, folder or pattern must be given; got none")
    places = {} if as_table else _places(images, [name for name, (some, _) in found.items() if some])
    predictor = Opening(str(run), backend, engine).predictor
    with closing(predictor.told_files(images, progress="extract")) as told:
        steps = _FirstGood(told, unknown)
        if as_table:
            with new_file(out) as file:
                count = write_rows(steps, file)
        else:
            count = _write_arrays(steps, out, places, _info(predictor), overwrite=overwrite)
    return Extracted(out, count, predictor.backend.n_features, tuple(steps.faults))


class _FirstGood:
    """Files and their features, once it is sure that there are any; gathers the faults on the way.

    Raises:
        DataError: There are none; one line for each fault.
    """

    def __init__(self, steps: Iterator[Told[PictureFile]], faults: Sequence[str]) -> None:
        self.faults = list(faults)
        self._pairs = features_of(steps, self.faults)
        first = next(self._pairs, None)
        if first is None:
            raise DataError(self.faults)
        self._first = first

    def __iter__(self) -> Iterator[Features]:
        yield self._first
        yield from self._pairs


def features_of(steps: Iterable[Told[PictureFile]], faults: list[str]) -> Iterator[Features]:
    """Those of some pictures at a time; lines for the others go to `faults`."""
    for step in steps:
        faults += map(as_text, step.faults)
        if step.outputs is not None:
            yield step.pictures, step.outputs.features


def write_rows(steps: Iterable[Features], file: BinaryIO) -> int:
    """Write a table of features to an open file; gives the number of its rows."""
    return write_pieces(file, SCHEMA, (_rows(paths, rows_NF) for paths, rows_NF in steps), rows=ROWS)


def _rows(paths: Sequence[PictureFile], features_NF: Array) -> pa.Table:
    """Rows of the table, from their memory: `pyarrow.array` would import pandas where that is installed."""
    count, size = features_NF.shape
    texts = [as_text(path).encode() for path in paths]
    ends = pa.py_buffer(np.cumsum([0, *map(len, texts)], dtype=np.int32))
    names = pa.Array.from_buffers(pa.string(), count, [None, ends, pa.py_buffer(b"".join(texts))])
    memory = pa.py_buffer(np.ascontiguousarray(features_NF))
    values = pa.Array.from_buffers(pa.float32(), count * size, [None, memory])
    ends = pa.py_buffer(np.arange(0, (count + 1) * size, size, dtype=np.int32))
    lists = pa.Array.from_buffers(SCHEMA.field("features").type, count, [None, ends], children=[values])
    return pa.Table.from_arrays([names, lists], schema=SCHEMA)


def _write_arrays(
    steps: _FirstGood,
    out: Path,
    places: dict[PictureFile, str],
    info: dict[str, str | int],
    *,
    overwrite: bool,
) -> int:
    written: list[str] = []
    with new_folder(out, parts=_held(out), overwrite=overwrite) as folder:
        for paths, features_NF in steps:
            for path, features_F in zip(paths, features_NF, strict=True):
                content = io.BytesIO()
                np.save(content, features_F, allow_pickle=False)
                write_bytes(folder / places[path], content.getvalue())
                written.append(places[path])
        holds = sorted({Path(name).parts[0] for name in written})
        write_json(folder / INFO, {**info, "images": len(written), "holds": holds})
    return len(written)


def _places(images: Sequence[PictureFile], names: Sequence[str | Path]) -> dict[PictureFile, str]:
    """Where the array of each picture goes, relative to the folder that the names have in common."""
    top = os.path.commonpath([_fixed_folder(Path(name).expanduser()) for name in names])
    places = {path: f"{os.path.relpath(str(path), top)}.npy" for path in images}
    owners: dict[str, PictureFile] = {}
    faults = [
        f"{path}: two pictures must not be one file, {place}; {owner} is the other"
        for path, place in places.items()
        if (owner := owners.setdefault(place, path)) != path
    ]
    if faults:
        raise DataError(faults[:10])
    return places


def _fixed_folder(path: Path) -> str:
    """The folder that a name speaks of: itself, that of a file, or the part of a pattern before its signs."""
    if path.is_dir():
        return os.path.normpath(path.absolute())
    parts = path.absolute().parent.parts
    signs = [place for place, part in enumerate(parts) if any(sign in part for sign in "*?[")]
    return os.path.normpath(Path(*parts[: signs[0]] if signs and not path.is_file() else parts))


def _held(out: Path) -> tuple[str, ...]:
    """All that an earlier folder of arrays says that it holds, its own description first."""
    if not (out / INFO).is_file():
        return (INFO,)
    holds = read_object(out / INFO).get("holds", [])
    return (INFO, *(map(str, holds) if isinstance(holds, list) else ()))


def _refuse_existing_file(out: Path, *, overwrite: bool) -> None:
    if out.is_dir():
        raise DataError(f"{out}: must be a file or not exist; it is a folder")
    if (out.exists() or out.is_symlink()) and not overwrite:
        raise DataError(f"{out}: exists already; choose another --out or add --overwrite")


def _info(predictor: Predictor) -> dict[str, str | int]:
    return {
        "trunk": predictor.model.trunk,
        "weights_sha256": predictor.identity,
        "size": predictor.backend.n_features,
        "backend": predictor.backend.name,
    }
