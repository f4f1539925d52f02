"""What processes that train together tell of themselves, and what is judged by it."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Doing = Literal["prepares", "steps", "waits", "left", "failed"]


@dataclass(frozen=True)
class Beat:
    """What a process tells of itself.

    `space` is where its pid means something; `moves` counts places, `beats` grows as long as it lives. It may
    stand still as long as it likes while it prepares, not while it steps; it waits for other processes.
    """

    host: str
    space: str
    pid: int
    place: str
    doing: Doing = "prepares"
    moves: int = 0
    beats: int = 0


@dataclass(frozen=True)
class Sight:
    """A process as another sees it: seconds since it told anything and since it moved; whether it is gone."""

    beat: Beat
    silent: float
    still: float
    gone: bool


def verdict(sights: Sequence[Sight], timeout: float) -> tuple[int, str] | None:
    """The process that others cannot go on without, and what is wrong with it; None: nothing is.

    Dead ones come first, then ones that tell nothing for half of `timeout` (all of it while they prepare),
    then one that stands still for `timeout` seconds while others wait for it, or all stand still.
    """
    there = {rank: sight for rank, sight in enumerate(sights) if sight.beat.doing != "left"}
    for rank, sight in there.items():
        if sight.beat.doing == "failed":
            return rank, "stopped with an error of its own"
        if sight.gone:
            return rank, "has died"
    for rank, sight in there.items():
        if sight.silent > (timeout if sight.beat.doing == "prepares" else timeout / 2):
            return rank, f"has died or hangs: no sign of life for {sight.silent:.0f} s"
    if any(sight.still <= timeout or sight.beat.doing == "prepares" for sight in there.values()):
        return None
    at_fault = [rank for rank, sight in there.items() if sight.beat.doing == "steps"] or list(there)
    if len(there) < 2:
        return None
    rank = min(at_fault, key=lambda one: there[one].beat.moves)
    return rank, f"hangs: no step for {there[rank].still:.0f} s while others wait"


def lost_line(rank: int, beats: Sequence[Beat], fault: str, advice: str) -> str:
    """What is said of a lost process, on one line."""
    beat = beats[rank]
    who = f"rank {rank} of {len(beats)} (pid {beat.pid} on host {beat.host})"
    return f"{who} {fault}; last seen in {beat.place}; {advice}"


def own_beat() -> Beat:
    """The first beat of this process."""
    try:
        space = str(Path("/proc/self/ns/pid").readlink())
    except OSError:  # no Linux: hosts alone tell pids apart
        space = ""
    return Beat(host=socket.gethostname(), space=space, pid=os.getpid(), place="the preparations")


def is_gone(pid: int) -> bool:
    """Whether a process of this machine has ended; one that nobody has asked after yet has ended too."""
    try:
        os.kill(pid, 0)
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except ProcessLookupError:
        return True
    except OSError:  # another's process, or no Linux
        return False
    return fields[0] in ("Z", "X")


def together(one: Beat, other: Beat) -> bool:
    """Whether two processes can ask after each other by their pids."""
    return (one.host, one.space) == (other.host, other.space)
