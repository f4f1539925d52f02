"""Zero-shot by words alone: on the labels of a data set that the run was not trained on, and on any words.

A label's score is the mean (or the largest) cosine between the picture and the label's words in a space that
both share (`zeroshot_spaces`; Wei et al., CVPR 2020, section 4); `label_metrics` says what is made of these.
Shape letters: N = rows, K = labels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl

from emotionnet.data.store import Dataset
from emotionnet.data.tables import write_parquet
from emotionnet.evaluation.subject import Subject, open_subject, require_not_fitted_on
from emotionnet.evaluation.zeroshot import score_unseen
from emotionnet.evaluation.zeroshot_spaces import PLAIN, VARIANTS, Reading, open_space
from emotionnet.evaluation.zeroshot_truth import Asked, ask_labels, ask_words, scores_of
from emotionnet.evaluation.zeroshot_words import WordSets, plain, spoken
from emotionnet.files import write_json
from emotionnet.inference.features import cached_outputs
from emotionnet.inference.outputs import Array
from emotionnet.progress import message
from emotionnet.records import DataError
from emotionnet.runs import PREDICTIONS, merge_metrics, read_metrics

SCHEMA = pl.Schema(
    {
        "id": pl.String(),
        "path": pl.String(),
        "labels": pl.List(pl.String()),
        "predicted": pl.String(),
        "cosines": pl.List(pl.Float32()),
        "tags": pl.List(pl.String()),
    }
)


def zeroshot(  # noqa: PLR0913
    run: Path,
    *,
    on: Literal["unseen", "labels"] | None = None,
    words: WordSets | None = None,
    split: str = "test",
    data: Path | str | None = None,
    format: str = "auto",  # noqa: A002
    vectors: Path | None = None,
    reading: Reading = PLAIN,
) -> dict[str, float]:
    """Score a run on words that it was not trained on, and merge the scores into `metrics.json`.

    Args:
        run: A finished RUN.
        on: The words that were held out of the run's training, see `zeroshot.zeroshot_run`, or the labels of
            a data set, see `score_labels`; None: those where the data set has any and nothing else is asked.
        words: In place of both, any words: see `score_words`.
        split: Which split of the data set.
        data: Another data set; None: the one named in the run's config.
        format: What `data` is, see `SourceConfig.format`.
        vectors: VECTORS in place of the run's own.
        reading: How words become scores; not for held-out words.

    Raises:
        DataError: As the functions named.
    """
    if words is not None and on is not None:
        raise DataError("--labels and --on both say what to score; give one of them")
    subject = open_subject(run, data, format=format, vectors=vectors)
    if words is not None:
        return score_words(subject, words, split=split, vectors=vectors, reading=reading)
    if on is None:
        held_out = set(subject.predictor.model.domain.unseen) & set(subject.dataset.unseen_names)
        on = "unseen" if held_out and reading == PLAIN else "labels"
    if on == "labels":
        return score_labels(subject, split=split, vectors=vectors, reading=reading)
    if reading != PLAIN:
        raise DataError("--pool, --teacher and --space are for labels; add --on labels, or --labels WORDS")
    return score_unseen(subject, split=split)


def score_labels(
    subject: Subject, *, split: str = "test", vectors: Path | None = None, reading: Reading = PLAIN
) -> dict[str, float]:
    """Score a run on the labels of a data set that it was not trained on.

    Writes `predictions/zeroshot-<split>.parquet`, columns as in `SCHEMA`: a row for each record with its
    labels, the nearest label, the cosines in the order of the data set's emotions, and the ten nearest tags.

    Args:
        subject: The run and the data set.
        split: Which split of it.
        vectors: Where the subject's vectors were read, if not in the run.
        reading: How words become scores.

    Returns:
        Under `zero_shot.labels.`, those of another split behind its name, and with `max.`, `teacher.`,
        `sentence.` or two of them in front of the score where it was read so: what `label_metrics` gives;
        and `n_without_own_words`, the number of labels that `same_words` finds, where there are any.

    Raises:
        DataError: The run has no projection or was trained on these labels, a word has no vector, sizes
            differ, or data set or teacher are broken; nothing is written.
    """
    if is_own(subject):
        raise DataError(
            f"{subject.dataset.root}: zero-shot needs labels that the run was not trained on; "
            "it was trained on this data set, name another with --data"
        )
    require_not_fitted_on(subject, split)
    return _score(subject, ask_labels(subject.dataset, split), split, vectors, reading)


def score_words(
    subject: Subject,
    words: WordSets,
    *,
    split: str = "test",
    vectors: Path | None = None,
    reading: Reading = PLAIN,
) -> dict[str, float]:
    """Score a run on any words, on its own data set or another.

    Writes `predictions/zeroshot-words-<split>.parquet`, columns as in `SCHEMA`, the words in place of labels;
    and beside it a JSON file of the word sets, in order.

    Args:
        subject: The run and the data set.
        words: The labels, each with its words; `zeroshot_truth.ask_words` says when a picture carries one.
        split: Which split of the data set.
        vectors: Where the subject's vectors were read, if not in the run.
        reading: How words become scores.

    Returns:
        Under `zero_shot.words.`, else as `score_labels`; `n_without_truth` labels are not scored, since no
        picture carries them, or all do; `n_seen` are words that the run was trained on.

    Raises:
        DataError: As `score_labels`, but for labels of the run's own; nothing is written.
    """
    require_not_fitted_on(subject, split)
    asked = ask_words(subject.dataset, split, words)
    seen = _seen(subject, words)
    if seen:
        message(f"{', '.join(seen)}: the run was trained on it; its score is no zero-shot")
    asked = replace(asked, notes={**asked.notes, "n_seen": len(seen)})
    return _score(subject, asked, split, vectors, reading)


def is_own(subject: Subject) -> bool:
    """Whether the data set is the one that the run was trained on."""
    return subject.predictor.model.domain.data_hash == subject.dataset.content_hash


def write_predictions(folder: Path, asked: Asked, split: str, table: pl.DataFrame) -> None:
    """Write what was told of a split into `predictions/` of a folder, the caller's word sets beside it."""
    stem = f"zeroshot-{split}" if asked.kind == "labels" else f"zeroshot-{asked.kind}-{split}"
    write_parquet(folder / PREDICTIONS / f"{stem}.parquet", table)
    if asked.kind != "labels":
        sets = [{"label": label, "words": list(some)} for label, some in asked.words.items()]
        write_json(folder / PREDICTIONS / f"{stem}.json", sets)


def write_scores(
    folder: Path, asked: Asked, split: str, found: Mapping[str, float], variant: str = ""
) -> dict[str, float]:
    """Put scores into `metrics.json` of a folder in place of earlier ones of the same kind and variant."""
    prefix = ("" if split == "test" else f"{split}.") + f"zero_shot.{asked.kind}.{variant}"
    metrics = {f"{prefix}{key}": value for key, value in found.items()}
    old = [
        key
        for key in read_metrics(folder)
        if key.startswith(prefix) and key.removeprefix(prefix).partition(".")[0] not in VARIANTS
    ]
    merge_metrics(folder, metrics, replacing=tuple(old))
    return metrics


def prediction_rows(
    asked: Asked, cosines_NK: Array, best_N: Sequence[int], tags: Sequence[Sequence[str]]
) -> pl.DataFrame:
    """A row for each record, columns as in `SCHEMA`."""
    records, names = asked.scored.records, asked.names
    return pl.DataFrame(
        {
            "id": [record.id for record in records],
            "path": [record.path for record in records],
            "labels": [[names[int(i)] for i in np.flatnonzero(row)] for row in asked.scored.labels],
            "predicted": [names[int(i)] for i in best_N],
            "cosines": cosines_NK.tolist(),
            "tags": tags,
        },
        schema=SCHEMA,
    )


def _score(
    subject: Subject, asked: Asked, split: str, vectors: Path | None, reading: Reading
) -> dict[str, float]:
    taught = _taught(subject, split) if reading.space == "sentence" else None
    space = open_space(subject.run, subject.predictor, asked.words, reading, vectors=vectors, taught=taught)
    outputs = cached_outputs(subject.predictor, asked.scored.paths, progress=f"{split} pictures")
    cosines_NK = space.scores(outputs)
    found = scores_of(asked, cosines_NK, seed=subject.seed)
    table = prediction_rows(asked, cosines_NK, cosines_NK.argmax(axis=1).tolist(), space.nearest(outputs))
    write_predictions(subject.run, asked, split, table)
    return write_scores(subject.run, asked, split, found, reading.key)


def _taught(subject: Subject, split: str) -> Dataset:
    """The run's own data set, to learn a map to sentence vectors from.

    Raises:
        DataError: It is not there, or the split to be scored is one that the map is made of.
    """
    own = subject.dataset if is_own(subject) else open_subject(subject.run).dataset
    if is_own(subject) and split != "test":
        raise DataError(
            f"{subject.dataset.root}: the map to sentence vectors is made of the run's train and val splits; "
            f"score the test split or another data set, not {split}"
        )
    return own


def _seen(subject: Subject, words: WordSets) -> list[str]:
    """The labels of which a word is a label of the run's, or a tag of the data set that it was trained on."""
    taught = {word for name in subject.predictor.emotions for word in (plain(name), *spoken(name))}
    if is_own(subject):
        taught |= {plain(name) for name in subject.dataset.tag_names}
    return [name for name, some in words.items() if any(plain(word) in taught for word in (name, *some))]
