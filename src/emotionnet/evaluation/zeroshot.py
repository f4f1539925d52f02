"""Zero-shot: pictures found by emotion words that no training text contains.

The words are the DATASET's `unseen` words: curation took them, and all their kin, out of every label
and tag, so that no label, tag sentence, teacher input or embedding target holds them.
A picture's score for a word is the cosine of its projection and the word's vector (DeViSE, Frome et
al., NeurIPS 2013). Shape letters: N = pictures, G = groups, K = words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from emotionnet.data.store import MARKER, Dataset
from emotionnet.evaluation.chance import chance_scores, permutation_p
from emotionnet.evaluation.intervals import class_scores, flat, flat_estimate
from emotionnet.evaluation.metrics import Floats, Labels, crossed_aucs, macro_auc
from emotionnet.evaluation.resampling import draw_weights
from emotionnet.evaluation.subject import Subject, open_subject, require_not_fitted_on
from emotionnet.evaluation.units import pool_labels, pool_scores
from emotionnet.evaluation.zeroshot_baselines import word_baselines
from emotionnet.inference.features import cached_outputs
from emotionnet.records import DataError, ImageRecord
from emotionnet.runs import merge_metrics

PERMUTATIONS = 200
PARTS = ("unseen", "permuted", "ridge", "similarity", "difference")  # of the keys, behind `zero_shot.`


def zeroshot_run(
    run: Path, *, split: str = "test", baselines: bool = True, data: Path | str | None = None
) -> dict[str, float]:
    """Score a run on its data set's held-out words; the unit is the group, whose cosines are averaged.

    Merges the scores into `metrics.json`; every score has a 95 % interval beside it.

    Args:
        run: A finished RUN of a network with a projection.
        split: Which split of the data set.
        baselines: Compute them too; they belong to the test split and to no other.
        data: Another place of the DATASET; None: the one named in the run's config.

    Returns:
        Under `zero_shot.unseen.`: `auc` and `macro_map`, means over `n_tags` words that some of the
        `n_groups` groups carry and some do not; `chance_map`, the macro mAP of random scores; and
        `auc.<word>` for each word. Under `zero_shot.permuted.`: mean `auc`, `auc_p95` and permutation `auc_p`
        of the same network when the words swap vectors. Under `zero_shot.ridge.` and `zero_shot.similarity.`
        (see `zeroshot_baselines`) `auc` and `macro_map`, and under `zero_shot.difference.<name>.` the
        paired differences of the run to them. Keys of another split begin with its name: `val.zero_shot.`.

    Raises:
        DataError: The run has no projection, a word no vector, no word has groups on both
            sides, or a word was seen in training; nothing is written.
    """
    return score_unseen(open_subject(run, data), split=split, baselines=baselines)


def score_unseen(subject: Subject, *, split: str, baselines: bool = True) -> dict[str, float]:
    """`zeroshot_run` of what is opened already."""
    words = subject.dataset.unseen_names
    require_unseen(subject)
    require_not_fitted_on(subject, split)
    records = subject.dataset.records(split)
    paths = [subject.dataset.image_path(record) for record in records]
    outputs = cached_outputs(subject.predictor, paths, progress=f"{split} pictures")
    cosines_NK = subject.predictor.label_cosines(outputs, {word: (word,) for word in words})
    groups = [record.group for record in records]
    labels_GK = pool_labels(carried(records, len(words)), groups)
    sides_K = two_sided(labels_GK)
    weights_GS = draw_weights(len(labels_GK), seed=subject.seed)
    pooled_GK = pool_scores(cosines_NK, groups)
    metrics = _permuted(pooled_GK, labels_GK, seed=subject.seed)
    labels_GK, ours_GK = labels_GK[:, sides_K], pooled_GK[:, sides_K]
    named = [word for word, sided in zip(words, sides_K, strict=True) if sided]
    metrics |= {
        f"unseen.{key}": value
        for key, value in unseen_scores(ours_GK, labels_GK, named, weights_GS, seed=subject.seed).items()
    }
    if baselines and split == "test":
        theirs = {
            name: pool_scores(scores_NK, groups)[:, sides_K]
            for name, scores_NK in word_baselines(subject, words, outputs).items()
        }
        metrics |= _beside(ours_GK, theirs, labels_GK, weights_GS)
    prefix = "zero_shot." if split == "test" else f"{split}.zero_shot."
    metrics = {f"{prefix}{key}": value for key, value in metrics.items()}
    merge_metrics(subject.run, metrics, replacing=tuple(f"{prefix}{name}." for name in PARTS))
    return metrics


def two_sided(labels_GK: Labels) -> npt.NDArray[np.bool_]:
    """Which words some groups carry and some do not; boolean, shape (K,).

    Raises:
        DataError: There is no such word.
    """
    carriers_K = labels_GK.sum(axis=0)
    sides_K: npt.NDArray[np.bool_] = (carriers_K > 0) & (carriers_K < len(labels_GK))
    if not sides_K.any():
        raise DataError(
            f"at least one of {labels_GK.shape[1]} unseen words must be carried by some groups "
            "and not by others; none is"
        )
    return sides_K


def unseen_scores(
    cosines_GK: npt.NDArray[Any], labels_GK: Labels, words: Sequence[str], weights_GS: Floats, *, seed: int
) -> dict[str, float]:
    """Scores over words that some groups carry and some do not."""
    scores = class_scores(cosines_GK, labels_GK, weights_GS)
    by_word = {f"auc.{word}": one for word, one in zip(words, scores.aucs, strict=True) if one is not None}
    return {
        **flat(scores.means()),
        "chance_map": chance_scores(labels_GK, seed=seed)["macro_map"],
        "n_tags": len(words),
        "n_groups": len(labels_GK),
        **flat(by_word),
    }


def permuted_aucs(cosines_GK: npt.NDArray[Any], labels_GK: Labels, *, seed: int) -> Floats:
    """Mean AUC when each word is looked for by the vector of another; shape (S,), S = `PERMUTATIONS`.

    All words swap, also those without both sides, which have no AUC: so the swaps depend on the
    number of words and the seed alone, and are the same on every fold of a data set.

    Raises:
        DataError: No word has both sides.
    """
    sides = np.flatnonzero(two_sided(labels_GK))
    rng = np.random.default_rng([seed % 2**63, 3])
    orders = [rng.permutation(cosines_GK.shape[1]) for _ in range(PERMUTATIONS)]
    crossed_KK = crossed_aucs(cosines_GK, labels_GK)
    return np.array([crossed_KK[sides, order_K[sides]].mean() for order_K in orders])


def _permuted(cosines_GK: npt.NDArray[Any], labels_GK: Labels, *, seed: int) -> dict[str, float]:
    drawn_S, sides_K = permuted_aucs(cosines_GK, labels_GK, seed=seed), two_sided(labels_GK)
    auc, _ = macro_auc(cosines_GK[:, sides_K], labels_GK[:, sides_K])
    return {
        "permuted.auc": float(drawn_S.mean()),
        "permuted.auc_p95": float(np.quantile(drawn_S, 0.95)),
        "permuted.auc_p": permutation_p(auc, drawn_S),
    }


def _beside(
    ours_GK: npt.NDArray[Any],
    theirs: Mapping[str, npt.NDArray[Any]],
    labels_GK: Labels,
    weights_GS: Floats,
) -> dict[str, float]:
    ours = class_scores(ours_GK, labels_GK, weights_GS).means()
    values: dict[str, float] = {}
    for name, scores_GK in theirs.items():
        scores = class_scores(scores_GK, labels_GK, weights_GS).means()
        values |= flat({f"{name}.{key}": one for key, one in scores.items()})
        for key, one in scores.items():
            values |= flat_estimate(f"difference.{name}.{key}", ours[key].minus(one))
    return values


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


def carried(records: Sequence[ImageRecord], count: int) -> Labels:
    """Which words each picture carries; boolean, shape (N, K)."""
    labels_NK = np.zeros((len(records), count), dtype=np.bool_)
    for row, record in enumerate(records):
        labels_NK[row, list(record.unseen)] = True
    return labels_NK
