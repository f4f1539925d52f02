"""A probe for one word, from a handful of marked pictures held against many that nobody marked.

One logistic regression. Its inputs are the features, standardised, of variance 1 together; and, where the
word has a point in the space of the projection, the picture's cosine with it (its zero-shot score), of
variance 1 too: so a few examples are enough to trust what the word vectors know, or to drop it.

That was chosen on the demo's emoji of one vendor: 5 examples a word, average precision on all other emoji,
means over 8 held-out words (every second one, 4 draws each), 25 tags and 25 labels. Zero-shot search has
0.126, 0.452 and 0.404, this 0.315, 0.492 and 0.464. The features alone, which know nothing of the word, fall
behind zero-shot search for words of the training. Prototypes, linear discriminants, and the projection in
place of the features were no better over all three.

Shape letters: N = rows, F = features, D = embedding size, K = folds.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from emotionnet.evaluation.chance import chance_average_precisions
from emotionnet.evaluation.metrics import Floats, Labels, average_precisions
from emotionnet.inference.outputs import Array
from emotionnet.search.examples import Examples, Marks

C = 32.0  # of logistic regression, for inputs of variance 1: chosen on tags and every second held-out word
FOLDS = 5
FEWEST = 3  # different yes, from which on they can be held out one after another
BACKGROUND_BELOW = 0.95  # share of the background that must lie below the threshold, at least
STEPS = 1_000
RARE = 0.05  # of the mean deviation of a feature: the least that any is taken to have
FLAT = 1e-6  # a deviation below it is that of rounding
SEED = 0


@dataclass(frozen=True)
class WordProbe:
    """Log-odds of a picture: `features @ weights_F + projection @ weights_D + intercept`."""

    weights_F: Floats
    weights_D: Floats | None
    intercept: float

    def decision(self, features_NF: Array, projection_ND: Array | None) -> Floats:
        """Log-odds of each row; float64, shape (N,)."""
        scores_N: Floats = features_NF.astype(np.float64) @ self.weights_F + self.intercept
        if self.weights_D is not None and projection_ND is not None:
            scores_N = scores_N + projection_ND.astype(np.float64) @ self.weights_D
        return scores_N

    def from_threshold(self, threshold: float) -> WordProbe:
        """The same, its log-odds counted from this value."""
        return replace(self, intercept=self.intercept - threshold)


class Inputs:
    """What the regression sees of some pictures.

    Args:
        examples: With vectors of length 1.
        point_D: The word's own point, of length 1; None: it has none.
    """

    def __init__(self, examples: Examples, point_D: Array | None) -> None:
        self.marks = examples.marks
        rows_NF = examples.features.astype(np.float64)
        self._mean_F, std_F = rows_NF.mean(axis=0), rows_NF.std(axis=0)
        # A feature that hardly ever speaks would shout on the first new picture in which it does.
        floor = max(RARE * float(std_F.mean()), FLAT)
        self._scale_F = np.maximum(std_F, floor) * np.sqrt(len(std_F))
        self.rows: Floats = (rows_NF - self._mean_F) / self._scale_F
        self._point_D: Floats | None = None
        if examples.projection is not None and point_D is not None:
            self._point_D = point_D.astype(np.float64)
            cosines_N = examples.projection @ self._point_D
            self._cosine = float(cosines_N.mean()), max(float(cosines_N.std()), FLAT)
            self.rows = np.column_stack([self.rows, (cosines_N - self._cosine[0]) / self._cosine[1]])

    def fit(self, kept_N: Labels) -> tuple[Floats, float]:
        """Coefficients of the inputs, and the intercept, by some of the rows."""
        solver = LogisticRegression(C=C, max_iter=STEPS)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # so near the minimum that no rank changes
            solver.fit(self.rows[kept_N], self.marks.yes_N[kept_N], self.marks.row_weights[kept_N])
        return solver.coef_[0].astype(np.float64), float(solver.intercept_[0])

    def probe(self, coefficients: Floats, intercept: float) -> WordProbe:
        """The same in terms of the pictures' own vectors."""
        weights_F = coefficients[: len(self._scale_F)] / self._scale_F
        intercept -= float(self._mean_F @ weights_F)
        if self._point_D is None:
            return WordProbe(weights_F, None, intercept)
        mean, spread = self._cosine
        slope = float(coefficients[-1]) / spread
        return WordProbe(weights_F, slope * self._point_D, intercept - slope * mean)


@dataclass(frozen=True)
class Learned:
    """A probe and how good it is: average precision of held-out marks; None without enough of them."""

    probe: WordProbe
    score: float | None = None
    chance: float | None = None
    why: str = ""


def train(examples: Examples, point_D: Array | None) -> WordProbe:
    """A probe that ranks pictures by a word; where yes begins is left open.

    Args:
        examples: With vectors of length 1; at least one yes, and one row that is none.
        point_D: The word's own point, of length 1; None: it has none.
    """
    inputs = Inputs(examples, point_D)
    return inputs.probe(*inputs.fit(np.ones(len(inputs.rows), dtype=np.bool_)))


def learn(examples: Examples, point_D: Array | None) -> Learned:
    """Train a word's probe, hold it against marks that it has not seen, and set where yes begins.

    Args:
        examples: As for `train`.
        point_D: As for `train`.
    """
    marks, probe = examples.marks, train(examples, point_D)
    folds_N, why = _folds(marks)
    if why:
        seen_N = probe.decision(examples.features, examples.projection)
        return Learned(probe.from_threshold(_threshold(seen_N, marks)), why=why)
    held_N = _held_out(Inputs(examples, point_D), folds_N)
    labels_N1 = marks.yes_N[:, None]
    score = float(average_precisions(held_N[:, None], labels_N1)[0])
    chance = float(chance_average_precisions(labels_N1, seed=SEED)[0])
    return Learned(probe.from_threshold(_threshold(held_N, marks)), score, chance)


def _threshold(scores_N: Floats, marks: Marks) -> float:
    """Log-odds from which a picture counts as one of the word's.

    Half of the marked pictures are above it, by probes that have not seen them, but no more than a 20th of
    those that nobody marked: how many pictures there are of a word cannot be told from a few marks.
    """
    other_N = scores_N[~marks.yes_N]
    return max(float(np.median(scores_N[marks.yes_N])), float(np.quantile(other_N, BACKGROUND_BELOW)))


def _held_out(inputs: Inputs, folds_N: npt.NDArray[np.int64]) -> Floats:
    """Log-odds of each row by a probe that saw neither it nor one that looks alike."""
    scores_N = np.zeros(len(folds_N))
    for fold in range(int(folds_N.max()) + 1):
        held_N = folds_N == fold
        coefficients, intercept = inputs.fit(~held_N)
        scores_N[held_N] = inputs.rows[held_N] @ coefficients + intercept
    return scores_N


def _folds(marks: Marks) -> tuple[npt.NDArray[np.int64], str]:
    """The fold of each row, and why there are none where both sides cannot be in at least two of them.

    Groups with a yes are dealt first, then the others.
    """
    rng = np.random.default_rng(SEED)
    with_yes = np.unique(marks.groups_N[marks.yes_N])
    others = np.setdiff1d(marks.groups_N, with_yes)
    for found, least, what in ((with_yes, FEWEST, "marked yes"), (others, 2, "not marked yes")):
        if len(found) < least:
            why = f"a score needs at least {least} pictures {what} that do not look alike; there "
            return marks.groups_N, why + ("is 1" if len(found) == 1 else f"are {len(found)}")
    dealt = np.concatenate([rng.permutation(with_yes), rng.permutation(others)])
    count = min(FOLDS, len(with_yes))
    fold_of = {group: place % count for place, group in enumerate(dealt.tolist())}
    return np.array([fold_of[group] for group in marks.groups_N.tolist()]), ""
