"""Words as points of the space that pictures are projected into: by word vectors, or by a text tower.

A word that the vectors do not know goes by the sentence model where it is installed: directly where the
vectors are its own, else by way of the known words that it finds nearest. No torch before that.
Shape letters: K = words or labels, V = words known, D = embedding size.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from emotionnet.inference.label_points import unit_rows, word_vector
from emotionnet.inference.outputs import Array
from emotionnet.progress import message, track
from emotionnet.records import DataError, is_name
from emotionnet.text.sentence import MODEL, has_sentence_model, sentence_vectors
from emotionnet.text.vectors import WordVectors, read_info, read_vectors

NEAREST = 5  # known words that stand in for an unknown one
LEAST = 0.5  # their cosine with it by the sentence model, at least
MOST_GIVEN = 10_000  # points of unknown words that are kept
MOST_LETTERS = 1_000  # of a word or phrase, far above any use; it may come from anywhere
AT_ONCE = 512  # known words that the sentence model reads before a progress bar moves
MOST_KNOWN = 20_000  # known words that are looked through; word2vec files begin with the frequent ones

_INSTALL = "pip install 'emotionnet[demo]' for any word"


class Words(Protocol):
    """What gives words their points, rows of length 1 and of `size` numbers.

    `known` are words that surely have one, to suggest; none where any wording has.
    """

    @property
    def size(self) -> int: ...
    @property
    def known(self) -> tuple[str, ...]: ...
    def points(self, words: Sequence[str], *, tell: Callable[[str], None] = message) -> Array:
        """The point of each word; float32, shape (K, D), rows of length 1.

        Args:
            words: Any.
            tell: Takes a line for each word without a point of its own: by which others it was given one.

        Raises:
            DataError: A word has none and can be given none; a line for each, with the nearest known words.
                Or it is no text, see `require_texts`.
        """
        ...

    def label_points(self, labels: Mapping[str, Sequence[str]]) -> Array:
        """For each label the point whose dot product with a picture's direction is its score.

        Returns:
            Float32, shape (K, D), of length 1 at most.

        Raises:
            DataError: As `points`.
        """
        ...


class VectorWords:
    """Words by word vectors.

    Args:
        vectors: Of the words that are known.
        sentence: Whether they are the sentence model's own.
    """

    def __init__(self, vectors: WordVectors, *, sentence: bool = False) -> None:
        self.vectors = vectors
        self._is_sentence = sentence
        self._lock = threading.Lock()
        self._said: WordVectors | None = None  # what the sentence model says of the known words
        self._given: dict[str, Array] = {}  # points of words that are unknown
        self._notes: dict[str, str] = {}  # which known words gave them

    @property
    def size(self) -> int:
        """D."""
        return self.vectors.size

    @property
    def known(self) -> tuple[str, ...]:
        """The words that have a vector."""
        return self.vectors.words

    def points(self, words: Sequence[str], *, tell: Callable[[str], None] = message) -> Array:
        """As `Words.points`; capitals do not matter where the vectors have none."""
        found = {word: word_vector(word, self.vectors) for word in dict.fromkeys(words)}
        missing = [word for word, vector in found.items() if vector is None]
        if missing:
            with self._lock:
                found.update(self._unknown(missing))
                for word in missing:
                    if word in self._notes:
                        tell(self._notes[word])
        rows_KD = [vector for word in words if (vector := found[word]) is not None]
        return unit_rows(np.stack(rows_KD)) if rows_KD else np.zeros((0, self.size), dtype=np.float32)

    def label_points(self, labels: Mapping[str, Sequence[str]]) -> Array:
        """The mean of the points of each label's words (Wei et al., CVPR 2020, section 4)."""
        wanted = list(dict.fromkeys(word for some in labels.values() for word in some))
        point = dict(zip(wanted, self.points(wanted), strict=True))
        return np.stack([np.stack([point[word] for word in some]).mean(axis=0) for some in labels.values()])

    def _unknown(self, words: Sequence[str]) -> dict[str, Array]:
        """Points of words without a vector, each looked for once."""
        require_texts(words)
        if not has_sentence_model():
            raise DataError(self._refusal(word, _INSTALL) for word in words)
        if len(self._given) > MOST_GIVEN:
            self._given.clear()
            self._notes.clear()
        new = [word for word in words if word not in self._given]
        if new:
            plain = {word: word.lower().replace("_", " ") for word in new}
            said = sentence_vectors(list(dict.fromkeys(plain.values())))
            rows = {word: said.vectors_VD[said.index(plain[word])] for word in new}
            self._given |= rows if self._is_sentence else self._by_neighbours(rows)
        return {word: self._given[word] for word in words}

    def _by_neighbours(self, rows: Mapping[str, Array]) -> dict[str, Array]:
        """For each word the mean of the nearest known ones, weighed by the sentence model's cosines."""
        known = self._said_of_known()
        indices_KN, cosines_KN = known.nearest(np.stack(list(rows.values())), NEAREST)
        found: dict[str, Array] = {}
        faults: list[str] = []
        for word, indices, cosines in zip(rows, indices_KN, cosines_KN, strict=True):
            near = {self.known[i]: float(value) for i, value in zip(indices, cosines, strict=True)}
            used = {name: value for name, value in near.items() if value >= LEAST}
            vectors_ND = unit_rows(self.vectors.matrix(list(used))[0])
            point_D = np.array(list(used.values()), dtype=np.float32) @ vectors_ND
            if not point_D.any():
                faults.append(self._refusal(word, f"nearest by meaning are {', '.join(near)}"))
                continue
            found[word] = point_D
            told = ", ".join(f"{name} {value:.2f}" for name, value in used.items())
            self._notes[word] = f"{word!r} has no vector of its own; it is taken as {told}"
        if faults:
            raise DataError(faults)
        return found

    def _said_of_known(self) -> WordVectors:
        if self._said is None:
            plain = [word.replace("_", " ") for word in self.known[:MOST_KNOWN]]
            once = list(dict.fromkeys(plain))
            blocks = [once[start : start + AT_ONCE] for start in range(0, len(once), AT_ONCE)]
            parts = [sentence_vectors(block).vectors_VD for block in track(blocks, "what known words mean")]
            row = {word: place for place, word in enumerate(once)}
            names = tuple(str(number) for number in range(len(plain)))
            self._said = WordVectors(names, np.concatenate(parts)[[row[word] for word in plain]])
        return self._said

    def _refusal(self, word: str, hint: str) -> str:
        try:
            self.vectors.index(word.lower())
        except DataError as error:
            return f"{error}; {hint}"
        raise AssertionError(f"{word!r} has a vector")


def require_texts(words: Sequence[str]) -> None:
    """Refuse what no model can read as a word or a phrase.

    Raises:
        DataError: A word is blank, longer than `MOST_LETTERS`, or no text that a file can hold.
    """
    faults = [
        f"a word must be a text of 1 to {MOST_LETTERS} letters; got {word[:20]!r} of {len(word)}"
        for word in words
        if not is_name(word) or not word.strip() or len(word) > MOST_LETTERS
    ]
    if faults:
        raise DataError(faults)


def open_words(folder: Path) -> VectorWords | None:
    """The words of a folder that holds word vectors: a RUN, a MODEL, an INDEX or VECTORS.

    Raises:
        DataError: A file of them is broken.
    """
    if not (folder / "words.json").is_file():
        return None
    return VectorWords(read_vectors(folder), sentence=is_sentence(folder))


def is_sentence(place: Path) -> bool:
    """Whether word vectors are the sentence model's, so that it has one for any word."""
    info = read_info(place)
    return (info.get("method"), info.get("model")) == ("sentence", MODEL)


def clip_words(name: str) -> Words:
    """The text tower of a CLIP model, `open_clip:ARCH@WEIGHTS`.

    Raises:
        DataError: As `clip.load_clip`.
    """
    from emotionnet.inference.clip import load_clip

    words = load_clip(name).words
    assert words is not None  # a CLIP model always has a text tower
    return words
