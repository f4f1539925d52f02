"""What a word is learned from: the marked pictures of an index, and a sample of those that nobody marked.

Shape letter: N = rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from emotionnet.curation.duplicates import look_alikes
from emotionnet.data.looks import HASH_BYTES
from emotionnet.records import DataError
from emotionnet.search.copies import LOOK_BITS
from emotionnet.search.ranking import Column, Vectors
from emotionnet.search.retrieval import Retrieval
from emotionnet.search.store import Index

BACKGROUND = 2_000  # pictures that nobody marked
SEED = 0

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Marks:
    """Rows to learn from: yes, no, and those that nobody marked.

    `yes_N` and `no_N` are boolean, shape (N,); `groups_N` are numbers, equal for pictures that look alike,
    which are held out together.
    """

    yes_N: Flags
    no_N: Flags
    groups_N: npt.NDArray[np.int64]

    @cached_property
    def row_weights(self) -> npt.NDArray[np.float64]:
        """1 for a mark; the background together as much as all yes, for some of it deserves the word too."""
        marked_N = self.yes_N | self.no_N
        share = self.yes_N.sum() / max(int((~marked_N).sum()), 1)
        weights_N: npt.NDArray[np.float64] = np.where(marked_N, 1.0, share)
        return weights_N


@dataclass(frozen=True, eq=False)
class Examples:
    """Marks, and the vectors of their pictures by which pictures are ranked."""

    vectors: Vectors
    marks: Marks

    @property
    def n_background(self) -> int:
        """How many rows nobody marked."""
        return int((~(self.marks.yes_N | self.marks.no_N)).sum())


def gather(retrieval: Retrieval, marked: Mapping[str, bool]) -> Examples:
    """Read what a word is learned from; the same for the same index and marks.

    Args:
        retrieval: Of an index that holds the marked pictures.
        marked: Whether each picture deserves the word, by id.

    Raises:
        DataError: No picture is left that may be one without the word, or the index is broken.
    """
    index = retrieval.index
    ids, looks = _rows(index, marked)
    values = [marked.get(name) for name in ids]
    yes_N, no_N = (np.array([value is side for value in values]) for side in (True, False))
    if yes_N.all():
        raise DataError(
            f"{index.folder}: must hold a picture that is not marked yes, to tell the others from; got none"
        )
    columns: list[Column] = ["features", "log_probabilities"]
    if index.info.embedding_size is not None:
        columns.append("projection")
    vectors = retrieval.vectors(columns, ids)
    if not all(np.isfinite(rows).all() for rows in vectors.values()):
        raise DataError(f"{index.folder}: its vectors must be finite; make the index again, with --overwrite")
    return Examples(vectors.__getitem__, Marks(yes_N, no_N, _groups(ids, looks)))


def _rows(index: Index, marked: Mapping[str, bool]) -> tuple[list[str], list[bytes | None]]:
    """Ids of the rows and their looks; files that are equal to one that was marked are no background."""
    drawn = np.random.default_rng(SEED).permutation(len(index))[: BACKGROUND + len(marked)]
    some = [name for row in np.sort(drawn) if (name := index.ids[row]) not in marked][:BACKGROUND]
    told = index.table(["id", "sha256", "look"], ids=[*sorted(marked, key=index.row), *some]).to_pylist()
    same = {row["sha256"] for row in told if row["id"] in marked}
    kept = [row for row in told if row["id"] in marked or row["sha256"] not in same]
    return [row["id"] for row in kept], [row["look"] for row in kept]


def _groups(ids: Sequence[str], looks: Sequence[bytes | None]) -> npt.NDArray[np.int64]:
    """A number for each row, in order of ids, equal where pictures look alike; int64, shape (N,)."""
    groups_N = np.argsort(np.argsort(ids))
    hashed = np.array([row for row in np.argsort(ids) if looks[row]], dtype=np.int64)
    looks_N32 = np.frombuffer(b"".join(looks[row] or b"" for row in hashed), dtype=np.uint8)
    groups_N[hashed] = groups_N[hashed[look_alikes(looks_N32.reshape(-1, HASH_BYTES), LOOK_BITS)]]
    numbers: npt.NDArray[np.int64] = np.unique(groups_N, return_inverse=True)[1]
    return numbers
