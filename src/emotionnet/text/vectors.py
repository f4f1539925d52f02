"""Word vectors, and the VECTORS folder.

vectors.safetensors   one array "vectors", float32, shape (V, D)
    words.json            the V words, in row order
    vectors.json          how they were made

Shape letters: V = words, D = vector size, K = words asked for, N = bags or queries.
No torch in here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import safetensors.numpy

from emotionnet.files import read_json, read_object, write_bytes, write_json
from emotionnet.records import DataError, did_you_mean
from emotionnet.text.word2vec import read_word2vec, spellings

Floats = npt.NDArray[np.float32]
INFO = "vectors.json"
PARTS = (INFO, "vectors.safetensors", "words.json")
COSINES_AT_ONCE = 1 << 24  # bounds the memory of `nearest`: 64 MiB of float32


@dataclass(frozen=True, eq=False)
class WordVectors:
    """Words and their vectors; a phrase is found with ' ' and '_' alike.

    Args:
        words: V distinct words.
        vectors_VD: Float32, shape (V, D), finite, any length per row.

    Raises:
        DataError: No word, a word twice, another number of rows, or a value that is not finite.
    """

    words: tuple[str, ...]
    vectors_VD: Floats

    def __post_init__(self) -> None:
        shape = self.vectors_VD.shape
        if len(shape) != 2 or shape[0] != len(self.words) or 0 in shape:
            expected = f"({len(self.words)}, D), with at least one word and D at least 1"
            raise DataError(f"word vectors must have the shape {expected}; got {shape}")
        if self.vectors_VD.dtype != np.float32:
            raise DataError(f"word vectors must be float32; got {self.vectors_VD.dtype}")
        if len(self._rows) != len(self.words):
            twice = next(word for row, word in enumerate(self.words) if self._rows[word] != row)
            raise DataError(f"word vectors: every word must stand once; {twice!r} stands twice")
        if not np.isfinite(self.vectors_VD).all():
            row = int(np.argmin(np.isfinite(self.vectors_VD).all(axis=1)))
            raise DataError(f"word vectors must be finite; that of {self.words[row]!r} is not")

    @cached_property
    def _rows(self) -> dict[str, int]:
        return {word: row for row, word in enumerate(self.words)}

    @property
    def size(self) -> int:
        """D, the number of dimensions."""
        return int(self.vectors_VD.shape[1])

    def __len__(self) -> int:
        return len(self.words)

    def __contains__(self, word: object) -> bool:
        return isinstance(word, str) and self._find(word) is not None

    def index(self, word: str) -> int:
        """The word's row.

        Raises:
            DataError: It has no vector; names the most similar words.
        """
        row = self._find(word)
        if row is None:
            hint = did_you_mean(word, self.words)
            raise DataError(f"{word!r} must be one of the {len(self)} words that have a vector{hint}")
        return row

    def get(self, word: str) -> Floats | None:
        """The word's vector, float32, shape (D,), or None."""
        row = self._find(word)
        return None if row is None else self.vectors_VD[row]

    def matrix(self, words: Sequence[str]) -> tuple[Floats, tuple[bool, ...]]:
        """A row for each of K words.

        Returns:
            Float32, shape (K, D), zero where a word has no vector; and which have one.
        """
        found = [self._find(word) for word in words]
        rows_KD = np.zeros((len(found), self.size), dtype=np.float32)
        for place, row in enumerate(found):
            if row is not None:
                rows_KD[place] = self.vectors_VD[row]
        return rows_KD, tuple(row is not None for row in found)

    def mean_vectors(self, bags: Sequence[Sequence[str]]) -> Floats:
        """The mean vector of each bag's known words; a word that stands twice counts twice.

        What stands in for an image without any known tag is the caller's choice: its row
        is zero.

        Returns:
            Float32, shape (N, D).
        """
        means_ND = np.zeros((len(bags), self.size), dtype=np.float32)
        for place, bag in enumerate(bags):
            rows = [row for word in bag if (row := self._find(word)) is not None]
            if rows:
                means_ND[place] = self.vectors_VD[rows].mean(axis=0, dtype=np.float64)
        return means_ND

    def subset(self, words: Sequence[str]) -> WordVectors:
        """The vectors of these words, in this order and spelling; those without one are left out.

        Raises:
            DataError: None of them has a vector, or one stands twice.
        """
        known = tuple(word for word in words if word in self)
        if not known:
            raise DataError(f"at least one of {len(words)} words must have a vector; none has")
        return WordVectors(known, self.matrix(known)[0])

    def nearest(self, queries_ND: Floats, k: int) -> tuple[npt.NDArray[np.int64], Floats]:
        """The words whose vectors point most nearly the way of each query.

        Args:
            queries_ND: Float, shape (N, D), any length per row; a zero row has cosine 0 with all.
            k: How many; no more than V are given.

        Returns:
            Rows of the words, nearest first, shape (N, K) with K = min(k, V), equal cosines
            by row; and the cosines, float32, shape (N, K), from -1 to 1.

        Raises:
            ValueError: The queries have another size, or k is below 1.
        """
        if queries_ND.ndim != 2 or queries_ND.shape[1] != self.size:
            raise ValueError(f"queries must have the shape (N, {self.size}); got {queries_ND.shape}")
        if k < 1:
            raise ValueError(f"k must be at least 1; got {k}")
        k = min(k, len(self))
        indices_NK = np.zeros((len(queries_ND), k), dtype=np.int64)
        cosines_NK = np.zeros((len(queries_ND), k), dtype=np.float32)
        for place, cosines_V in enumerate(self._cosines(queries_ND)):
            smallest = np.partition(cosines_V, len(self) - k)[len(self) - k]
            candidates = np.flatnonzero(cosines_V >= smallest)
            order = np.argsort(-cosines_V[candidates], kind="stable")[:k]
            indices_NK[place] = candidates[order]
            cosines_NK[place] = cosines_V[candidates[order]]
        return indices_NK, cosines_NK

    def _cosines(self, queries_ND: Floats) -> Iterator[Floats]:
        """One row of V cosines for each query, computed in blocks."""
        block = max(1, COSINES_AT_ONCE // len(self))
        for start in range(0, len(queries_ND), block):
            unit_BD = _unit_rows(queries_ND[start : start + block].astype(np.float32, copy=False))
            yield from np.clip(unit_BD @ self._directions.T, -1, 1)

    @cached_property
    def _directions(self) -> Floats:
        return _unit_rows(self.vectors_VD)

    def _find(self, word: str) -> int | None:
        return next((row for name in spellings(word) if (row := self._rows.get(name)) is not None), None)


def write_vectors(vectors: WordVectors, folder: Path, *, info: Mapping[str, Any]) -> None:
    """Fill a folder, which `files.new_folder` gave, with word vectors.

    Args:
        vectors: What to write.
        folder: Where.
        info: How they were made; no times, so that equal vectors give equal folders.
    """
    arrays = {"vectors": np.ascontiguousarray(vectors.vectors_VD)}
    write_bytes(folder / "vectors.safetensors", safetensors.numpy.save(arrays))
    write_json(folder / "words.json", list(vectors.words))
    write_json(folder / INFO, {**info, "words": len(vectors), "size": vectors.size})


def read_info(path: Path) -> dict[str, Any]:
    """How vectors were made: `vectors.json` of a VECTORS folder, or the name of a word2vec file.

    Raises:
        DataError: The file is broken.
    """
    if not path.is_dir():
        return {"method": "word2vec file", "file": path.name}
    return read_object(path / INFO) if (path / INFO).is_file() else {}


def read_vectors(path: Path, *, only: Collection[str] | None = None) -> WordVectors:
    """Read a VECTORS folder, or a word2vec file, text or binary.

    Args:
        path: The folder or the file.
        only: Words to keep, so that a file of millions fits into memory; None keeps all.

    Raises:
        DataError: Missing, broken, or none of the words is there; says where.
    """
    if path.is_dir():
        vectors = _read_folder(path)
        return vectors if only is None else _restrict(vectors, only, path)
    if not path.is_file():
        raise DataError(f"{path}: must be a VECTORS folder or a word2vec file; it does not exist")
    words, vectors_VD = read_word2vec(path, only=only)
    return WordVectors(words, vectors_VD)


def _read_folder(folder: Path) -> WordVectors:
    path, words = folder / "vectors.safetensors", read_json(folder / "words.json")
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise DataError(f"{folder / 'words.json'}: must be a list of words")
    if not path.is_file():
        raise DataError(f"{path}: file not found")
    try:
        arrays = safetensors.numpy.load_file(path)
    except Exception as error:  # the header of a broken file can fail in many ways
        raise DataError(f"{path}: must be a safetensors file; {error}") from None
    if list(arrays) != ["vectors"]:
        raise DataError(f"{path}: must hold one array, 'vectors'; got {', '.join(arrays) or 'none'}")
    try:
        return WordVectors(tuple(words), arrays["vectors"])
    except DataError as error:
        raise DataError(f"{path}: {fault}" for fault in error.faults) from None


def _restrict(vectors: WordVectors, only: Collection[str], path: Path) -> WordVectors:
    wanted = {name for word in only for name in spellings(word)}
    kept = tuple(word for word in vectors.words if word in wanted)
    if not kept:
        raise DataError(f"{path}: must hold at least one of the {len(only)} words asked for; holds none")
    return vectors.subset(kept)


def _unit_rows(rows_ND: Floats) -> Floats:
    lengths_N1 = np.linalg.norm(rows_ND, axis=1, keepdims=True)
    return (rows_ND / np.where(lengths_N1 > 0, lengths_N1, 1)).astype(np.float32, copy=False)
