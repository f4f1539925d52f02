"""From pictures to the unit of a score, the group; and the splits of a data set, ready to be scored.

Shape letters: N = pictures, G = groups, C = classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from emotionnet.data.shards.member import PictureFile
from emotionnet.data.store import Dataset
from emotionnet.evaluation.metrics import Floats, Labels
from emotionnet.evaluation.resampling import weighted_sums
from emotionnet.inference.torch_backend import probabilities
from emotionnet.records import SPLITS, DataError, ImageRecord


@dataclass(frozen=True)
class Split:
    """One split of a data set in file order: its records, their pictures, labels and groups.

    `labels` is boolean, of shape (N, C), in the order of the emotions that the split was read for.
    """

    records: tuple[ImageRecord, ...]
    paths: tuple[PictureFile, ...]
    labels: Labels
    groups: tuple[str, ...]

    @property
    def group_labels(self) -> Labels:
        """Labels of each group; boolean, shape (G, C)."""
        return pool_labels(self.labels, self.groups)


@dataclass(frozen=True)
class Splits:
    """The three splits of one data set."""

    train: Split
    val: Split
    test: Split

    def divide(self, values_NF: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], ...]:
        """Rows of all pictures, in the order of `paths`, as those of training, validation and test."""
        ends = np.cumsum([len(self.train.paths), len(self.val.paths)])
        return tuple(np.split(values_NF, ends))

    @property
    def parts(self) -> tuple[tuple[PictureFile, ...], ...]:
        """The pictures of training, validation and test."""
        return self.train.paths, self.val.paths, self.test.paths

    @property
    def paths(self) -> tuple[PictureFile, ...]:
        return self.train.paths + self.val.paths + self.test.paths


def read_split(dataset: Dataset, name: str, emotions: Sequence[str]) -> Split:
    """Read one split, its label columns in the order of `emotions`.

    A label of weight 0, which nobody voted for, is none.

    Raises:
        DataError: The split is broken or without any label, a picture is not local, or the data
            set's emotions are others than `emotions`; names those that differ.
    """
    require_same_emotions(dataset, emotions)
    records = dataset.records(name)
    column = [emotions.index(emotion) for emotion in dataset.emotion_names]
    labels_NC = np.zeros((len(records), len(emotions)), dtype=np.bool_)
    for row, record in enumerate(records):
        labels_NC[row, [column[label] for label in record.given_labels]] = True
    if not labels_NC.any():
        raise DataError(f"{dataset.root}: the {name} split must hold at least one label; it holds none")
    return Split(
        records=records,
        paths=tuple(dataset.image_path(record) for record in records),
        labels=labels_NC,
        groups=tuple(record.group for record in records),
    )


def require_sides(dataset: Dataset, split: Split) -> None:
    """Check that some picture lacks some emotion, else average precision and hit rate are 1 whatever is told.

    Raises:
        DataError: All pictures carry all emotions, as where labels are a teacher's shares.
    """
    if split.labels.all():
        raise DataError(
            f"{dataset.root}: some picture must lack some emotion for scores to tell anything; all carry "
            "all, as with soft labels; name the data set with the given labels by --data"
        )


def read_splits(dataset: Dataset, emotions: Sequence[str]) -> Splits:
    """Read all three splits; errors as `read_split`."""
    train, val, test = (read_split(dataset, name, emotions) for name in SPLITS)
    return Splits(train=train, val=val, test=test)


def require_same_emotions(dataset: Dataset, emotions: Sequence[str]) -> None:
    """Check that a run and a data set speak of the same emotions, by name, in any order.

    Raises:
        DataError: They do not; names the emotions that only one of them has.
    """
    ours, theirs = sorted(set(emotions)), sorted(set(dataset.emotion_names))
    if ours == theirs:
        return
    only_run = ", ".join(name for name in ours if name not in theirs) or "none"
    only_data = ", ".join(name for name in theirs if name not in ours) or "none"
    raise DataError(
        f"{dataset.root}: the run and the data set must have the same emotions; "
        f"only in the run: {only_run}; only in the data set: {only_data}; "
        "'evaluate --map table' scores a run by the labels of other data"
    )


def pool_scores(values_NC: npt.NDArray[Any], groups: Sequence[str]) -> Floats:
    """Mean over the pictures of each group, groups in the order in which they first appear.

    Returns:
        Float64, shape (G, C).

    Raises:
        ValueError: There is not one group for each row.
    """
    index_N, count = _group_index(values_NC, groups)
    sums_GC = weighted_sums(index_N, count, values_NC.astype(np.float64))
    pooled_GC: Floats = sums_GC / np.bincount(index_N, minlength=count)[:, None]
    return pooled_GC


def pool_told(
    scores_NC: npt.NDArray[Any], groups: Sequence[str], activation: Literal["softmax", "sigmoid", "none"]
) -> tuple[Floats, Floats | None]:
    """What a network tells of each group, by its pictures: the one way in which a RUN's outputs are pooled.

    Softmax: mean probabilities, which are the scores too. Sigmoid, as with a linear probe: mean scores, that
    is, log-odds, as the baselines pool theirs, and the sigmoid of those means. None: mean scores alone.

    Args:
        scores_NC: Before softmax or sigmoid; float32, as the network gives them.
        groups: The group of each picture.
        activation: What makes probabilities of them.

    Returns:
        Scores, the larger the likelier, and probabilities, if any; float64, shape (G, C) each.
    """
    if activation == "softmax":
        pooled_GC = pool_scores(probabilities(scores_NC, activation), groups)
        return pooled_GC, pooled_GC
    pooled_GC = pool_scores(scores_NC, groups)
    return pooled_GC, expit(pooled_GC) if activation == "sigmoid" else None


def pool_labels(labels_NC: Labels, groups: Sequence[str]) -> Labels:
    """Labels that any picture of a group has, groups in the order in which they first appear.

    Returns:
        Boolean, shape (G, C).

    Raises:
        ValueError: There is not one group for each row.
    """
    index_N, count = _group_index(labels_NC, groups)
    pooled_GC = np.zeros((count, labels_NC.shape[1]), dtype=np.bool_)
    np.logical_or.at(pooled_GC, index_N, labels_NC)
    return pooled_GC


def group_index(groups: Sequence[str]) -> npt.NDArray[np.intp]:
    """Number of each row's group, counted in the order in which groups first appear; shape (N,)."""
    numbers: dict[str, int] = {}
    return np.array([numbers.setdefault(name, len(numbers)) for name in groups], dtype=np.intp)


def _group_index(values_NC: npt.NDArray[Any], groups: Sequence[str]) -> tuple[npt.NDArray[np.intp], int]:
    if len(groups) != len(values_NC):
        raise ValueError(f"every row must have a group; got {len(values_NC)} rows and {len(groups)} groups")
    index_N = group_index(groups)
    return index_N, int(index_N.max(initial=-1)) + 1
