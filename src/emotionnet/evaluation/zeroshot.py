"""Zero-shot: pictures found by emotion words that no training text contains.

The words are the DATASET's `unseen` words: curation took them, and all their kin, out of every label
and tag, so that no label, tag sentence, teacher input or embedding target holds them.
A picture's score for a word is the cosine of its projection and the word's vector (DeViSE, Frome et
al., NeurIPS 2013). Shape letters: N = pictures, G = groups, K = words.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from emotionnet.data.store import MARKER, Dataset
from emotionnet.evaluation.baselines import chance_scores
from emotionnet.evaluation.metrics import Labels, aucs, average_precisions
from emotionnet.evaluation.subject import Subject, open_subject
from emotionnet.evaluation.units import pool_labels, pool_scores
from emotionnet.records import DataError, ImageRecord
from emotionnet.runs import merge_metrics

PREFIX = "zero_shot.unseen"


def zeroshot_run(run: Path, *, split: str = "test", data: Path | None = None) -> dict[str, float]:
    """Score a run on its data set's held-out words; the unit is the group, whose cosines are averaged.

    Merges the scores into `metrics.json`.

    Args:
        run: A finished RUN of a network with a projection.
        split: Which split of the data set.
        data: Another place of the DATASET; None: the one named in the run's config.

    Returns:
        Under `zero_shot.unseen.`: `auc` and `macro_map`, means over `n_tags` words that some of the
        `n_groups` groups carry and some do not; `chance_map`, the macro mAP of random scores; and
        `auc.<word>` for each word.

    Raises:
        DataError: The run has no projection, a word no vector, no word has groups on both
            sides, or a word was seen in training; nothing is written.
    """
    subject = open_subject(run, data)
    words = subject.dataset.unseen_names
    require_unseen(subject)
    records = subject.dataset.records(split)
    paths = [subject.dataset.image_path(record) for record in records]
    outputs = subject.predictor.outputs(paths, progress=f"{split} pictures")
    cosines_NK = subject.predictor.label_cosines(outputs, {word: (word,) for word in words})
    groups = [record.group for record in records]
    labels_GK = pool_labels(_carried(records, len(words)), groups)
    scores = unseen_scores(pool_scores(cosines_NK, groups), labels_GK, words, seed=subject.seed)
    metrics = {f"{PREFIX}.{key}": value for key, value in scores.items()}
    merge_metrics(run, metrics)
    return metrics


def unseen_scores(
    cosines_GK: npt.NDArray[np.float64], labels_GK: Labels, words: Sequence[str], *, seed: int
) -> dict[str, float]:
    """Scores over the words that some groups carry and some do not.

    Raises:
        DataError: There is no such word.
    """
    carriers_K = labels_GK.sum(axis=0)
    sides_K = (carriers_K > 0) & (carriers_K < len(labels_GK))
    if not sides_K.any():
        raise DataError(
            f"at least one of {len(words)} unseen words must be carried by some groups "
            "and not by others; none is"
        )
    cosines_GK, labels_GK = cosines_GK[:, sides_K], labels_GK[:, sides_K]
    auc_K = aucs(cosines_GK, labels_GK)
    named = [word for word, sided in zip(words, sides_K, strict=True) if sided]
    return {
        "auc": float(auc_K.mean()),
        "macro_map": float(average_precisions(cosines_GK, labels_GK).mean()),
        "chance_map": chance_scores(labels_GK, seed=seed)["macro_map"],
        "n_tags": len(named),
        "n_groups": len(labels_GK),
        **{f"auc.{word}": float(value) for word, value in zip(named, auc_K, strict=True)},
    }


def require_unseen(subject: Subject) -> None:
    """Check that zero-shot can be asked, and that its words were kept from training.

    Raises:
        DataError: One line for each reason why not.
    """
    words = subject.dataset.unseen_names
    if subject.predictor.vectors is None or subject.predictor.model.embedding_size is None:
        raise DataError(f"{subject.run}: zero-shot needs a network with a projection; this run has none")
    if not words:
        raise DataError(f"{subject.dataset.root}: zero-shot needs unseen words; this data set holds none out")
    held_out = set(subject.predictor.model.domain.unseen)
    faults = [
        f"{subject.run}: {word!r} must have been held out when the run was trained; it was not"
        for word in words
        if word not in held_out
    ]
    faults += seen_words(subject.dataset)
    if faults:
        raise DataError(faults)


def seen_words(dataset: Dataset) -> list[str]:
    """One line for each unseen word that labels or tags give away.

    That is a word which is an emotion or tag of the data set, or a word within one; and an
    emotion or tag that `dataset.json` names among the kin of an unseen word.
    """
    faults = []
    families = dataset.info.get("unseen_families", {})
    if not isinstance(families, dict) or not all(isinstance(kin, list) for kin in families.values()):
        return [f"{dataset.root / MARKER}: unseen_families must be a list of tags for each word; it is not"]
    for kind, names in (("emotion", dataset.emotion_names), ("tag", dataset.tag_names)):
        for word in dataset.unseen_names:
            within = next((name for name in names if f" {word} " in f" {name} "), None)
            if within is not None:
                faults.append(
                    f"{dataset.root}: unseen word {word!r} must be in no {kind}; it is in {within!r}"
                )
        faults += [
            f"{dataset.root}: kin of unseen word {word!r} must be in no {kind}; {name!r} is one"
            for word, kin in families.items()
            for name in names
            if name in kin
        ]
    return faults


def _carried(records: Sequence[ImageRecord], count: int) -> Labels:
    """Which words each picture carries; boolean, shape (N, K)."""
    labels_NK = np.zeros((len(records), count), dtype=np.bool_)
    for row, record in enumerate(records):
        labels_NK[row, list(record.unseen)] = True
    return labels_NK
