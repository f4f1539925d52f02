"""The processes that train together, as torchrun or srun starts them; one alone is a team too."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Literal, TypeVar

import torch
import torch.distributed as dist
from torch._C._distributed_c10d import PrefixStore, TCPStore
from torch.distributed.rendezvous import rendezvous

from emotionnet.config import DistributedConfig
from emotionnet.progress import silent
from emotionnet.records import ConfigError, DataError, TrainingError, first_line
from emotionnet.runs import CHECKPOINT
from emotionnet.training.meeting import meet
from emotionnet.training.watch import Store, Watch

Made = TypeVar("Made")
MEET = timedelta(minutes=10)  # until all processes have found each other
ANSWER = timedelta(seconds=20)  # of the store
FIRST_PORT, PORTS = 15000, 10000  # under srun, of the store that process 0 keeps
WAIT = timedelta(days=1)  # of a collective operation: the watch tells who hangs, and long before


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
        raise _end_of(error)


def _end_of(error: Exception) -> SystemExit:
    """How a process ends where another tells the fault."""
    return SystemExit(2 if isinstance(error, DataError) else 1)


_here: ContextVar[Team] = ContextVar("team", default=Team())  # noqa: B039 it is frozen


def here() -> Team:
    """The team that this process belongs to; without one, it is alone."""
    return _here.get()


@contextlib.contextmanager
def joined(config: DistributedConfig, run: Path) -> Iterator[Team]:
    """Join the processes that torchrun or srun started; without either, be alone.

    Process 0 alone speaks. When another dies or hangs, each ends with status 1, and one says which it was; a
    fault, too, is told by one.

    Args:
        config: When a process is said to hang.
        run: The RUN that is gone on with then.

    Raises:
        ConfigError: There are fewer GPUs than processes.
        TrainingError: The processes have lost touch.
    """
    team = _from_environment()
    if team.world == 1:
        yield team
        return
    watch = _watch(_connect(team), team, config.timeout_seconds, run)
    ended: Literal["left", "failed"] = "failed"
    token = _here.set(team := Team(team.rank, team.world, team.local_rank, team.local_world, watch))
    try:
        with contextlib.nullcontext() if team.writes else silent():
            yield team
        ended = "left"
    except SystemExit:
        ended = "left"
        raise
    except (DataError, TrainingError) as error:
        ended = "left"
        if not watch.speaks():
            raise _end_of(error) from None
        raise
    except RuntimeError as error:
        if not _is_of_collectives(error):
            raise
        watch.await_verdict()
        raise TrainingError(f"processes must reach each other; {first_line(error)}; {_advice(run)}") from None
    finally:
        _here.reset(token)
        watch.stop(ended)
        with contextlib.suppress(RuntimeError):  # others are gone
            dist.destroy_process_group()


def speaks() -> bool:
    """Whether results are this process's to print."""
    return _from_environment().rank == 0


def _from_environment() -> Team:
    """Torchrun's variables; of srun's, the same are made."""
    if not dist.is_torchelastic_launched() and int(os.environ.get("SLURM_STEP_NUM_TASKS", "1")) > 1:
        _take_from_slurm()
    elif not dist.is_torchelastic_launched():
        return Team()
    names = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE")
    rank, world, local_rank, local_world = (int(os.environ[name]) for name in names)
    return Team(rank, world, local_rank, local_world)


def _take_from_slurm() -> None:
    from lightning.fabric.plugins.environments.slurm import SLURMEnvironment

    tasks, nodes = (int(os.environ.get(f"SLURM_STEP_NUM_{name}", "1")) for name in ("TASKS", "NODES"))
    listed = os.environ.get("SLURM_STEP_NODELIST", os.environ.get("SLURM_NODELIST", "127.0.0.1"))
    values = {
        "RANK": os.environ["SLURM_PROCID"],
        "WORLD_SIZE": tasks,
        "LOCAL_RANK": os.environ["SLURM_LOCALID"],
        "LOCAL_WORLD_SIZE": tasks // nodes,
        "GROUP_RANK": os.environ["SLURM_NODEID"],
    }
    os.environ.update({name: str(value) for name, value in values.items()})
    os.environ.setdefault("MASTER_ADDR", SLURMEnvironment.resolve_root_node_address(listed))
    job = int(os.environ.get("SLURM_JOB_ID", "0"))  # another port for another job on the same machine
    os.environ.setdefault("MASTER_PORT", str(FIRST_PORT + job % PORTS))


def _connect(team: Team) -> Store:
    """Make the process group, and a line of its own to its store, which no operation of the group blocks."""
    backend = "gloo"
    if torch.cuda.is_available():
        if team.local_world > torch.cuda.device_count():
            found = f"{torch.cuda.device_count()} GPUs for {team.local_world} processes"
            raise ConfigError(f"torchrun --nproc-per-node: each process needs a GPU of its own; got {found}")
        torch.cuda.set_device(team.local_rank)
        backend = "cpu:gloo,cuda:nccl"
    store, rank, world = next(rendezvous("env://", timeout=MEET))
    name = meet(store, rank, world, seconds=MEET.total_seconds())
    group = PrefixStore(f"group/{name}", store)
    dist.init_process_group(backend, store=group, rank=rank, world_size=world, timeout=WAIT)
    address, port = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
    line = TCPStore(address, port, is_master=False, wait_for_workers=False, timeout=ANSWER)
    return PrefixStore(f"watch/{name}", line)


def _watch(store: Store, team: Team, timeout: float, run: Path) -> Watch:
    watch = Watch(store, team.rank, team.world, timeout=timeout, advice=lambda: _advice(run))
    dist.barrier()  # all have told of themselves
    watch.start()
    return watch


def _advice(run: Path) -> str:
    kept = run / CHECKPOINT
    then = f"it goes on from {kept}" if kept.is_file() else "it begins anew, since no checkpoint was written"
    return f"restart with --resume: {then}"


def _is_of_collectives(error: RuntimeError) -> bool:
    text = str(error).lower()
    return isinstance(error, dist.DistError) or any(word in text for word in ("gloo", "nccl", "connection"))
