"""Words that a person teaches an index by a handful of examples.

INDEX/taught/   one file for each word: its marks, the probe that they gave, and how good that is

Shape letters: N = pictures, F = features, D = embedding size.
"""

from __future__ import annotations

import difflib
import hashlib
import os
import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from scipy.special import expit

from emotionnet.config_files import description_error
from emotionnet.files import write_json
from emotionnet.inference.label_points import unit_rows
from emotionnet.inference.outputs import Array
from emotionnet.inference.words import Words
from emotionnet.records import DataError
from emotionnet.search.examples import gather
from emotionnet.search.layout import INFO, TAUGHT, read_info
from emotionnet.search.marks import MAX_MARKS, merged_marks
from emotionnet.search.store import Index

MAX_LETTERS = 64
MAX_WORDS = 1_000  # of one index
MAX_BYTES = 1 << 22  # of one word's file: the largest of networks needs a tenth

_NAME = re.compile(r"[0-9a-f]{16}\.json")


class Taught(BaseModel):
    """A word, its marks and its probe.

    `yes` and `no` are ids of pictures, which may be gone from the index by now. `score` is the average
    precision of marks that the probe had not seen, among `n_background` pictures that nobody marked, of which
    some may deserve the word: so it is rather too low. `chance` is what random scores reach there. Both are
    None where there are too few marks, and then `why` says so. `weights` (F,) and, where the word has a point
    in the space of the projection, `word_weights` (D,) stand on vectors of length 1.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    word: str
    identity: str  # of the network whose features it stands on
    yes: tuple[str, ...] = Field(min_length=1, max_length=MAX_MARKS)
    no: tuple[str, ...] = Field(max_length=MAX_MARKS)
    n_background: int
    score: float | None
    chance: float | None
    why: str
    weights: tuple[float, ...]
    word_weights: tuple[float, ...] | None
    intercept: float

    @property
    def marks(self) -> dict[str, bool]:
        """Whether each marked picture deserves the word, by id."""
        return dict.fromkeys(self.yes, True) | dict.fromkeys(self.no, False)

    def decision(self, features_NF: Array, projection_ND: Array | None) -> Array:
        """Log-odds of each picture; float32, shape (N,). Rows of any length."""
        scores_N: Array = unit_rows(features_NF) @ np.array(self.weights, dtype=np.float32)
        if self.word_weights is not None:
            if projection_ND is None:
                raise ValueError(f"{self.word!r} was taught with a projection; got none")
            scores_N = scores_N + unit_rows(projection_ND) @ np.array(self.word_weights, dtype=np.float32)
        return (scores_N + np.float32(self.intercept)).astype(np.float32)

    def probabilities(self, features_NF: Array, projection_ND: Array | None) -> Array:
        """How surely each picture deserves the word, yes from 0.5 on (`word_probe`); float32, shape (N,)."""
        probabilities_N: Array = expit(self.decision(features_NF, projection_ND))
        return probabilities_N

    def to_dict(self) -> dict[str, Any]:
        """JSON values of what a person is told: without the probe, marks by their number."""
        told = {"word": self.word, "yes": len(self.yes), "no": len(self.no), "background": self.n_background}
        return told | {"score": self.score, "chance": self.chance} | ({"why": self.why} if self.why else {})


def folded(text: str) -> str:
    """A text without capitals and needless spaces, which words are known by."""
    return unicodedata.normalize("NFC", " ".join(text.split()).casefold())


def plain_word(text: str) -> str:
    """A word as it is kept, see `folded`.

    Raises:
        DataError: It is empty, too long, or has characters that cannot be seen.
    """
    word = folded(text)
    if not 1 <= len(word) <= MAX_LETTERS or not word.isprintable():
        raise DataError(
            f"a word must have 1 to {MAX_LETTERS} characters that can be seen; got {text[:MAX_LETTERS]!a}"
        )
    return word


def teach(
    index: Index, word: str, yes: Sequence[str], no: Sequence[str] = (), *, words: Words | None = None
) -> Taught:
    """Train a probe for a word from marked pictures, and keep it in the INDEX.

    What was marked for the word before stays, unless it is marked otherwise now.

    Args:
        index: Where.
        word: Any; capitals do not matter. It may be one that the model knows.
        yes: Ids of pictures that deserve the word.
        no: Ids of pictures that do not.
        words: What gives the word its own point in the space of the projection; None: the probe does without.

    Raises:
        DataError: An id is unknown or on both sides, no picture deserves the word, all do, or there are too
            many marks or words.
    """
    from emotionnet.search.word_probe import learn  # with scikit-learn, which only who teaches waits for

    word, before = plain_word(word), taught_words(index.folder)
    if word not in before and len(before) >= MAX_WORDS:
        raise DataError(f"{index.folder}: must have at most {MAX_WORDS} taught words; forget one first")
    earlier = before[word].marks if word in before else {}
    marks = merged_marks(index, earlier, yes, no)
    examples = gather(index, marks)
    learned = learn(examples, _point(index, word, words))
    probe = learned.probe
    taught = Taught(
        word=word,
        identity=index.info.identity,
        yes=tuple(name for name, value in marks.items() if value),
        no=tuple(name for name, value in marks.items() if not value),
        n_background=examples.n_background,
        score=learned.score,
        chance=learned.chance,
        why=learned.why,
        weights=tuple(probe.weights_F.tolist()),
        word_weights=None if probe.weights_D is None else tuple(probe.weights_D.tolist()),
        intercept=probe.intercept,
    )
    write_json(index.folder / TAUGHT / _file_name(word), taught.model_dump(mode="json"))
    return taught


def taught_words(folder: Path) -> dict[str, Taught]:
    """The words that were taught to an INDEX, by word, in alphabetical order; cheap where none is new.

    Raises:
        DataError: There is no INDEX, or a word's file is broken or of another model.
    """
    try:
        model = _model(folder, *_state((folder / INFO).stat()))
        files = [entry for entry in os.scandir(folder / TAUGHT) if _NAME.fullmatch(entry.name)]
        found = [_read(Path(file.path), model, *_state(file.stat())) for file in files]
    except FileNotFoundError:
        read_info(folder)  # says so where there is no INDEX
        return {}
    except OSError as error:
        raise DataError(f"{folder / TAUGHT}: cannot be read ({error.strerror or error})") from None
    return {one.word: one for one in sorted(found, key=lambda one: one.word)}


def forget(folder: Path, word: str) -> None:
    """Delete a taught word and its marks.

    Raises:
        DataError: It was not taught.
    """
    word, known = plain_word(word), taught_words(folder)
    if word not in known:
        near = difflib.get_close_matches(word, known, n=3) or list(known)[:5]
        told = f"; those are {', '.join(near)}" if near else "; there is none"
        raise DataError(f"{word!r} must be a word that was taught to {folder}{told}")
    (folder / TAUGHT / _file_name(word)).unlink(missing_ok=True)


def _file_name(word: str) -> str:
    return f"{hashlib.sha256(word.encode()).hexdigest()[:16]}.json"


def _point(index: Index, word: str, words: Words | None) -> Array | None:
    """The word's own point, float32, shape (D,)."""
    if words is None or index.info.embedding_size is None:
        return None
    try:
        point_D: Array = words.points([word])[0]
    except DataError:  # a word of the user's own
        return None
    return point_D


def _state(found: os.stat_result) -> tuple[int, int, int]:
    """What tells a file from the one that it replaced."""
    return found.st_ino, found.st_mtime_ns, found.st_size


@lru_cache(maxsize=16)
def _model(folder: Path, *_: int) -> tuple[str, int, int]:
    """Identity, F and D (0: none) of an index's model."""
    info = read_info(folder)
    return info.identity, info.n_features, info.embedding_size or 0


@lru_cache(maxsize=2 * MAX_WORDS)
def _read(path: Path, model: tuple[str, int, int], *state: int) -> Taught:
    """A word's file, read again when it was replaced.

    Raises:
        DataError: It is broken, or of another model than the index.
    """
    if state[-1] > MAX_BYTES or not path.is_file():
        raise DataError(
            f"{path}: must be a file of at most {MAX_BYTES} bytes; delete it and teach the word again"
        )
    try:
        taught = Taught.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise description_error(path, error) from None
    identity, n_features, embedding_size = model
    fits = len(taught.weights) == n_features and len(taught.word_weights or ()) in {0, embedding_size}
    if _file_name(taught.word) != path.name or taught.identity != identity or not fits:
        raise DataError(
            f"{path}: must be of the index's model and named after its word; it is of another: delete it and "
            "teach the word again"
        )
    return taught
