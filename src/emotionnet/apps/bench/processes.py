"""The program as its user starts it: a new process for each command, its time and its memory."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from emotionnet.records import TrainingError

# Measures from a process of its own: a child begins with the peak of whoever started it.
MEASURE = """
import resource, subprocess, sys
done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(done.returncode)
"""
UNIT = 1 if sys.platform == "darwin" else 1024  # bytes


def make_command(arguments: Sequence[str], cache: Path) -> Callable[[], float]:
    """A contender whose round is one command; the rate is commands per second.

    Args:
        arguments: Of `emotionnet`.
        cache: The project's cache folder, in place of the user's.
    """
    command = [sys.executable, "-m", "emotionnet", *arguments]

    def one_round() -> float:
        started = time.perf_counter()
        _output(command, cache)
        return 1 / (time.perf_counter() - started)

    return one_round


def peak_memory(arguments: Sequence[str], cache: Path) -> float:
    """The most memory that a command holds at once, in 10^6 bytes; arguments and errors as `make_command`."""
    command = [sys.executable, "-c", MEASURE, sys.executable, "-m", "emotionnet", *arguments]
    return int(_output(command, cache)) * UNIT / 1e6


def _output(command: Sequence[str], cache: Path) -> str:
    """What a command prints.

    Raises:
        TrainingError: It failed; with its last line.
    """
    environment = {**os.environ, "EMOTIONNET_CACHE": str(cache)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["no error told"]
        raise TrainingError(f"{' '.join(command[-4:])}: ended with status {done.returncode}; {lines[-1]}")
    return done.stdout
