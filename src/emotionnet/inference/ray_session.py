"""Ray: started or joined, kept quiet, asked for what its machines have, and ended.

It is a package of the extra scale, imported only when it is asked for.
"""

from __future__ import annotations

import logging
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from emotionnet.inference.backends import usable_cores
from emotionnet.records import DataError, first_line

STORE = 2**29  # bytes of what has been told and not been taken, and of what is to be told, on this machine
ANSWER_S = 10.0  # seconds in which a cluster must answer
_QUIET = {  # what Ray would say, and send, unless it is told otherwise before it is imported
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_BACKEND_LOG_LEVEL": "fatal",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_DEDUP_LOGS_SKIP_REGEX": ".",  # what it would print on standard output when a process dies
}


def import_ray() -> Any:
    """The package, its chatter and its reports of use off.

    Raises:
        DataError: It is not installed.
    """
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    try:
        import ray
        import ray.data
    except ImportError:
        raise DataError(
            "--engine ray needs the package ray, which is not installed: pip install 'emotionnet[scale]'"
        ) from None
    for name in ("ray", "ray.data"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    return ray


def workers(ray: Any, backend: str) -> tuple[int, dict[str, float]]:
    """How many processes, and what each takes: a core, or a GPU and its share of its machine's cores."""
    machines = [one["Resources"] for one in ray.nodes() if one["Alive"]]
    with_gpu = [one for one in machines if one.get("GPU", 0) >= 1]
    if backend == "torch" and with_gpu:
        cores = min(max(1, one.get("CPU", 1) // one["GPU"]) for one in with_gpu)
        return int(sum(one["GPU"] for one in with_gpu)), {"num_gpus": 1, "num_cpus": cores}
    return max(1, int(sum(one.get("CPU", 0) for one in machines))), {"num_cpus": 1}


@contextmanager
def session(ray: Any) -> Iterator[None]:
    """Ray as it runs already, or the cluster of $RAY_ADDRESS, or one of this machine, for this block only."""
    if ray.is_initialized():
        yield
        return
    if address := os.environ.get("RAY_ADDRESS"):
        where: dict[str, Any] = {"address": address}
    else:
        where = {
            "address": "local",
            "num_cpus": usable_cores(),
            "object_store_memory": STORE,
            "include_dashboard": False,
        }
    try:
        _require_answer(address)
        with _no_words():
            ray.init(**where, logging_level=logging.CRITICAL, log_to_driver=False)
    except (OSError, ValueError, RuntimeError) as error:
        raise DataError(
            f"--engine ray needs a Ray that runs or can be started; RAY_ADDRESS is {address!r}: "
            f"{first_line(error)}"
        ) from None
    try:
        yield
    finally:
        ray.shutdown()


def _require_answer(address: str | None) -> None:
    """Ray itself waits for minutes where nobody answers.

    Raises:
        OSError: Nobody does.
    """
    host, _, port = (address or "").rpartition(":")
    if host and port.isdecimal():
        socket.create_connection((host.rpartition("/")[2].strip("[]"), int(port)), timeout=ANSWER_S).close()


@contextmanager
def faults(ray: Any) -> Iterator[None]:
    """What Ray raises when processes die, in one line."""
    try:
        yield
    except ray.exceptions.RayError as error:
        said = str(error).strip().splitlines() or [type(error).__name__]  # a traceback; the last line says it
        raise ChildProcessError(f"a process of Ray failed: {said[-1]}") from None


@contextmanager
def _no_words() -> Iterator[None]:
    """Nothing comes to standard error, not even from the part of Ray that is no Python."""
    sys.stderr.flush()
    kept = os.dup(2)
    try:
        with Path(os.devnull).open("wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
