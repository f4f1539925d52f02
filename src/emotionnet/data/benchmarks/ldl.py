"""Flickr_LDL and Twitter_LDL: the votes of several people for each picture, in MATLAB's files."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from emotionnet.data.benchmarks.benchmark import ALL, Benchmark, picture
from emotionnet.data.benchmarks.lists import Listed, require_split
from emotionnet.data.benchmarks.mat_files import read_mat
from emotionnet.data.benchmarks.text_tables import Faults
from emotionnet.data.row_checks import RowError, shown
from emotionnet.emotions import LABEL_SETS
from emotionnet.records import DataError, ImageRecord

LABELS = LABEL_SETS["mikels8"]
# The columns of the votes: not the alphabetical order that `LABELS` has.
VOTE_ORDER = ("amusement", "awe", "contentment", "excitement", "anger", "disgust", "fear", "sadness")
_PLACES = tuple(LABELS.index(name) for name in VOTE_ORDER)


def read(root: Path, split: str, *, name: str, suffix: str) -> tuple[ImageRecord, ...]:
    """Read `data_<suffix>.mat` and `nvote_<suffix>.mat`.

    `label_weights` are the votes of the labels that have any; there may be a picture without.

    Raises:
        DataError: A file is missing or broken, or the two do not fit each other.
    """
    require_split(split, (ALL,))
    table, votes_file = root / f"data_{suffix}.mat", root / f"nvote_{suffix}.mat"
    indices, votes_NC = _array(table, "ind").ravel(), _array(votes_file, "n_vote_all")
    if votes_NC.shape != (indices.size, len(VOTE_ORDER)):
        raise DataError(
            f"{votes_file}: n_vote_all must hold {len(VOTE_ORDER)} numbers for each of the {indices.size} "
            f"pictures of {table.name}; got shape {votes_NC.shape}"
        )
    listed, faults = Listed(table), Faults()
    for number, (index, votes) in enumerate(zip(indices, votes_NC, strict=True), start=1):
        with faults.at(f"{table}: picture {number}"):
            weights = _weights(votes)
            labels = tuple(label for label in range(len(LABELS)) if weights[label])
            given = tuple(weights[label] for label in labels)
            listed.add(picture(name, f"{_index(index)}.jpg", labels, label_weights=given))
    return listed.finish(faults)


def _array(path: Path, name: str) -> npt.NDArray[Any]:
    found = read_mat(path, name)
    if not isinstance(found, np.ndarray):
        raise DataError(f"{path}: {name} must hold numbers; got {shown(found)}")
    return found


def _index(value: object) -> int:
    plain = value.item() if isinstance(value, np.generic) else None
    if not isinstance(plain, int | float) or not 0 <= plain < 2**53 or plain != int(plain):
        raise RowError(f"ind must be whole numbers of at least 0; got {shown(plain)}")
    return int(plain)


def _weights(votes: npt.NDArray[Any]) -> list[float]:
    """The votes in the order of `LABELS`."""
    if not (np.isfinite(votes).all() and (votes >= 0).all()):
        raise RowError(f"votes must be numbers of at least 0; got {shown(votes.tolist())}")
    weights = [0.0] * len(LABELS)
    for place, vote in zip(_PLACES, votes.tolist(), strict=True):
        weights[place] = float(vote)
    return weights


def _benchmark(name: str, suffix: str, published: int) -> Benchmark:
    title = name.removesuffix("_ldl").capitalize()
    return Benchmark(
        name=name,
        title=f"{title}_LDL",
        read=partial(read, name=name, suffix=suffix),
        labels=LABELS,
        splits=(ALL,),
        score="KL divergence, and the five other measures of distributions",
        main_score="kl",
        licence="not stated; for research",
        citation="Yang, Sun, Sun, 'Learning Visual Sentiment Distributions via Augmented Conditional "
        "Probability Neural Network', AAAI 2017",
        layout=f"data_{suffix}.mat (ind), nvote_{suffix}.mat (n_vote_all), <ind>.jpg",
        published=MappingProxyType({ALL: published}),
        remarks=(
            "The columns of the votes are Amusement Awe Contentment Excitement Anger Disgust Fear Sadness.",
        ),
    )


FLICKR_LDL = _benchmark("flickr_ldl", "fli", 11_150)
TWITTER_LDL = _benchmark("twitter_ldl", "twi", 10_045)
