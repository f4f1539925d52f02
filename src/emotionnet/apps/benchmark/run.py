"""Run a benchmark on all cores; it may be stopped at any time and goes on where it was."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from emotionnet.apps.benchmark.folder import CONFIG, PAGE, is_done, read_facts
from emotionnet.apps.benchmark.page import write_page
from emotionnet.apps.benchmark.plan import SPACES, Unit, units
from emotionnet.config import BenchmarkConfig
from emotionnet.config_files import portable
from emotionnet.data.store import read_dataset
from emotionnet.files import read_object, write_json
from emotionnet.progress import message, track
from emotionnet.records import ConfigError, DataError

PARTS = (CONFIG, PAGE, "predictions", "work", *SPACES)


def run_benchmark(config: BenchmarkConfig, *, overwrite: bool = False) -> Path:
    """Run every unit that is not done yet, then write the page.

    Results do not hang on how many processes there are or how often it was stopped: each unit is
    seeded by itself and runs on one thread.

    Args:
        config: What to run.
        overwrite: Begin anew.

    Returns:
        The page.

    Raises:
        DataError: A config or the data cannot be used, or the folder holds something else.
        TrainingError: A loss is not finite.
    """
    _prepare(config, overwrite=overwrite)
    with _pool(config) as pool:
        _work(pool, [(space, _prepare_space, (config, space)) for space in SPACES], "label spaces")
        sources = sorted(read_dataset(config.out / "tags" / "dataset").licences)
        every = units(config, sources)
        left = [unit for unit in every if not is_done(config.out, unit)]
        if left:
            message(f"{len(left)} of {len(every)} parts to run, {_workers(config)} at a time")
        _work(pool, [(unit.name, _run_unit, (config, unit)) for unit in left], "benchmark")
    return write_page(config, every, sources)


def _prepare(config: BenchmarkConfig, *, overwrite: bool) -> None:
    out = config.out
    if out.exists() and not out.is_dir():
        raise DataError(f"{out}: must be a folder or not exist; it is a file")
    present = sorted(path.name for path in out.iterdir()) if out.exists() else []
    if present and (CONFIG not in present or not set(present) <= set(PARTS)):
        raise DataError(
            f"{out}: holds files of another kind ({', '.join(present[:5])}); choose another --out"
        )
    wanted = _identity(config)
    if present and not overwrite and read_object(out / CONFIG) != wanted:
        raise ConfigError(
            f"{out}: holds a benchmark of another config; choose another --out or add --overwrite"
        )
    if overwrite:
        for name in present:
            path = out / name
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    out.mkdir(parents=True, exist_ok=True)
    write_json(out / CONFIG, wanted)


def _identity(config: BenchmarkConfig) -> dict[str, Any]:
    """What a stopped benchmark and the one that goes on with it must share: settings, not speed."""
    speed = ("about", "stages", "workers")
    values = {key: value for key, value in portable(config, config.out).items() if key not in speed}
    stages = {path.stem: read_object(path) for path in sorted(config.stages.glob("*.json"))}
    return {**values, "stages": {name: stages[name] for name in stages if name != "benchmark"}}


def _workers(config: BenchmarkConfig) -> int:
    return config.workers or os.cpu_count() or 1


@contextmanager
def _pool(config: BenchmarkConfig) -> Iterator[ProcessPoolExecutor]:
    """Processes that began with nothing of this one's state, and that end with it."""
    pool = ProcessPoolExecutor(
        _workers(config), mp_context=multiprocessing.get_context("spawn"), initializer=_begin_worker
    )
    try:
        yield pool
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _begin_worker() -> None:
    """One thread for each process: two networks side by side train faster than one on two threads."""
    import torch

    torch.set_num_threads(1)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # what many processes say at once nobody can read


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _work(
    pool: ProcessPoolExecutor, jobs: Sequence[tuple[str, Callable[..., Any], tuple[Any, ...]]], title: str
) -> None:
    futures: dict[Future[Any], str] = {pool.submit(run, *given): name for name, run, given in jobs}
    for done, future in enumerate(track(as_completed(futures), title, total=len(futures)), start=1):
        seconds = future.result()
        message(f"{done}/{len(futures)} {futures[future]}" + (f": {seconds:.0f} s" if seconds else ""))


def _prepare_space(config: BenchmarkConfig, space: str) -> None:
    from emotionnet.apps.benchmark.units import prepare_space

    prepare_space(config, space)


def _run_unit(config: BenchmarkConfig, unit: Unit) -> float:
    from emotionnet.apps.benchmark.units import run_unit

    run_unit(config, unit)
    return float(read_facts(config.out, unit)["seconds"])
