"""Held-out words as families: a word is unseen only if all its kin are.

Shape letters: N = records, T = tags, F = features (parts of words, or groups), P = pairs of a tag and a
feature that it has, D = vector size.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from emotionnet.curation.tag_lists import TagLists
from emotionnet.curation.tags import Vocabulary, family
from emotionnet.records import Word
from emotionnet.text.sentence import sentence_vectors
from emotionnet.text.vectors import WordVectors, read_vectors

Counts = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Incidence:
    """Which of T tags have which of F features: pairs of their numbers, shape (P,) each, none twice."""

    tags_P: Counts
    features_P: Counts
    n_tags: int

    @cached_property
    def counts(self) -> Counts:
        """How many features each tag has; shape (T,)."""
        return np.bincount(self.tags_P, minlength=self.n_tags)

    def shared(self, tag: int) -> Counts:
        """How many features each tag shares with this one; shape (T,)."""
        own_F = np.zeros(self.features_P.max(initial=-1) + 1, dtype=np.bool_)
        own_F[self.features_P[self.tags_P == tag]] = True
        return np.bincount(self.tags_P[own_F[self.features_P]], minlength=self.n_tags)


@dataclass(frozen=True, eq=False)
class Kinship:
    """Which tags are kin, in any of three senses; kin of kin are not.

    Args:
        tags: T distinct tags.
        parts: Their lemmas and stems, see `word_parts`; kin share one.
        carried: The groups that carry them, see `carrying_groups`.
        directions_TD: Their word vectors, each of length 1, or 0 where a tag has none; None: no
            tag has one.
        cosine: Kin have word vectors whose cosine is above this; 0 to 1, 1 is never exceeded.
        cooccurrence: Kin have a `cooccurrence` above this; 0 to 1, 1 is never exceeded.
    """

    tags: tuple[str, ...]
    parts: Incidence
    carried: Incidence
    directions_TD: Floats | None
    cosine: float
    cooccurrence: float

    @cached_property
    def places(self) -> dict[str, int]:
        """The number of each tag."""
        return {tag: place for place, tag in enumerate(self.tags)}

    def of(self, tag: str) -> Flags:
        """Which tags are kin of this one, itself among them; shape (T,)."""
        place = self.places[tag]
        kin_T: Flags = self.parts.shared(place) > 0
        kin_T |= cooccurrence(self.carried, place) > self.cooccurrence
        if self.directions_TD is not None:
            kin_T |= np.minimum(self.directions_TD @ self.directions_TD[place], 1) > self.cosine
        kin_T[place] = True
        return kin_T


def cooccurrence(carried: Incidence, tag: int) -> Floats:
    """How far each tag stands where this one stands: the cosine of their incidence over groups.

    Groups that carry both / sqrt(groups that carry one x groups that carry the other) (Ochiai,
    Bull. Jpn. Soc. Sci. Fish. 22, 1957). It counts groups, not pictures: variants of one picture
    repeat their tags, and would make any two of them go together.

    Returns:
        From 0 (never together) to 1 (never apart), shape (T,).
    """
    lengths_T = np.sqrt(carried.counts * float(carried.counts[tag]))
    cosines_T: Floats = carried.shared(tag) / np.where(lengths_T > 0, lengths_T, 1)
    return cosines_T


def word_parts(tags: Sequence[str], vocabulary: Vocabulary) -> Incidence:
    """What `family` says of each tag: its words, their lemmas and stems."""
    numbers: dict[str, int] = {}
    pairs = [
        (place, numbers.setdefault(part, len(numbers)))
        for place, tag in enumerate(tags)
        for part in sorted(family(tag, vocabulary))
    ]
    pairs_P2 = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    return Incidence(pairs_P2[:, 0], pairs_P2[:, 1], len(tags))


def carrying_groups(tags: TagLists, groups_N: npt.NDArray[np.integer], n_tags: int) -> Incidence:
    """Which group carries which tag, on any of its records.

    Args:
        tags: The tags of N records, as numbers below `n_tags`.
        groups_N: The group of each record.
        n_tags: How many tags there are.
    """
    tags_P, groups_P = tags.carriers(groups_N)
    return Incidence(tags_P.astype(np.int64), groups_P.astype(np.int64), n_tags)


def word_directions(tags: Sequence[str], source: Path | str | None) -> Floats | None:
    """Unit word vectors, whose products are cosines.

    Args:
        tags: T distinct tags.
        source: 'sentence', a VECTORS folder, a word2vec file, or None.

    Returns:
        Float, shape (T, D), zero where a tag has no vector; None without a source.

    Raises:
        DataError: The sentence model is not installed, the file is broken, or it holds no tag.
    """
    if source is None:
        return None
    vectors = read_vectors(source, only=tags) if isinstance(source, Path) else sentence_vectors(tags)
    return _directions(tags, vectors)


def _directions(tags: Sequence[str], vectors: WordVectors) -> Floats:
    rows_TD: Floats = vectors.matrix(tags)[0].astype(np.float64)
    lengths_T1 = np.linalg.norm(rows_TD, axis=1, keepdims=True)
    rows_TD /= np.where(lengths_T1 > 0, lengths_T1, 1)
    return rows_TD


def hold_out(
    kinship: Kinship,
    ranked: Sequence[Word],
    labels: Sequence[str],
    emotions: Collection[str],
    *,
    number: int,
    floor: int,
) -> dict[str, list[str]]:
    """Choose the most frequent emotion words that are no labels, nor kin of a label or of each other.

    Args:
        kinship: Of all tags, labels included.
        ranked: All tags, most frequent first.
        labels: The emotion words that are labels; none of them is ever hidden.
        emotions: The emotion words.
        number: At most so many are chosen.
        floor: A word must be carried by at least so many groups.

    Returns:
        The chosen words in order, each with its kin among the tags, sorted, without itself.
    """
    barred_T = np.isin(np.array(kinship.tags, dtype=object), list(labels))
    families: dict[str, list[str]] = {}
    for word in ranked:
        if len(families) == number or word.count < floor:
            break
        if word.name not in emotions:
            continue
        kin_T = kinship.of(word.name)
        if (kin_T & barred_T).any():
            continue
        barred_T[kinship.places[word.name]] = True
        kin = (kinship.tags[place] for place in np.flatnonzero(kin_T))
        families[word.name] = sorted(tag for tag in kin if tag != word.name)
    return families
