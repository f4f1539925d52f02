"""Files through the network: rows of the table of an INDEX, and reasons for those that cannot be read."""

from __future__ import annotations

import itertools
from collections.abc import Generator, Mapping
from contextlib import closing
from dataclasses import dataclass

import pyarrow as pa

from emotionnet.data.shards.member import PictureFile
from emotionnet.inference.engine import Told
from emotionnet.inference.predictor import Predictor
from emotionnet.records import as_text
from emotionnet.search.layout import IndexInfo, picture_rows
from emotionnet.search.picture_facts import read_with_facts
from emotionnet.search.retelling import told_columns
from emotionnet.search.scan import File
from emotionnet.search.unreadable import Unreadable


@dataclass(frozen=True)
class Rows:
    """Rows of a few files, None where there are none, and of the others by path what was wrong."""

    table: pa.Table | None
    unreadable: Mapping[str, Unreadable]

    @property
    def paths(self) -> list[str]:
        """Of all these files."""
        return [*self.unreadable, *([] if self.table is None else self.table["path"].to_pylist())]


def compute_rows(predictor: Predictor, info: IndexInfo, files: Mapping[str, File]) -> Generator[Rows]:
    """Put files through the network, a few at a time, in order.

    Args:
        predictor: What computes them.
        info: Of the index that they are for.
        files: By path.
    """
    left = iter(files.items())
    paths = [file.path for file in files.values()]
    with closing(predictor.told_files(paths, progress="index", read=read_with_facts)) as steps:
        for told in steps:
            some = dict(itertools.islice(left, len(told.pictures) + len(told.faults)))
            read = set(told.pictures)
            good = {path: file for path, file in some.items() if file.path in read}
            bad = [(path, file) for path, file in some.items() if path not in good]
            reasons = {
                path: Unreadable(bytes=file.bytes, changed_ns=file.changed_ns, reason=as_text(reason))
                for (path, file), reason in zip(bad, told.faults, strict=True)
            }
            yield Rows(_table(predictor, info, told, good) if good else None, reasons)


def _table(
    predictor: Predictor, info: IndexInfo, told: Told[PictureFile], files: Mapping[str, File]
) -> pa.Table:
    assert told.outputs is not None
    columns = {
        name: [getattr(one, name) for one in told.facts]
        for name in ("sha256", "width", "height", "taken", "look", "thumbnail")
    }
    return picture_rows(
        info,
        list(files),
        {
            **columns,
            "bytes": [file.bytes for file in files.values()],
            "modified_ns": [file.modified_ns for file in files.values()],
            **told_columns(predictor, told.outputs),
            "features": told.outputs.features,
            "projection": told.outputs.projection,
            "probabilities": predictor.probabilities(told.outputs),
        },
    )
