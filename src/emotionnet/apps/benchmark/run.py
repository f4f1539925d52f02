"""Run a benchmark on all cores; it may be stopped at any time and goes on where it was."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock, Timeout

from emotionnet.apps.benchmark.ablation import write_ablation_page
from emotionnet.apps.benchmark.config import BenchmarkConfig
from emotionnet.apps.benchmark.folder import CONFIG, PAGE, is_done, read_facts
from emotionnet.apps.benchmark.page import write_page
from emotionnet.apps.benchmark.plan import Unit, available, rows_of, spaces_of, units
from emotionnet.apps.benchmark.units import prepare_space, run_unit
from emotionnet.config_files import portable
from emotionnet.data.store import Dataset, read_dataset
from emotionnet.files import read_object, require_folder_or_nothing, write_json
from emotionnet.progress import message, track
from emotionnet.records import ConfigError, DataError, TrainingError

OWN = (CONFIG, PAGE, "predictions", "work")


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
    _refuse_foreign(config)
    config.out.mkdir(parents=True, exist_ok=True)
    with _only_one(config.out):
        return _run(config, overwrite=overwrite)


def _run(whole: BenchmarkConfig, *, overwrite: bool) -> Path:
    _prepare(whole, overwrite=overwrite)
    config = available(whole)
    spaces = tuple(spaces_of(config))
    missing = [space for space in spaces_of(whole) if space not in spaces]
    if missing:
        message(f"left out, since their source is not installed: {', '.join(missing)}")
    with _pool(config) as pool:
        _work(pool, [(space, prepare_space, (config, space)) for space in spaces], "label spaces")
        data = {space: read_dataset(config.out / space / "dataset") for space in spaces}
        main = data[spaces[0]]
        sources = sorted(main.licences)
        every = units(config, sources, unseen=bool(main.unseen))
        require_same_data(config.out, every, data)
        left = [unit for unit in every if not is_done(config.out, unit)]
        if left:
            message(f"{len(left)} of {len(every)} parts to run, {_workers(config)} at a time")
        _work(pool, [(unit.name, run_unit, (config, unit)) for unit in left], "benchmark")
    shutil.rmtree(config.out / "work", ignore_errors=True)  # a part that was killed once done left its own
    if config.rows is None:
        return write_page(config, every, sources)
    return write_ablation_page(config, every, [spaces_of(whole)[space] for space in missing])


def _prepare(config: BenchmarkConfig, *, overwrite: bool) -> None:
    out, wanted = config.out, _identity(config)
    before = read_object(out / CONFIG) if (out / CONFIG).is_file() else None
    if before is not None and before != wanted and not overwrite:
        raise ConfigError(
            f"{out}: holds a benchmark of another config; choose another --out or add --overwrite"
        )
    if overwrite:
        for name in reversed(_parts(config)):  # the config last: it tells what the folder is
            path = out / name
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    if before != wanted or overwrite:
        write_json(out / CONFIG, wanted)


def _parts(config: BenchmarkConfig) -> tuple[str, ...]:
    """All names that its folder may hold.

    Raises:
        ConfigError: A label space has the name of another part.
    """
    names = tuple(spaces_of(config))
    taken = [name for name in names if name in OWN]
    if taken:
        raise ConfigError(f"spaces: a label space must not be called {taken[0]}; a part of the folder is")
    return (*OWN, *names)


def _refuse_foreign(config: BenchmarkConfig) -> None:
    """What was left beside by a write that was killed is our own, and so hidden files do not count."""
    out, parts = config.out, _parts(config)
    require_folder_or_nothing(out)
    present = sorted(path.name for path in out.iterdir() if path.name[0] != ".") if out.exists() else []
    if present and (CONFIG not in present or not set(present) <= set(parts)):
        raise DataError(
            f"{out}: holds files of another kind ({', '.join(present[:5])}); choose another --out"
        )


@contextmanager
def _only_one(out: Path) -> Iterator[None]:
    """Two benchmarks in one folder would tear each other's work apart."""
    try:
        with FileLock(out / ".lock", timeout=0):
            yield
    except Timeout:
        raise DataError(f"{out}: a benchmark is running in it; wait for it or choose another --out") from None


def require_same_data(out: Path, every: Sequence[Unit], data: Mapping[str, Dataset]) -> None:
    """Check that what was found before is of the data sets that are there now, by label space.

    Raises:
        DataError: Something is of another.
    """
    done = [unit for unit in every if is_done(out, unit)]
    odd = [unit for unit in done if read_facts(out, unit).get("data_hash") != data[unit.space].content_hash]
    if odd:
        raise DataError(
            f"{out}: what was found must be of the data set that is there; {len(odd)} parts are of another, "
            f"first {odd[0].name}; --overwrite begins anew"
        )


def _identity(config: BenchmarkConfig) -> dict[str, Any]:
    """What a stopped benchmark and the one that goes on with it must share: settings, not speed."""
    speed = ("about", "stages", "workers", "rows")
    values = portable(config, config.out)
    kept = {key: value for key, value in values.items() if key not in speed and value is not None}
    stages = {path.stem: read_object(path) for path in sorted(config.stages.glob("*.json"))}
    identity = {**kept, "stages": {name: stages[name] for name in stages if name != "benchmark"}}
    if config.rows is not None:
        identity["rows"] = {name: row.train for name, row in rows_of(config).items()}
    if config.spaces is not None:
        named = config.spaces.items()
        identity["spaces"] = {name: {"curate": space.curate, "unit": space.unit} for name, space in named}
    return identity


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
    """One thread for each process: two networks side by side train faster than one on two threads.

    Without GPU: what is compared must not hang on which part ran where.
    """
    os.environ["CUDA_VISIBLE_DEVICES"] = ""  # read when CUDA is first asked for
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
        try:
            seconds = future.result()
        except BrokenProcessPool:
            raise TrainingError(
                "a process of the benchmark was ended, often for lack of memory; what was found is kept: "
                "try again with --workers 1"
            ) from None
        message(f"{done}/{len(futures)} {futures[future]}" + (f": {seconds:.0f} s" if seconds else ""))
