"""From the units' predictions to scores of whole methods, and to differences between them.

A score is computed on each fold, averaged over the folds, and averaged over the seeds. All methods are
resampled with the same weights of the same groups, so that their differences are paired. Shape
letters: G = groups, C = classes, K = unseen words, S = resamples.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from emotionnet.apps.benchmark.folder import Found, read_found
from emotionnet.apps.benchmark.plan import Unit, left_out_source
from emotionnet.config import BenchmarkConfig
from emotionnet.data.store import read_dataset
from emotionnet.evaluation.chance import chance_scores
from emotionnet.evaluation.intervals import Resampled, mean_of, resample_scores
from emotionnet.evaluation.metrics import Floats, Labels
from emotionnet.evaluation.resampling import draw_weights
from emotionnet.evaluation.units import pool_labels, pool_scores
from emotionnet.evaluation.zeroshot import permuted_aucs, two_sided, word_scores
from emotionnet.records import SPLITS

CHANCE_DRAWS = 200


@dataclass(frozen=True)
class Scored:
    """One method's scores over all folds and seeds, and how far apart the seeds lie.

    `scores` has `macro_map`, `auc` and `hit_rate`; `seed_spread` is the standard deviation of macro mAP over
    the seeds, each with its own folds.
    """

    scores: Mapping[str, Resampled]
    seed_spread: float
    groups: int


@dataclass(frozen=True)
class ZeroShot:
    """Scores for unseen words, and the mean AUCs when the words swap vectors, one for each permutation."""

    scores: Mapping[str, Resampled]
    permuted: Floats


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

    def on_unseen_source(self, method: str) -> Scored:
        """A method of the tags, on the pictures of each fold's unseen source alone."""
        return self.scored("tags", method, True)

    def chance(self, space: str) -> dict[str, float]:
        """Mean scores of random numbers on the same folds."""
        drawn = [
            chance_scores(_pooled(self._found(space, "frozen", seed, fold))[1], seed=seed, draws=CHANCE_DRAWS)
            for seed in range(self.config.seeds)
            for fold in range(self.config.folds)
        ]
        return {key: float(np.mean([one[key] for one in drawn])) for key in drawn[0]}

    def shuffled(self) -> tuple[Resampled, dict[str, float]]:
        """Macro mAP of the network that was trained on swapped labels, and chance on its fold."""
        scores_GC, labels_GC, groups = _pooled(self._found("tags", "shuffled", 0, 0))
        score = resample_scores(scores_GC, labels_GC, self._rows("tags", groups))["macro_map"]
        return score, chance_scores(labels_GC, seed=0)

    def zero_shot(self) -> ZeroShot | None:
        """Unseen words looked for by the networks with all three terms; None where no word was held out."""
        samples: list[Mapping[str, Resampled]] = []
        permuted: list[Floats] = []
        for seed in range(self.config.seeds):
            for fold in range(self.config.folds):
                found = self._found("tags", "full", seed, fold)
                if not found.cosines.shape[1]:
                    return None
                cosines_GK = pool_scores(found.cosines, found.groups)
                labels_GK = pool_labels(found.unseen, found.groups)
                sides_K = two_sided(labels_GK)
                cosines_GK, labels_GK = cosines_GK[:, sides_K], labels_GK[:, sides_K]
                rows_GS = self._rows("tags", tuple(dict.fromkeys(found.groups)))
                samples.append(word_scores(cosines_GK, labels_GK, rows_GS))
                permuted.append(permuted_aucs(cosines_GK, labels_GK, seed=seed))
        means = {key: mean_of([one[key] for one in samples]) for key in samples[0]}
        return ZeroShot(means, np.mean(permuted, axis=0))

    def groups(self, space: str) -> tuple[str, ...]:
        """All groups of a label space, sorted."""
        return self._weights(space)[0]

    def _scored(self, space: str, method: str, unseen_source_only: bool = False) -> Scored:
        by_seed: list[dict[str, Resampled]] = []
        seen: set[str] = set()
        for seed in range(self.config.seeds):
            parts = []
            for fold in range(self.config.folds):
                found = self._found(space, method, seed, fold)
                if unseen_source_only:
                    unit = Unit(space, method, seed, fold)
                    found = _of_source(found, left_out_source(unit, self.sources))
                scores_GC, labels_GC, groups = _pooled(found)
                seen.update(groups)
                parts.append(resample_scores(scores_GC, labels_GC, self._rows(space, groups)))
            by_seed.append(_means(parts))
        spread = float(np.std([one["macro_map"].value for one in by_seed]))
        return Scored(_means(by_seed), spread, len(seen))

    def _found(self, space: str, method: str, seed: int, fold: int) -> Found:
        return read_found(self.config.out, Unit(space, method, seed, fold))

    def _rows(self, space: str, groups: Sequence[str]) -> Floats:
        """Weights of some groups, the same for every method, fold and seed; shape (G, S)."""
        names, weights_GS = self._weights(space)
        place = {name: row for row, name in enumerate(names)}
        rows: Floats = weights_GS[[place[group] for group in groups]]
        return rows

    def _draw(self, space: str) -> tuple[tuple[str, ...], Floats]:
        dataset = read_dataset(self.config.out / space / "dataset")
        names = tuple(sorted({record.group for split in SPLITS for record in dataset.records(split)}))
        return names, draw_weights(len(names), seed=0)


def _means(parts: Sequence[Mapping[str, Resampled]]) -> dict[str, Resampled]:
    return {key: mean_of([part[key] for part in parts]) for key in parts[0]}


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
