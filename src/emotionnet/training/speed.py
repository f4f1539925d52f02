"""Precision and memory format of a run, and whether it is compiled, where its config leaves that open."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

import torch
from torch import Tensor

from emotionnet.config import FitConfig, TrainConfig
from emotionnet.files import read_object
from emotionnet.progress import message
from emotionnet.records import first_line
from emotionnet.runs import CONFIG
from emotionnet.training.device import FORMATS, PRECISIONS
from emotionnet.training.jobs import Job
from emotionnet.training.parts import Part
from emotionnet.training.trials import Trials, Way

AUTO = "auto"
CHOICES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"precision": tuple(PRECISIONS), "memory_format": tuple(FORMATS), "compile": ("off", "on")}
)
SHORT = 200  # optimizer steps; a run of fewer ends before timing has paid for itself
BRIEF = 60.0  # seconds; a run that takes less has nothing to win
LONG = 3600.0  # seconds; compiling takes minutes, and is tried in runs that take longer than this
CLOSE = 1.03  # times as long as the fastest is as good as the fastest

Config = TypeVar("Config", bound=FitConfig)


def recorded(config: Config, run: Path) -> Config:
    """A config with what a RUN to go on with chose, where the config leaves it open."""
    before = read_object(run / CONFIG) if (run / CONFIG).is_file() else {}
    left = {name for name in CHOICES if getattr(config, name, None) == AUTO}
    return config.model_copy(
        update={name: before[name] for name in left if before.get(name) in CHOICES[name]}
    )


def settled(config: Config, job: Job) -> tuple[Config, Job]:
    """Choose what the config leaves open, and lay the job's module and pictures out as chosen.

    The first choices of `CHOICES` hold for a run of fewer than `SHORT` steps, for one that takes less than
    `BRIEF`, and for a text model: its steps take milliseconds, its numbers go into the training of networks,
    and its bfloat16 is there to be asked for. Else a few steps of each way are timed: what comes of it hangs
    on the machine, unless the config names all three.

    Returns:
        A config without 'auto', for the RUN to keep, and the job.
    """
    choice = {name: words[0] for name, words in CHOICES.items()}
    if isinstance(config, TrainConfig):
        choice |= _timed(config, job)
    left = {name: word for name, word in choice.items() if getattr(config, name, None) == AUTO}
    config = config.model_copy(update=left)
    if isinstance(config, TrainConfig):
        job = _laid_out(job, FORMATS[config.memory_format])
    return config, job


def _timed(config: TrainConfig, job: Job) -> dict[str, str]:
    """What a run long enough to win by it is best done with; nothing for a shorter one."""
    batches = len(job.train.order) * config.epochs
    ways = [
        Way(precision, memory_format)
        for precision in _open(config, "precision")
        for memory_format in _open(config, "memory_format")
    ]
    short = batches < SHORT * config.optimizer.accumulate
    if short or job.scores is not None or (len(ways) == 1 and config.compile != AUTO):
        return {}
    trials = Trials(job, config.data.image_size)
    _, second = (trials.step(ways[0]) for _ in range(2))  # the first warms up
    if batches * second < BRIEF:
        return {}
    seconds = trials.seconds(ways)
    enough = CLOSE * min(seconds.values())
    best = next(way for way in ways if seconds[way] <= enough)
    told = ", ".join(f"{way} {seconds[way]:.3g}" for way in ways)
    if len(ways) > 1:
        message(f"{best}: seconds of a step, where 'inf' failed: {told}")
    tried = config.compile == AUTO and LONG <= batches * seconds[best] < math.inf
    compiles = tried and _compiling_pays(trials, best, batches)
    return {**best._asdict(), "compile": "on" if compiles else "off"}


def _open(config: TrainConfig, name: str) -> tuple[str, ...]:
    given = getattr(config, name)
    return CHOICES[name] if given == AUTO else (given,)


def _compiling_pays(trials: Trials, way: Way, batches: int) -> bool:
    try:
        compiling, step, before = trials.compiled(way)
    except Exception as error:  # no compiler, or no memory for it; each has errors of its own
        message(f"not compiled; {first_line(error)}")
        return False
    pays = compiling < (before - step) * batches
    told = f"seconds of a step: {step:.3g}, else {before:.3g}; of compiling: {compiling:.0f}"
    message(f"{'' if pays else 'not '}compiled: {told}")
    return pays


def _laid_out(job: Job, layout: torch.memory_format) -> Job:
    """The module's weights and the pictures it is given, in one memory format."""
    job.module.to(memory_format=layout)
    return replace(job, train=_prepared(job.train, layout), val=_prepared(job.val, layout))


def _prepared(part: Part, layout: torch.memory_format) -> Part:
    def prepare(pictures: Tensor) -> Tensor:
        return part.prepare(pictures).contiguous(memory_format=layout)

    return replace(part, prepare=prepare)
