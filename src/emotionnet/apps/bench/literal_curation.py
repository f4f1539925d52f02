"""Curation as REFERENCE section 1 says it: record by record, tag by tag, with dictionaries and sets.

What it gives is right, for there is nothing in it to go wrong; `curate` must give the same, only sooner.

Shape letters: N = pictures.
"""

from __future__ import annotations

import re
import time
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import simplemma

from emotionnet.config import CurateConfig

Rejects = dict[str, str]


@dataclass
class Record:
    """A record that is still in."""

    id: str
    picture: str
    tags: list[str]
    group: str
    source: str
    licence: str
    look: bytes | None = None


@dataclass(frozen=True)
class Kept:
    """What became of a record that stays."""

    split: str
    labels: frozenset[str]
    tags: frozenset[str]
    group: str


@dataclass(frozen=True)
class Outcome:
    """What a curation gave: the records that stay, and why the others do not, by id."""

    kept: Mapping[str, Kept] = field(default_factory=dict)
    rejects: Mapping[str, str] = field(default_factory=dict)


def make_literal(config: CurateConfig) -> Callable[[], float]:
    """A contender whose round is one curation; the rate is records per second."""

    def one_round() -> float:
        started = time.perf_counter()
        outcome = literal_curation(config)
        return (len(outcome.kept) + len(outcome.rejects)) / (time.perf_counter() - started)

    return one_round


def literal_curation(config: CurateConfig) -> Outcome:
    """Curate a Parquet file of records whose pictures are URLs; no words are held out.

    Args:
        config: With `source` and `vocabulary` as paths.
    """
    emotions = emotion_words(config)
    rejects: Rejects = {}
    records = merge_forms(list(read_records(config, emotions)), emotions)
    records = _with_emotion(records, emotions, rejects)
    records = _allowed(records, config.licences, rejects)
    records = _first_ones(records, lambda record: record.picture, "same picture as", rejects)
    records = _first_ones(
        records, lambda record: (record.source, frozenset(record.tags)), "same tags as", rejects
    )
    join_look_alikes(records, config.near_duplicate_bits)
    return choose(records, emotions, config, rejects)


def emotion_words(config: CurateConfig) -> set[str]:
    """The words of the vocabulary file."""
    assert config.vocabulary is not None
    return set(config.vocabulary.read_text().split())


def read_records(config: CurateConfig, emotions: set[str]) -> Iterator[Record]:
    """The records of a file with their good tags, each once."""
    path = Path(config.source)
    for batch in pq.ParquetFile(path).iter_batches():
        for row in batch.to_pylist():
            yield _record(row, path.stem, config, emotions)


def _record(row: Mapping[str, Any], name: str, config: CurateConfig, emotions: set[str]) -> Record:
    tags: list[str] = []
    for raw in row["tags"]:
        tag = clean(raw)
        if tag not in tags and (tag in emotions or is_good(tag, config)):
            tags.append(tag)
    group, source = row["group"] or row["id"], row["source"] or name
    return Record(
        row["id"], row["url"], tags, group, source, row["licence"] or config.licence, row.get("look")
    )


def clean(raw: str) -> str:
    """A tag without its weight, in lower case."""
    return re.sub(r"[_\s]+", " ", raw.split("^", maxsplit=1)[0]).strip().lower()


def is_good(tag: str, config: CurateConfig) -> bool:
    """Whether a tag has three characters, a letter, no digit, and only words of the language asked for."""
    kinds = [unicodedata.category(character)[0] for character in tag]
    if len(tag) < 3 or "L" not in kinds or "N" in kinds:
        return False
    if config.tag_language is None:
        return True
    return all(simplemma.is_known(word, lang=config.tag_language) for word in re.findall(r"[\w']+", tag))


def merge_forms(records: Sequence[Record], emotions: set[str]) -> Sequence[Record]:
    """Give each tag the name of all forms of its word."""
    counts = Counter(tag for record in records for tag in record.tags)
    by_word: dict[str, list[str]] = {}
    for tag in counts:
        by_word.setdefault(_word(tag, emotions), []).append(tag)
    name_of = {}
    for word, forms in by_word.items():
        most = min(forms, key=lambda tag: (-counts[tag], tag))
        for form in forms:
            name_of[form] = word if word in counts or word in emotions else most
    for record in records:
        record.tags = list(dict.fromkeys(name_of[tag] for tag in record.tags))
    return records


def _word(tag: str, emotions: set[str]) -> str:
    """The word that a tag is a form of."""
    if tag in emotions or " " in tag:
        return tag
    return simplemma.lemmatize(tag, lang="en").lower()


def _with_emotion(records: Iterable[Record], emotions: set[str], rejects: Rejects) -> list[Record]:
    kept = []
    for record in records:
        if emotions.intersection(record.tags):
            kept.append(record)
        else:
            rejects[record.id] = "no emotion word among its tags"
    return kept


def _allowed(records: Sequence[Record], licences: Sequence[str] | None, rejects: Rejects) -> Sequence[Record]:
    if licences is None:
        return records
    kept = []
    for record in records:
        if record.licence in licences:
            kept.append(record)
        else:
            rejects[record.id] = f"its licence is none of those allowed: {record.licence}"
    return kept


def _first_ones(
    records: Iterable[Record], key_of: Callable[[Record], object], reason: str, rejects: Rejects
) -> list[Record]:
    """Those that do not equal an earlier one."""
    first: dict[object, Record] = {}
    for record in records:
        earlier = first.setdefault(key_of(record), record)
        if earlier is not record:
            rejects[record.id] = f"{reason} {earlier.id}"
    return list(first.values())


def join_look_alikes(records: Sequence[Record], bits: int) -> None:
    """Compare all pictures of a source with all, and put groups that look alike together."""
    beside: dict[str, set[str]] = {}
    for source in {record.source for record in records}:
        hashed = [record for record in records if record.source == source and record.look]
        words_N4 = np.frombuffer(b"".join(record.look or b"" for record in hashed), np.uint64).reshape(-1, 4)
        for i, record in enumerate(hashed):
            distance_N = np.bitwise_count(words_N4[i + 1 :] ^ words_N4[i]).sum(axis=1)
            for j in np.flatnonzero(distance_N <= bits):
                other = hashed[i + 1 + j]
                beside.setdefault(record.group, set()).add(other.group)
                beside.setdefault(other.group, set()).add(record.group)
    smallest = _smallest(beside)
    for record in records:
        record.group = smallest.get(record.group, record.group)


def _smallest(beside: Mapping[str, set[str]]) -> dict[str, str]:
    """The smallest name that can be reached from each name."""
    smallest: dict[str, str] = {}
    for name in sorted(beside):
        reached = [] if name in smallest else [name]
        while reached:
            one = reached.pop()
            if one not in smallest:
                smallest[one] = name
                reached.extend(beside[one])
    return smallest


def choose(records: Sequence[Record], emotions: set[str], config: CurateConfig, rejects: Rejects) -> Outcome:
    """Choose labels by frequency, share the groups out, and say what is left over."""
    carriers = _carriers(records)
    frequent = _frequent({tag: carriers[tag] for tag in emotions & set(carriers)}, config.min_emotion_groups)
    labels = frequent[: config.max_emotions]
    chosen = frozenset(labels)
    split_of = _split([sorted(carriers[label]) for label in labels], config)
    why = f"fewer than {config.min_emotion_groups} groups carry its words"
    if config.max_emotions is not None:
        why += f", or they are not among the {config.max_emotions} most frequent"
    taken = []
    for record in records:
        if chosen.isdisjoint(record.tags):
            rejects[record.id] = f"no emotion label ({why})"
        elif record.group not in split_of:
            rejects[record.id] = "left over by the split sizes"
        else:
            taken.append(record)
    tags = set(_frequent(_carriers(taken), config.min_tag_groups)[: config.max_tags])
    kept = {}
    for record in taken:
        carried = frozenset(record.tags)
        kept[record.id] = Kept(split_of[record.group], carried & chosen, carried & tags, record.group)
    return Outcome(kept, rejects)


def _carriers(records: Iterable[Record]) -> dict[str, set[str]]:
    """The groups that carry each tag."""
    carriers: dict[str, set[str]] = {}
    for record in records:
        for tag in record.tags:
            carriers.setdefault(tag, set()).add(record.group)
    return carriers


def _frequent(carriers: Mapping[str, set[str]], floor: int) -> list[str]:
    """The words that so many groups carry, most first, ties in alphabetical order."""
    enough = [word for word, groups in carriers.items() if len(groups) >= floor]
    return sorted(enough, key=lambda word: (-len(carriers[word]), word))


def _split(carriers: Sequence[Sequence[str]], config: CurateConfig) -> dict[str, str]:
    """For each split the emotions take turns; each takes up to so many groups that nobody has taken."""
    rng = np.random.default_rng(config.seed)
    shuffled = [[groups[i] for i in rng.permutation(len(groups))] for groups in carriers]
    split_of: dict[str, str] = {}
    for split in ("test", "val", "train"):
        for groups in shuffled:
            left = getattr(config.splits, split)
            for group in groups:
                if left and group not in split_of:
                    split_of[group] = split
                    left -= 1
    return split_of
