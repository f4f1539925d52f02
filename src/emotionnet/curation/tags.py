"""Tags: which are good, what they are inflections of, and which of them are emotions.

The rules are those of StockEmotion (Wei et al. 2020, section 3), but for the
demand that WordNet know the word: its data does not come with the package.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import polars as pl
import simplemma

from emotionnet.data.vocabularies import read_vocabulary
from emotionnet.emotions import lexicon

_ENDING = re.compile(r"(?:ing|ed|e|y|i?ly|e?ment|i?ness|ful|less|ion)$")
_SHORTEST_STEM = 4


@dataclass(frozen=True)
class Vocabulary:
    """Emotion words, in lower case, each with the word that it is merged into."""

    name: str
    forms: Mapping[str, str]

    @cached_property
    def emotions(self) -> frozenset[str]:
        """The words that can become labels."""
        return frozenset(self.forms.values())

    @cached_property
    def sha256(self) -> str:
        """Over words and merged forms, whatever file they came from."""
        return hashlib.sha256(json.dumps(sorted(self.forms.items())).encode()).hexdigest()


def emotion_vocabulary(path: Path | None) -> Vocabulary:
    """The lexicon, its forms merged by its own lemmas; or the words of a file, each for itself.

    Raises:
        DataError: The file holds no vocabulary.
    """
    if path is None:
        return Vocabulary("lexicon", {word.word: word.lemma for word in lexicon()})
    words = [word.strip().lower() for word in read_vocabulary(path)]
    return Vocabulary(path.name, {word: word for word in words})


def clean_tags(raw: pl.Series, vocabulary: Vocabulary) -> pl.Series:
    """Clean tags; null for those that are not good.

    From '^' on a tag is dropped; the rest is lower-cased, '_' is a space. A good tag has at
    least 3 characters, a letter and no digit; emotion words are kept whatever they look like.

    Args:
        raw: Tags as they came.
        vocabulary: The emotion words.
    """
    tag = pl.col("tag")
    cleaned = (
        tag.str.replace(r"(?s)\^.*$", "").str.replace_all(r"[_\s]+", " ").str.strip_chars().str.to_lowercase()
    )
    good = (tag.str.len_chars() >= 3) & tag.str.contains(r"\p{L}") & ~tag.str.contains(r"\p{N}")
    table = pl.DataFrame({"tag": raw}).select(cleaned)
    kept = pl.when(good | tag.is_in(sorted(vocabulary.forms))).then(tag)
    return table.select(kept).to_series()


def lemma(tag: str, vocabulary: Vocabulary) -> str:
    """The word that a tag is an inflection of; the tag itself when it is a phrase."""
    if tag in vocabulary.forms:
        return vocabulary.forms[tag]
    if " " in tag:
        return tag
    base = simplemma.lemmatize(tag, lang="en").lower()
    return vocabulary.forms.get(base, base)


def family(tag: str, vocabulary: Vocabulary) -> frozenset[str]:
    """What a tag shares with its kin: two tags with a common element are of one family.

    Wider than `lemma`, since a held-out word must not be given away: every word of a
    phrase counts, and derivations too (angry face, anger; exciting, excitement), those of an
    emotion word's forms among them (furiously, fury).
    """
    kin = set()
    for word in words_of(tag):
        lemmas = {word, lemma(word, vocabulary), simplemma.lemmatize(word, lang="en").lower()}
        stems = {stem for base in lemmas if (stem := _ENDING.sub("", base)) != base}
        whole = {f"{stem}e" for stem in stems}
        kin |= lemmas | whole | {stem for stem in stems if len(stem) >= _SHORTEST_STEM}
        kin |= {vocabulary.forms[base] for base in stems | whole if base in vocabulary.forms}
    return frozenset(kin)


def words_of(tag: str) -> list[str]:
    """The words of a phrase."""
    return [word for word in re.split(r"[^\w']+", tag) if word]
