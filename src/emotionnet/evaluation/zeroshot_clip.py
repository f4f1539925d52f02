"""A CLIP model held against the labels of a data set, or any words: the row beside the runs in every table.

Shape letters: N = rows, K = labels.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from emotionnet.data.store import Dataset
from emotionnet.evaluation.zeroshot_labels import prediction_rows, write_predictions, write_scores
from emotionnet.evaluation.zeroshot_truth import Asked, ask_labels, ask_words, scores_of
from emotionnet.evaluation.zeroshot_words import WordSets
from emotionnet.files import read_object, require_folder_or_nothing, write_json
from emotionnet.inference.clip import TEMPLATES, full_name, label_scores
from emotionnet.inference.names import CLIP
from emotionnet.inference.outputs import Array, each_once
from emotionnet.inference.predictor import Predictor
from emotionnet.records import DataError

CARD = "clip.json"


@dataclass(frozen=True)
class ClipTold:
    """What a CLIP model says of a split: float32, shape (N, K) each, in the order of the labels asked for."""

    asked: Asked
    cosines: Array
    probabilities: Array

    @property
    def scores(self) -> Array:
        """Probabilities where each picture has one label, cosines elsewhere, as CLIP's own papers score."""
        return self.cosines if self.asked.single is None else self.probabilities


def tell_clip(
    clip: Predictor, dataset: Dataset, *, split: str = "test", words: WordSets | None = None
) -> ClipTold:
    """Put a split through a CLIP model; a picture of several rows goes through it once.

    Args:
        clip: The model.
        dataset: What it is held against.
        split: Which split of it.
        words: Any words, in place of the data set's labels.

    Raises:
        DataError: The split is broken or without any label, or a picture cannot be decoded.
    """
    asked = ask_labels(dataset, split) if words is None else ask_words(dataset, split, words)
    once, rows = each_once(asked.scored.paths)
    cosines_NK, probabilities_NK = label_scores(clip, once, asked.words, progress=f"{split} pictures")
    return ClipTold(asked, cosines_NK[rows], probabilities_NK[rows])


def score_clip(
    clip: Predictor,
    dataset: Dataset,
    *,
    split: str = "test",
    words: WordSets | None = None,
    out: Path | None = None,
    seed: int = 0,
) -> dict[str, float]:
    """Score a CLIP model on the labels of a data set, or on any words.

    Args:
        clip: The model.
        dataset: What it is held against.
        split: Which split of it.
        words: Any words, in place of the data set's labels.
        out: A folder for `metrics.json`, `predictions/` and `clip.json`, which says what the model was; a
            second scoring of the same model adds to it. None: nothing is written.
        seed: Of resamples and random scores.

    Returns:
        Keys as those of `zeroshot_labels.score_labels` and `score_words`.

    Raises:
        DataError: As `tell_clip`, or `out` holds anything else; nothing is written.
    """
    if out is not None:
        _require_own(out, clip)
    told = tell_clip(clip, dataset, split=split, words=words)
    found = scores_of(told.asked, told.scores, seed=seed)
    if out is None:
        prefix = ("" if split == "test" else f"{split}.") + f"zero_shot.{told.asked.kind}."
        return {f"{prefix}{key}": value for key, value in found.items()}
    write_json(out / CARD, describe_clip(clip))
    none: list[list[str]] = [[]] * len(told.cosines)
    table = prediction_rows(told.asked, told.cosines, told.cosines.argmax(axis=1).tolist(), none)
    write_predictions(out, told.asked, split, table)
    return write_scores(out, told.asked, split, found)


def describe_clip(clip: Predictor) -> dict[str, object]:
    """What `clip.json` says: the model, its weights with their hash, and the prompts."""
    return {
        "model": clip.model.trunk.removeprefix(CLIP),
        "weights": clip.model.weights,
        "weights_sha256": clip.identity,
        "templates": list(TEMPLATES),
    }


def _require_own(out: Path, clip: Predictor) -> None:
    require_folder_or_nothing(out)
    if not out.is_dir() or not any(out.iterdir()):
        return
    if not (out / CARD).is_file():
        raise DataError(f"{out}: must be empty or hold the scores of a CLIP model; it holds something else")
    if read_object(out / CARD) != describe_clip(clip):
        raise DataError(
            f"{out / CARD}: must be of {full_name(clip)}; it is of another model, choose another --out"
        )
