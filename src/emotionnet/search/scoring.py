"""How good search by words is: of the first 10 pictures, how many carry the word.

The pictures are those of a data set that an index holds. A picture carries a word when any picture of its
group does, among labels, tags or held-out words.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from emotionnet.data.store import Dataset
from emotionnet.records import SPLITS, ImageRecord, as_text
from emotionnet.search.layout import picture_id
from emotionnet.search.query import Query
from emotionnet.search.scan import absolute
from emotionnet.search.searcher import Searcher

FIRST = 10
# What is asked for: a word that was held out, with its kin; then, by number alone, so that nobody picks what
# looks good: the emotions that most groups carry, which the network was trained to tell, and the held-out
# words that most groups carry, which it never saw.
KIN: Mapping[str, tuple[str, ...]] = {"angry": ("angry", "anger", "mad")}
EMOTIONS, HELD_OUT = 5, 4


@dataclass(frozen=True)
class _Pictures:
    """The data set's pictures that an index holds: their ids, their groups, and what each group carries."""

    group: Mapping[str, str]
    in_test: frozenset[str]
    words: Mapping[str, frozenset[str]]

    def with_any(self, words: Collection[str]) -> frozenset[str]:
        """The ids of those that carry one of some words."""
        return frozenset(
            name for name, group in self.group.items() if not self.words[group].isdisjoint(words)
        )


def search_scores(searcher: Searcher, dataset: Dataset) -> dict[str, float]:
    """Precision at 10 of ten words, over all pictures of an index and over those of the test groups alone.

    Args:
        searcher: Over an index that holds pictures of the data set, by their paths.
        dataset: What tells which words they carry.

    Returns:
        For each word `search.<word>.precision_at_10`, `.chance` (the share of pictures that carry it) and
        `.relevant` (how many do: fewer than 10 bound the precision), and the same of the test groups as
        `.test_precision_at_10` and so on; the means as `search.mean.*`. A word that no picture of the test
        groups carries has no test scores, and one that no picture carries has none.

    Raises:
        DataError: The data set or the index is broken.
    """
    pictures = _pictures(searcher, dataset)
    found: dict[str, dict[str, float]] = {}
    for word in _asked(dataset):
        relevant = pictures.with_any(KIN.get(word, (word,)))
        scores = {
            f"{start}{key}": value
            for start, among in (("", frozenset(pictures.group)), ("test_", pictures.in_test))
            for key, value in _scores(searcher, word, relevant, among).items()
        }
        if scores:
            found[word] = scores
    keys = dict.fromkeys(key for scores in found.values() for key in scores)
    of_key = {key: [scores[key] for scores in found.values() if key in scores] for key in keys}
    found["mean"] = {key: sum(values) / len(values) for key, values in of_key.items()}
    return {f"search.{word}.{key}": value for word, scores in found.items() for key, value in scores.items()}


def precision_at(
    searcher: Searcher,
    word: str,
    relevant: Collection[str],
    *,
    k: int = FIRST,
    among: Collection[str] | None = None,
) -> float:
    """The share of relevant pictures among the first `k` that a search for a word brings.

    Args:
        searcher: Over an index that is small enough to be searched exactly.
        word: What is searched for.
        relevant: Ids of the pictures that should come.
        k: How many are looked at; fewer where there are not so many. Copies count once, as in any search.
        among: Ids of the pictures that are ranked; None: all.
    """
    asked = searcher.asked(Query(words=((word, 1.0),)), [])
    ranked = searcher.retrieval.ranked(asked, len(searcher.index))
    kept = [(name, score) for name, score in ranked if among is None or name in among]
    hits = searcher.hits(kept, k)
    return sum(hit.picture.id in relevant for hit in hits) / len(hits) if hits else 0.0


def _scores(
    searcher: Searcher, word: str, relevant: frozenset[str], among: frozenset[str]
) -> dict[str, float]:
    there = relevant & among
    if not there:
        return {}
    precision = precision_at(searcher, word, there, among=among)
    return {
        f"precision_at_{FIRST}": precision,
        "chance": len(there) / len(among),
        "relevant": float(len(there)),
    }


def _asked(dataset: Dataset) -> list[str]:
    held_out = [word for word in dataset.unseen_names if word not in KIN]
    return [
        *(word for word in KIN if word in dataset.unseen_names),
        *dataset.emotion_names[:EMOTIONS],
        *held_out[:HELD_OUT],
    ]


def _pictures(searcher: Searcher, dataset: Dataset) -> _Pictures:
    groups: dict[str, str] = {}
    in_test: set[str] = set()
    words: dict[str, set[str]] = {}
    vocabularies = (dataset.emotion_names, dataset.tag_names, dataset.unseen_names)
    for split in SPLITS:
        for record in dataset.checked_records(split):
            words.setdefault(record.group, set()).update(_words(record, vocabularies))
            name = picture_id(as_text(absolute(dataset.image_path(record))))
            if name in searcher.index:
                groups[name] = record.group
                if split == "test":
                    in_test.add(name)
    carried = {group: frozenset(some) for group, some in words.items()}
    return _Pictures(groups, frozenset(in_test), carried)


def _words(record: ImageRecord, vocabularies: Sequence[Sequence[str]]) -> set[str]:
    places = (record.given_labels, record.tags, record.unseen)
    return {names[at] for names, some in zip(vocabularies, places, strict=True) for at in some}
