"""The whole way at once: the demo, the benchmark that claims rest on, and how fast it all is."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from emotionnet.apps.benchmark.config import BenchmarkConfig
from emotionnet.apps.commands.base import Options, app
from emotionnet.apps.options import describe_keys
from emotionnet.config_files import load_config


@app.command
def demo(*, out: Path = Path("runs/demo"), overwrite: bool = False) -> None:
    """Walk the whole way on embedded data, from curate to report, and index what it can then search.

    Args:
        out: The RUN folder; its data set, vectors and teacher lie inside it.
        overwrite: Replace an earlier demo.
    """
    from emotionnet.apps.demo import run_demo
    from emotionnet.apps.output import print_result

    print_result(run_demo(out, overwrite=overwrite))


@app.command(help_epilogue=describe_keys(BenchmarkConfig))
def benchmark(config: Path | None = None, /, *, overwrite: bool = False, options: Options) -> None:
    """Cross-validate on emoji, folds x seeds: the page of paired differences that claims rest on.

    May be stopped at any time; the same command goes on.

    Args:
        config: JSON file; every key can be given as an option too. None: the project's own benchmark.
        overwrite: Begin anew.
    """
    with resources.as_file(resources.files("emotionnet") / "experiments" / "benchmark") as own:
        if config is None:
            config, options = own / "benchmark.json", {"out": "runs/benchmark", **options}
        settings = load_config(BenchmarkConfig, config, options)

        from emotionnet.apps.benchmark.run import run_benchmark
        from emotionnet.apps.output import print_result

        print_result({"page": str(run_benchmark(settings, overwrite=overwrite))})


@app.command
def bench(
    section: Literal[
        "train", "infer", "data", "text", "start", "memory", "search", "serve", "curate", "download", "all"
    ] = "all",
    /,
    *,
    json_file: Annotated[Path | None, Parameter(name="--json")] = None,
) -> None:
    """Measure how fast this machine does the work, beside what one would write by hand: docs/performance.md.

    Prints tables on a terminal and JSON elsewhere.

    Args:
        section: What to measure; all: train, infer, data, text and start, in at most 20 minutes on 2 cores.
        json_file: File to write the figures to as well.
    """
    from emotionnet.apps.bench.run import bench as measure
    from emotionnet.apps.bench.table import print_results

    print_results(measure(section, json_file=json_file))
