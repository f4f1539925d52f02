"""What a few examples of a word are worth: teaching held against zero-shot search.

The pictures are those of a data set that an index holds, the words those that were held out of its training:
no label and no tag told of them. Every second one, from the first of `unseen.json` on, is scored here; by the
others it was chosen how a word is learned (`word_probe`).

Shape letters: N = pictures, F = features, D = embedding size.
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
from emotionnet.inference.outputs import Array
from emotionnet.records import SPLITS, ImageRecord
from emotionnet.search.examples import gather
from emotionnet.search.layout import picture_id
from emotionnet.search.query import Query
from emotionnet.search.scan import absolute, as_text
from emotionnet.search.searcher import Searcher
from emotionnet.search.store import Index
from emotionnet.search.word_probe import train

EXAMPLES = 5  # pictures that are marked, of as many groups
LEAST_LEFT = 2  # groups with the word that must be left to find
NAMED = 3  # words with scores of their own; the others count in the mean alone
DRAWS = 10  # of the examples
SEED = 0


@dataclass(frozen=True)
class _Case:
    """Average precision of teaching, of what told the word before, and of random scores; for one draw.

    `zero_shot_ap` is that of the cosine with the word's own point, `search_ap` that of searching for the
    word, which goes by more than that (`meaning`).
    """

    ap: float
    zero_shot_ap: float
    search_ap: float
    chance: float


@dataclass(frozen=True, eq=False)
class _Pictures:
    """The data set's pictures that an index holds; vectors of length 1."""

    index: Index
    ids: list[str]
    records: list[ImageRecord]
    features: Array
    projection: Array

    def with_word(self, place: int) -> npt.NDArray[np.bool_]:
        """Which carry a held-out word; shape (N,)."""
        return np.array([place in record.unseen for record in self.records], dtype=np.bool_)

    def groups_of(self, own_N: npt.NDArray[np.bool_]) -> list[str]:
        """The groups of some of them, in order."""
        return sorted({self.records[row].group for row in np.flatnonzero(own_N)})


def teaching_scores(index: Index, dataset: Dataset) -> dict[str, float]:
    """Average precision over all groups of which none was marked, from 5 marked pictures of as many groups.

    Returns:
        For the first 3 words `teach.<word>.ap`, `.zero_shot_ap`, `.search_ap` and `.chance`, see `_Case`,
        means over 10 draws of the examples; the same of all words as `teach.mean.*`, with their number as
        `teach.mean.words` and the share of draws in which teaching was better than zero-shot as
        `teach.mean.better`. Empty where no word has enough groups, or the model no projection.

    Raises:
        DataError: The data set or the index is broken.
    """
    searcher = Searcher(index)
    words = searcher.known_words()
    if words is None:
        return {}
    pictures = _indexed(index, dataset)
    found: dict[str, list[_Case]] = {}
    for place, word in list(enumerate(dataset.unseen_names))[::2]:
        own_N = pictures.with_word(place)
        if len(pictures.groups_of(own_N)) >= EXAMPLES + LEAST_LEFT:
            point_D = words.points([word])[0]
            searched_N = _searched(searcher, word, pictures.ids)
            found[word] = [_case(pictures, own_N, point_D, searched_N, draw) for draw in range(DRAWS)]
    return _named(found)


def _indexed(index: Index, dataset: Dataset) -> _Pictures:
    records = [record for split in SPLITS for record in dataset.checked_records(split)]
    by_id = {picture_id(as_text(absolute(dataset.image_path(record)))): record for record in records}
    ids = [name for name in index.ids if name in by_id]
    vectors = index.vectors("features", ids), index.vectors("projection", ids)
    return _Pictures(index, ids, [by_id[name] for name in ids], *vectors)


def _searched(searcher: Searcher, word: str, ids: Sequence[str]) -> Array:
    """The score of each picture when the word is searched for; float32, shape (N,)."""
    asked = searcher.asked(Query(words=((word, 1.0),)), [])
    scores = dict(searcher.retrieval.ranked(asked, len(searcher.index)))
    return np.array([scores[name] for name in ids], dtype=np.float32)


def _case(
    pictures: _Pictures, own_N: npt.NDArray[np.bool_], point_D: Array, searched_N: Array, draw: int
) -> _Case:
    rng = np.random.default_rng([SEED, draw])
    marked = set(rng.choice(pictures.groups_of(own_N), EXAMPLES, replace=False).tolist())
    groups = [record.group for record in pictures.records]
    of_group = {group: [row for row in np.flatnonzero(own_N) if groups[row] == group] for group in marked}
    yes = [int(rng.choice(of_group[group])) for group in sorted(marked)]
    probe = train(gather(pictures.index, {pictures.ids[row]: True for row in yes}), point_D)
    rest = [row for row, group in enumerate(groups) if group not in marked]
    rest_groups = [groups[row] for row in rest]
    told_NK = np.column_stack(
        [
            probe.decision(pictures.features, pictures.projection),
            pictures.projection @ point_D,
            searched_N,
        ]
    )
    labels_G1 = pool_labels(own_N[rest][:, None], rest_groups)
    scores_GK = pool_scores(told_NK[rest], rest_groups)
    ap, zero_shot_ap, search_ap = average_precisions(scores_GK, np.repeat(labels_G1, 3, axis=1)).tolist()
    return _Case(ap, zero_shot_ap, search_ap, float(chance_average_precisions(labels_G1, seed=SEED)[0]))


def _mean(cases: Sequence[_Case]) -> dict[str, float]:
    return {
        field.name: float(np.mean([getattr(case, field.name) for case in cases])) for field in fields(_Case)
    }


def _named(found: dict[str, list[_Case]]) -> dict[str, float]:
    if not found:
        return {}
    everything = [case for cases in found.values() for case in cases]
    better = float(np.mean([case.ap > case.zero_shot_ap for case in everything]))
    named = {word: _mean(cases) for word, cases in list(found.items())[:NAMED]}
    named["mean"] = _mean(everything) | {"words": len(found), "better": better}
    return {f"teach.{name}.{key}": value for name, some in named.items() for key, value in some.items()}
