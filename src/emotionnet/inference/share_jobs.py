"""A share of the pictures through a network, into a file of its own, see `share_files`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from emotionnet.data.shares import Share
from emotionnet.inference.extract import TABLE, Extracted, features_of, write_rows
from emotionnet.inference.opening import Opening
from emotionnet.inference.results import Domain, Prediction
from emotionnet.inference.share_files import ShareFile, how_made, pictures_of
from emotionnet.records import DataError, as_text


@dataclass(frozen=True)
class Predicted:
    """How many pictures are predicted, how far each that was now is from those of training, and faults.

    `faults` has one line for each name and picture that has no prediction.
    """

    path: Path
    count: int
    domains: tuple[Domain | None, ...]
    faults: tuple[str, ...]


class _Lines(BaseModel):
    """What is told of a share of predictions; `unreadable` has a line for each picture that has none."""

    pictures: int
    unreadable: tuple[str, ...]


class _Table(_Lines):
    """What is told of a share of features, of that size."""

    size: int


def extract_share(
    model: Opening, names: Sequence[str | Path], out: Path, share: Share, *, overwrite: bool = False
) -> Extracted:
    """Write the features of a share of the pictures, as `extract_features` writes a table.

    Args:
        model: Whatever `load_predictor` opens.
        names: Pictures, folders and patterns.
        out: The folder; read as one table, the files of all shares hold each picture once.
        share: Which.
        overwrite: Replace a file that was made otherwise.

    Raises:
        DataError: No name stands for a picture, the model cannot be opened, or the file may not be written.
    """
    pictures, unknown = pictures_of(names, share)
    table = ShareFile(out, "features", TABLE, share, how_made(model, pictures))
    if told := table.earlier(_Table, overwrite=overwrite):
        return Extracted(table.path, told.pictures, told.size, (*unknown, *told.unreadable))
    unreadable: list[str] = []
    found: dict[str, Any] = {"size": model.predictor.backend.n_features, "unreadable": unreadable}
    with (
        closing(model.predictor.told_files(pictures, progress="extract")) as steps,
        table.written(found) as file,
    ):
        found["pictures"] = write_rows(features_of(steps, unreadable), file)
    return Extracted(table.path, found["pictures"], found["size"], (*unknown, *unreadable))


def predict_share(
    model: Opening,
    names: Sequence[str | Path],
    out: Path,
    share: Share,
    *,
    top: int = 5,
    overwrite: bool = False,
) -> Predicted:
    """Write what a network says of a share of the pictures: a line of JSON for each, as `Prediction.to_dict`.

    Args:
        model: Whatever `load_predictor` opens.
        names: Pictures, folders and patterns.
        out: The folder; the files of all shares hold each picture once.
        share: Which.
        top: As for `Predictor.predict`.
        overwrite: Replace a file that was made otherwise.

    Raises:
        DataError: As `extract_share`, or `top` is below 1.
    """
    pictures, unknown = pictures_of(names, share)
    lines = ShareFile(out, "predictions", ".jsonl", share, how_made(model, pictures, top=top))
    if told := lines.earlier(_Lines, overwrite=overwrite):
        return Predicted(lines.path, told.pictures, (), (*unknown, *told.unreadable))
    unreadable: list[str] = []
    domains: list[Domain | None] = []
    found: dict[str, Any] = {"unreadable": unreadable}
    results = model.predictor.predict_files(pictures, top=top, progress="predict")
    with closing(results), lines.written(found) as file:
        for prediction in _readable(results, unreadable):
            file.write(f"{json.dumps(prediction.to_dict())}\n".encode())
            domains.append(prediction.domain)
        found["pictures"] = len(domains)
    return Predicted(lines.path, len(domains), tuple(domains), (*unknown, *unreadable))


def _readable(results: Iterable[Prediction | DataError], faults: list[str]) -> Iterator[Prediction]:
    for result in results:
        if isinstance(result, DataError):
            faults += map(as_text, result.faults)
        else:
            yield result
