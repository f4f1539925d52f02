"""Steps of a training: forward, backward over all processes, optimizer."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import NamedTuple, NoReturn

from torch import Tensor, nn
from torch.optim import Optimizer

from emotionnet.config import FitConfig
from emotionnet.data.loaders import Batch
from emotionnet.models.weights import put_tensors
from emotionnet.records import ConfigError, DataError, TrainingError, first_line
from emotionnet.runs import CHECKPOINTS
from emotionnet.training.checkpoints import LAST, begun
from emotionnet.training.compiling import compiled_steps
from emotionnet.training.device import make_fabric, seeded
from emotionnet.training.learner import Learner, average_gradients, synchronised
from emotionnet.training.parts import Part
from emotionnet.training.schedule import make_optimizer
from emotionnet.training.tally import Watch
from emotionnet.training.team import here

UNWATCHED = 50  # steps on a GPU between two looks at whether all is finite: a look waits for the GPU


class Weight(NamedTuple):
    """The part of an optimizer step that a batch of this process is.

    With `averages`, gradients become means over the processes; else a later batch or the step sees to it.
    """

    share: float
    averages: bool


class Steps:
    """A module on its device, with its optimizer, and where a RUN's last checkpoint has left them."""

    def __init__(
        self,
        module: nn.Module,
        config: FitConfig,
        run: Path,
        frozen: tuple[nn.Module, ...],
        tutor: nn.Module,
    ) -> None:
        self.team = here()
        self.fabric = make_fabric(config.precision, self.team)
        if config.distributed.sync_batchnorm and self.team.world > 1:
            module, frozen = self._synchronised(module, frozen)
        self.plain, self.config, self.run, self.frozen, self.tutor = module, config, run, frozen, tutor
        optimizer = make_optimizer(module, config.optimizer, tutor)
        learner = Learner(module, tutor, self.fabric.strategy.precision)
        self.learner, wrapped = self.fabric.setup(learner, optimizer)
        self.optimizer: Optimizer = wrapped
        if config.compile == "on":
            module.compile()
        self.averaged = True  # gradients, over the processes
        self.last = run / CHECKPOINTS / LAST
        self.state = self.team.first(lambda: begun(self.last))
        if self.state.module:
            put_tensors(self.plain, self.state.module, str(self.last))
            try:
                self.tutor.load_state_dict(self.state.tutor)
                self.optimizer.load_state_dict(self.state.optimizer)
            except (ValueError, KeyError, TypeError, RuntimeError) as error:
                raise DataError(
                    f"{self.last}: must fit this run's optimizer and tutor; {first_line(error)}"
                ) from None

    def _synchronised(
        self, module: nn.Module, frozen: tuple[nn.Module, ...]
    ) -> tuple[nn.Module, tuple[nn.Module, ...]]:
        if self.fabric.device.type == "cpu":
            raise ConfigError("distributed.sync_batchnorm: must be false without GPUs; got true")
        return synchronised(module, frozen)

    def _backward(
        self, part: Part, batch: Batch, at: tuple[int, int], weight: Weight, watch: Watch
    ) -> dict[str, Tensor]:
        """Add the weighted gradients of one batch."""
        inputs = self._inputs(part, batch)
        chance = (*at, self.team.rank) if self.team.rank else at  # dropout differs between processes
        with (
            self.fabric.no_backward_sync(self.learner, enabled=not weight.averages),
            self._compiled(usual=len(batch) == part.usual_size),
        ):
            with seeded(self.fabric, self.config.seed, *chance):
                terms = self.learner(partial(part.objective.losses, indices=batch.indices), *inputs)
            watch.add("the loss", terms["loss"], at)
            if not self._waits or len(watch.values) >= UNWATCHED:
                self._require_finite(watch)
            with self.team.waiting():
                self.fabric.backward(terms["loss"] * weight.share)
        self.averaged = weight.averages
        return {name: value.detach() for name, value in terms.items()}

    @property
    def _waits(self) -> bool:
        """Whether to read a number is to wait until the device has done all its work."""
        return self.fabric.device.type != "cpu"

    def _inputs(self, part: Part, batch: Batch) -> list[Tensor]:
        return [part.prepare(self.fabric.to_device(value)) for value in batch.inputs]

    def _compiled(self, *, usual: bool) -> AbstractContextManager[None]:
        return compiled_steps(usual=usual) if self.config.compile == "on" else nullcontext()

    def _step(self, at: tuple[int, int], watch: Watch) -> None:
        if not self.averaged:  # the last batch of the step was left out
            with self.team.waiting():
                average_gradients(self.optimizer)
        self.averaged = True
        clip = self.config.optimizer.clip_norm
        if clip is not None:
            norm = self.fabric.clip_gradients(
                self.learner, self.optimizer, max_norm=clip, error_if_nonfinite=False
            )
            assert norm is not None  # there is a largest one
            watch.add("the norm of the gradients", norm, at)
        self.optimizer.step()
        self.optimizer.zero_grad()

    def _require_finite(self, watch: Watch) -> None:
        fault = watch.first_fault()
        if fault is not None:
            self._diverged(fault)

    def _diverged(self, found: str) -> NoReturn:
        done = self.state.epoch
        kept = f"{self.last} keeps epoch {done}" if done else "no epoch was finished"
        advice = "a lower optimizer.lr or optimizer.clip_norm may help"
        raise TrainingError(f"training must stay finite; {found} ({advice}); {kept}")
