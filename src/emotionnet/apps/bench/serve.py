"""The server under load: photographs of 800 x 600, exported networks, 64 clients that never wait."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from emotionnet.apps.bench.fresh_run import fresh_run
from emotionnet.apps.bench.load import closed_load, open_load, requests_of
from emotionnet.apps.bench.notes import leave_note
from emotionnet.apps.bench.peers_infer import rate
from emotionnet.apps.bench.photographs import photographs
from emotionnet.apps.bench.rounds import Contender, race
from emotionnet.apps.memory import keep_freed_memory
from emotionnet.inference.export import export_run
from emotionnet.inference.loading import load_predictor
from emotionnet.models.trunks import EMBEDDED_TRUNK
from emotionnet.records import TrainingError

KEY = "serve"
PICTURES, WIDTH, HEIGHT = 256, 800, 600
NETWORKS: Mapping[str, tuple[str, Literal["none", "embedded"]]] = {
    "resnet50": ("resnet50", "none"),  # the paper's
    "lite0": (EMBEDDED_TRUNK, "embedded"),  # the demo's: so small that the server's own work weighs most
}
CLIENTS = 64
SECONDS = 12.0  # of a round, of which there are five: a minute
TORCH_SECONDS = 5.0  # of one where torch computes
HALF_SECONDS = 30.0
END_AFTER = 3.0  # seconds of load, then SIGTERM
LOOP = 512  # pictures of a round of the loop
PATIENCE = 120.0  # seconds for a server to end
ERRORS = "errors.jsonl"  # how many each round brought


@dataclass(frozen=True)
class Server:
    process: subprocess.Popen[str]
    port: int


def serve(work: Path) -> dict[str, float]:
    """Throughput beside a loop over the same files, latency at half the load, what batches gain, the end.

    Args:
        work: An empty folder.

    Raises:
        TrainingError: A server did not start.
    """
    files = photographs(work / "photographs", PICTURES, width=WIDTH, height=HEIGHT)
    found: dict[str, float] = {}
    for name, (trunk, weights) in NETWORKS.items():
        run = fresh_run(work / name / "fresh", trunk=trunk, weights=weights)
        model = work / name / "model"
        export_run(run, model, form="openvino")
        found |= _exported(work, model, files, f"{KEY}.{name}")
    return {**found, **_torch(work, run, files), f"{KEY}.errors": _errors(work)}


def make_loop(*, model: Path, files: Sequence[Path]) -> Callable[[], float]:
    """Pictures a second by the same back end from the same files, in a loop."""
    keep_freed_memory()
    predictor = load_predictor(model, backend="auto")
    many = [files[number % len(files)] for number in range(LOOP)]
    return lambda: rate(lambda: list(predictor.told_files(many)), len(many))


def make_clients(*, port: int, files: Sequence[Path], work: Path, seconds: float) -> Callable[[], float]:
    """Good answers a second that many clients get from a server."""
    requests = _requests(files)

    def one_round() -> float:
        load = closed_load(port, requests, clients=CLIENTS, seconds=seconds)
        with (work / ERRORS).open("a", encoding="utf-8") as told:
            told.write(json.dumps(load.errors) + "\n")
        return load.per_second

    return one_round


@contextmanager
def served(model: Path, backend: str, *, batch: int = 0) -> Iterator[Server]:
    """A server in a process of its own, which ends with the block; arguments as `serve_here`.

    Raises:
        TrainingError: It did not start.
    """
    command = [sys.executable, "-m", "emotionnet.apps.bench.serve_here", str(model), backend, str(batch)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            port = process.stdout.readline()
            if not port:
                raise TrainingError(f"a server must start; it ended with status {process.wait()}")
            yield Server(process, int(port))
        finally:
            process.kill()


def _exported(work: Path, model: Path, files: Sequence[Path], key: str) -> dict[str, float]:
    step = load_predictor(model).backend.step
    leave_note(work, f"{key}.step", f"pictures that go through the network together: at most {step}")
    with ExitStack() as stack:
        ours = stack.enter_context(served(model, "auto"))
        contenders = [
            Contender("loop", f"{__name__}:make_loop", {"model": model, "files": files}),
            _clients("served", ours, work, files, SECONDS),
        ]
        if step > 1:
            apart = stack.enter_context(served(model, "auto", batch=1))
            contenders.append(_clients("apart", apart, work, files, SECONDS))
        rates = race(contenders)
        half = open_load(ours.port, _requests(files), rate=rates.median("served") / 2, seconds=HALF_SECONDS)
        gain = {f"{key}.batching.gain": rates.ratio("served", "apart")} if step > 1 else {}
        return {
            f"{key}.requests_per_second": rates.median("served"),
            f"{key}.ratio_vs_loop": rates.ratio("served", "loop"),
            f"{key}.p50_ms_half_load": 1e3 * float(np.quantile(half.seconds, 0.5)),
            f"{key}.p95_ms_half_load": 1e3 * float(np.quantile(half.seconds, 0.95)),
            f"{key}.half_load_errors": float(half.errors),
            **gain,
            **_ended(ours, files, key),
            **rates.flat(key),
        }


def _torch(work: Path, run: Path, files: Sequence[Path]) -> dict[str, float]:
    """What batches gain where torch computes, whose batches are large."""
    with ExitStack() as stack:
        together = stack.enter_context(served(run, "torch"))
        apart = stack.enter_context(served(run, "torch", batch=1))
        rates = race(
            [
                _clients("torch", together, work, files, TORCH_SECONDS),
                _clients("torch_apart", apart, work, files, TORCH_SECONDS),
            ]
        )
    return {f"{KEY}.batching.torch_gain": rates.ratio("torch", "torch_apart"), **rates.flat(KEY)}


def _clients(name: str, server: Server, work: Path, files: Sequence[Path], seconds: float) -> Contender:
    arguments = {"port": server.port, "files": files, "work": work, "seconds": seconds}
    return Contender(name, f"{__name__}:make_clients", arguments)


def _ended(server: Server, files: Sequence[Path], key: str) -> dict[str, float]:
    """How many requests of a full load stay unanswered when the server is told to end, and its status."""
    ending = threading.Timer(END_AFTER, server.process.send_signal, [signal.SIGTERM])
    ending.start()
    load = closed_load(server.port, _requests(files), clients=CLIENTS, seconds=PATIENCE)
    status = server.process.wait(PATIENCE)
    return {f"{key}.sigterm.unanswered": float(load.unanswered), f"{key}.sigterm.status": float(status)}


def _requests(files: Sequence[Path]) -> list[bytes]:
    return requests_of([file.read_bytes() for file in files])


def _errors(work: Path) -> float:
    return float(sum(map(json.loads, (work / ERRORS).read_text(encoding="utf-8").splitlines())))
