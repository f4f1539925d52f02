"""A trained network at work on pictures."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from emotionnet.apps.commands.base import Count, app
from emotionnet.records import DataError

FEW = 8  # pictures that one after the other are told sooner than several at once
BackendName = Literal["auto", "torch", "openvino", "onnxruntime"]


@app.command
def predict(
    run: str,
    /,
    *paths: str,
    top: Count = 5,
    output: Annotated[Literal["auto", "json", "csv", "table"], Parameter(name="--format")] = "auto",
    backend: BackendName = "auto",
) -> None:
    """Tell the emotions that pictures may evoke, and the nearest tags, as they are read.

    Args:
        run: The RUN folder, hf:USER/NAME for one of the hub, a MODEL, which 'export' writes and which runs
            without torch, or open_clip:ARCH@WEIGHTS.
        paths: Pictures, folders and patterns.
        top: How many emotions and tags for each picture.
        output: auto is a table on a terminal and JSON elsewhere.
        backend: auto takes the fastest that is installed; a RUN is converted for it on first use. Its numbers
            differ from torch's in the last digits, and by more where openvino computes in bfloat16, as it
            does on CPUs that have it: another emotion may come first; torch gives those of torch in float32.
    """
    if not paths:
        raise DataError("PATHS: at least one picture, folder or pattern must be given; got none")
    from emotionnet.apps.output import is_watched, print_predictions
    from emotionnet.apps.threads import one_product_thread
    from emotionnet.data.shards.naming import find_pictures
    from emotionnet.inference.loading import load_predictor
    from emotionnet.inference.results import Domain, Prediction, domains_note
    from emotionnet.progress import message

    images, unknown = find_pictures(paths)
    if not images:
        raise DataError(unknown)
    hint: Literal["latency", "throughput"] = "latency" if len(images) <= FEW else "throughput"
    predictor, bar = load_predictor(run, backend=backend, hint=hint), "" if is_watched(output) else "predict"
    domains: list[Domain | None] = []

    def noted(results: Iterable[Prediction | DataError]) -> Iterator[Prediction | DataError]:
        for result in results:
            if isinstance(result, Prediction):
                domains.append(result.domain)
            yield result

    with one_product_thread(), closing(predictor.predict_files(images, top=top, progress=bar)) as results:
        unreadable = print_predictions(noted(results), output, with_domain=predictor.guard is not None)
    if note := domains_note(domains, run):
        message(note)
    if unknown or unreadable:
        raise DataError([*unknown, *unreadable])


@app.command
def extract(
    run: str, /, *paths: str, out: Path, backend: BackendName = "auto", overwrite: bool = False
) -> None:
    """Write the features of pictures: a Parquet table, or a folder with one .npy file for each picture.

    Args:
        run: As for 'predict'.
        paths: Pictures, folders and patterns.
        out: FEATURES.parquet with the columns path and features, or a folder.
        backend: As for 'predict'.
        overwrite: Replace an earlier result.
    """
    from emotionnet.apps.output import print_result
    from emotionnet.inference.extract import extract_features

    made = extract_features(run, paths, out, backend=backend, overwrite=overwrite)
    print_result({"features": str(out), "pictures": made.count, "size": made.size})
    if made.faults:
        raise DataError(made.faults)
