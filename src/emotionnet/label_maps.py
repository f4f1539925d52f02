"""Maps between label spaces: tags and labels on one side, the eight, the six or the 26 on the other.

A label finds its place in one of three tables, the first that knows it:

* `label_maps.csv` in this package: labels of benchmarks, one by one, each with the reason. The choices are
  our own, made from the definitions in Mikels et al. 2005 (see `emotions`), Ekman 1992, Kosti et al. 2017,
  "Emotion Recognition in Context", CVPR, table 1, and Plutchik 1980, "A general psychoevolutionary theory of
  emotion", whose eight emotions have three strengths each.
* the lexicon of `emotions`, for the eight and the six;
* the words of EMOTIC's categories in `emotions`, for the 26.

Shape letters: N = rows, C = labels of the source, K = labels of the target.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import numpy as np
import numpy.typing as npt

from emotionnet.emotions import EMOTIC_WORDS, LABEL_SETS, word_families
from emotionnet.records import DataError

TARGETS = ("mikels8", "ekman6", "emotic26")


@dataclass(frozen=True, slots=True)
class Link:
    """What a label becomes, none or several, and why."""

    label: str
    targets: tuple[str, ...]
    reason: str


@dataclass(frozen=True)
class LabelMap:
    """From the labels of one space to those of another, a link for each label of the source."""

    source: tuple[str, ...]
    target: tuple[str, ...]
    links: tuple[Link, ...]

    @property
    def unmapped(self) -> tuple[str, ...]:
        """Labels of the source that stand for nothing in the target."""
        return tuple(link.label for link in self.links if not link.targets)

    @property
    def unreached(self) -> tuple[str, ...]:
        """Labels of the target that no label of the source stands for: they are never told."""
        reached = {name for link in self.links for name in link.targets}
        return tuple(name for name in self.target if name not in reached)

    def scores(self, probabilities_NC: npt.NDArray[Any], *, shared: bool) -> npt.NDArray[np.float64]:
        """Scores of the target's labels, from probabilities of the source's.

        Args:
            probabilities_NC: 0 to 1; shape (N, C).
            shared: Whether the labels of a row share 1 (softmax): then those of one target add up, a label
                of several targets counting for each. Else the likeliest of them counts.

        Returns:
            Float64, shape (N, K); 0 for a label that is never told.

        Raises:
            ValueError: There is not one column for each label of the source.
        """
        if probabilities_NC.ndim != 2 or probabilities_NC.shape[1] != len(self.source):
            shapes = f"(N, {len(self.source)}); got {probabilities_NC.shape}"
            raise ValueError(f"probabilities must be of shape {shapes}")
        told = np.zeros((len(probabilities_NC), len(self.target)))
        for column, name in enumerate(self.target):
            places = [place for place, link in enumerate(self.links) if name in link.targets]
            if places:
                some = probabilities_NC[:, places].astype(np.float64)
                told[:, column] = some.sum(axis=1) if shared else some.max(axis=1)
        return told


def table_map(source: Sequence[str], target: Sequence[str]) -> LabelMap:
    """The map by the tables.

    The target need not be one of the three whole: Emotion6's seven are the six and neutral. Its labels that
    the source has too are linked by name. Labels that a remark in brackets alone tells apart, such as
    surprise(positive) and surprise(negative), are told alike.

    Args:
        source: Labels or tags.
        target: Labels, of which at least two belong to the eight, the six or the 26; of several, the set that
            has most of them counts.

    Raises:
        DataError: The target is none of the three, nor near one.
    """
    family = _family(target)
    names: dict[str, tuple[str, ...]] = {}
    for name in target:
        names[plain_label(name)] = (*names.get(plain_label(name), ()), name)
    return LabelMap(tuple(source), tuple(target), tuple(_link(label, family, names) for label in source))


def places(label: str, label_set: str) -> tuple[tuple[str, ...], str]:
    """What a label stands for in one of `TARGETS`, and why; nothing, and why, where no table knows it.

    Example:
        >>> places("Grief", "mikels8")
        (('sadness',), 'the strongest sadness (Plutchik 1980)')
    """
    word = plain_label(label)
    if word in _table():
        row = _table()[word]
        return tuple(row[label_set].split(";")) if row[label_set] else (), row["reason"]
    if label_set == "emotic26":
        categories = tuple(name for name, words in EMOTIC_WORDS.items() if word in words)
        return categories, "a word of EMOTIC's category" if categories else "no table knows this word"
    family = word_families("mikels8" if label_set == "mikels8" else "ekman6").get(word)
    return ((family,), "its family in the lexicon") if family else ((), "no table knows this word")


def _link(label: str, family: str, names: Mapping[str, tuple[str, ...]]) -> Link:
    word = plain_label(label)
    if word in names:
        return Link(label, names[word], "the same word")
    found, reason = places(label, family)
    return Link(label, tuple(one for name in found for one in names.get(plain_label(name), ())), reason)


def _family(target: Sequence[str]) -> str:
    shared = {
        name: len(
            {plain_label(label) for label in target} & {plain_label(label) for label in LABEL_SETS[name]}
        )
        for name in TARGETS
    }
    best = max(TARGETS, key=lambda name: (shared[name], -len(LABEL_SETS[name])))
    if shared[best] < 2:
        raise DataError(
            f"labels must have at least two of {', '.join(TARGETS)} to be mapped to; "
            f"got {', '.join(target)[:200]}"
        )
    return best


def plain_label(label: str) -> str:
    """A label without its remark in brackets, in small letters.

    Example:
        >>> plain_label("Surprise (positive)")
        'surprise'
    """
    return (re.sub(r"\s*\(.*\)\s*$", "", label).strip() or label.strip()).lower()


@cache
def _table() -> dict[str, dict[str, str]]:
    text = resources.files("emotionnet").joinpath("label_maps.csv").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return {row["label"]: row for row in csv.DictReader(lines)}
