"""Words that an index was taught, and what it keeps of them.

INDEX/taught/   one file for each word: its marks, the probe that they gave, and how good that is

Shape letters: N = pictures, F = features, D = embedding size, C = emotions.
"""

from __future__ import annotations

import difflib
import hashlib
import os
import re
import unicodedata
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from scipy.special import expit

from emotionnet.config_files import description_error
from emotionnet.files import write_json
from emotionnet.inference.outputs import Array
from emotionnet.records import DataError
from emotionnet.search.layout import INFO, TAUGHT, read_info
from emotionnet.search.marks import MAX_MARKS
from emotionnet.search.ranking import Column, Measure, Vectors

MAX_LETTERS = 64
MAX_WORDS = 1_000  # of one index
MAX_BYTES = 1 << 22  # of one word's file: the largest of networks needs a tenth

_NAME = re.compile(r"[0-9a-f]{16}\.json")


class Taught(BaseModel):
    """A word, its marks and its probe.

    `yes` and `no` are ids of pictures, which may be gone from the index by now. `score` is the average
    precision of marks that the probe had not seen, among `n_background` pictures that nobody marked, of which
    some may deserve the word: so it is rather too low. `chance` is what random scores reach there. Both are
    None where there are too few marks, and then `why` says so. `weights` (F,) and, where the model itself
    knows the word by them, `word_weights` (D,) and `emotion_weights` (C,) stand on the columns by which
    pictures are ranked.
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
    emotion_weights: tuple[float, ...] | None
    intercept: float

    @property
    def marks(self) -> dict[str, bool]:
        """Whether each marked picture deserves the word, by id."""
        return dict.fromkeys(self.yes, True) | dict.fromkeys(self.no, False)

    @property
    def measure(self) -> Measure:
        """What pictures are ranked by for it: its log-odds but for the intercept."""
        weights: dict[Column, tuple[float, ...] | None] = {
            "features": self.weights,
            "projection": self.word_weights,
            "log_probabilities": self.emotion_weights,
        }
        return Measure({column: np.array(some, np.float32) for column, some in weights.items() if some})

    def probabilities(self, pictures: Vectors) -> Array:
        """How surely each picture deserves the word, yes from 0.5 on (`word_probe`); float32, shape (N,)."""
        probabilities_N: Array = expit(self.measure.of(pictures) + np.float32(self.intercept))
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


def keep_word(folder: Path, taught: Taught) -> None:
    """Write a word into an INDEX, in place of what it was taught before."""
    write_json(folder / TAUGHT / _file_name(taught.word), taught.model_dump(mode="json"))


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


def _state(found: os.stat_result) -> tuple[int, int, int]:
    """What tells a file from the one that it replaced."""
    return found.st_ino, found.st_mtime_ns, found.st_size


@lru_cache(maxsize=16)
def _model(folder: Path, *_: int) -> tuple[str, int, int, int]:
    """Identity, F, D (0: none) and C of an index's model."""
    info = read_info(folder)
    return info.identity, info.n_features, info.embedding_size or 0, len(info.emotions)


@lru_cache(maxsize=2 * MAX_WORDS)
def _read(path: Path, model: tuple[str, int, int, int], *state: int) -> Taught:
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
    identity, *sizes = model
    kept = (taught.weights, taught.word_weights, taught.emotion_weights)
    fits = all(some is None or len(some) == size for some, size in zip(kept, sizes, strict=True))
    if _file_name(taught.word) != path.name or taught.identity != identity or not fits:
        raise DataError(
            f"{path}: must be of the index's model and named after its word; it is of another: delete it and "
            "teach the word again"
        )
    return taught
