"""A config in, a RUN out: the image network and the text teacher alike."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

import torch

from emotionnet import runs
from emotionnet.config import FitConfig, TeacherConfig, TrainConfig
from emotionnet.config_files import portable
from emotionnet.data.opening import open_data
from emotionnet.data.record_dataset import RecordDataset
from emotionnet.data.store import Dataset, read_dataset
from emotionnet.files import read_object, sha256, write_bytes, write_json
from emotionnet.progress import message
from emotionnet.records import ConfigError, DataError
from emotionnet.training.checkpoints import BEST, State
from emotionnet.training.image_job import image_job
from emotionnet.training.jobs import Job
from emotionnet.training.joining import joined
from emotionnet.training.loop import LEAST, fit, keep
from emotionnet.training.probe import probe_config
from emotionnet.training.speed import recorded, settled
from emotionnet.training.teacher_job import teacher_job
from emotionnet.training.team import Team, here
from emotionnet.training.tuned import tune

FREE = frozenset({"about", "checkpoint_steps", "distributed"})  # keys that a run may go on with otherwise
AnyConfig = TypeVar("AnyConfig", TrainConfig, TeacherConfig)


def train(config: TrainConfig, *, overwrite: bool = False, resume: bool = False) -> Path:
    """Train an EmotionNet on a data set, or fit a linear probe (`model.probe`).

    Args:
        config: What to train, on what, and how.
        overwrite: Replace the run that `config.out` holds.
        resume: Go on from its last checkpoint; a finished run is left as it is.

    Returns:
        The RUN folder.

    Raises:
        DataError: The config, the data or the folder cannot be used; nothing is written.
        TrainingError: The loss is not finite. Whatever stops a run before its first checkpoint, nothing
            of it stays, and a run that it was to replace is there again.
    """
    config = probe_config(config) if config.model.probe else config
    return _run(config, image_job, overwrite=overwrite, resume=resume)


def train_teacher(config: TeacherConfig, *, overwrite: bool = False, resume: bool = False) -> Path:
    """Train a text teacher on the tags of a DATASET; arguments, result and errors as `train`."""
    return _run(config, teacher_job, overwrite=overwrite, resume=resume)


def _run(
    config: AnyConfig, make_job: Callable[[AnyConfig, Dataset], Job], *, overwrite: bool, resume: bool
) -> Path:
    if overwrite and resume:
        raise ConfigError("--resume goes on with a run and --overwrite replaces it; give one of them")
    with joined(config.distributed, config.out) as team:
        team.first(lambda: _require_enough_for(team, config.data.batch_size))
        config = team.first(lambda: recorded(config, config.out) if resume else config)
        if team.first(lambda: resume and _is_finished(config.out, config)):
            message(f"{config.out}: finished already")
            return config.out
        dataset = team.each(lambda: _opened(config, resume=resume))
        job = team.each(lambda: make_job(config, dataset))
        for part in (job.train, job.val):
            part.order.rank, part.order.world = team.rank, team.world
        with contextlib.ExitStack() as stack:
            writing = runs.writing(config.out, overwrite=overwrite, resume=resume)
            team.first(lambda: stack.enter_context(writing))
            _fit(config, dataset, job, team)
    return config.out


def _require_enough_for(team: Team, batch_size: int) -> None:
    if batch_size < LEAST * team.world:
        raise ConfigError(
            f"data.batch_size: must be at least {LEAST} for each process, since it is that of all together; "
            f"got {batch_size} for {team.world}"
        )


def _opened(config: AnyConfig, *, resume: bool) -> Dataset:
    dataset = open_data(config.data) if isinstance(config, TrainConfig) else read_dataset(config.data.root)
    if resume:
        _require_same_data(config.out, dataset)
    return dataset


def _fit(config: AnyConfig, dataset: Dataset, job: Job, team: Team) -> None:
    """Train, and write all that the RUN holds; one process does all but the training."""
    run, started = config.out, time.perf_counter()
    config, job = settled(team.first(lambda: settled(config, job)[0]), job)
    team.first(lambda: _begin(config, dataset))
    if job.scores is None:
        state = fit(job.module, job.train, job.val, config, run, frozen=job.frozen, tutor=job.tutor)
    if not team.writes:
        return
    team.at("the end", patient=True)
    if job.scores is not None:
        state = keep(job.module, job.scores, run)
    job.describe(run)
    if isinstance(config, TrainConfig):
        tune(run, config, dataset)
    _finish(run, config, dataset, state, job.facts, time.perf_counter() - started)


def _begin(config: AnyConfig, dataset: Dataset) -> None:
    run = config.out
    write_json(run / runs.MANIFEST, {"dataset": dataset.name, "data_hash": dataset.content_hash})
    write_json(run / runs.CONFIG, portable(config, run))
    if isinstance(dataset, RecordDataset) and (plan := dataset.plan()):
        write_json(run / runs.SPLITS, plan)


def _is_finished(run: Path, config: FitConfig) -> bool:
    """Whether a run to resume has ended; a run of another config is not the one to resume."""
    if not (run / runs.CONFIG).is_file():
        return False
    before, now = read_object(run / runs.CONFIG), portable(config, run)
    names = sorted({*before, *now} - FREE)
    changed = ", ".join(name for name in names if before.get(name) != now.get(name))
    if changed:
        raise ConfigError(f"{run / runs.CONFIG}: --resume needs the run's own config; {changed} differ")
    return (run / runs.WEIGHTS).is_file()


def _require_same_data(run: Path, dataset: Dataset) -> None:
    manifest = run / runs.MANIFEST
    before = read_object(manifest).get("data_hash") if manifest.is_file() else dataset.content_hash
    if before != dataset.content_hash:
        raise DataError(f"{dataset.root}: --resume needs the data that {run} began with; they have changed")


def _finish(
    run: Path, config: FitConfig, dataset: Dataset, state: State, facts: Mapping[str, float], seconds: float
) -> None:
    """The numbers and the manifest; the weights come last, since they tell that a run is finished."""
    best = state.history[max(0, state.best_epoch - 1)]
    scores = {name: value for name, value in best.items() if name.startswith("val.")}
    runs.merge_metrics(
        run, {**scores, **facts, "val.best_epoch": state.best_epoch, "train.skipped": len(state.skipped)}
    )
    home = dataset.root if dataset.root.is_dir() else dataset.root.parent
    manifest = {
        "dataset": dataset.name,
        "data_hash": dataset.content_hash,
        "config_hash": sha256(run / runs.CONFIG),
        "seed": config.seed,
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
        "threads": torch.get_num_threads(),
        **({"processes": here().world} if here().world > 1 else {}),
        "wall_seconds": round(seconds, 1),
        "skipped": [line.removeprefix(f"{home}{os.sep}") for line in state.skipped],  # runs are shared
        "versions": runs.versions(),
    }
    write_json(run / runs.MANIFEST, manifest)
    write_bytes(run / runs.WEIGHTS, (run / runs.CHECKPOINTS / BEST).read_bytes())
