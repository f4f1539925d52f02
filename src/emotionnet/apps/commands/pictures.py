"""A trained network at work on pictures."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from emotionnet.apps.commands.base import Count, app
from emotionnet.records import DataError

if TYPE_CHECKING:
    from emotionnet.data.shares import Share
    from emotionnet.inference.opening import Opening

FEW = 8  # pictures that one after the other are told sooner than several at once
BackendName = Literal["auto", "torch", "openvino", "onnxruntime"]
EngineName = Literal["local", "ray"]


@app.command
def predict(  # noqa: PLR0913
    run: str,
    /,
    *paths: str,
    top: Count = 5,
    output: Annotated[Literal["auto", "json", "csv", "table"], Parameter(name="--format")] = "auto",
    backend: BackendName = "auto",
    engine: EngineName = "local",
    shard: str | None = None,
    out: Path | None = None,
    overwrite: bool = False,
) -> None:
    """Tell the emotions that pictures may evoke, and the nearest tags, as they are read.

    Args:
        run: The RUN folder, hf:USER/NAME for one of the hub, a MODEL, which 'export' writes and which runs
            without torch, or open_clip:ARCH@WEIGHTS.
        paths: Pictures, folders and patterns.
        top: How many emotions and tags for each picture.
        output: auto is a table on a terminal and JSON elsewhere; with --shard the file has JSON lines.
        backend: auto takes the fastest that is installed; a RUN is converted for it on first use. Its numbers
            differ from torch's in the last digits, and by more where openvino computes in bfloat16, as it
            does on CPUs that have it: another emotion may come first; torch gives those of torch in float32.
        engine: ray computes in a process for each core of this machine, or of the cluster that $RAY_ADDRESS
            names (pip install 'emotionnet[scale]'): there the package must be installed on every machine, and
            pictures and model must lie on storage that all of them see by the same names.
        shard: i/n, the first is 0/n: only every n-th picture from the i-th on, in the order of their names,
            or of pictures in SHARDS the i-th of n equal parts, into a file of its own in --out:
            DIR/predictions-0000i-of-0000n.jsonl. Any scheduler may start the n commands; a file that is
            finished is left as it is.
        out: DIR, the folder for the files of all shards.
        overwrite: Replace the file of a shard that was made otherwise.
    """
    if not paths:
        raise DataError("PATHS: at least one picture, folder or pattern must be given; got none")
    if (shard is None) != (out is None):
        raise DataError("--shard i/n and --out DIR must be given together; got one of them")
    from emotionnet.apps.output import is_watched, print_predictions
    from emotionnet.apps.threads import one_product_thread
    from emotionnet.data.shards.naming import find_pictures
    from emotionnet.data.shares import Share
    from emotionnet.inference.opening import Opening
    from emotionnet.inference.results import Domain, Prediction, domains_note
    from emotionnet.progress import message

    if shard is not None and out is not None:
        if output not in ("auto", "json"):
            raise DataError(f"--format must be left out with --shard, which writes JSON lines; got {output}")
        model = Opening(run, backend, engine)
        _predict_share(model, paths, out, Share.parse(shard), top=top, overwrite=overwrite)
        return
    images, unknown = find_pictures(paths)
    if not images:
        raise DataError(unknown)
    hint: Literal["latency", "throughput"] = "latency" if len(images) <= FEW else "throughput"
    predictor = Opening(run, backend, engine, hint).predictor
    bar = "" if is_watched(output) else "predict"
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
    run: str,
    /,
    *paths: str,
    out: Path,
    backend: BackendName = "auto",
    engine: EngineName = "local",
    shard: str | None = None,
    overwrite: bool = False,
) -> None:
    """Write the features of pictures: a Parquet table, or a folder with one .npy file for each picture.

    Args:
        run: As for 'predict'.
        paths: Pictures, folders and patterns.
        out: FEATURES.parquet with the columns path and features, or a folder; with --shard the folder DIR.
        backend: As for 'predict'.
        engine: As for 'predict'.
        shard: As for 'predict': writes DIR/features-0000i-of-0000n.parquet; all of them are one table.
        overwrite: Replace an earlier result.
    """
    from emotionnet.apps.output import print_result
    from emotionnet.inference.extract import extract_features

    if shard is None:
        made = extract_features(run, paths, out, backend=backend, engine=engine, overwrite=overwrite)
    else:
        from emotionnet.data.shares import Share
        from emotionnet.inference.opening import Opening
        from emotionnet.inference.share_jobs import extract_share

        model = Opening(run, backend, engine)
        made = extract_share(model, paths, out, Share.parse(shard), overwrite=overwrite)
    print_result({"features": str(made.path), "pictures": made.count, "size": made.size})
    if made.faults:
        raise DataError(made.faults)


def _predict_share(
    model: Opening, paths: Sequence[str], out: Path, share: Share, *, top: int, overwrite: bool
) -> None:
    from emotionnet.apps.output import print_result
    from emotionnet.apps.threads import one_product_thread
    from emotionnet.inference.results import domains_note
    from emotionnet.inference.share_jobs import predict_share
    from emotionnet.progress import message

    with one_product_thread():
        made = predict_share(model, paths, out, share, top=top, overwrite=overwrite)
    if note := domains_note(made.domains, model.name):
        message(note)
    print_result({"predictions": str(made.path), "pictures": made.count})
    if made.faults:
        raise DataError(made.faults)
