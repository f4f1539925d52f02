"""The temperature that makes a run's probabilities fit its validation pictures; the test is not looked at."""

from __future__ import annotations

import numpy as np

from emotionnet.evaluation.calibration import fit_temperature
from emotionnet.evaluation.single_labels import one_hot_labels
from emotionnet.evaluation.subject import Subject
from emotionnet.evaluation.units import read_split
from emotionnet.inference.features import cached_outputs


def fitted_temperature(subject: Subject) -> float | None:
    """Fit the temperature on the pictures of the validation split, each counted once.

    Returns:
        Above 0; below 1 where the run is less sure than it might be. None without validation pictures that
        have labels, or where softmax shares 1 among labels of which a picture may have several: nothing says
        which share is right.

    Raises:
        DataError: The validation split is broken, or a picture cannot be decoded.
    """
    dataset, model = subject.dataset, subject.predictor.model
    records = dataset.checked_records("val")
    if not any(record.given_labels for record in records):
        return None
    split = read_split(dataset, "val", model.emotions)
    targets_NC = one_hot_labels(dataset, split, model.emotions)
    if targets_NC is None and model.activation == "softmax":
        return None
    if model.activation == "sigmoid":
        targets_NC = split.labels
    outputs = cached_outputs(subject.predictor, split.paths, progress="val pictures")
    return fit_temperature(outputs.scores, np.asarray(targets_NC, dtype=np.float64), model.activation)
