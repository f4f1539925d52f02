"""Which emotions are labels, and which split each group is in.

Shape letters: N = records of the pool, L = labels, G = groups.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import polars as pl

from emotionnet.config import CurateConfig, SplitSizes
from emotionnet.curation import selection
from emotionnet.curation.pool import Integers, Pool
from emotionnet.curation.selection import SPLIT_ORDER, UNTAKEN
from emotionnet.curation.tag_lists import Flags, numbering, ranked_words
from emotionnet.curation.tags import Vocabulary
from emotionnet.emotions import word_families
from emotionnet.records import SPLITS, DataError, Word

FEWEST_EMOTIONS = 2


@dataclass(frozen=True, eq=False)
class Labels:
    """The labels, and which records have any.

    Args:
        names: The labels, most frequent first.
        of_word: The label of each emotion word that gives one.
        labelled_N: Which records of the pool are still in and have a label.
        splits_N: The split of each record's group as a place in `SPLIT_ORDER`, or `UNTAKEN`.
    """

    names: tuple[str, ...]
    of_word: dict[str, str]
    labelled_N: Flags
    splits_N: npt.NDArray[np.int8]

    def taken(self) -> Flags:
        """The records that the splits take; shape (N,)."""
        taken_N: Flags = self.labelled_N & (self.splits_N != UNTAKEN)
        return taken_N


def choose_labels(pool: Pool, vocabulary: Vocabulary, config: CurateConfig) -> Labels:
    """Labels are the emotion words, or the families of such words, that `min_emotion_groups` groups carry.

    Of those the `max_emotions` most frequent. Groups are counted before the splits, which share them out.

    Raises:
        DataError: Fewer than two emotions are labels, or a split is empty.
    """
    label_of = _label_of(vocabulary, config.labels)
    names = sorted(set(label_of.values()))
    place = {name: number for number, name in enumerate(names)}
    numbers_V = np.array(
        [place.get(label_of.get(word, ""), -1) for word in pool.emotion_words], dtype=np.int64
    )
    alive = np.flatnonzero(pool.fates.alive())
    lists = pool.emotions.taken(pool.fates.alive()).mapped(numbers_V)
    groups = pool.groups_N[alive]
    ranked = ranked_words(lists, groups, names)
    chosen = [number for number, word in ranked if word.count >= config.min_emotion_groups][
        : config.max_emotions
    ]
    if len(chosen) < FEWEST_EMOTIONS:
        too_few = _too_few([word for _, word in ranked], config.min_emotion_groups, vocabulary)
        raise DataError([too_few, *_what_was_left(pool)])
    lists = lists.mapped(numbering(chosen, len(names)))
    split_G = _split(lists.carriers(groups), len(chosen), pool.groups_N, config)
    labelled_N = np.zeros(len(pool.groups_N), dtype=np.bool_)
    labelled_N[alive] = lists.lengths_N > 0
    labels = tuple(names[number] for number in chosen)
    of_word = {word: label for word, label in label_of.items() if label in labels}
    return Labels(labels, of_word, labelled_N, split_G[pool.groups_N])


def _label_of(vocabulary: Vocabulary, labels: Literal["words", "mikels8", "ekman6"]) -> dict[str, str]:
    """The label that each emotion word gives a picture: itself, or its family of a label set."""
    words = sorted(vocabulary.emotions)
    if labels == "words":
        return {word: word for word in words}
    family_of = word_families(labels)
    return {word: family_of[word] for word in words if word in family_of}


def _too_few(emotions: Sequence[Word], floor: int, vocabulary: Vocabulary) -> str:
    most = ", ".join(f"{word.name} {word.count}" for word in emotions[:5]) or "none at all"
    return (
        f"at least {FEWEST_EMOTIONS} emotions must be carried by {floor} groups; the most frequent words of "
        f"{vocabulary.name} are {most}; lower min_emotion_groups or give more records"
    )


def _what_was_left(pool: Pool) -> Iterator[str]:
    """Where the records went, for no table of them is written; and one picture that cannot be used."""
    kept = ", ".join(f"{step.kept:,} {step.name}" for step in pool.fates.steps)
    yield f"the records that were left must be enough for that: {kept}"
    for (_, ids), (_, seen) in zip(pool.files.read("id"), pool.seen.read("fault"), strict=True):
        for name, fault in pl.concat([ids, seen], how="horizontal").drop_nulls("fault").iter_rows():
            yield f"{name}: a picture must be one that can be used; {fault}; there may be more like it"
            return


def _split(
    carried: tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint32]],
    n_labels: int,
    groups_N: Integers,
    config: CurateConfig,
) -> npt.NDArray[np.int8]:
    """The split of each group that one takes, shape (G,); none may be empty."""
    labels_P, groups_P = carried
    starts = np.searchsorted(labels_P, np.arange(1, n_labels))
    n_groups = int(groups_N.max(initial=-1)) + 1
    split_G = selection.assign_splits(np.split(groups_P, starts), n_groups, config.splits, config.seed)
    _require_all_splits(split_G, config.splits)
    return split_G


def _require_all_splits(split_G: npt.NDArray[np.int8], sizes: SplitSizes) -> None:
    given = sizes.model_dump()
    faults = [
        f"the {split} split must hold at least one group; it is empty: lower "
        + " or ".join(f"splits.{name} (now {given[name]})" for name in ("test", "val") if name != split)
        for split in SPLITS
        if SPLIT_ORDER.index(split) not in split_G
    ]
    if faults:
        raise DataError(faults)
