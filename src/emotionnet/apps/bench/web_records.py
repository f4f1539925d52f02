"""Synthetic web records: as many as one likes, with all that curation has to clean up.

Tags are Zipf-distributed over as many words as the 2020 vocabulary has, from the English dictionary that
simplemma carries, 690 of them emotions. They come in the raw form of 2020: weights ('kiss^1.25'), capitals,
inflections, underscores, digits, short ones, and words that are not English. Some records repeat the tags,
the picture or the look of an earlier one; some belong to a group, some may not be used.

Shape letters: N = records of a part, T = all their tags together.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
from simplemma.strategies import DefaultDictionaryFactory

from emotionnet.data.looks import HASH_BITS, HASH_BYTES
from emotionnet.emotions import lexicon
from emotionnet.progress import track

N_TAGS, N_EMOTIONS = 36_534, 690
PART = 250_000  # records, a row group of the file
TAGS_OF_A_RECORD = (5, 19)  # at least, fewer than; drawn from all words
WITH_EMOTION = 0.9  # one more, drawn from the emotions
NO_WORD = 0.05  # of the tags
SAME_TAGS, SAME_PICTURE, SAME_LOOK, NO_LOOK, GROUPED = 0.03, 0.01, 0.1, 0.02, 0.1  # of the records
FLIPS = 12  # bits that a look differs from the one it was made of, at most
GROUP = 4  # records
SOURCES = ("alder", "birch", "cedar", "elm")
REFUSED = "all rights reserved"
LICENCES = ("CC0-1.0", "CC-BY-4.0", "CC-BY-SA-4.0", None, REFUSED)
_FORMS = 16  # ways to write a word, equally frequent; some are the same
_WEIGHTS = ("0.5", "1.2", "1.25", "2")
_MADE_UP = 4000  # words that are not English
_DICTIONARY = 1 << 26  # bytes that the words of a part may take

Integers = npt.NDArray[np.int64]


def web_records(path: Path, count: int, *, seed: int = 0, looks: bool = True) -> Path:
    """Write records as a source of `curate`; ten million take about 1.5 GB.

    The same arguments give the same file.

    Args:
        path: The Parquet file to write, a part at a time.
        count: How many records.
        seed: Of what is drawn; words are the same for all.
        looks: Give the pictures PDQ hashes, too.

    Returns:
        The vocabulary of emotion words, written beside it: a text file, one a line.
    """
    words = _words()
    vocabulary = path.with_name("emotions.txt")
    vocabulary.write_text("".join(f"{word}\n" for word in sorted(words.emotions)))
    parts = range(0, count, PART)
    options = {"store_schema": False, "dictionary_pagesize_limit": _DICTIONARY}
    with pq.ParquetWriter(path, _schema(looks=looks), **options) as writer:
        for start in track(parts, "Making web records"):
            rng = np.random.default_rng([seed, start])
            columns = _columns(words, min(PART, count - start), rng)
            n = np.arange(start, min(start + PART, count))
            columns |= _pictures(n, rng) | _groups(len(n), count, rng)
            if looks:
                columns["look"] = _looks(len(n), rng)
            writer.write_table(pa.table(columns, schema=_schema(looks=looks)))
    return vocabulary


@dataclass(frozen=True, eq=False)
class _Words:
    """What tags are made of.

    Args:
        emotions: The emotion words.
        texts: All that a tag may be.
        forms_T: Numbers of `texts`, `_FORMS` for each word, words by rank.
        no_words: Numbers of those `texts` that are no good.
        emotion_ranks: The ranks of the emotion words, the most frequent first.
    """

    emotions: Sequence[str]
    texts: pa.Array
    forms_T: Integers
    no_words: Integers
    emotion_ranks: Integers


@cache
def _words() -> _Words:
    rng = np.random.default_rng(0)
    dictionary = DefaultDictionaryFactory().get_dictionary("en")
    inflected: dict[str, list[str]] = {}
    for form, base in dictionary.items():
        inflected.setdefault(base, []).append(form)
    felt = {word.lemma for word in lexicon()}
    plain = list(filter(re.compile("[a-z]{3,}").fullmatch, sorted(inflected)))
    felt &= set(plain)
    others = rng.permutation([word for word in plain if word not in felt]).tolist()
    chosen = [*sorted(felt), *others[: N_TAGS - len(felt)]]
    emotions, names = chosen[:N_EMOTIONS], rng.permutation(chosen).tolist()
    no_words = [*_no_words(rng), *map(str, range(1900, 2100)), "a", "of", "4k", "", " ", "^2"]
    written = [form for name in names for form in _forms(name, inflected[name])]
    texts = list(dict.fromkeys([*written, *no_words]))
    number = {text: place for place, text in enumerate(texts)}
    return _Words(
        emotions,
        pa.array(texts, pa.string()),
        np.array([number[form] for form in written]),
        np.array([number[word] for word in no_words]),
        np.flatnonzero(np.isin(names, emotions)),
    )


def _forms(word: str, inflected: Sequence[str]) -> list[str]:
    """The ways to write a word; half of them plain."""
    weighted = [f"{word}^{weight}" for weight in _WEIGHTS]
    capital = [word.capitalize(), word.upper(), f" {word}"]
    return [*[word] * (_FORMS - 8), *weighted, *capital, sorted(inflected)[len(word) % len(inflected)]]


def _no_words(rng: np.random.Generator) -> list[str]:
    """Words that are not English, some of them with letters that English has not, some of two parts."""
    letters = np.array(list("abdeghiklmnorstuvzäéñøß"))
    lengths = rng.integers(3, 10, _MADE_UP)
    made = ["".join(rng.choice(letters, length)) for length in lengths]
    return [f"{one}_{made[0]}" if number % 10 == 0 else one for number, one in enumerate(made)]


def _schema(*, looks: bool) -> pa.Schema:
    word = pa.dictionary(pa.int32(), pa.string())
    columns = {"id": pa.string(), "url": pa.string(), "tags": pa.list_(word), "group": pa.string()}
    columns |= {"source": pa.string(), "licence": pa.string()}
    return pa.schema(columns | ({"look": pa.binary(HASH_BYTES)} if looks else {}))


def _columns(words: _Words, n: int, rng: np.random.Generator) -> dict[str, pa.Array]:
    """Tags and source; some records have both from another."""
    lengths = rng.integers(*TAGS_OF_A_RECORD, n)
    emotion = rng.random(n) < WITH_EMOTION
    ends = np.cumsum(lengths + emotion)
    ranks = _zipf(len(words.forms_T) // _FORMS, int(ends[-1]), rng)
    ranks[ends[emotion] - 1] = words.emotion_ranks[_zipf(len(words.emotion_ranks), int(emotion.sum()), rng)]
    texts = words.forms_T[ranks * _FORMS + rng.integers(_FORMS, size=len(ranks))]
    bad = rng.random(len(texts)) < NO_WORD
    texts[bad] = rng.choice(words.no_words, int(bad.sum()))
    tags = pa.DictionaryArray.from_arrays(pa.array(texts.astype(np.int32)), words.texts)
    offsets = pa.array(np.concatenate([[0], ends]).astype(np.int32))
    origin = _origins(n, SAME_TAGS, rng)
    source = pa.array(rng.choice(SOURCES, n)).take(pa.array(origin))
    return {"tags": pa.ListArray.from_arrays(offsets, tags).take(pa.array(origin)), "source": source}


def _pictures(numbers_N: Integers, rng: np.random.Generator) -> dict[str, pa.Array]:
    origin = numbers_N[_origins(len(numbers_N), SAME_PICTURE, rng)]
    urls = [f"https://pictures.example/{number % 997:03}/{number}.jpg" for number in origin.tolist()]
    return {"id": pa.array(map(str, numbers_N.tolist()), pa.string()), "url": pa.array(urls, pa.string())}


def _groups(n: int, count: int, rng: np.random.Generator) -> dict[str, pa.Array]:
    drawn = rng.integers(max(1, int(count * GROUPED / GROUP)), size=n).tolist()
    grouped = (rng.random(n) < GROUPED).tolist()
    names = [f"series {number}" if some else None for number, some in zip(drawn, grouped, strict=True)]
    licence = pa.array(LICENCES, pa.string()).take(pa.array(rng.integers(len(LICENCES), size=n)))
    return {"group": pa.array(names, pa.string()), "licence": licence}


def _looks(n: int, rng: np.random.Generator) -> pa.Array:
    """Random hashes; some are an earlier one with a few bits flipped."""
    looks_N32 = rng.integers(0, 256, (n, HASH_BYTES), dtype=np.uint8)
    origin = _origins(n, SAME_LOOK, rng)
    looks_N32 = looks_N32[origin]
    copies = np.flatnonzero(origin != np.arange(n))
    flips = rng.integers(FLIPS + 1, size=len(copies))
    for flip in range(FLIPS):
        rows, bits = copies[flips > flip], rng.integers(HASH_BITS, size=int((flips > flip).sum()))
        looks_N32[rows, bits // 8] ^= np.left_shift(1, bits % 8).astype(np.uint8)
    hashes = pa.FixedSizeBinaryArray.from_buffers(pa.binary(HASH_BYTES), n, [None, pa.py_buffer(looks_N32)])
    return hashes.take(pa.array(np.arange(n), mask=rng.random(n) < NO_LOOK))


def _origins(n: int, share: float, rng: np.random.Generator) -> Integers:
    """For each record itself, or, for a share of them, one of the first tenth."""
    origin = np.arange(n)
    copied = rng.random(n) < share
    origin[copied] = np.minimum(rng.integers(n // 10 + 1, size=int(copied.sum())), origin[copied])
    return origin


def _zipf(n: int, size: int, rng: np.random.Generator) -> Integers:
    """Ranks from 0 on, the rank r as often as 1 / (r + 1)."""
    shares = np.cumsum(1 / np.arange(1, n + 1))
    ranks: Integers = np.searchsorted(shares, rng.random(size) * shares[-1])
    return ranks
