"""What a user would write by hand to get the features of picture files: few lines of plain code each.

Each function gets ready and returns what gets all features once and tells how many a second.
Shape letters: N = images in the batch, F = features, S = side of the network's input in pixels.
"""

from __future__ import annotations

import io
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import safetensors.torch
import timm
import torch
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader

from emotionnet.apps.bench.peers import DEVICE, EVALUATION, SIDE, Pictures

Array = npt.NDArray[np.float32]
SHORT = 256  # pixels of the short side, of which the crop is SIDE
MEAN = np.array((0.485, 0.456, 0.406), dtype=np.float32)
STD = np.array((0.229, 0.224, 0.225), dtype=np.float32)
LOADING: Any = {"num_workers": os.cpu_count() or 1, "persistent_workers": True}


class Network(nn.Module):
    """A trunk of timm and three linear heads, with the weights of a file that names them so."""

    def __init__(self, trunk: str, weights: Path) -> None:
        super().__init__()
        tensors = safetensors.torch.load_file(weights)
        self.trunk: Any = timm.create_model(trunk, num_classes=0)
        self.fc, self.proj, self.fc_aux = (_linear(tensors, name) for name in ("fc", "proj", "fc_aux"))
        self.load_state_dict(tensors)

    def forward(self, images_N3SS: Tensor) -> tuple[Tensor, ...]:
        features_NF = self.trunk(images_N3SS)
        return features_NF, self.fc(features_NF), self.proj(features_NF), self.fc_aux(features_NF)


def make_2020(files: Sequence[Path], weights: Path, trunk: str) -> Callable[[], float]:
    """One picture at a time, eager, float32."""
    network = Network(trunk, weights).eval().to(DEVICE)
    loader = DataLoader(Pictures(files, EVALUATION), **LOADING)

    def features() -> Array:
        with torch.no_grad():
            return np.concatenate([network(images.to(DEVICE))[0].cpu().numpy() for images, _ in loader])

    return lambda: rate(features, len(files))


def make_timm(files: Sequence[Path], weights: Path, trunk: str, batch: int = 32) -> Callable[[], float]:
    """Batches, eager, bfloat16, channels_last; all cores load."""
    how: Any = {"device": DEVICE, "dtype": torch.bfloat16, "memory_format": torch.channels_last}
    network = Network(trunk, weights).eval().to(**how)
    loader = DataLoader(Pictures(files, EVALUATION), batch, **LOADING)

    def features() -> Array:
        with torch.inference_mode():
            return np.concatenate(
                [network(images.to(**how))[0].float().cpu().numpy() for images, _ in loader]
            )

    return lambda: rate(features, len(files))


def make_onnxruntime(files: Sequence[Path], weights: Path, trunk: str) -> Callable[[], float]:
    """ONNX Runtime as it comes, float32, one picture at a time."""
    import onnxruntime

    with tempfile.TemporaryDirectory() as folder:
        place, example = str(Path(folder) / "network.onnx"), torch.zeros(1, 3, SIDE, SIDE)
        torch.onnx.export(Network(trunk, weights).eval(), (example,), place, dynamo=True, external_data=False)
        session = onnxruntime.InferenceSession(place, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name

    def features() -> Array:
        return np.concatenate([session.run(None, {name: by_pillow(file)[None]})[0] for file in files])

    return lambda: rate(features, len(files))


def make_openvino(files: Sequence[Path], weights: Path, trunk: str, batch: int) -> Callable[[], float]:
    """OpenVINO in the precision that it chooses, with a queue of requests; decoder and batch as in ours.

    There are as many files as some batches hold.
    """
    import openvino

    example = torch.zeros(batch, 3, SIDE, SIDE)
    model = openvino.convert_model(torch.export.export(Network(trunk, weights).eval(), (example,)))
    compiled = openvino.Core().compile_model(model, "CPU", {"PERFORMANCE_HINT": "THROUGHPUT"})
    queue, found, starts = openvino.AsyncInferQueue(compiled), {}, range(0, len(files), batch)
    queue.set_callback(lambda request, start: found.update({start: request.get_output_tensor(0).data.copy()}))

    def features() -> Array:
        for start in starts:
            images = np.stack([by_simplejpeg(file) for file in files[start : start + batch]])
            queue.start_async({0: images}, start)
        queue.wait_all()
        return np.concatenate([found[start] for start in starts])

    return lambda: rate(features, len(files))


def by_pillow(file: Path) -> Array:
    """A network's input; float32, shape (3, S, S)."""
    with Image.open(file) as image:
        return prepared(image.convert("RGB"))


def by_simplejpeg(file: Path) -> Array:
    """As `by_pillow`, decoded no larger than is needed, by simplejpeg where it is installed."""
    content = file.read_bytes()
    try:
        import simplejpeg
    except ImportError:
        image: Image.Image = Image.open(io.BytesIO(content))
        image.draft("RGB", (SHORT, SHORT))
        return prepared(image.convert("RGB"))
    return prepared(Image.fromarray(simplejpeg.decode_jpeg(content, min_height=SHORT, min_width=SHORT)))


def prepared(image: Image.Image) -> Array:
    """Shrunk, cropped in the middle, normalised."""
    scale = SHORT / min(image.size)
    size = (round(image.width * scale), round(image.height * scale))
    left, top = (size[0] - SIDE) // 2, (size[1] - SIDE) // 2
    cropped = image.resize(size, Image.Resampling.BILINEAR).crop((left, top, left + SIDE, top + SIDE))
    pixels_SS3 = (np.asarray(cropped, dtype=np.float32) / 255 - MEAN) / STD
    return np.ascontiguousarray(pixels_SS3.transpose(2, 0, 1))


def rate(work: Callable[[], Any], count: int) -> float:
    """How many a second."""
    started = time.perf_counter()
    work()
    return count / (time.perf_counter() - started)


def _linear(tensors: dict[str, Tensor], name: str) -> nn.Linear:
    n_out, n_in = tensors[f"{name}.weight"].shape
    return nn.Linear(n_in, n_out)
