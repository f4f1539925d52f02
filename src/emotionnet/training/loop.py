"""The one training loop: any module whose output has `scores`, any objective."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from emotionnet.config import FitConfig
from emotionnet.data.loaders import Batch
from emotionnet.files import write_text
from emotionnet.models.weights import save_weights
from emotionnet.progress import message, track
from emotionnet.records import DataError
from emotionnet.runs import CHECKPOINTS, HISTORY, TENSORBOARD
from emotionnet.training.checkpoints import BEST, State, write_state
from emotionnet.training.learner import average_statistics
from emotionnet.training.parts import Part
from emotionnet.training.schedule import rate_factor, set_rates
from emotionnet.training.stepping import Steps, Weight
from emotionnet.training.tally import Means, Watch, line
from emotionnet.training.validation import outputs_of, results

LEAST = 2  # samples of a batch that is learned from: BatchNorm cannot train on one


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


class _Run(Steps):
    """A training, epoch after epoch."""

    def fit(self, train: Part, val: Part) -> State:
        state, epochs = self.state, self.config.epochs
        train, val = (replace(part, objective=part.objective.to(self.fabric.device)) for part in (train, val))
        if not epochs:
            scores = self._validate(val)
            return keep(self.plain, scores, self.run, state.skipped) if self.team.writes else state
        with closing(_board(self.run, state.epoch) if self.team.writes else _Unwritten()) as board:
            for epoch in range(state.epoch, epochs):
                started = time.perf_counter()
                learned = self._train_epoch(train, epoch)
                seconds = time.perf_counter() - started
                entry = {"epoch": epoch, **learned, **self._validate(val), "seconds": round(seconds, 3)}
                entry = self.team.first(lambda found=entry: found)  # type: ignore[misc]  # of one clock
                state.history.append(entry)
                state.epoch, state.start, state.means = epoch + 1, 0, {}
                if self.team.writes:
                    with self.team.busy():
                        self._save(epoch, _score(entry, val.objective.criterion))
                    for name, value in entry.items():
                        board.add_scalar(name, value, epoch)
                message(line(entry, epochs))
        return state

    def _train_epoch(self, part: Part, epoch: int) -> dict[str, float]:
        self.plain.train()
        for frozen in self.frozen:
            frozen.eval()
        part.order.epoch, part.order.start = epoch, self.state.start
        means = Means.joined([self.state.means] if self.team.writes else [])
        watch, started, seen = Watch(), time.perf_counter(), 0
        rate = self.optimizer.param_groups[0]["lr"]  # where no batch is left of an epoch that was begun
        group, count, world = self.config.optimizer.accumulate, len(part.order), self.team.world
        losses = [entry["val.loss"] for entry in self.state.history]
        left = part.order.count - part.order.start * part.order.batch_size
        title = f"epoch {epoch + 1}/{self.config.epochs}"
        batches = track(part.loader, title, left, amount=lambda one: len(one) * world, unit="images")
        self.team.at(f"the start of epoch {epoch + 1}", patient=True)
        for step, batch in enumerate(batches, start=part.order.start):
            self.team.at(f"step {step + 1} of epoch {epoch + 1}", patient=step == part.order.start)
            self.state.skipped.extend(name for name in batch.skipped if name not in self.state.skipped)
            first = step - step % group
            position = epoch + first / count
            factor = rate_factor(self.config.schedule, position, self.config.epochs, losses)
            rate = set_rates(self.optimizer, factor)
            ends = (step + 1) % group == 0 or step + 1 == count
            counts = self.team.counts(len(batch))
            if min(counts) >= LEAST:
                weight = Weight(len(batch) * world / sum(counts) / min(group, count - first), averages=ends)
                terms = self._backward(part, batch, (epoch, step), weight, watch)
                means.add(terms, len(batch), step)
                seen += sum(counts)
            if ends:
                self._step((epoch, step), watch)
                if self._keeps(step + 1, count):
                    self._keep_position(step + 1, means, watch)
        means = Means.joined(self.team.gathered(means.kept()))
        self._merge_skipped()
        if not means.samples:
            unread = (
                self.state.skipped[0] if self.state.skipped else f"of {part.order.count} there are too few"
            )
            raise DataError(
                f"at least {LEAST} training pictures of a batch must be readable{self._of_each}; {unread}"
            )
        self._require_finite(watch)
        average_statistics(self.plain, world)
        speed = seen / max(1e-9, time.perf_counter() - started)
        return {**means.result("train"), "lr": rate, "images_per_second": round(speed, 2)}

    @property
    def _of_each(self) -> str:
        return f" by each of {self.team.world} processes" if self.team.world > 1 else ""

    def _keeps(self, done: int, count: int) -> bool:
        """Whether a checkpoint follows so many batches of an epoch; its end has one anyway."""
        every = self.config.checkpoint_steps
        return every is not None and done < count and done // self.config.optimizer.accumulate % every == 0

    def _keep_position(self, done: int, means: Means, watch: Watch) -> None:
        """A checkpoint within an epoch."""
        self._require_finite(watch)
        average_statistics(self.plain, self.team.world)
        every = self.team.collected(means.kept())
        self._merge_skipped()
        if self.team.writes:
            self.state.start, self.state.means = done, Means.joined(every).kept()
            with self.team.busy():
                self._write()

    def _merge_skipped(self) -> None:
        every = self.team.gathered(self.state.skipped)
        self.state.skipped = list(dict.fromkeys(name for names in every for name in names))

    @torch.inference_mode()
    def _validate(self, part: Part) -> dict[str, float]:
        self.plain.eval()
        epoch = self.state.epoch + 1
        found = outputs_of(part, self.team, lambda batch: self._told(part, batch), f"validation {epoch}")
        self.state.skipped.extend(name for name in found.skipped if name not in self.state.skipped)
        self._merge_skipped()
        every = self.team.collected(found)
        fault = f"the validation scores are not finite after epoch {epoch}"
        return self.team.first(lambda: results(part, every, lambda: self._diverged(fault)))

    def _told(self, part: Part, batch: Batch) -> Any:
        with self._compiled(usual=False):  # a second compilation, without gradients, pays for nothing
            return self.learner(_unchanged, *self._inputs(part, batch))

    def _save(self, epoch: int, score: float) -> None:
        """Best weights first: a run stopped in between does the epoch again, with the same result."""
        state = self.state
        if score > state.best_score or state.best_epoch == 0:
            state.best_score, state.best_epoch = score, epoch + 1
            save_weights(self.plain, self.run / CHECKPOINTS / BEST)
        if self.config.keep_epochs:
            save_weights(self.plain, self.run / CHECKPOINTS / f"epoch-{epoch + 1:03}.safetensors")
        self._write()
        write_text(self.run / HISTORY, "".join(json.dumps(entry) + "\n" for entry in state.history))

    def _write(self) -> None:
        state = self.state
        state.module, state.optimizer = self.plain.state_dict(), self.optimizer.state_dict()
        state.tutor = self.tutor.state_dict()
        write_state(self.last, state)


class _Unwritten:
    """The board of a process that writes nothing."""

    def add_scalar(self, *_: object) -> None: ...

    def close(self) -> None: ...


def _unchanged(output: Any) -> Any:
    return output


def _score(entry: Mapping[str, float], criterion: str) -> float:
    """What the best epoch has most of."""
    return -entry["val.loss"] if criterion == "loss" else entry[f"val.{criterion}"]


def _board(run: Path, epoch: int) -> Any:
    from torch.utils.tensorboard import SummaryWriter

    return SummaryWriter(run / TENSORBOARD, purge_step=epoch)
