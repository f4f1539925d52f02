"""Exported networks at work: OpenVINO and ONNX Runtime behind the call that all back ends have.

No torch in here. What a MODEL holds comes from outside: its inputs and outputs are looked at before use.
Shape letters: N = images, S = image side in pixels.
"""

from __future__ import annotations

import os
import re
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache, partial
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np

from emotionnet.inference.exported import FILES, INPUT, Exported, read_exported
from emotionnet.inference.onnx_files import read_onnx
from emotionnet.inference.outputs import Array, Outputs
from emotionnet.inference.packages import import_fast, openvino_core, reason
from emotionnet.inference.signatures import Port, require_signature
from emotionnet.models.description import ImageModel, read_description
from emotionnet.records import DataError

Engine = Literal["openvino", "onnxruntime"]
Hint = Literal["latency", "throughput"]
TILED_STEP = 8  # pictures at once where the CPU multiplies in tiles (AMX), which one does not fill
MANY = 8  # pictures at once for ONNX Runtime, whose cores share one batch


class Backend(Protocol):
    """What computes a network: batches of pictures in, outputs out, in their order.

    `step` is how many pictures it wants at once, `n_features` the size of the trunk's features.
    """

    @property
    def name(self) -> str: ...
    @property
    def step(self) -> int: ...
    @property
    def n_features(self) -> int: ...
    def run(self, batches: Iterable[Array]) -> Generator[Outputs]:
        """What the network says of each batch, float32 (n, 3, S, S), n from 1 to `step`."""
        ...


class OpenVinoBackend:
    """A network that OpenVINO compiled, several requests on their way at once."""

    name = "openvino"

    def __init__(self, compiled: Any, sizes: Mapping[str, int], *, step: int) -> None:
        self._compiled, self._sizes = compiled, sizes
        self.step, self.n_features = step, sizes["features"]

    def run(self, batches: Iterable[Array]) -> Generator[Outputs]:
        count = self._compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS") + 1  # one waits in line
        free = [self._compiled.create_infer_request() for _ in range(count)]
        busy: deque[tuple[Any, int, Array]] = deque()  # the input too: requests share its memory
        try:
            for batch_N3SS in batches:
                request, full = free.pop(), _filled(batch_N3SS, self.step)
                request.start_async({INPUT: full}, share_inputs=True)
                busy.append((request, len(batch_N3SS), full))
                if not free:
                    yield self._next(busy, free)
            while busy:
                yield self._next(busy, free)
        finally:
            for request, _, _ in busy:
                with suppress(RuntimeError):  # nobody asks what it computed
                    request.wait()

    def calls(self) -> list[Callable[[Array], Outputs]]:
        """As `calls_of`: one for each request that is computed at the same time, and one more.

        Each computes once here. The first inference of a process builds a table in OpenVINO's Python bindings
        under a lock that knows nothing of Python's own: two threads at it would wait for each other for ever.
        """
        count = self._compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS") + 1  # one waits in line
        calls: list[Callable[[Array], Outputs]] = [
            partial(self._call, self._compiled.create_infer_request()) for _ in range(count)
        ]
        nothing_N3SS = np.zeros(tuple(self._compiled.input(INPUT).shape), dtype=np.float32)
        for call in calls:
            call(nothing_N3SS)
        return calls

    def _call(self, request: Any, batch_N3SS: Array) -> Outputs:
        with _computing(self.name):
            request.infer({INPUT: _filled(batch_N3SS, self.step)}, share_inputs=True)
        return self._told(request, len(batch_N3SS))

    def _next(self, busy: deque[tuple[Any, int, Array]], free: list[Any]) -> Outputs:
        request, count, _ = busy.popleft()
        with _computing(self.name):
            request.wait()
        told = self._told(request, count)
        free.append(request)
        return told

    def _told(self, request: Any, count: int) -> Outputs:
        told = {name: np.array(request.get_tensor(name).data[:count]) for name in self._sizes}
        return _outputs(told, self._sizes, count)


class OnnxRuntimeBackend:
    """A network in ONNX Runtime, on the CPU."""

    name = "onnxruntime"

    def __init__(self, session: Any, sizes: Mapping[str, int], *, step: int, pad: bool) -> None:
        self._session, self._sizes, self._pad = session, sizes, pad
        self.step, self.n_features = step, sizes["features"]

    def run(self, batches: Iterable[Array]) -> Generator[Outputs]:
        for batch_N3SS in batches:
            count = len(batch_N3SS)
            full = _filled(batch_N3SS, self.step) if self._pad else batch_N3SS
            with _computing(self.name):
                told = self._session.run(list(self._sizes), {INPUT: full})
            rows = [np.asarray(value)[:count] for value in told]
            yield _outputs(dict(zip(self._sizes, rows, strict=True)), self._sizes, count)


def calls_of(backend: Backend) -> list[Callable[[Array], Outputs]]:
    """Ways to compute one batch at once, each for a thread of its own; together they keep all cores busy.

    For pictures that come one by one, where `run` would hold outputs back until more have come. Each takes
    1 to `step` pictures and gives the numbers that `run` gives.
    """
    if isinstance(backend, OpenVinoBackend):
        return backend.calls()
    return [lambda batch_N3SS: next(backend.run([batch_N3SS]))]  # which takes all cores by itself


def open_exported(folder: Path, name: Engine, *, hint: Hint) -> Backend:
    """Open the network of a MODEL.

    Args:
        folder: The MODEL.
        name: What computes it; ONNX Runtime takes the form onnx only.
        hint: `latency`: one picture after the other, each by all cores; `throughput`: several at once.

    Raises:
        DataError: The folder is no MODEL, the package is missing or cannot open the form, or the network does
            not take and give what the MODEL says; one line.
    """
    exported, model = read_exported(folder), read_description(folder, ImageModel)
    if name == "onnxruntime" and exported.form != "onnx":
        raise DataError(
            f"{folder}: ONNX Runtime opens the form onnx only; this MODEL is {exported.form}: "
            "give --backend openvino, or export with --format onnx"
        )
    package = import_fast(name)
    try:
        if name == "openvino":
            return _open_openvino(folder, exported, model, hint)
        return _open_onnxruntime(package, folder, exported, model, hint)
    except DataError:
        raise
    except Exception as error:  # each package has errors of its own
        where = folder / FILES[exported.form][0]
        raise DataError(f"{where}: {name} cannot open it ({reason(error)}); export the run again") from None


def _open_openvino(folder: Path, exported: Exported, model: ImageModel, hint: Hint) -> Backend:
    core, files = openvino_core(), [folder / name for name in FILES[exported.form]]
    network = core.read_model(*([read_onnx(files[0])] if exported.form == "onnx" else files))
    sizes = require_signature(
        folder, exported, model, _openvino_ports(network.inputs), _openvino_ports(network.outputs)
    )
    step = exported.batch or (TILED_STEP if hint == "throughput" and _has_tiles() else 1)
    side = model.preprocessing.image_size
    network.reshape({INPUT: [step, 3, side, side]})  # a fixed size is computed faster than any size
    asked: dict[str, Any] = {"PERFORMANCE_HINT": hint.upper()}
    if usable_threads() < usable_cores():
        # Several processes share the cores then: pinned, all of them would compute on the first ones.
        asked |= {"INFERENCE_NUM_THREADS": usable_threads(), "ENABLE_CPU_PINNING": False}
    compiled = core.compile_model(network, "CPU", asked)
    return OpenVinoBackend(compiled, sizes, step=step)


def _openvino_ports(ports: Any) -> list[Port]:
    return [
        Port(
            names=frozenset(port.get_names()),
            kind=port.get_element_type().get_type_name(),
            shape=tuple(size.get_length() if size.is_static else None for size in port.get_partial_shape()),
        )
        for port in ports
    ]


def _open_onnxruntime(
    onnxruntime: Any, folder: Path, exported: Exported, model: ImageModel, hint: Hint
) -> Backend:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = usable_threads()
    options.log_severity_level = 4  # faults are errors, which say more
    content = read_onnx(folder / FILES["onnx"][0])
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    sizes = require_signature(
        folder,
        exported,
        model,
        _onnxruntime_ports(session.get_inputs()),
        _onnxruntime_ports(session.get_outputs()),
    )
    step = exported.batch or (MANY if hint == "throughput" else 1)
    return OnnxRuntimeBackend(session, sizes, step=step, pad=exported.batch is not None)


def _onnxruntime_ports(ports: Any) -> list[Port]:
    kinds = {"tensor(float)": "f32"}
    return [
        Port(
            names=frozenset([port.name]),
            kind=kinds.get(port.type, port.type),
            shape=tuple(size if isinstance(size, int) else None for size in port.shape),
        )
        for port in ports
    ]


def _filled(batch_N3SS: Array, step: int) -> Array:
    """A batch of a fixed size, its rest zero."""
    missing = step - len(batch_N3SS)
    return batch_N3SS if not missing else np.pad(batch_N3SS, ((0, missing), (0, 0), (0, 0), (0, 0)))


@contextmanager
def _computing(name: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # each package has errors of its own
        raise DataError(
            f"{name} cannot compute the network ({reason(error)}); try another --backend"
        ) from None


def _outputs(told: dict[str, Array], sizes: Mapping[str, int], count: int) -> Outputs:
    """Those of `count` pictures; what a network says of its outputs need not be so.

    Raises:
        DataError: An output has another shape.
    """
    for name, size in sizes.items():
        if told[name].shape != (count, size):
            found = f"{told[name].shape}; export the run again"
            raise DataError(f"output {name} of the network must be of shape {(count, size)}; got {found}")
    return Outputs(told["features"], told["scores"], told.get("projection"), told.get("dimensions"))


def usable_cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def usable_threads() -> int:
    """How many threads shall compute: one for each core, or fewer where $OMP_NUM_THREADS says so.

    Torch and NumPy's products heed that variable by themselves; Ray sets it for its workers.
    """
    asked = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
    return min(usable_cores(), int(asked)) if re.fullmatch("[1-9][0-9]{0,8}", asked) else usable_cores()


@cache
def _has_tiles() -> bool:
    try:
        return " amx_tile" in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:  # no Linux
        return False
