"""The linear probe as a scikit-learn classifier, for the features of any trunk.

Shape letters: N = training rows, M = other rows, F = features, C = classes.
"""

from __future__ import annotations

from numbers import Real
from typing import Any, Self, TypeAlias

import numpy as np
import numpy.typing as npt
from iterstrat.ml_stratifiers import MultilabelStratifiedKFold
from scipy.special import expit, log_expit, softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import (
    check_array,
    check_consistent_length,
    check_is_fitted,
    column_or_1d,
    validate_data,
)
from threadpoolctl import threadpool_limits

from emotionnet.evaluation.metrics import Floats, Labels
from emotionnet.evaluation.probing import C_GRID, Probe, ProbeFeatures, choose_c

FOLDS = 5  # one of them is held out to choose C
C_UNCHOSEN = max(C_GRID)

Validation: TypeAlias = tuple[Any, Any] | tuple[Any, Any, Any]


class LinearProbe(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Standardise, then one logistic regression for each class: the probe of the frozen-trunk baseline.

    With two single labels both regressions are fitted, each the other's mirror image, and that of the
    second class is kept, as scikit-learn wants it.

    Args:
        C: Weight of the data against the penalty, above 0, as in `LogisticRegression`; or "auto", the one
            of `probing.C_GRID` with the best macro mAP on validation rows.
        random_state: Which fifth of the rows C is chosen on, where `fit` gets no validation rows; an
            integer for the same numbers every time.

    Attributes:
        classes_: Single labels, sorted, (C,); of an indicator matrix the numbers of its columns.
        C_: The C of the fitted probe.
        coef_: Of features as they come, not standardised; (C, F), with two single labels (1, F).
        intercept_: (C,), with two single labels (1,).
        multilabel_: Whether `y` was an indicator matrix.
        n_features_in_: F.

    Example:
        >>> import numpy as np
        >>> features_NF = np.random.default_rng(0).normal(size=(40, 8))
        >>> probe = LinearProbe(random_state=0).fit(features_NF, features_NF[:, 0] > 0)
        >>> probe.coef_.shape, probe.predict(features_NF).dtype.name
        ((1, 8), 'bool')
    """

    def __init__(self, C: float | str = "auto", *, random_state: int | np.random.RandomState | None = None):
        self.C = C
        self.random_state = random_state

    def fit(self, X: Any, y: Any, *, validation: Validation | None = None) -> Self:
        """Fit the probe; with C "auto", choose C first.

        Of equally good C the largest counts, see `choose_c`. With validation rows the probe is that of `X`
        alone, as in the baseline. Without, about a fifth of the rows is held out, each class evenly
        (iterative stratification, Sechidis et al., ECML PKDD 2011), and the probe fitted on all rows with the
        C that was best there. With fewer than 5 rows, or no label in that fifth, C is 1.
        Near-duplicates on both sides of the fifth mislead the choice: then hand in rows of other groups.

        Args:
            X: Features, finite, (N, F).
            y: Single labels (N,) of any type, of at least two classes; or an indicator matrix of 0 and 1,
                (N, C).
            validation: (X, y) or (X, y, groups); of each group the mean log-odds and the union of its
                labels count. Rows without groups count one by one.

        Raises:
            ValueError: A parameter or an array is not as said here.
            TrainingError: The regressions found no minimum.
        """
        self._require_known_choice(validation)
        X, y = validate_data(self, X, y, dtype=np.float64, multi_output=True)
        labels_NC = self._learn_classes(y)
        checked = None if validation is None else self._checked_validation(*validation)
        with threadpool_limits(limits=1, user_api="blas"):  # so small products are slower on many threads
            self.C_, probe = self._fit_probe(X, labels_NC, checked)
        kept = slice(1, None) if self._is_binary else slice(None)
        self.coef_, self.intercept_ = probe.weights.T[kept], probe.intercepts[kept]
        return self

    def decision_function(self, X: Any) -> Floats:
        """Log-odds of each class, (M, C); with two single labels those of the second, (M,)."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float64, reset=False)
        scores_MC = Probe(self.coef_.T, self.intercept_).decision(X)
        return scores_MC[:, 0] if self._is_binary else scores_MC

    def predict(self, X: Any) -> npt.NDArray[Any]:
        """The likeliest single label of each row, (M,); or 1 where a label is likelier than not, (M, C)."""
        scores = self.decision_function(X)
        if self.multilabel_:
            return (scores > 0).astype(np.int64)
        chosen_M = (scores > 0).astype(np.intp) if self._is_binary else scores.argmax(axis=1)
        single_M: npt.NDArray[Any] = self.classes_[chosen_M]
        return single_M

    def predict_proba(self, X: Any) -> Floats:
        """The sigmoid of the log-odds, (M, C); of single labels each row divided by its sum."""
        scores = self.decision_function(X)
        if self._is_binary:
            return np.column_stack([expit(-scores), expit(scores)])
        # A softmax of logarithms divides by the sum where all sigmoids are too small for a float, too.
        shares_MC: Floats = expit(scores) if self.multilabel_ else softmax(log_expit(scores), axis=1)
        return shares_MC

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags

    @property
    def _is_binary(self) -> bool:
        return not self.multilabel_ and len(self.classes_) == 2

    def _require_known_choice(self, validation: Validation | None) -> None:
        automatic = isinstance(self.C, str) and self.C == "auto"
        number = isinstance(self.C, Real) and not isinstance(self.C, bool)
        if not automatic and not (number and 0 < float(self.C) < np.inf):
            raise ValueError(f"C must be 'auto' or a number above 0; got {self.C!r}")
        if validation is None:
            return
        if not automatic:
            raise ValueError(f"validation chooses C, so C must be 'auto' with it; got {self.C!r}")
        if len(validation) not in (2, 3):
            raise ValueError(f"validation must be (X, y) or (X, y, groups); got {len(validation)} values")

    def _learn_classes(self, y: Any) -> Labels:
        """Set the classes and give the labels of all rows, (N, C)."""
        check_classification_targets(y)
        self.multilabel_ = type_of_target(y) == "multilabel-indicator"
        if self.multilabel_:
            self.classes_ = np.arange(y.shape[1])
        else:
            self.classes_ = np.unique(column_or_1d(y))
            if len(self.classes_) < 2:
                raise ValueError(f"y must have at least 2 classes; got 1 class, {self.classes_[0]}")
        return self._labels(y)

    def _labels(self, y: Any) -> Labels:
        if not self.multilabel_:
            y = column_or_1d(y, warn=True)
            strange = sorted({str(one) for one in y[~np.isin(y, self.classes_)]})
            if strange:
                raise ValueError(f"validation labels must be classes of y; others are: {', '.join(strange)}")
            return np.asarray(y[:, None] == self.classes_, dtype=np.bool_)
        y = check_array(y, dtype=None)
        if y.shape[1] != len(self.classes_) or not np.isin(y, (0, 1)).all():
            raise ValueError(f"an indicator matrix must hold 0 and 1 in {len(self.classes_)} columns")
        return np.asarray(y, dtype=np.bool_)

    def _checked_validation(
        self, X: Any, y: Any, groups: Any = None
    ) -> tuple[npt.NDArray[Any], Labels, list[str]]:
        X = validate_data(self, X, dtype=np.float64, reset=False)
        names = [str(name) for name in (range(len(X)) if groups is None else groups)]
        check_consistent_length(X, y, names)
        return X, self._labels(np.asarray(y)), names

    def _fit_probe(
        self,
        features_NF: npt.NDArray[Any],
        labels_NC: Labels,
        validation: tuple[npt.NDArray[Any], Labels, list[str]] | None,
    ) -> tuple[float, Probe]:
        train = ProbeFeatures(features_NF)
        if validation is not None:
            return choose_c(train, labels_NC, *validation)
        c = self.C if self.C != "auto" else _choose_on_a_fifth(features_NF, labels_NC, self.random_state)
        return float(c), train.fit(labels_NC, c=float(c))


def _choose_on_a_fifth(
    features_NF: npt.NDArray[Any], labels_NC: Labels, random_state: int | np.random.RandomState | None
) -> float:
    if len(labels_NC) < FOLDS:
        return C_UNCHOSEN
    # The last column is of no class: with a single column the splitter sees no multi-label problem.
    dealt_NC = np.column_stack([labels_NC, np.zeros(len(labels_NC), dtype=np.bool_)])
    splitter = MultilabelStratifiedKFold(FOLDS, shuffle=True, random_state=random_state)
    rest, held = next(splitter.split(dealt_NC, dealt_NC))
    if not labels_NC[held].any():
        return C_UNCHOSEN
    singly = [str(row) for row in held]
    train = ProbeFeatures(features_NF[rest])
    return choose_c(train, labels_NC[rest], features_NF[held], labels_NC[held], singly)[0]
