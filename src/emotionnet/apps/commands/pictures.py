"""A trained network at work on pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from emotionnet.apps.commands.base import Count, app
from emotionnet.records import DataError


@app.command
def predict(
    run: Path,
    /,
    *paths: str,
    top: Count = 5,
    output: Annotated[Literal["auto", "json", "csv", "table"], Parameter(name="--format")] = "auto",
) -> None:
    """Tell the emotions that pictures may evoke, and the nearest tags.

    Args:
        run: The RUN folder.
        paths: Pictures, folders and patterns.
        top: How many emotions and tags for each picture.
        output: auto is a table on a terminal and JSON elsewhere.
    """
    if not paths:
        raise DataError("PATHS: at least one picture, folder or pattern must be given; got none")
    from emotionnet.apps.output import print_predictions
    from emotionnet.data.images import find_images
    from emotionnet.inference.predictor import load_predictor

    images, unknown = find_images(paths)
    if not images:
        raise DataError(unknown)
    predictions, unreadable = load_predictor(run).predict_files(images, top=top)
    print_predictions(predictions, output)
    if unknown or unreadable:
        raise DataError([*unknown, *unreadable])


@app.command
def extract(run: Path, /, *paths: str, out: Path, overwrite: bool = False) -> None:
    """Write the features of pictures: a Parquet table, or a folder with one .npy file for each picture.

    Args:
        run: The RUN folder.
        paths: Pictures, folders and patterns.
        out: FEATURES.parquet with the columns path and features, or a folder.
        overwrite: Replace an earlier result.
    """
    from emotionnet.apps.output import print_result
    from emotionnet.inference.extract import extract_features

    made = extract_features(run, paths, out, overwrite=overwrite)
    print_result({"features": str(out), "pictures": made.count, "size": made.size})
    if made.faults:
        raise DataError(made.faults)
