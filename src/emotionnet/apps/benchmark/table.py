"""From the units' predictions to scores of whole methods, and to differences between them.

A score is computed on each fold, averaged over the folds, and averaged over the seeds. All methods are
resampled with the same weights of the same groups, so that their differences are paired. Shape
letters: G = groups, C = classes, K = unseen words, S = resamples, or swaps of words.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product

import numpy as np
import numpy.typing as npt
from scipy.stats import ttest_rel

from emotionnet.apps.benchmark.config import BenchmarkConfig
from emotionnet.apps.benchmark.folder import Found, read_found
from emotionnet.apps.benchmark.plan import Unit, left_out_source, spaces_of, swapped_units
from emotionnet.data.store import read_dataset
from emotionnet.evaluation.chance import chance_scores
from emotionnet.evaluation.intervals import (
    LEVEL,
    Difference,
    Resampled,
    class_scores,
    mean_of,
    mean_of_repeats,
    resample_scores,
)
from emotionnet.evaluation.metrics import Floats, Labels, macro_map
from emotionnet.evaluation.resampling import draw_weights
from emotionnet.evaluation.units import pool_labels, pool_scores
from emotionnet.evaluation.zeroshot import permuted_aucs, two_sided
from emotionnet.evaluation.zeroshot_baselines import emotion_points, word_cosines
from emotionnet.records import SPLITS
from emotionnet.text.vectors import read_vectors

CHANCE_DRAWS = 200


Scores = Mapping[str, Resampled]  # macro_map, auc and hit_rate, over all folds and seeds


@dataclass(frozen=True)
class ZeroShot:
    """Scores for unseen words by method; the network's mean AUC for each swap of the words' vectors (S,)."""

    scores: Mapping[str, Scores]
    permuted: Floats


@dataclass(frozen=True)
class Swapped:
    """Macro mAP of each network that was trained on swapped labels, and of random scores on its fold."""

    trained: tuple[float, ...]
    random: tuple[float, ...]

    def difference(self) -> Difference:
        """Mean difference over the networks; interval and p by Student's t: each is one draw of luck."""
        result = ttest_rel(self.trained, self.random)
        low, high = result.confidence_interval(LEVEL)
        value = float(np.mean(self.trained) - np.mean(self.random))
        return Difference(value, float(low), float(high), float(result.pvalue))


class Table:
    """Everything that the page is made of, each method scored once.

    Args:
        config: A benchmark all of whose units are done.
        sources: Those of the pictures.
    """

    def __init__(self, config: BenchmarkConfig, sources: Sequence[str]) -> None:
        self.config, self.sources = config, tuple(sources)
        self.scored = cache(self._scored)
        self._weights = cache(self._draw)
        self.dataset = cache(lambda space: read_dataset(config.out / space / "dataset"))
        self._vectors = cache(lambda: read_vectors(config.out / "tags" / "vectors"))

    def on_unseen_source(self, method: str) -> Scores:
        """A method of the tags, on the pictures of each fold's unseen source alone."""
        return self.scored("tags", method, True)

    def chance(self, space: str) -> dict[str, float]:
        """Mean scores of random numbers on the same folds."""
        drawn = [
            chance_scores(
                self._counted(space, self._found(space, "frozen", seed, fold))[1],
                seed=seed,
                draws=CHANCE_DRAWS,
            )
            for seed, fold in self._every()
        ]
        return {key: float(np.mean([one[key] for one in drawn])) for key in drawn[0]}

    def swapped(self) -> Swapped:
        """The networks that were trained on labels and tags which groups had swapped."""
        trained, random = [], []
        for unit in swapped_units(self.config):
            scores_GC, labels_GC, _ = _pooled(read_found(self.config.out, unit))
            trained.append(macro_map(scores_GC, labels_GC)[0])
            random.append(chance_scores(labels_GC, seed=unit.seed, draws=CHANCE_DRAWS)["macro_map"])
        return Swapped(tuple(trained), tuple(random))

    def zero_shot(self) -> ZeroShot | None:
        """Unseen words: the network's projection, `ridge`, and `similarity` from the softmax-only network.

        None where no word was held out.
        """
        if not self.dataset("tags").unseen:
            return None
        by_seed: dict[str, list[Scores]] = {name: [] for name in ("full", "ridge", "similarity")}
        permuted = []
        for seed in range(self.config.seeds):
            parts: dict[str, list[Scores]] = {name: [] for name in by_seed}
            for fold in range(self.config.folds):
                full, ridge = (self._found("tags", name, seed, fold) for name in ("full", "ridge"))
                softmax = self._found("tags", "softmax", seed, fold)
                cosines = {
                    "full": full.cosines,
                    "ridge": ridge.cosines,
                    "similarity": self._similarity(softmax.scores),
                }
                labels_GK = pool_labels(full.unseen, full.groups)
                sides_K, rows_GS = two_sided(labels_GK), self._rows("tags", tuple(dict.fromkeys(full.groups)))
                for name, cosines_MK in cosines.items():
                    pooled_GK = pool_scores(cosines_MK, full.groups)
                    parts[name].append(
                        class_scores(pooled_GK[:, sides_K], labels_GK[:, sides_K], rows_GS).means()
                    )
                permuted.append(permuted_aucs(pool_scores(full.cosines, full.groups), labels_GK, seed=0))
            for name, some in parts.items():
                by_seed[name].append(_means(some))
        scores = {name: _means(some, mean_of_repeats) for name, some in by_seed.items()}
        return ZeroShot(scores, np.mean(permuted, axis=0))

    def _similarity(self, probabilities_MC: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        dataset, vectors = self.dataset("tags"), self._vectors()
        points_MD = emotion_points(probabilities_MC, dataset.emotion_names, vectors)
        return word_cosines(points_MD, dataset.unseen_names, vectors)

    def groups(self, space: str) -> tuple[str, ...]:
        """All groups of a label space, sorted."""
        return self._weights(space)[0]

    def _scored(self, space: str, method: str, unseen_source_only: bool = False) -> Scores:
        by_seed = []
        for seed in range(self.config.seeds):
            parts = []
            for fold in range(self.config.folds):
                found = self._found(space, method, seed, fold)
                if unseen_source_only:
                    unit = Unit(space, method, seed, fold)
                    found = _of_source(found, left_out_source(unit, self.sources))
                scores_GC, labels_GC, groups = self._counted(space, found)
                parts.append(resample_scores(scores_GC, labels_GC, self._rows(space, groups)))
            by_seed.append(_means(parts))
        return _means(by_seed, mean_of_repeats)

    def _counted(self, space: str, found: Found) -> tuple[Floats, Labels, tuple[str, ...]]:
        """Scores and labels of what the space counts, and the group of each, which gives its weights."""
        if spaces_of(self.config)[space].unit == "picture":
            return found.scores.astype(np.float64), found.labels, found.groups
        return _pooled(found)

    def _every(self) -> Iterator[tuple[int, int]]:
        return product(range(self.config.seeds), range(self.config.folds))

    def _found(self, space: str, method: str, seed: int, fold: int) -> Found:
        return read_found(self.config.out, Unit(space, method, seed, fold))

    def _rows(self, space: str, groups: Sequence[str]) -> Floats:
        """Weights of some groups, the same for every method, fold and seed; shape (G, S)."""
        names, weights_GS = self._weights(space)
        place = {name: row for row, name in enumerate(names)}
        rows: Floats = weights_GS[[place[group] for group in groups]]
        return rows

    def _draw(self, space: str) -> tuple[tuple[str, ...], Floats]:
        dataset = self.dataset(space)
        names = tuple(sorted({record.group for split in SPLITS for record in dataset.records(split)}))
        return names, draw_weights(len(names), seed=0)


def _means(
    parts: Sequence[Scores], mean: Callable[[Sequence[Resampled]], Resampled] = mean_of
) -> dict[str, Resampled]:
    return {key: mean([part[key] for part in parts]) for key in parts[0]}


def _pooled(found: Found) -> tuple[Floats, Labels, tuple[str, ...]]:
    """Scores and labels by group (G, C), and the groups in that order."""
    return (
        pool_scores(found.scores, found.groups),
        pool_labels(found.labels, found.groups),
        tuple(dict.fromkeys(found.groups)),
    )


def _of_source(found: Found, source: str) -> Found:
    kept: npt.NDArray[np.bool_] = np.array([name == source for name in found.sources])
    return Found(
        groups=tuple(name for name, keep in zip(found.groups, kept, strict=True) if keep),
        sources=tuple(name for name, keep in zip(found.sources, kept, strict=True) if keep),
        labels=found.labels[kept],
        scores=found.scores[kept],
        unseen=found.unseen[kept],
        cosines=found.cosines[kept],
    )
