"""Labels of any wording, ranked for pictures: by a run, in any of its spaces."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from emotionnet.evaluation.subject import open_subject
from emotionnet.evaluation.zeroshot_spaces import PLAIN, Reading, open_space
from emotionnet.evaluation.zeroshot_words import WordSets
from emotionnet.inference.engine import run_files
from emotionnet.inference.predictor import largest, load_predictor
from emotionnet.inference.results import ZeroShotPrediction


def rank_files(
    run: Path,
    paths: Sequence[Path],
    words: WordSets,
    *,
    vectors: Path | None = None,
    reading: Reading = PLAIN,
) -> tuple[list[ZeroShotPrediction], list[str]]:
    """Rank labels for many files, leaving out those that cannot be decoded.

    Args:
        run: A finished RUN, or a MODEL; sentence vectors need a RUN and its data set.
        paths: The pictures.
        words: The labels, each with its words.
        vectors: VECTORS in place of the run's own.
        reading: How words become scores.

    Returns:
        Predictions of the good ones, in order, and one line for each of the others.

    Raises:
        DataError: As `zeroshot_spaces.open_space`.
    """
    predictor = load_predictor(run, vectors=vectors)
    taught = open_subject(run, vectors=vectors).dataset if reading.space == "sentence" else None
    space = open_space(run, predictor, words, reading, vectors=vectors, taught=taught)
    names = tuple(words)
    predictions: list[ZeroShotPrediction] = []
    faults: list[str] = []
    for step in run_files(predictor.backend, predictor.model.preprocessing, paths, progress="pictures"):
        faults += step.faults
        if step.outputs is not None:
            for path, row in zip(step.pictures, space.scores(step.outputs), strict=True):
                predictions.append(ZeroShotPrediction(str(path), largest(names, row, len(names))))
    return predictions, faults
