"""A probe for one word, from a handful of marked pictures held against many that nobody marked.

One logistic regression. Its inputs are the features, standardised, of variance 1 together; and each of what
a search for the word goes by before it is taught (`meaning`: the cosine with its point, the
log-probabilities of near emotions), of variance 1 too: so a few examples are enough to trust what the model
knows, or to drop it.

That was chosen on the demo's emoji of one vendor: 5 examples a word, average precision over all groups of
which none was marked, means over 6 held-out words (of every second one those with 7 groups or more; 10
draws each). A search for the word has 0.128; learning from the features alone 0.286, with the cosine 0.302,
with the log-probabilities too 0.332; these counted four times have 0.327, the score of the search in their
place 0.283. For words of the training (4 draws each), 25 labels and 25 tags, a search has 0.600 and 0.450,
this 0.605 and 0.479, without the log-probabilities 0.465 and 0.507. Prototypes, linear discriminants, and
the projection in place of the features were no better, with an earlier set of inputs. How good it is on the
words that were not chosen by is told by `teaching_score`.

Shape letters: N = rows, F = features, M = measures.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from emotionnet.evaluation.chance import chance_average_precisions
from emotionnet.evaluation.metrics import Floats, Labels, average_precisions
from emotionnet.inference.outputs import Array
from emotionnet.search.examples import Examples, Marks
from emotionnet.search.ranking import Column, Measure, Vectors

C = 32.0  # of logistic regression, for inputs of variance 1: chosen on tags and every second held-out word
FOLDS = 5
FEWEST = 3  # different yes, from which on they can be held out one after another
BACKGROUND_BELOW = 0.95  # share of the background that must lie below the threshold, at least
STEPS = 1_000
RARE = 0.05  # of the mean deviation of a feature: the least that any is taken to have
FLAT = 1e-5  # a deviation below it is that of rounding
SEED = 0


@dataclass(frozen=True, eq=False)
class WordProbe:
    """Log-odds of a picture: its measure and the intercept."""

    measure: Measure
    intercept: float

    def decision(self, pictures: Vectors) -> Floats:
        """Log-odds of each picture; float64, shape (N,)."""
        scores_N: Floats = self.measure.of(pictures).astype(np.float64) + self.intercept
        return scores_N

    def from_threshold(self, threshold: float) -> WordProbe:
        """The same, its log-odds counted from this value."""
        return replace(self, intercept=self.intercept - threshold)


class Inputs:
    """What the regression sees of some pictures.

    Args:
        examples: At least one row.
        known: What the model itself knows of the word.
    """

    def __init__(self, examples: Examples, known: Sequence[Measure]) -> None:
        self.marks = examples.marks
        rows_NF = examples.vectors("features").astype(np.float64)
        means_F, std_F = rows_NF.mean(axis=0), rows_NF.std(axis=0)
        # A feature that hardly ever speaks would shout on the first new picture in which it does.
        floor = max(RARE * float(std_F.mean()), FLAT)
        self._size = len(std_F)
        told_NM = [measure.of(examples.vectors).astype(np.float64) for measure in known]
        rows = np.column_stack([rows_NF, *told_NM])
        spreads = [float(told_N.std()) for told_N in told_NM]
        slopes = [1 / spread if spread > FLAT else 0.0 for spread in spreads]
        self._known = known
        self._means = np.array([*means_F, *(told_N.mean() for told_N in told_NM)])
        self._slopes = np.array([*(1 / np.maximum(std_F, floor) / np.sqrt(self._size)), *slopes])
        self.rows: Floats = (rows - self._means) * self._slopes

    def fit(self, kept_N: Labels) -> tuple[Floats, float]:
        """Coefficients of the inputs, and the intercept, by some of the rows."""
        solver = LogisticRegression(C=C, max_iter=STEPS)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # so near the minimum that no rank changes
            solver.fit(self.rows[kept_N], self.marks.yes_N[kept_N], self.marks.row_weights[kept_N])
        return solver.coef_[0].astype(np.float64), float(solver.intercept_[0])

    def probe(self, coefficients: Floats, intercept: float) -> WordProbe:
        """The same in terms of the pictures' own vectors."""
        weights = coefficients * self._slopes
        directions: dict[Column, Array] = {"features": weights[: self._size].astype(np.float32)}
        for weight, measure in zip(weights[self._size :], self._known, strict=True):
            for column, direction in measure.directions.items():
                summed = directions.get(column, np.float32(0)) + np.float32(weight) * direction
                directions[column] = summed.astype(np.float32)
        return WordProbe(Measure(directions), intercept - float(self._means @ weights))


@dataclass(frozen=True)
class Learned:
    """A probe and how good it is: average precision of held-out marks; None without enough of them."""

    probe: WordProbe
    score: float | None = None
    chance: float | None = None
    why: str = ""


def train(examples: Examples, known: Sequence[Measure]) -> WordProbe:
    """A probe that ranks pictures by a word; where yes begins is left open.

    Args:
        examples: At least one yes, and one row that is none.
        known: What the model itself knows of the word; may be empty.
    """
    inputs = Inputs(examples, known)
    return inputs.probe(*inputs.fit(np.ones(len(inputs.rows), dtype=np.bool_)))


def learn(examples: Examples, known: Sequence[Measure]) -> Learned:
    """Train a word's probe, hold it against marks that it has not seen, and set where yes begins.

    Args:
        examples: As for `train`.
        known: As for `train`.
    """
    marks, probe = examples.marks, train(examples, known)
    folds_N, why = _folds(marks)
    if why:
        seen_N = probe.decision(examples.vectors)
        return Learned(probe.from_threshold(_threshold(seen_N, marks)), why=why)
    held_N = _held_out(Inputs(examples, known), folds_N)
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
