"""`emotionnet data`: data sets, from web records to a DATASET folder, and copies of benchmarks."""

from __future__ import annotations

from pathlib import Path

from cyclopts import App

from emotionnet.apps.commands.base import Count, Options, app
from emotionnet.apps.options import describe_keys
from emotionnet.config import CurateConfig, DownloadConfig, SourceConfig
from emotionnet.config_files import checked, load_config
from emotionnet.records import DataError

data = App(name="data", help="Data sets: from web records to a DATASET folder.")
app.command(data)


@data.command(help_epilogue=describe_keys(CurateConfig))
def curate(config: Path | None = None, /, *, overwrite: bool = False, options: Options) -> None:
    """Make a DATASET of web records: clean the tags, choose the emotions, split by group.

    Args:
        config: JSON file; every key can be given as an option too.
        overwrite: Replace an earlier DATASET.
    """
    settings = load_config(CurateConfig, config, options)

    from emotionnet.apps.output import print_result
    from emotionnet.curation.curate import curate as run

    dataset = run(settings, overwrite=overwrite)
    print_result({"dataset": str(dataset.root), **dataset.info["counts"]})


@data.command(help_epilogue=describe_keys(DownloadConfig))
def download(source: Path, config: Path | None = None, /, *, options: Options) -> None:
    """Fetch the pictures that web records name by URL; a run that was stopped or killed goes on.

    Robots.txt, X-Robots-Tag: noai and Retry-After are honoured, and no private address is asked. The folder
    holds ledger.sqlite (a state and a reason for every URL), images/, summary.json, and records.parquet,
    which 'data curate' reads; of a DATASET it is a DATASET whose pictures are there.

    Args:
        source: A table of web records, a folder of such tables, or a DATASET.
        config: JSON file; every key can be given as an option too.
    """
    settings = load_config(DownloadConfig, config, {**options, "source": str(source)})

    from emotionnet.apps.data_output import print_download
    from emotionnet.curation.download.run import download as run

    print_download(run(settings))


@data.command
def check(first: str, second: Path | None = None, /) -> None:
    """Name every fault of a DATASET or SHARDS, or hold a benchmark's copy against what was published of it.

    Of a DATASET: missing, unreadable, changed or twin files, labels out of range; of SHARDS also shards that
    are not as they were written; any fails the check. Of a benchmark: counts of splits and classes, missing
    and unreadable files, placeholders, duplicates across splits, and what to do; the check fails only where
    the copy cannot be read at all.

    Args:
        first: The folder of a DATASET or SHARDS, or the URL of SHARDS, which are fetched for it; or the name
            of a benchmark, as 'data benchmarks' lists it.
        second: The folder of the benchmark's copy.
    """
    if second is not None:
        from emotionnet.apps.data_output import print_check
        from emotionnet.data.benchmark_check import check_benchmark

        print_check(check_benchmark(first, second))
        return
    from emotionnet.apps.output import print_result
    from emotionnet.data.benchmarks.catalogue import BENCHMARKS
    from emotionnet.data.check import check_dataset

    if first in BENCHMARKS and not Path(first).exists():
        raise DataError(f"data check {first}: the folder of the copy must be given too; got the name alone")
    report = check_dataset(first)
    if report.faults:
        raise DataError(report.faults)
    print_result(report.to_dict())


@data.command
def shard(
    root: str,
    /,
    *,
    out: Path,
    samples: Count = 10_000,
    bytes: Count = 10**9,  # noqa: A002
    format: str = "auto",  # noqa: A002
    overwrite: bool = False,
) -> None:
    """Write a data set as SHARDS: WebDataset tar files with an index, for object storage and large trainings.

    Args:
        root: A DATASET, or whatever else data.root takes.
        out: The SHARDS folder.
        samples: The most pictures of a shard; a training needs at least as many shards as it has readers.
        bytes: The most bytes of a shard.
        format: As data.format.
        overwrite: Replace earlier SHARDS.
    """
    from emotionnet.apps.output import print_result
    from emotionnet.data.opening import open_data
    from emotionnet.data.shards.making import write_shards

    dataset = open_data(checked(SourceConfig, {"root": root, "format": format}, "data shard"))
    made = write_shards(dataset, out, samples=samples, size=bytes, overwrite=overwrite)
    print_result({"shards": str(out), "files": len(made.index.shards), **made.info["counts"]})


@data.command
def benchmarks() -> None:
    """List the public benchmarks that can be opened: labels, splits, score, licence, citation."""
    from emotionnet.apps.data_output import print_benchmarks
    from emotionnet.data.benchmarks.catalogue import BENCHMARKS

    print_benchmarks(BENCHMARKS.values())


@data.command
def describe(root: Path, /, *, out: Path, overwrite: bool = False) -> None:
    """Count what the pictures of a DATASET carry: tags, emotions, which go together, and plots.

    Args:
        root: The DATASET folder.
        out: A new folder: tags.csv, image_tags.parquet, cooccurrence.csv, report.html.
        overwrite: Replace an earlier description.
    """
    from emotionnet.apps.output import print_result
    from emotionnet.evaluation.dataset_report import describe_dataset

    print_result({"description": str(out), **describe_dataset(root, out, overwrite=overwrite)})
