"""Pictures that results are to be like, as features: of the index where it knows them, else by its model.

Shape letters: K = pictures, F = features.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from emotionnet.data.picture_files import content_sha256
from emotionnet.inference.label_points import unit_rows
from emotionnet.inference.outputs import Array
from emotionnet.records import DataError, as_text
from emotionnet.search.layout import picture_id
from emotionnet.search.scan import absolute
from emotionnet.search.store import Index, sql_text

if TYPE_CHECKING:
    from emotionnet.inference.predictor import Predictor

Like = str | Path | bytes


def like_features(index: Index, likes: Sequence[Like], model: Callable[[], Predictor]) -> Array:
    """The features of some pictures.

    A path that the index has, or content that is that of one of its pictures, needs no model.

    Args:
        index: What knows some of them.
        likes: Ids, paths, or bytes of pictures; at least one.
        model: Opens what computes the others.

    Returns:
        Rows of length 1; float32, shape (K, F).

    Raises:
        DataError: An id is unknown, a picture cannot be read, or the model cannot be opened; a line for each.
    """
    known: dict[int, str] = {}
    faults: list[str] = []
    for place, like in enumerate(likes):
        try:
            if (name := _known(index, like)) is not None:
                known[place] = name
        except DataError as error:
            faults += error.faults
    if faults:
        raise DataError(faults)
    rows_KF = np.zeros((len(likes), index.info.n_features), dtype=np.float32)
    if known:
        rows_KF[list(known)] = index.vectors("features", list(known.values()))
    new = [place for place in range(len(likes)) if place not in known]
    if new:
        pictures = [like for place in new if not isinstance(like := likes[place], str)]
        rows_KF[new] = unit_rows(model().outputs(pictures).features)
    return rows_KF


def _known(index: Index, like: Like) -> str | None:
    """The id of a picture that the index has."""
    if isinstance(like, str):
        index.row(like)
        return like
    if isinstance(like, Path):
        name = picture_id(as_text(absolute(like)))
        if name in index:
            return name
        content = content_sha256(like)
    else:
        content = hashlib.sha256(like).hexdigest()
    found = index.table(["id"], where=f"sha256 = {sql_text(content)}")["id"].to_pylist()
    return found[0] if found else None


def open_model(index: Index) -> Predictor:
    """The model that an index was made with.

    Raises:
        DataError: It cannot be opened, or is another one by now.
    """
    from emotionnet.inference.loading import load_predictor

    needed = f"{index.folder}: a picture that is not in the index needs the model that made it"
    try:
        predictor = load_predictor(index.info.model, backend="auto", hint="latency")
    except DataError as error:
        raise DataError(f"{needed}; {fault}" for fault in error.faults) from None
    if predictor.identity != index.info.identity:
        raise DataError(f"{needed}; {index.info.model} is another one by now: make the index again")
    return predictor
