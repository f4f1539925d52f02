"""What zero-shot asks of the pictures of a data set, what the pictures carry of it, and the scores of both.

Shape letters: N = rows, C = the data set's labels, K = labels asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from emotionnet.data.store import Dataset
from emotionnet.evaluation.label_metrics import label_metrics
from emotionnet.evaluation.metrics import Labels
from emotionnet.evaluation.single_labels import one_hot_labels
from emotionnet.evaluation.units import Split, read_split, require_sides
from emotionnet.evaluation.zeroshot_words import WordSets, label_words, plain, same_words, spoken
from emotionnet.inference.outputs import Array
from emotionnet.progress import message
from emotionnet.records import ImageRecord


@dataclass(frozen=True)
class Asked:
    """Labels, their words, and which of the pictures of a split carry them.

    `scored.labels` is (N, K), in the order of `words`; `single` (N, K) has each row's single label, where the
    rows have such. `kind` is what keys and files are named by. `notes` are counts to stand beside the scores.
    """

    kind: str
    words: WordSets
    scored: Split
    single: Labels | None
    notes: Mapping[str, int] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.words)


def ask_labels(dataset: Dataset, split: str) -> Asked:
    """The data set's own labels; a label with the words of an earlier one is told and counted.

    Raises:
        DataError: The split is broken or without any label, or every picture carries every label.
    """
    names = dataset.emotion_names
    scored, words = read_split(dataset, split, names), label_words(names)
    require_sides(dataset, scored)
    twins = same_words(words)
    if twins:
        message(f"{', '.join(twins)}: never told, since an earlier label has the same words")
    return Asked(
        kind="labels",
        words=words,
        scored=scored,
        single=one_hot_labels(dataset, scored, names),
        notes={"n_without_own_words": len(twins)} if twins else {},
    )


def ask_words(dataset: Dataset, split: str, words: WordSets) -> Asked:
    """Words of the caller's; a picture carries one where its labels, tags or held-out words do.

    That is: one of them is the label's name or one of its words, spelled as `zeroshot_words.plain`. Words
    that no picture carries, or all do, cannot be scored: they are told and counted, `n_without_truth`.

    Raises:
        DataError: The split is broken or empty.
    """
    records = dataset.records(split)
    of_label_CK = _matches([spoken(name) for name in dataset.emotion_names], dataset.emotion_names, words)
    of_tag = _matches([()] * len(dataset.tags), dataset.tag_names, words)
    of_unseen = _matches([()] * len(dataset.unseen), dataset.unseen_names, words)
    tagged_NK = _any_of(of_tag, (record.tags for record in records))
    tagged_NK |= _any_of(of_unseen, (record.unseen for record in records))
    labels_NK = tagged_NK | _any_of(of_label_CK, (record.given_labels for record in records))
    scored = _split(dataset, records, labels_NK)
    odd = [name for name, some in zip(words, labels_NK.T, strict=True) if not some.any() or bool(some.all())]
    if odd:
        message(f"{', '.join(odd)}: not scored, since no picture of the split carries it, or all do")
    return Asked(
        kind="words",
        words=words,
        scored=scored,
        single=_single(dataset, scored, of_label_CK, tagged_NK),
        notes={"n_without_truth": len(odd)},
    )


def scores_of(asked: Asked, scores_NK: Array, *, seed: int) -> dict[str, float]:
    """What `label_metrics` says of the labels that can be scored, and the notes.

    Args:
        asked: K labels.
        scores_NK: Float, shape (N, K), the larger the likelier.
        seed: Of resamples and random scores.
    """
    labels_NK, names = asked.scored.labels, asked.names
    if asked.single is not None:
        found = label_metrics(scores_NK, asked.scored, names, seed=seed, single_NK=asked.single)
        return {**found, **asked.notes}
    kept = np.arange(len(names))
    if asked.kind == "words":
        kept = np.flatnonzero(labels_NK.any(axis=0) & ~labels_NK.all(axis=0))
    if not len(kept):
        return {"n_classes": 0, "n_images": len(labels_NK), **asked.notes}
    scored = replace(asked.scored, labels=labels_NK[:, kept])
    found = label_metrics(scores_NK[:, kept], scored, [names[k] for k in kept], seed=seed)
    return {**found, **asked.notes}


def _matches(spoken_C: Sequence[Sequence[str]], names: Sequence[str], words: WordSets) -> Labels:
    """Which of the data set's words stand for which label; boolean, shape (C, K)."""
    matches_CK = np.zeros((len(names), len(words)), dtype=np.bool_)
    wanted: dict[str, list[int]] = {}
    for k, (label, some) in enumerate(words.items()):
        for word in dict.fromkeys(plain(one) for one in (label, *some)):
            wanted.setdefault(word, []).append(k)
    for c, (name, further) in enumerate(zip(names, spoken_C, strict=True)):
        for word in (plain(name), *further):
            matches_CK[c, wanted.get(word, [])] = True
    return matches_CK


def _any_of(matches_CK: Labels, rows: Iterable[Sequence[int]]) -> Labels:
    return np.array([matches_CK[list(row)].any(axis=0) for row in rows])


def _split(dataset: Dataset, records: tuple[ImageRecord, ...], labels_NK: Labels) -> Split:
    return Split(
        records=records,
        paths=tuple(dataset.image_path(record) for record in records),
        labels=labels_NK,
        groups=tuple(record.group for record in records),
    )


def _single(dataset: Dataset, scored: Split, of_label_CK: Labels, tagged_NK: Labels) -> Labels | None:
    """Single labels as words, where rows have at most one, no tag tells more, and there are two or more."""
    one_hot_NC = one_hot_labels(dataset, scored, dataset.emotion_names)
    if one_hot_NC is None:
        return None
    single_NK: Labels = one_hot_NC @ of_label_CK
    alone = bool((single_NK.sum(axis=1) <= 1).all()) and not bool((tagged_NK & ~single_NK).any())
    return single_NK if alone and single_NK.any(axis=0).sum() >= 2 else None
