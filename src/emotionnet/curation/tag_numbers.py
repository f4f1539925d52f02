"""A number for every distinct tag: it is cleaned, looked up and lemmatised once, not once for each record."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import polars as pl
import simplemma

from emotionnet.curation.tag_lists import TagLists
from emotionnet.curation.tags import Vocabulary, clean_tags, lemma, words_of

_REFUSED = -1


@dataclass(frozen=True, eq=False)
class MergedTags:
    """What tags are called once their inflections are merged.

    Args:
        names: A name for each new number.
        numbers_V: The new number of each of V old ones.
    """

    names: tuple[str, ...]
    numbers_V: npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class EncodedTags:
    """The tags of N records, T in all, spelt once each.

    Args:
        lengths_N: How many each record has.
        codes_T: For each tag its place in `distinct`, or the number of distinct ones where it is not good.
        distinct: The good tags among them, cleaned.
    """

    lengths_N: npt.NDArray[np.int64]
    codes_T: npt.NDArray[np.uint32]
    distinct: pl.Series


def encode_tags(tags: pl.Series, vocabulary: Vocabulary) -> EncodedTags:
    """Clean the tags of some records, each distinct one once; needs no more than these records.

    Args:
        tags: Lists of strings, as they came; null for none.
        vocabulary: The emotion words, which are good whatever they look like.
    """
    lists = tags.fill_null([]).to_arrow()
    encoded = lists.flatten().dictionary_encode()
    raw = pl.Series("tag", encoded.dictionary, dtype=pl.String)
    cleaned = clean_tags(raw, vocabulary).to_frame("tag")
    distinct = cleaned.drop_nulls().unique(maintain_order=True).with_row_index("code")
    codes = cleaned.join(distinct, on="tag", how="left", maintain_order="left")["code"]
    codes_D1 = np.append(codes.fill_null(distinct.height).to_numpy(), np.uint32(distinct.height))
    raw_codes_T = encoded.indices.fill_null(len(raw)).to_numpy(zero_copy_only=False)
    lengths_N = lists.value_lengths().to_numpy(zero_copy_only=False).astype(np.int64)
    return EncodedTags(lengths_N, codes_D1[raw_codes_T], distinct["tag"])


class TagNumbers:
    """The numbers of the good tags met so far, and how many records carry each.

    Args:
        vocabulary: The emotion words, which are good whatever they look like.
        language: 'en': a tag is only good if simplemma's English dictionary knows each of its words; None: in
            any language.
    """

    def __init__(self, vocabulary: Vocabulary, language: Literal["en"] | None = None) -> None:
        self.foreign = 0  # how many distinct tags the dictionary does not know
        self._vocabulary, self._language = vocabulary, language
        self._numbers: dict[str, int] = {}
        self._names: list[str] = []
        self._lemmas: list[str] = []
        self._counts_V = np.zeros(0, dtype=np.int64)

    def __len__(self) -> int:
        return len(self._names)

    def lists(self, tags: EncodedTags) -> TagLists:
        """The tags of some more records as numbers."""
        known = self._numbers
        numbers = [known[tag] if tag in known else self._number(tag) for tag in tags.distinct.to_list()]
        numbers_T = np.array([*numbers, _REFUSED], dtype=np.int64)[tags.codes_T]  # the last is that of no tag
        good_T = numbers_T >= 0
        rows_T = np.repeat(np.arange(len(tags.lengths_N)), tags.lengths_N)
        found = TagLists.of(rows_T[good_T], numbers_T[good_T], len(tags.lengths_N))
        counts_V = np.bincount(found.tags_T, minlength=len(self))
        counts_V[: len(self._counts_V)] += self._counts_V
        self._counts_V = counts_V
        return found

    def emotional(self) -> npt.NDArray[np.bool_]:
        """Which numbers stand for a form of an emotion word; shape (V,)."""
        return np.array([base in self._vocabulary.emotions for base in self._lemmas], dtype=np.bool_)

    def merged(self) -> MergedTags:
        """Merge the inflections of a tag: hearts into heart, kissing into kiss.

        An emotion word goes where the vocabulary says, so that excited is never made excite;
        any other single word goes to its lemma (simplemma, English), and through it to an
        emotion word where there is one; phrases stay as they are. What survives is the lemma
        when it is an emotion or a tag that was seen, else the form that most records carry.
        """
        forms = pl.DataFrame(
            {"tag": self._names, "lemma": self._lemmas, "count": self._counts_V},
            schema={"tag": pl.String, "lemma": pl.String, "count": pl.Int64},
        ).with_row_index("number")
        known = [*self._vocabulary.emotions, *self._names]
        name = (
            pl.when(pl.col("lemma").is_in(known))
            .then(pl.col("lemma"))
            .otherwise(pl.col("tag").first().over("lemma"))
        )
        ordered = forms.sort(["count", "tag"], descending=[True, False]).with_columns(name=name)
        names = ordered.sort("number")["name"]
        distinct = names.unique().sort()
        return MergedTags(
            tuple(distinct),
            names.replace_strict(distinct, range(len(distinct)), return_dtype=pl.Int64).to_numpy(),
        )

    def _number(self, tag: str) -> int:
        """That of a tag which is new."""
        number = len(self._names) if self._is_known(tag) else _REFUSED
        self._numbers[tag] = number
        if number == _REFUSED:
            self.foreign += 1
        else:
            self._names.append(tag)
            self._lemmas.append(lemma(tag, self._vocabulary))
        return number

    def _is_known(self, tag: str) -> bool:
        if self._language is None or tag in self._vocabulary.forms:
            return True
        return all(simplemma.is_known(word, lang=self._language) for word in words_of(tag))
