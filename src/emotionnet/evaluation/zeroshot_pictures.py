"""Labels of any wording, ranked for pictures: by a run, in any of its spaces."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from emotionnet.data.shards.member import PictureFile
from emotionnet.evaluation.subject import open_subject
from emotionnet.evaluation.zeroshot_spaces import PLAIN, Reading, open_space
from emotionnet.evaluation.zeroshot_words import WordSets
from emotionnet.inference.loading import load_predictor
from emotionnet.inference.names import is_clip
from emotionnet.inference.outputs import Array, Outputs
from emotionnet.inference.predictor import Predictor, largest
from emotionnet.inference.results import ZeroShotPrediction


def rank_files(
    run: Path | str,
    paths: Sequence[PictureFile],
    words: WordSets,
    *,
    vectors: Path | None = None,
    reading: Reading = PLAIN,
) -> tuple[list[ZeroShotPrediction], list[str]]:
    """Rank labels for many files, leaving out those that cannot be decoded.

    Args:
        run: A finished RUN, or a MODEL; sentence vectors need a RUN and its data set. Or a CLIP model by
            name, which has one space and reads words by itself.
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
    scores = _scorer(run, predictor, words, vectors, reading)
    names = tuple(words)
    predictions: list[ZeroShotPrediction] = []
    faults: list[str] = []
    for step in predictor.told_files(paths, progress="pictures"):
        faults += step.faults
        if step.outputs is not None:
            told = zip(step.pictures, scores(step.outputs), predictor.domains(step.outputs), strict=True)
            for path, row, domain in told:
                predictions.append(ZeroShotPrediction(str(path), largest(names, row, len(names)), domain))
    return predictions, faults


def _scorer(
    run: Path | str, predictor: Predictor, words: WordSets, vectors: Path | None, reading: Reading
) -> Callable[[Outputs], Array]:
    """What makes scores of the labels; shape (N, K)."""
    if is_clip(run):
        return lambda outputs: predictor.label_cosines(outputs, words)
    folder = Path(run)
    taught = open_subject(folder, vectors=vectors).dataset if reading.space == "sentence" else None
    return open_space(folder, predictor, words, reading, vectors=vectors, taught=taught).scores
