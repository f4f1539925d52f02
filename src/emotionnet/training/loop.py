"""The one training loop: any module whose output has `scores`, any objective."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from emotionnet.config import FitConfig
from emotionnet.data.loaders import Batch, EpochOrder
from emotionnet.files import write_text
from emotionnet.models.weights import put_tensors, save_weights
from emotionnet.progress import message, track
from emotionnet.records import DataError, TrainingError, first_line
from emotionnet.runs import CHECKPOINTS, HISTORY, TENSORBOARD
from emotionnet.training.checkpoints import BEST, LAST, State, read_state, write_state
from emotionnet.training.compiling import compiled_steps
from emotionnet.training.device import make_fabric, seeded
from emotionnet.training.objective import Objective
from emotionnet.training.schedule import make_optimizer, rate_factor, set_rates
from emotionnet.training.tally import Means, Watch, line

LEAST = 2  # samples of a batch that is learned from: BatchNorm cannot train on one
UNWATCHED = 50  # steps on a GPU between two looks at whether all is finite: a look waits for the GPU


def as_it_is(values: Tensor) -> Tensor:
    """The input that a module takes without further ado."""
    return values


@dataclass(frozen=True)
class Part:
    """One split as the loop sees it; `prepare` makes a module's input of a batch's, on the device."""

    loader: Iterable[Batch]
    order: EpochOrder
    objective: Objective
    prepare: Callable[[Tensor], Tensor] = as_it_is

    @property
    def usual_size(self) -> int:
        """Samples of most batches."""
        return min(self.order.batch_size, self.order.count)


def fit(
    module: nn.Module,
    train: Part,
    val: Part,
    config: FitConfig,
    run: Path,
    *,
    frozen: Iterable[nn.Module] = (),
    tutor: nn.Module | None = None,
) -> State:
    """Train `module`, validate after each epoch, and keep the best and the last weights.

    Without any epoch the module is validated as it is, and its weights are the best.

    Goes on from `checkpoints/last.pt` where there is one. Order, augmentation and
    dropout depend on seed, epoch and step alone, so that an interrupted run ends with
    the numbers of an uninterrupted one, to the last bit on the same machine.

    Args:
        module: Its output has `scores`, and may have `dimensions`.
        train: What it learns from.
        val: What chooses the best epoch, by the criterion of its objective.
        config: Optimizer, schedule, epochs, seed, precision and whether to compile; neither is 'auto'.
        run: The RUN folder: checkpoints, `metrics.jsonl` and TensorBoard go there.
        frozen: Submodules that stay in evaluation mode.
        tutor: A module that the objectives use and that trains along; only checkpoints keep its weights.

    Returns:
        The state after the last epoch; the best weights are `checkpoints/best.safetensors`.

    Raises:
        TrainingError: The loss is not finite; the last good checkpoint is kept.
        ConfigError: It is to be compiled and cannot be.
    """
    return _Run(module, config, run, tuple(frozen), tutor or nn.Identity()).fit(train, val)


def keep(module: nn.Module, scores: Mapping[str, float], run: Path, skipped: Sequence[str] = ()) -> State:
    """Keep a module that no epoch trains, with what was found on the validation split, in the RUN folder."""
    entry = {"epoch": 0, **scores}
    save_weights(module, run / CHECKPOINTS / BEST)
    write_text(run / HISTORY, json.dumps(entry) + "\n")
    return State(module={}, optimizer={}, history=[entry], skipped=list(skipped))


class _Run:
    def __init__(
        self,
        module: nn.Module,
        config: FitConfig,
        run: Path,
        frozen: tuple[nn.Module, ...],
        tutor: nn.Module,
    ) -> None:
        self.fabric = make_fabric(config.precision)
        self.plain, self.config, self.run, self.frozen = module, config, run, frozen
        self.tutor = self.fabric.to_device(tutor)
        optimizer = make_optimizer(module, config.optimizer, tutor)
        self.module, wrapped = self.fabric.setup(module, optimizer)
        self.optimizer: Optimizer = wrapped
        if config.compile == "on":
            module.compile()
        self.last = run / CHECKPOINTS / LAST
        self.state = State(module={}, optimizer={})
        if self.last.is_file():
            self.state = read_state(self.last)
            put_tensors(self.plain, self.state.module, str(self.last))
            try:
                self.tutor.load_state_dict(self.state.tutor)
                self.optimizer.load_state_dict(self.state.optimizer)
            except (ValueError, KeyError, TypeError, RuntimeError) as error:
                raise DataError(
                    f"{self.last}: must fit this run's optimizer and tutor; {first_line(error)}"
                ) from None

    def fit(self, train: Part, val: Part) -> State:
        state, epochs = self.state, self.config.epochs
        train, val = (replace(part, objective=part.objective.to(self.fabric.device)) for part in (train, val))
        if not epochs:
            return keep(self.plain, self._validate(val), self.run, state.skipped)
        with closing(_board(self.run, state.epoch)) as board:
            for epoch in range(state.epoch, epochs):
                started = time.perf_counter()
                learned = self._train_epoch(train, epoch)
                seconds = time.perf_counter() - started
                entry = {"epoch": epoch, **learned, **self._validate(val), "seconds": round(seconds, 3)}
                state.history.append(entry)
                self._save(epoch, _score(entry, val.objective.criterion))
                for name, value in entry.items():
                    board.add_scalar(name, value, epoch)
                message(line(entry, epochs))
        return state

    def _train_epoch(self, part: Part, epoch: int) -> dict[str, float]:
        self.module.train()
        for frozen in self.frozen:
            frozen.eval()
        part.order.epoch = epoch
        means, watch, rate, started, seen = Means(), Watch(), 0.0, time.perf_counter(), 0
        group, count = self.config.optimizer.accumulate, len(part.order)
        losses = [entry["val.loss"] for entry in self.state.history]
        title, samples = f"epoch {epoch + 1}/{self.config.epochs}", part.order.count
        for step, batch in enumerate(track(part.loader, title, samples, amount=len, unit="images")):
            self.state.skipped.extend(name for name in batch.skipped if name not in self.state.skipped)
            first = step - step % group
            position = epoch + first / count
            factor = rate_factor(self.config.schedule, position, self.config.epochs, losses)
            rate = set_rates(self.optimizer, factor)
            if len(batch) >= LEAST:
                share = 1 / min(group, count - first)
                terms = self._backward(part, batch, (epoch, step), share, watch)
                means.add(terms, len(batch))
                seen += len(batch)
            if (step + 1) % group == 0 or step + 1 == count:
                self._step((epoch, step), watch)
        if not seen:
            raise DataError(
                f"at least {LEAST} training pictures of a batch must be readable; {self.state.skipped[0]}"
            )
        self._require_finite(watch)
        speed = seen / max(1e-9, time.perf_counter() - started)
        return {**means.result("train"), "lr": rate, "images_per_second": round(speed, 2)}

    def _backward(
        self, part: Part, batch: Batch, at: tuple[int, int], share: float, watch: Watch
    ) -> dict[str, Tensor]:
        """Add the gradients of one batch, times `share`, its part of an optimizer step."""
        inputs = self._inputs(part, batch)
        with self._compiled(usual=len(batch) == part.usual_size):
            with seeded(self.fabric, self.config.seed, *at):
                terms = part.objective.losses(self.module(*inputs), batch.indices)
            watch.add("the loss", terms["loss"], at)
            if not self._waits or len(watch.values) >= UNWATCHED:
                self._require_finite(watch)
            self.fabric.backward(terms["loss"] * share)
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
        clip = self.config.optimizer.clip_norm
        if clip is not None:
            norm = self.fabric.clip_gradients(
                self.module, self.optimizer, max_norm=clip, error_if_nonfinite=False
            )
            assert norm is not None  # there is a largest one
            watch.add("the norm of the gradients", norm, at)
        self.optimizer.step()
        self.optimizer.zero_grad()

    def _require_finite(self, watch: Watch) -> None:
        fault = watch.first_fault()
        if fault is not None:
            self._diverged(fault)

    @torch.inference_mode()
    def _validate(self, part: Part) -> dict[str, float]:
        self.module.eval()
        means, scores, dimensions, indices = Means(), [], [], []
        for batch in track(part.loader, "validation", part.order.count, amount=len, unit="images"):
            self.state.skipped.extend(name for name in batch.skipped if name not in self.state.skipped)
            if len(batch):
                with self._compiled(usual=False):  # a second compilation, without gradients, pays for nothing
                    output = self.module(*self._inputs(part, batch))
                means.add(part.objective.losses(output, batch.indices), len(batch))
                scores.append(output.scores.float())
                if getattr(output, "dimensions", None) is not None:
                    dimensions.append(output.dimensions.float())
                indices.append(batch.indices.numpy())
        if not scores:
            raise DataError(f"at least one validation picture must be readable; {self.state.skipped[-1]}")
        scores_MC = torch.cat(scores).cpu().numpy()
        told_MK = torch.cat(dimensions).cpu().numpy() if dimensions else None
        if not all(np.isfinite(rows).all() for rows in (scores_MC, told_MK) if rows is not None):
            self._diverged(f"the validation scores are not finite after epoch {self.state.epoch + 1}")
        results = part.objective.scores(scores_MC, np.concatenate(indices), told_MK)
        return {**means.result("val"), **{f"val.{name}": value for name, value in results.items()}}

    def _diverged(self, found: str) -> NoReturn:
        done = self.state.epoch
        kept = f"{self.last} keeps epoch {done}" if done else "no epoch was finished"
        advice = "a lower optimizer.lr or optimizer.clip_norm may help"
        raise TrainingError(f"training must stay finite; {found} ({advice}); {kept}")

    def _save(self, epoch: int, score: float) -> None:
        """Best weights first: a run stopped in between does the epoch again, with the same result."""
        state = self.state
        if score > state.best_score or state.best_epoch == 0:
            state.best_score, state.best_epoch = score, epoch + 1
            save_weights(self.plain, self.run / CHECKPOINTS / BEST)
        if self.config.keep_epochs:
            save_weights(self.plain, self.run / CHECKPOINTS / f"epoch-{epoch + 1:03}.safetensors")
        state.epoch = epoch + 1
        state.module, state.optimizer = self.plain.state_dict(), self.optimizer.state_dict()
        state.tutor = self.tutor.state_dict()
        write_state(self.last, state)
        write_text(self.run / HISTORY, "".join(json.dumps(entry) + "\n" for entry in state.history))


def _score(entry: Mapping[str, float], criterion: str) -> float:
    """What the best epoch has most of."""
    return -entry["val.loss"] if criterion == "loss" else entry[f"val.{criterion}"]


def _board(run: Path, epoch: int) -> Any:
    from torch.utils.tensorboard import SummaryWriter

    return SummaryWriter(run / TENSORBOARD, purge_step=epoch)
