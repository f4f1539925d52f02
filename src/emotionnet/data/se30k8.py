"""SE30K8, pictures judged by five people each: its file, its rules and how far the judges agree.

The file is a pickled dict, cid to entry. Shape letters: N = pictures, K = choices.
"""

from __future__ import annotations

import pickle
import random
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from emotionnet.data.row_checks import MAX_TEXT, RowError, require_path, shown
from emotionnet.emotions import LABEL_SETS
from emotionnet.files import write_bytes

EMOTIONS = LABEL_SETS["se30k8"]
RATERS = 5
MAJORITY = 3
_INDEX = {name: index for index, name in enumerate(EMOTIONS)}
_EMOTION_TAGS = ("emotion_tags", "emotion-tags")


class VotedImage(NamedTuple):
    """One picture: its path, what each judge chose, its tags; `entry` is all that the file says."""

    path: str
    votes: tuple[tuple[int, ...], ...]
    tags: tuple[str, ...]
    emotion_tags: tuple[str, ...]
    cid: Any
    entry: Mapping[str, Any]


@dataclass(frozen=True)
class Se30k8:
    """The file, in its order. `rejects` are bad entries: id and reason."""

    images: tuple[VotedImage, ...]
    rejects: tuple[tuple[str, str], ...] = ()
    form: str = "se30k8"


def parse_entry(cid: object, entry: object) -> VotedImage:
    """Check one entry of the dict. Emotions are names or numbers; both spellings of emotion_tags are known.

    Raises:
        RowError: It is no entry, a path leaves its folder, or a vote or tag is not what it must be.
    """
    if not isinstance(entry, Mapping):
        raise RowError(f"an entry must be a dict; got {shown(entry)}")
    missing = [key for key in ("image_emotion", "re_path") if key not in entry]
    if missing:
        raise RowError(f"an entry must have image_emotion and re_path; {' and '.join(missing)} missing")
    if not isinstance(cid, int | str) or isinstance(cid, bool):
        raise RowError(f"a cid must be a whole number or a text; got {shown(cid)}")
    path = entry["re_path"]
    if not isinstance(path, str):
        raise RowError(f"re_path must be a text; got {shown(path)}")
    require_path(path)
    spelling = next((key for key in _EMOTION_TAGS if key in entry), _EMOTION_TAGS[0])
    tags, emotion_tags = _words(entry, "tags"), _words(entry, spelling)
    return VotedImage(path, _votes(entry["image_emotion"]), tags, emotion_tags, cid, entry)


def write_se30k8(path: Path, images: Sequence[VotedImage]) -> None:
    """Write the dict as it was read, in protocol 2; whole or not at all."""
    write_bytes(path, pickle.dumps({image.cid: dict(image.entry) for image in images}, protocol=2))


def count_votes(votes: Sequence[Sequence[int]]) -> dict[int, int]:
    """The soft label before its division by the sum: emotion to votes, in the order in which they are met."""
    return dict(Counter(emotion for chosen in votes for emotion in chosen))


def single_label(votes: Sequence[Sequence[int]]) -> int | None:
    """The emotion with most votes if it has at least 3; of equals the one met first; None: there is none."""
    return label_of_counts(count_votes(votes))


def label_of_counts(counts: Mapping[int, float]) -> int | None:
    """The single label of counted votes, which come in the order in which they are met."""
    best = max(counts, key=counts.__getitem__, default=None)
    return best if best is not None and counts[best] >= MAJORITY else None


def split_images(
    images: Sequence[VotedImage], vocabulary: Collection[str] | None = None
) -> tuple[list[VotedImage], list[VotedImage], list[VotedImage]]:
    """The split of 2020: drop what has no tag of the vocabulary, shuffle with seed 0, take the first tenth.

    Args:
        images: All pictures, in the file's order.
        vocabulary: The words that have a vector; None: nothing is dropped.

    Returns:
        Train, val, and what was dropped.
    """
    words = None if vocabulary is None else frozenset(vocabulary)
    kept = [image for image in images if words is None or not words.isdisjoint(image.tags)]
    dropped = [image for image in images if words is not None and words.isdisjoint(image.tags)]
    random.Random(0).shuffle(kept)
    tenth = len(kept) // 10
    return kept[tenth:], kept[:tenth], dropped


def agreement(images: Sequence[VotedImage]) -> dict[str, float | None]:
    """Fleiss' kappa of each emotion: whether the judges chose it or not; None where all did the same."""
    chose_NC = np.zeros((len(images), len(EMOTIONS)), dtype=np.int64)
    for number, image in enumerate(images):
        for chosen in image.votes:
            chose_NC[number, list(set(chosen))] += 1  # naming an emotion twice chooses it once
    return {
        name: fleiss_kappa(np.stack([chose_N, RATERS - chose_N], axis=1))
        for name, chose_N in zip(EMOTIONS, chose_NC.T, strict=True)
    }


def fleiss_kappa(counts_NK: npt.NDArray[np.int64]) -> float | None:
    """Agreement beyond chance (Fleiss 1971, "Measuring nominal scale agreement among many raters").

    Args:
        counts_NK: How many judges put picture n into choice k; shape (N, K), all rows of one sum, at least 2.

    Returns:
        At most 1, full agreement; 0 is chance. None: every judge made the same choice throughout.
    """
    raters = int(counts_NK[0].sum())
    by_chance = float(((counts_NK.sum(axis=0) / counts_NK.sum()) ** 2).sum())
    pairs_N = (counts_NK * (counts_NK - 1)).sum(axis=1) / (raters * (raters - 1))
    if np.count_nonzero(counts_NK.sum(axis=0)) < 2:
        return None
    return (float(pairs_N.mean()) - by_chance) / (1 - by_chance)


def _votes(value: object) -> tuple[tuple[int, ...], ...]:
    if not isinstance(value, list | tuple) or len(value) != RATERS:
        raise RowError(f"image_emotion must be {RATERS} lists of emotions; got {shown(value)}")
    if not all(isinstance(chosen, list | tuple) for chosen in value):
        raise RowError(f"image_emotion must be {RATERS} lists of emotions; got {shown(value)}")
    return tuple(tuple(_emotion(emotion) for emotion in chosen) for chosen in value)


def _emotion(value: Any) -> int:
    if isinstance(value, str) and value in _INDEX:
        return _INDEX[value]
    whole = type(value) is int or isinstance(value, np.integer)
    if not whole or not 0 <= value < len(EMOTIONS):
        raise RowError(f"an emotion must be in 0..{len(EMOTIONS) - 1} or its name; got {shown(value)}")
    return int(value)


def _words(entry: Mapping[str, Any], key: str) -> tuple[str, ...]:
    words = entry.get(key, ())
    if not isinstance(words, list | tuple) or not all(isinstance(word, str) for word in words):
        raise RowError(f"{key} must be a list of words; got {shown(words)}")
    for word in words:
        if len(word) > MAX_TEXT or any("\ud800" <= letter <= "\udfff" for letter in word):
            raise RowError(f"{key} must be words of at most {MAX_TEXT} letters of UTF-8; got {shown(word)}")
    return tuple(str(word) for word in words)
