"""Which back end computes a RUN or a MODEL. No torch in here before it is chosen."""

from __future__ import annotations

import contextlib
import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from emotionnet.inference.backends import Backend, Engine, Hint, open_exported
from emotionnet.inference.exported import EXPORT, Form, cached_place, is_exported, mark_used, read_exported
from emotionnet.progress import message
from emotionnet.records import DataError

BackendName = Literal["auto", "torch", "openvino", "onnxruntime"]

_FORMS: dict[Engine, Form] = {"openvino": "openvino", "onnxruntime": "onnx"}  # that a RUN is converted to
_NEEDED = {  # packages that run a MODEL, and those that make one of a RUN besides
    "openvino": ("openvino",),
    "onnxruntime": ("onnxruntime", "onnx", "onnxscript"),
}
_DRIVERS = ("/proc/driver/nvidia/version", "/dev/dxg")  # of a CUDA GPU: on Linux, and in Linux on Windows


def open_backend(
    folder: Path, asked: BackendName | None, *, device: str = "auto", hint: Hint = "throughput"
) -> Backend:
    """Open the network of a RUN or a MODEL.

    Args:
        folder: Which.
        asked: What computes it; `auto`: what is likely the fastest that is installed; None: torch for a RUN,
            `auto` for a MODEL.
        device: As for `torch_backend.on_device`; all but torch use the CPU.
        hint: As for `backends.open_exported`.

    Raises:
        DataError: There is no such folder, something in it is broken, or what is asked for cannot compute it,
            is not installed or is not on the device; one line says what to do.
    """
    exported = is_exported(folder)
    if asked is None:
        asked = "auto" if exported else "torch"
    if asked in _FORMS and device not in ("auto", "cpu"):
        raise DataError(f"{asked} computes on the CPU only; got the device {device!r}: use torch for it")
    if exported:
        return _open_model(folder, asked, device, hint)
    if asked == "auto":
        return _open_fastest(folder, device, hint)
    return _open_torch(folder, device) if asked == "torch" else _open_converted(folder, asked, hint)


def _open_model(folder: Path, asked: BackendName, device: str, hint: Hint) -> Backend:
    if asked == "torch":
        raise DataError(f"{folder}: must be a RUN folder, for torch; it is an exported MODEL ({EXPORT})")
    if device not in ("auto", "cpu"):
        raise DataError(f"{folder}: an exported MODEL is computed on the CPU; got the device {device!r}")
    if asked != "auto":
        return open_exported(folder, asked, hint=hint)
    portable = find_spec("openvino") is None and find_spec("onnxruntime") is not None
    if portable and read_exported(folder).form == "onnx":
        return open_exported(folder, "onnxruntime", hint=hint)
    return open_exported(folder, "openvino", hint=hint)  # or it says what to install


def _open_fastest(run: Path, device: str, hint: Hint) -> Backend:
    """A CUDA GPU by torch, else OpenVINO, else ONNX Runtime; torch where a run cannot be converted."""
    name = next((name for name in _FORMS if all(map(find_spec, _NEEDED[name]))), None)
    if name is None or device not in ("auto", "cpu") or (device == "auto" and _has_cuda()):
        return _open_torch(run, device)
    try:
        return _open_converted(run, name, hint)
    except DataError as error:
        backend = _open_torch(run, device)  # a run that is broken is an error here too
        message(f"torch is used, give --backend torch to save the attempt: {error.faults[0]}")
        return backend


def _open_converted(run: Path, name: Engine, hint: Hint) -> Backend:
    place = cached_place(run, _FORMS[name])
    if is_exported(place):
        with contextlib.suppress(DataError):  # it is broken, and made again
            backend = open_exported(place, name, hint=hint)
            mark_used(place)
            return backend
    from emotionnet.inference.export import cached_export

    message(f"{run}: converted for {name}, once; kept in {place}")
    return open_exported(cached_export(run, _FORMS[name]), name, hint=hint)


def _open_torch(run: Path, device: str) -> Backend:
    from emotionnet.inference.torch_backend import open_network

    return open_network(run, device=device)


def _has_cuda() -> bool:
    """Whether torch sees a CUDA GPU; torch is asked only where there is a driver."""
    if not any(Path(sign).exists() for sign in _DRIVERS) and shutil.which("nvidia-smi") is None:
        return False
    import torch

    return torch.cuda.is_available()
