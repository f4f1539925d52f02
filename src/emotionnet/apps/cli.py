"""The command line: reads the arguments, runs one command, turns mistakes into lines and a status."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cyclopts

from emotionnet.apps.benchmark.config import BenchmarkConfig
from emotionnet.apps.commands import (
    convert,
    data,
    explain,
    export,
    index,
    pictures,
    runs,
    search,
    serve,
    tag,
    teach,
    text,
    whole,
)
from emotionnet.apps.commands.base import app
from emotionnet.apps.memory import keep_freed_memory
from emotionnet.apps.options import split_options
from emotionnet.config import CurateConfig, DownloadConfig, Section, TeacherConfig, TrainConfig, VectorsConfig
from emotionnet.records import DataError, TrainingError

COMMANDS = (
    data,
    text,
    convert,
    runs,
    export,
    explain,
    index,
    pictures,
    search,
    serve,
    tag,
    teach,
    whole,
)  # whose import makes them known to the program

# Commands whose options are the keys of a config.
STAGES: dict[tuple[str, ...], type[Section]] = {
    ("data", "curate"): CurateConfig,
    ("data", "download"): DownloadConfig,
    ("text", "vectors"): VectorsConfig,
    ("text", "teacher"): TeacherConfig,
    ("train",): TrainConfig,
    ("benchmark",): BenchmarkConfig,
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command; a caller's mistake is one line for each fault and exit status 2."""
    tokens = list(sys.argv[1:] if arguments is None else arguments)
    if sys.stdout is None:  # closed by the caller, who wants no results
        sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115
    keep_freed_memory()
    try:
        _run(tokens)
        sys.stdout.flush()
    except cyclopts.CycloptsError as error:
        _fail([" ".join(str(error).split())], status=2)
    except DataError as error:
        _fail(error.faults, status=2)
    except (TrainingError, ChildProcessError) as error:
        _fail([str(error)], status=1)
    except BrokenPipeError:  # the reader has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(1) from None
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        _fail([f"{where}the system refused: {error.strerror or error}"], status=1)
    except KeyboardInterrupt:
        _fail(["stopped; what was saved is kept"], status=130)


def _run(tokens: list[str]) -> None:
    options: dict[str, Any] = {}
    for stage, model in STAGES.items():
        if tuple(tokens[: len(stage)]) == stage:
            rest, options = split_options(tokens[len(stage) :], model)
            tokens = [*stage, *rest]
    command, bound, ignored = app.parse_args(tokens, print_error=False, exit_on_error=False)
    extra = {"options": options} if "options" in ignored else {}
    command(*bound.args, **bound.kwargs, **extra)


def _fail(faults: Sequence[str], *, status: int) -> None:
    for fault in faults:
        print(f"error: {fault}", file=sys.stderr)  # noqa: T201
    raise SystemExit(status)
