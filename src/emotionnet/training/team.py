"""The processes that train together, and what they tell each other; one alone is a team too."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TypeVar

import torch
import torch.distributed as dist

from emotionnet.records import DataError, TrainingError
from emotionnet.training.watch import Watch

Made = TypeVar("Made")


@dataclass(frozen=True)
class Team:
    """Which process this is, of how many, and which of those on its machine."""

    rank: int = 0
    world: int = 1
    local_rank: int = 0
    local_world: int = 1
    watch: Watch | None = None

    @property
    def writes(self) -> bool:
        """Whether this is the process that writes and speaks."""
        return self.rank == 0

    def at(self, place: str, *, patient: bool = False) -> None:
        """Tell the others where this process is; see `Watch.at`."""
        if self.watch is not None:
            self.watch.at(place, patient=patient)

    def waiting(self) -> contextlib.AbstractContextManager[None]:
        """Around whatever ends when the others have come as far."""
        return contextlib.nullcontext() if self.watch is None else self.watch.doing("waits")

    def busy(self) -> contextlib.AbstractContextManager[None]:
        """Around whatever may take long."""
        return contextlib.nullcontext() if self.watch is None else self.watch.doing("prepares")

    def counts(self, count: int) -> list[int]:
        """A number of each process."""
        if self.world == 1:
            return [count]
        mine, every = torch.tensor([count]), [torch.zeros(1, dtype=torch.long) for _ in range(self.world)]
        with self.waiting():
            dist.all_gather(every, mine)
        return [int(one) for one in every]

    def gathered(self, value: Made) -> list[Made]:
        """A value of each process, for all; small ones, which travel as pickles."""
        if self.world == 1:
            return [value]
        every: list[Made | None] = [None] * self.world
        with self.waiting():
            dist.all_gather_object(every, value)
        return every  # type: ignore[return-value]  # each has given one

    def collected(self, value: Made) -> list[Made]:
        """A value of each process, for process 0 alone; the others get none."""
        if self.world == 1:
            return [value]
        every: list[Made | None] | None = [None] * self.world if self.writes else None
        with self.waiting():
            dist.gather_object(value, every)
        return every or []  # type: ignore[return-value]  # each has given one

    def first(self, make: Callable[[], Made]) -> Made:
        """What process 0 makes, for all; its fault ends all, and it alone tells it."""
        if self.world == 1:
            return make()
        outcome = [self._attempt(make) if self.writes else None]
        with self.waiting():
            dist.broadcast_object_list(outcome, src=0)
        assert outcome[0] is not None
        value, error = outcome[0]
        self._settle([error])
        return value  # type: ignore[return-value]  # there is one without an error

    def each(self, make: Callable[[], Made]) -> Made:
        """What each process makes, the first of a machine before its others: what it keeps on disk is there.

        A fault ends all, and the first process that has one tells it.
        """
        if self.world == 1:
            return make()
        value: Made | None = None
        for turn in (True, False):
            error = None
            if turn == (self.local_rank == 0):
                value, error = self._attempt(make)
            self._settle(self.gathered(error))
        return value  # type: ignore[return-value]  # there is one without an error

    def _attempt(self, make: Callable[[], Made]) -> tuple[Made | None, Exception | None]:
        with self.busy():
            try:
                return make(), None
            except (DataError, TrainingError) as error:
                return None, error

    def _settle(self, errors: list[Exception | None]) -> None:
        faults = [(rank, error) for rank, error in enumerate(errors) if error is not None]
        if not faults:
            return
        rank, error = faults[0]
        if rank == self.rank:
            raise error
        raise end_of(error)


def end_of(error: BaseException) -> SystemExit:
    """How a process ends where another tells the fault: with the status of `cli.main`."""
    if isinstance(error, KeyboardInterrupt):
        return SystemExit(130)
    return SystemExit(2 if isinstance(error, DataError) else 1)


_here: ContextVar[Team] = ContextVar("team", default=Team())  # noqa: B039 it is frozen


def here() -> Team:
    """The team that this process belongs to; without one, it is alone."""
    return _here.get()


@contextlib.contextmanager
def belonging_to(team: Team) -> Iterator[None]:
    """Within the block this process belongs to a team."""
    token = _here.set(team)
    try:
        yield
    finally:
        _here.reset(token)
