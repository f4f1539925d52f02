"""A few steps of a training, timed, on a copy of its module: weights and chance stay as they are."""

from __future__ import annotations

import copy
import math
import statistics
import time
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from emotionnet.training.compiling import compiled_steps
from emotionnet.training.device import FORMATS, make_fabric, seeded
from emotionnet.training.jobs import Job

ROUNDS = 3  # at least
MOST_ROUNDS = 20  # where steps are short, so that `ENOUGH` is reached
ENOUGH = 0.5  # seconds for each way


class Way(NamedTuple):
    """How steps are done: a key of `PRECISIONS` and one of `FORMATS`."""

    precision: str
    memory_format: str

    def __str__(self) -> str:
        return f"{self.precision} {self.memory_format}"


class Trials:
    """Forward, objective and backward on pictures of noise, of the run's batch and size.

    Args:
        job: What is to be trained.
        image_size: Side of its pictures, pixels.
    """

    def __init__(self, job: Job, image_size: int) -> None:
        same: dict[int, nn.Module] = {}
        self.module: nn.Module = copy.deepcopy(job.module, same)
        self.module.train()
        for part in job.frozen:
            same[id(part)].eval()
        self.part, self.tutor, self.size = job.train, job.tutor, job.train.usual_size
        shape = (self.size, 3, image_size, image_size)
        noise = torch.randint(256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
        self.noise = noise.contiguous(memory_format=torch.channels_last)  # as the loader gives pictures

    def seconds(self, ways: Sequence[Way]) -> dict[Way, float]:
        """Median seconds of a step of each way, in turn after a warm-up; infinite where one fails.

        A way fails by an error, for want of memory say, or by a loss or gradients that are not finite.
        """
        found = {way: [self.step(way)] for way in ways}
        usable = [way for way in ways if math.isfinite(found[way][0])]
        spent = 0.0
        for done in range(MOST_ROUNDS):
            if done >= ROUNDS and spent >= ENOUGH * len(usable):
                break
            for way in usable:
                found[way].append(self.step(way))
                spent += found[way][-1]
        return {way: statistics.median(times[1:] or times) for way, times in found.items()}

    def compiled(self, way: Way) -> tuple[float, float, float]:
        """Compile, then take turns with steps as they were.

        Returns:
            Seconds of compiling, of a compiled step and of one that is not.

        Raises:
            ConfigError: The compiler fails; a step may fail otherwise too.
        """
        self.module.compile()
        with compiled_steps(usual=True):
            first = self._step(way)
        times: dict[bool, list[float]] = {True: [], False: []}
        for _ in range(ROUNDS):
            for usual, seconds in times.items():
                with compiled_steps(usual=usual):
                    seconds.append(self._step(way))
        compiled, plain = (statistics.median(times[usual]) for usual in (True, False))
        return max(0.0, first - compiled), compiled, plain

    def step(self, way: Way) -> float:
        """Seconds of one step; infinite where it fails, see `seconds`."""
        try:
            return self._step(way)
        except Exception:  # out of memory, or what this device cannot do; each has errors of its own
            return math.inf

    def _step(self, way: Way) -> float:
        """Seconds of a step; infinite where something of it is not finite."""
        fabric = make_fabric(way.precision)
        layout = FORMATS[way.memory_format]
        wrapped = fabric.setup_module(self.module.to(memory_format=layout))
        if self.tutor is not None:
            fabric.to_device(self.tutor)
        objective = self.part.objective.to(fabric.device)
        noise: Tensor = fabric.to_device(self.noise)
        started = time.perf_counter()
        try:
            with seeded(fabric, 0):
                inputs = self.part.prepare(noise).contiguous(memory_format=layout)
                loss = objective.losses(wrapped(inputs), torch.arange(self.size))["loss"]
                fabric.backward(loss)
                finite = math.isfinite(float(loss.detach()))  # waits for the device
            seconds = time.perf_counter() - started
            return seconds if finite and _finite_gradients(self.module) else math.inf
        finally:
            for module in (self.module, self.tutor):
                if module is not None:
                    module.zero_grad()


def _finite_gradients(module: nn.Module) -> bool:
    found = [parameter.grad for parameter in module.parameters() if parameter.grad is not None]
    return all(bool(gradient.isfinite().all()) for gradient in found)
