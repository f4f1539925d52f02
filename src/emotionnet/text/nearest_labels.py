"""Maps between label spaces, and places of words, by word vectors: where no table knows a word.

Shape letters: S = labels of the source, T = labels of the target that have a vector, D = vector size.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from emotionnet.label_maps import LabelMap, Link, plain_label
from emotionnet.text.vectors import WordVectors
from emotionnet.word_dimensions import Point, dimensions_of, norm_word, norms

NO_VECTOR = "no word vector"
STEM = 3  # letters; words that share them are forms of one, as anger and angry


@dataclass(frozen=True, slots=True)
class WordPlace:
    """Valence, arousal and dominance of a word, from 1 to 9, or None; and where they come from.

    `source` is "norms", "nearest: X", or "none".
    """

    word: str
    values: Point | None
    source: str


def nearest_map(source: Sequence[str], target: Sequence[str], vectors: WordVectors) -> LabelMap:
    """Each label of the source to the label of the target whose mean word vector is nearest.

    Nothing but the vectors decides, so that a label always has a place, a fitting one or not: the cosine
    stands in the link. A label without a vector has none.

    Args:
        source: Labels or tags.
        target: Labels.
        vectors: A run's word vectors, or sentence vectors of `label_words` of all of them.
    """
    kept = tuple(name for name in target if _bag(name, vectors))
    if not kept:
        links = tuple(Link(label, (), "no label of the target has a word vector") for label in source)
        return LabelMap(tuple(source), tuple(target), links)
    targets = WordVectors(kept, vectors.mean_vectors([_bag(name, vectors) for name in kept]))
    bags = [_bag(label, vectors) for label in source]
    indices_S1, cosines_S1 = targets.nearest(vectors.mean_vectors(bags), 1)
    links = tuple(
        Link(label, (kept[int(index)],), f"cosine {cosine:.2f}") if bag else Link(label, (), NO_VECTOR)
        for label, bag, index, cosine in zip(source, bags, indices_S1[:, 0], cosines_S1[:, 0], strict=True)
    )
    return LabelMap(tuple(source), tuple(target), links)


def nearest_dimensions(
    words: Sequence[str], vectors: WordVectors | None, *, own: bool = True
) -> tuple[WordPlace, ...]:
    """Valence, arousal and dominance of words, by the norms or by the nearest word that the norms have.

    Args:
        words: Any words.
        vectors: Vectors of them and of the words of the norms; None: only the norms are asked.
        own: Whether a word that the norms have stands for itself. Without, it is told by its nearest word
            that does not begin with the same letters: what the way is worth for words that are not there.
    """
    known = () if vectors is None else tuple(word for word in norms() if word in vectors)
    return tuple(_place(word, vectors, known, own=own) for word in words)


def label_words(labels: Sequence[str]) -> tuple[str, ...]:
    """The distinct words that vectors are needed of: labels as they stand, and their parts."""
    return tuple(dict.fromkeys(word for label in labels for word in (plain_label(label), *_parts(label))))


def _place(word: str, vectors: WordVectors | None, known: Sequence[str], *, own: bool) -> WordPlace:
    values = dimensions_of(word)
    if own and values is not None:
        found = norm_word(word)
        return WordPlace(word, values, "norms" if found == plain_label(word) else f"norms: {found}")
    bag = [] if vectors is None else _bag(word, vectors)
    others = [name for name in known if own or name[:STEM] != plain_label(word)[:STEM]]
    if vectors is None or not bag or not others:
        return WordPlace(word, None, "none")
    indices_11, _ = vectors.subset(others).nearest(vectors.mean_vectors([bag]), 1)
    nearest = others[int(indices_11[0, 0])]
    return WordPlace(word, norms()[nearest], f"nearest: {nearest}")


def _bag(label: str, vectors: WordVectors) -> list[str]:
    """The words of a label that have a vector: the whole of it, else its parts."""
    whole = plain_label(label)
    return [whole] if whole in vectors else [word for word in _parts(label) if word in vectors]


def _parts(label: str) -> list[str]:
    return [word for word in re.split(r"[\s/_]+", plain_label(label)) if word]
