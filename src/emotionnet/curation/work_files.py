"""What curation keeps on disk between its steps, so that memory holds a few numbers of each record.

Shape letters: N = records that are kept there, in the order of the source.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from emotionnet.data.store import REJECTS_SCHEMA


@dataclass
class WorkFiles:
    """A table in parts, which grows by a part at a time and is read part by part.

    Args:
        folder: An existing folder; the parts lie in it.
        name: What the parts are called.
    """

    folder: Path
    name: str
    heights: list[int] = field(default_factory=list)

    @property
    def height(self) -> int:
        """Rows of all parts."""
        return sum(self.heights)

    def add(self, part: pl.DataFrame) -> None:
        """Write the next part."""
        part.write_ipc(self._path(len(self.heights)), compression="lz4")
        self.heights.append(part.height)

    def read(self, *columns: str) -> Iterator[tuple[slice, pl.DataFrame]]:
        """The parts in order, of each some columns, and which rows of the whole it holds."""
        start = 0
        for number, height in enumerate(self.heights):
            with self._path(number).open("rb") as file:
                yield slice(start, start + height), pl.read_ipc(file, columns=list(columns))
            start += height

    def _path(self, number: int) -> Path:
        return self.folder / f"{self.name}-{number:06}.arrow"


class Rejects:
    """The records that are left out and why, step by step.

    Args:
        folder: An existing folder for their work files.
        steps: All steps, in their order.
    """

    def __init__(self, folder: Path, steps: Iterable[str]) -> None:
        self._files = {step: WorkFiles(folder, f"rejects-{step}") for step in steps}

    def add(self, step: str, rejected: pl.DataFrame) -> None:
        """Columns id and reason; within a step in the order of the records."""
        if rejected.height:
            self._files[step].add(rejected.select("id", "reason"))

    def frames(self) -> Iterator[pl.DataFrame]:
        """All of them, by step, then by record; an empty frame first."""
        yield pl.DataFrame(schema=REJECTS_SCHEMA)
        for files in self._files.values():
            for _, part in files.read("id", "reason"):
                yield part
