"""Tags: cleaned, their forms merged, and which of them are emotions.

A tag table has one line for each record and tag: the columns row (the record's number)
and tag. The rules are those of StockEmotion (Wei et al. 2020, section 3), but for the
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


def tag_table(records: pl.DataFrame, vocabulary: Vocabulary) -> pl.DataFrame:
    """Clean the tags of each record.

    From '^' on a tag is dropped; the rest is lower-cased, '_' is a space. A good tag has at
    least 3 characters, a letter and no digit; emotion words are kept whatever they look like.

    Args:
        records: With the columns row and tags (list of strings).
        vocabulary: The emotion words.

    Returns:
        A tag table, no tag twice in a record, in the records' order.
    """
    cleaned = (
        pl.col("tags")
        .str.replace(r"(?s)\^.*$", "")
        .str.replace_all(r"[_\s]+", " ")
        .str.strip_chars()
        .str.to_lowercase()
    )
    tag = pl.col("tag")
    good = (tag.str.len_chars() >= 3) & tag.str.contains(r"\p{L}") & ~tag.str.contains(r"\p{N}")
    return (
        records.select("row", "tags")
        .explode("tags")
        .select("row", tag=cleaned)
        .filter(good | tag.is_in(sorted(vocabulary.forms)))
        .unique(maintain_order=True)
    )


def merge_forms(table: pl.DataFrame, vocabulary: Vocabulary) -> pl.DataFrame:
    """Merge the inflections of a tag: hearts into heart, kissing into kiss.

    An emotion word goes where the vocabulary says, so that excited is never made excite;
    any other single word goes to its lemma (simplemma, English), and through it to an
    emotion word where there is one; phrases stay as they are. What survives is the lemma
    when it is an emotion or a tag that was seen, else the most frequent of its forms.
    """
    forms = table.group_by("tag").len("count")
    lemmas = forms["tag"].map_elements(lambda tag: lemma(tag, vocabulary), return_dtype=pl.String)
    forms = forms.with_columns(lemma=lemmas).sort(["count", "tag"], descending=[True, False])
    known = [*vocabulary.emotions, *forms["tag"]]
    name = (
        pl.when(pl.col("lemma").is_in(known))
        .then(pl.col("lemma"))
        .otherwise(pl.col("tag").first().over("lemma"))
    )
    names = forms.select("tag", name=name)
    merged = table.join(names, on="tag", how="left", maintain_order="left")
    return merged.select("row", tag="name").unique(maintain_order=True)


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
    for word in filter(None, re.split(r"[^\w']+", tag)):
        lemmas = {word, lemma(word, vocabulary), simplemma.lemmatize(word, lang="en").lower()}
        stems = {stem for base in lemmas if (stem := _ENDING.sub("", base)) != base}
        whole = {f"{stem}e" for stem in stems}
        kin |= lemmas | whole | {stem for stem in stems if len(stem) >= _SHORTEST_STEM}
        kin |= {vocabulary.forms[base] for base in stems | whole if base in vocabulary.forms}
    return frozenset(kin)
