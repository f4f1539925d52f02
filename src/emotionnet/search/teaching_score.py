"""What a few examples of a word are worth: teaching held against a search for the word.

The pictures are those of a data set that an index holds, the words those that were held out of its training:
no label and no tag told of them. Every second one, from the first of `unseen.json` on, is scored here; by the
others it was chosen how a word is learned (`word_probe`). How one is searched for (`meaning`) was chosen by
all of them.

Shape letters: N = pictures, G = groups.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from emotionnet.data.store import Dataset
from emotionnet.evaluation.chance import chance_average_precisions
from emotionnet.evaluation.metrics import average_precisions
from emotionnet.evaluation.units import pool_labels, pool_scores
from emotionnet.progress import message
from emotionnet.records import SPLITS, ImageRecord, as_text
from emotionnet.search.examples import gather
from emotionnet.search.layout import picture_id
from emotionnet.search.ranking import Mix, Vectors
from emotionnet.search.scan import absolute
from emotionnet.search.searcher import Searcher
from emotionnet.search.store import Index
from emotionnet.search.word_probe import train

EXAMPLES = 5  # pictures that are marked, of as many groups
LEAST_LEFT = 2  # groups with the word that must be left to find
DRAWS = 10  # of the examples
SEED = 0


@dataclass(frozen=True)
class _Case:
    """Average precision of teaching, of searching for the word untaught, and of random scores; one draw."""

    ap: float
    search_ap: float
    chance: float


@dataclass(frozen=True, eq=False)
class _Pictures:
    """The data set's pictures that an index holds."""

    ids: list[str]
    records: list[ImageRecord]
    vectors: Vectors

    def with_word(self, place: int) -> npt.NDArray[np.bool_]:
        """Which carry a held-out word; shape (N,)."""
        return np.array([place in record.unseen for record in self.records], dtype=np.bool_)

    def groups_of(self, own_N: npt.NDArray[np.bool_]) -> list[str]:
        """The groups of some of them, in order."""
        return sorted({self.records[row].group for row in np.flatnonzero(own_N)})


def teaching_scores(index: Index, dataset: Dataset) -> dict[str, float]:
    """Average precision over all groups of which none was marked, from 5 marked pictures of as many groups.

    Returns:
        For each word `teach.<word>.ap`, `.search_ap` and `.chance`, see `_Case`, means over 10 draws of the
        examples; the same of all words as `teach.mean.*`, with their number as `teach.mean.words`, and the
        shares of draws and of words in which teaching was better than searching as `teach.mean.better` and
        `teach.mean.better_words`. Empty where no word has enough groups, or the model no projection.

    Raises:
        DataError: The data set or the index is broken.
    """
    searcher = Searcher(index)
    if searcher.known_words() is None:
        return {}
    pictures = _indexed(searcher, dataset)
    found: dict[str, list[_Case]] = {}
    for place, word in list(enumerate(dataset.unseen_names))[::2]:
        own_N = pictures.with_word(place)
        if len(pictures.groups_of(own_N)) >= EXAMPLES + LEAST_LEFT:
            found[word] = _cases(searcher, word, pictures, own_N)
    return _named(found)


def _indexed(searcher: Searcher, dataset: Dataset) -> _Pictures:
    records = [record for split in SPLITS for record in dataset.checked_records(split)]
    by_id = {picture_id(as_text(absolute(dataset.image_path(record)))): record for record in records}
    ids = [name for name in searcher.index.ids if name in by_id]
    vectors = searcher.retrieval.vectors(("features", "projection", "log_probabilities"), ids)
    return _Pictures(ids, [by_id[name] for name in ids], vectors.__getitem__)


def _cases(searcher: Searcher, word: str, pictures: _Pictures, own_N: npt.NDArray[np.bool_]) -> list[_Case]:
    """A case for each draw; whether the word was taught to the index makes no difference."""
    measures = searcher.reader(message).measures(word)
    ranked = dict(searcher.retrieval.ranked(Mix(measures), len(searcher.index)))
    searched_N = np.array([ranked[name] for name in pictures.ids])
    found: list[_Case] = []
    for draw in range(DRAWS):
        rows, left_out = _drawn(pictures, own_N, draw)
        examples = gather(searcher.retrieval, {pictures.ids[row]: True for row in rows})
        taught_N = train(examples, [measure for _, measure in measures]).decision(pictures.vectors)
        found.append(_case(pictures, own_N, np.column_stack([taught_N, searched_N]), left_out))
    return found


def _drawn(pictures: _Pictures, own_N: npt.NDArray[np.bool_], draw: int) -> tuple[list[int], set[str]]:
    """Rows that are marked, one of each of some groups with the word, and these groups."""
    rng = np.random.default_rng([SEED, draw])
    marked = set(rng.choice(pictures.groups_of(own_N), EXAMPLES, replace=False).tolist())
    of_group: dict[str, list[int]] = {group: [] for group in sorted(marked)}
    for row in np.flatnonzero(own_N).tolist():
        if pictures.records[row].group in marked:
            of_group[pictures.records[row].group].append(row)
    return [int(rng.choice(rows)) for rows in of_group.values()], marked


def _case(
    pictures: _Pictures, own_N: npt.NDArray[np.bool_], told_N2: npt.NDArray[np.float64], left_out: set[str]
) -> _Case:
    rest = [row for row, record in enumerate(pictures.records) if record.group not in left_out]
    groups = [pictures.records[row].group for row in rest]
    labels_G1 = pool_labels(own_N[rest][:, None], groups)
    scores_G2 = pool_scores(told_N2[rest], groups)
    ap, search_ap = average_precisions(scores_G2, np.repeat(labels_G1, 2, axis=1)).tolist()
    return _Case(ap, search_ap, float(chance_average_precisions(labels_G1, seed=SEED)[0]))


def _mean(cases: Sequence[_Case]) -> dict[str, float]:
    return {
        field.name: float(np.mean([getattr(case, field.name) for case in cases])) for field in fields(_Case)
    }


def _named(found: dict[str, list[_Case]]) -> dict[str, float]:
    if not found:
        return {}
    everything = [case for cases in found.values() for case in cases]
    named = {word: _mean(cases) for word, cases in found.items()}
    shares = {
        "better": np.mean([case.ap > case.search_ap for case in everything]),
        "better_words": np.mean([scores["ap"] > scores["search_ap"] for scores in named.values()]),
    }
    named["mean"] = _mean(everything) | {"words": len(found)} | {key: float(x) for key, x in shares.items()}
    return {f"teach.{name}.{key}": value for name, some in named.items() for key, value in some.items()}
