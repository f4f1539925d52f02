"""The machine that figures were measured on, and what it can do at best."""

from __future__ import annotations

import functools
import os
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

from emotionnet.inference.backends import usable_cores

PACKAGES = ("torch", "torchvision", "timm", "pillow", "simplejpeg", "openvino", "onnxruntime", "nncf")
FLAGS = ("avx2", "avx512f", "avx_vnni", "avx512_vnni", "avx512_bf16", "amx_bf16", "amx_int8")
SIDE = {"cpu": 2048, "cuda": 8192}  # of the square matrices that are multiplied
COPIED = 2**28  # bytes, beyond any cache
TRIES = 7  # of which the best counts: others may use the machine too

# One picture of 224 px through ResNet-50 (He et al., CVPR 2016, table 1): multiplications and additions, and
# the values that its convolutions write.
FORWARD_OPERATIONS = 8.2e9
WRITTEN_VALUES = 11.1e6
TRAINING = 3  # times the operations of the way forward: gradients by inputs and by weights cost as much each


@dataclass(frozen=True)
class Measured:
    """Best rates: square matrix products in 10^9 operations a second, copying in 10^9 bytes a second.

    A multiplication and an addition are two operations; a copied byte counts twice, read and written.
    """

    float32: float
    bfloat16: float
    copy: float


@functools.cache
def measured() -> Measured:
    """What PyTorch reaches on all cores, or on the GPU where there is one; the best of several tries."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    return Measured(
        float32=_product_rate(device, torch.float32),
        bfloat16=_product_rate(device, torch.bfloat16),
        copy=_copy_rate(device),
    )


def resnet50_floor(best: Measured, *, training: bool, values: int = 2) -> float:
    """Seconds that a picture of 224 px takes ResNet-50 at the very least on a machine.

    The longer of two times: of its operations at the best rate of matrix products, and of its bytes at
    that of copying. Each value that a convolution writes moves twice, written and read; in training so
    does its gradient, and the value is read once more.

    Args:
        best: The machine's rates.
        training: With gradients.
        values: Bytes of a value; 2 in bfloat16.
    """
    operations = FORWARD_OPERATIONS * (TRAINING if training else 1)
    moved = WRITTEN_VALUES * values * (5 if training else 2)
    return max(operations / (max(best.float32, best.bfloat16) * 1e9), moved / (best.copy * 1e9))


def machine() -> dict[str, Any]:
    """The processor, its cores and flags, memory, system, versions, the GPU if any, and the best rates."""
    best = measured()
    return {
        "cpu": cpu_name(),
        "cores": usable_cores(),
        "flags": [flag for flag in FLAGS if flag in _cpu_info("flags").split()],
        "memory_gb": round(_memory() / 1e9, 1),
        "system": platform.platform(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "versions": {"python": platform.python_version(), **{name: _version(name) for name in PACKAGES}},
        "float32_gflops": round(best.float32, 1),
        "bfloat16_gflops": round(best.bfloat16, 1),
        "copy_gb_per_second": round(best.copy, 1),
    }


def cpu_name() -> str:
    """The processor's name."""
    return _cpu_info("model name") or platform.processor() or platform.machine()


def _cpu_info(field: str) -> str:
    """What Linux says of the first core; empty elsewhere."""
    file = Path("/proc/cpuinfo")
    for line in file.read_text(encoding="utf-8").splitlines() if file.is_file() else []:
        name, _, value = line.partition(":")
        if name.strip() == field:
            return value.strip()
    return ""


def _memory() -> int:
    """Bytes; 0 where the system does not tell."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError, AttributeError):
        return 0


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _product_rate(device: str, dtype: torch.dtype) -> float:
    side = SIDE[device]
    generator = torch.Generator(device).manual_seed(0)
    left, right = (torch.randn(side, side, generator=generator, device=device).to(dtype) for _ in range(2))
    return 2 * side**3 / _best_time(lambda: left @ right) / 1e9


def _copy_rate(device: str) -> float:
    source = torch.zeros(COPIED, dtype=torch.uint8, device=device)
    target = torch.ones_like(source)
    return 2 * COPIED / _best_time(lambda: target.copy_(source)) / 1e9


def _best_time(work: Callable[[], Any]) -> float:
    """Seconds of the quickest of several tries, after one to warm up."""
    seconds = []
    for _ in range(TRIES + 1):
        started = time.perf_counter()
        work()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - started)
    return min(seconds[1:])
