"""Contenders in turn: each in a process of its own, one at work at a time, over the same rounds.

Where a machine is shared, a rate by itself says little; the ratio of two rates of one round says more.
"""

from __future__ import annotations

import importlib
import math
import multiprocessing
import os
import statistics
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any, NoReturn

from emotionnet.progress import track
from emotionnet.records import DataError, TrainingError, first_line

ROUNDS = 5
PATIENCE = 5.0  # seconds that a process has for its end


@dataclass(frozen=True)
class Contender:
    """One way to do the work.

    Args:
        name: What its rates are called.
        make: `module:function`. The function takes `arguments`, gets ready, and returns what does a round of
            work and tells its rate: items per second, above 0.
        arguments: Of the function, by name; they can be pickled.
    """

    name: str
    make: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True)
class Rates:
    """The rates of each contender, round by round; items per second."""

    rates: Mapping[str, Sequence[float]]

    def median(self, name: str) -> float:
        """The middle rate of a contender."""
        return statistics.median(self.rates[name])

    def spread(self, name: str) -> float:
        """How far its rates lie apart: largest less smallest, over the median; no unit."""
        return (max(self.rates[name]) - min(self.rates[name])) / self.median(name)

    def ratio(self, name: str, to: str) -> float:
        """How many times as fast as another: the median over the rounds of the ratio of both rates."""
        pairs = zip(self.rates[name], self.rates[to], strict=True)
        return statistics.median(own / other for own, other in pairs)

    def flat(self, prefix: str) -> dict[str, float]:
        """Median and spread of each contender: `PREFIX.NAME.per_second` and `PREFIX.NAME.spread`."""
        found: dict[str, float] = {}
        for name in self.rates:
            found[f"{prefix}.{name}.per_second"] = self.median(name)
            found[f"{prefix}.{name}.spread"] = self.spread(name)
        return found


def race(contenders: Sequence[Contender], *, rounds: int = ROUNDS, warm_up: int = 1) -> Rates:
    """Let contenders do their work in turn; those that wait use no core.

    Each one gets ready and does rounds that do not count, to warm up.

    Args:
        contenders: Their names differ.
        rounds: How often each of them works; at least 1.
        warm_up: How often before that.

    Raises:
        DataError: A contender says that something must be otherwise; names it.
        TrainingError: A contender failed, died, or told a rate that is none.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        names = ", ".join(one.name for one in contenders)
        children = [
            stack.enter_context(_started(one, folder / f"{number}.log"))
            for number, one in enumerate(track(contenders, "starting"))
        ]
        rates: dict[str, list[float]] = {one.name: [] for one in contenders}
        turns = [child for _ in range(warm_up + rounds) for child in children]
        for child in track(turns, names):
            rates[child.name].append(child.round())
    return Rates({name: told[warm_up:] for name, told in rates.items()})


@dataclass(frozen=True)
class _Child:
    name: str
    process: SpawnProcess
    channel: Connection
    log: Path

    def wait(self) -> float:
        """What the child tells next."""
        try:
            told, content = self.channel.recv()
        except (EOFError, ConnectionError):
            self._died()
        if told == "faults":
            raise DataError(f"{self.name}: {fault}" for fault in content)
        if told == "failed":
            raise TrainingError(f"{self.name}: {content}")
        return float(content)

    def round(self) -> float:
        try:
            self.channel.send(True)
        except OSError:
            self._died()
        rate = self.wait()
        if not (math.isfinite(rate) and rate > 0):
            raise TrainingError(f"{self.name}: its rate must be a number above 0; got {rate}")
        return rate

    def _died(self) -> NoReturn:
        self.process.join(PATIENCE)
        lines = self.log.read_text(errors="replace").strip().splitlines() if self.log.is_file() else []
        last = f"; its last line: {lines[-1]}" if lines else ""
        raise TrainingError(f"{self.name}: its process ended with status {self.process.exitcode}{last}")


@contextmanager
def _started(contender: Contender, log: Path) -> Iterator[_Child]:
    """A process that is ready for its rounds; it ends with the block."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    arguments = (there, contender.make, dict(contender.arguments), log)
    process = context.Process(target=_work, args=arguments)  # no daemon: those may have no loader workers
    process.start()
    there.close()
    child = _Child(contender.name, process, here, log)
    try:
        child.wait()
        yield child
    finally:
        here.close()
        process.join(PATIENCE)
        if process.is_alive():
            process.kill()
            process.join()


def _work(channel: Connection, make: str, arguments: Mapping[str, Any], log: Path) -> None:
    """The life of a contender's process: get ready, then a round for each word from outside."""
    with log.open("wb") as file:  # what it prints is no result of ours
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    usual = multiprocessing.get_all_start_methods()[0]  # that of its user; this process inherits another
    multiprocessing.set_start_method(usual, force=True)
    try:
        one_round = _found(make)(**arguments)
        channel.send(("ready", 0.0))
        while channel.recv():
            channel.send(("rate", one_round()))
    except EOFError:
        return
    except DataError as error:
        channel.send(("faults", error.faults))
    except Exception as error:  # whatever a contender may meet
        channel.send(("failed", f"{type(error).__name__}: {first_line(error)}"))


def _found(make: str) -> Callable[..., Callable[[], float]]:
    module, _, name = make.partition(":")
    found: Callable[..., Callable[[], float]] = getattr(importlib.import_module(module), name)
    return found
