"""How much of a vocabulary has word vectors."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emotionnet.data.vocabularies import read_vocabulary
from emotionnet.text.vectors import read_vectors


@dataclass(frozen=True)
class Coverage:
    """How many words were looked for, and those without a vector, in the vocabulary's order."""

    words: int
    missing: tuple[str, ...]

    @property
    def covered(self) -> int:
        return self.words - len(self.missing)

    def to_dict(self) -> dict[str, Any]:
        """`words`, `covered`, `share` (0 to 1) and `missing`."""
        return {
            "words": self.words,
            "covered": self.covered,
            "share": self.covered / self.words,
            "missing": list(self.missing),
        }


def vocabulary_coverage(vocabulary: Path, vectors: Path) -> Coverage:
    """Look for every word of a vocabulary among word vectors; a phrase is found with ' ' and '_' alike.

    Args:
        vocabulary: A list of words, one a line, or a vocabulary file of 2020.
        vectors: A VECTORS folder or a word2vec file; of a large one only the words looked for are kept.

    Raises:
        DataError: One of them is missing or broken, or none of the words has a vector.
    """
    words = read_vocabulary(vocabulary)
    known = read_vectors(vectors, only=words)
    return Coverage(len(words), tuple(word for word in words if word not in known))
