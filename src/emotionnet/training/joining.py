"""How processes come together that torchrun or srun started, and part again."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Literal

import torch
import torch.distributed as dist
from torch._C._distributed_c10d import PrefixStore, TCPStore
from torch.distributed.rendezvous import rendezvous

from emotionnet.config import DistributedConfig
from emotionnet.progress import silent
from emotionnet.records import ConfigError, DataError, TrainingError, first_line
from emotionnet.runs import CHECKPOINT
from emotionnet.training.meeting import meet
from emotionnet.training.team import Team, belonging_to, end_of
from emotionnet.training.watch import Store, Watch

MEET = timedelta(minutes=10)  # until all processes have found each other
ANSWER = timedelta(seconds=20)  # of the store
FIRST_PORT, PORTS = 15000, 10000  # under srun, of the store that process 0 keeps
WAIT = timedelta(days=1)  # of a collective operation: the watch tells who hangs, and long before


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
    team = launched()
    if team.world == 1:
        yield team
        return
    watch = _watch(_connect(team), team, config.timeout_seconds, run)
    ended: Literal["left", "failed"] = "failed"
    team = replace(team, watch=watch)
    try:
        with belonging_to(team), contextlib.nullcontext() if team.writes else silent():
            yield team
        ended = "left"
    except SystemExit:
        ended = "left"
        raise
    except (DataError, TrainingError, KeyboardInterrupt) as error:
        ended = "left"
        if not watch.speaks():
            raise end_of(error) from None
        raise
    except RuntimeError as error:
        if not _is_of_collectives(error):
            raise
        watch.await_verdict()
        raise TrainingError(f"processes must reach each other; {first_line(error)}; {_advice(run)}") from None
    finally:
        watch.stop(ended)
        with contextlib.suppress(RuntimeError):  # others are gone
            dist.destroy_process_group()


def launched() -> Team:
    """Which process this is of those that torchrun or srun started, met or not; without either, alone.

    Of srun's variables, those of torchrun are made.
    """
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
            raise ConfigError(f"each process must see the GPUs of all on its machine; got {found}")
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
