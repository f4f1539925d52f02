"""What the command `text dimensions` prints: places of words, or how far the norms agree with people."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from emotionnet.apps.output import print_table
from emotionnet.data.benchmarks import findingemo
from emotionnet.evaluation.word_dimensions_score import WordAgreement, emotion_means, score_words
from emotionnet.progress import message
from emotionnet.records import DataError
from emotionnet.text.nearest_labels import label_words, nearest_dimensions
from emotionnet.text.sentence import sentence_vectors
from emotionnet.text.vectors import WordVectors, read_vectors
from emotionnet.word_dimensions import NAMES, norm_word, norms


def describe_words(words: Sequence[str], vectors: Path | None) -> list[dict[str, Any]]:
    """Valence, arousal and dominance of words, from 1 to 9, each with where it comes from.

    Raises:
        DataError: The vectors cannot be read.
    """
    known = None
    if vectors is not None or any(norm_word(word) is None for word in words):
        known = _vectors(words, vectors)
    return [
        {
            "word": place.word,
            **dict(zip(NAMES, place.values or (None,) * len(NAMES), strict=True)),
            "source": place.source,
            "derived": True,
        }
        for place in nearest_dimensions(words, known)
    ]


def against_people(annotations: Path | None, vectors: Path | None) -> dict[str, Any]:
    """The norms, and the way by nearest words, against FindingEmo's annotations.

    Args:
        annotations: The .ann file; None: that of the installed package.
        vectors: VECTORS for the nearest words; None: sentence vectors.

    Raises:
        DataError: A file is missing or broken, or the package is not installed.
    """
    path = annotations or findingemo.installed_annotations()
    if path is None:
        raise DataError(
            f"--against {findingemo.NAME}: needs the package {findingemo.PACKAGE}, which is not installed; "
            "install it or give the file with annotations"
        )
    rows = findingemo.read_annotations(path)
    means = emotion_means(rows)
    names = [mean.emotion for mean in means]
    found = {"norms": score_words(means, nearest_dimensions(names, None))}
    known = _vectors(names, vectors)
    if known is not None:
        found["nearest"] = score_words(means, nearest_dimensions(names, known, own=False))
    return {"annotations": len(rows), **_flat(found)}


def print_words(rows: Sequence[Mapping[str, Any]]) -> None:
    """Places of words: a JSON list, or a table when a person reads."""
    if not sys.stdout.isatty():
        print(json.dumps(list(rows), indent=2))  # noqa: T201
        return
    columns = ("word", *NAMES, "source")
    cells = [["none" if row[name] is None else str(row[name]) for name in columns] for row in rows]
    print_table((*columns[:-1], "derived from"), cells)


def _flat(found: dict[str, WordAgreement]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for kind, agreement in found.items():
        told = agreement.to_dict()
        unmapped = told.pop("unmapped")
        for name, scores in told.items():
            values |= {f"{kind}.{name}.{key}": value for key, value in scores.items()}
        values[f"{kind}.n_unmapped"] = len(unmapped)
        values[f"{kind}.unmapped"] = ", ".join(unmapped) or "none"
    return values


def _vectors(words: Sequence[str], given: Path | None) -> WordVectors | None:
    wanted = tuple(dict.fromkeys((*label_words(words), *norms())))
    if given is not None:
        return read_vectors(given, only=wanted)
    try:
        return sentence_vectors(wanted)
    except DataError as error:
        message(f"no nearest words: {error.faults[0]}")
        return None
