"""A network as a file of ONNX or OpenVINO, and how far from torch it computes.

Shape letters: N = images, S = image side in pixels.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from emotionnet.inference.exported import FILES, INPUT, OUTPUTS
from emotionnet.inference.onnx_files import read_onnx, write_onnx
from emotionnet.inference.outputs import Array
from emotionnet.inference.packages import import_fast, openvino_core
from emotionnet.models.network import EmotionNet

SIZES = (1, 3)  # batches that a network for any batch is compared on; two different ones where it takes one


class Named(nn.Module):
    """A network whose outputs are a tuple: those of `OUTPUTS` that it has, `names` in order."""

    def __init__(self, network: EmotionNet, names: tuple[str, ...]) -> None:
        super().__init__()
        self.network, self.names = network, names

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        output = self.network(images)
        return tuple(getattr(output, name) for name in self.names)


def named(network: EmotionNet) -> Named:
    """A network ready to be exported; it is in evaluation mode and without gradients from here on."""
    has = {"projection": network.proj is not None, "dimensions": network.fc_dimensions is not None}
    names = tuple(name for name in OUTPUTS if has.get(name, True))
    return Named(network, names).eval().requires_grad_(False)


def save_onnx(module: Named, size: int, batch: int | None, folder: Path) -> None:
    """Write `network.onnx`; `size` is S, `batch` is N or None for any."""
    import_fast("onnx")
    import_fast("onnxscript")
    program = torch.onnx.export(
        _program(module, size, batch),
        dynamo=True,
        input_names=[INPUT],
        output_names=list(module.names),
        verbose=False,
    )
    assert program is not None  # it is where no file is given
    content = program.model_proto
    _forget(content.graph)
    write_onnx(folder / FILES["onnx"][0], content.SerializeToString())


def save_openvino(module: Named, size: int, batch: int | None, folder: Path) -> None:
    """Write `network.xml` and `network.bin`, in float32; arguments as `save_onnx`."""
    openvino = import_fast("openvino")
    model = openvino.convert_model(_program(module, size, batch))
    model.reshape([-1 if batch is None else batch, 3, size, size])
    for port, name in zip([*model.inputs, *model.outputs], (INPUT, *module.names), strict=True):
        port.get_tensor().set_names({name})
    openvino.save_model(model, folder / FILES["openvino"][0], compress_to_fp16=False)


def differences(module: Named, size: int, batch: int | None, file: Path) -> dict[str, float]:
    """How far what a file of a network tells of noise is from torch, in float32 on the CPU.

    Args:
        module: The network in torch.
        size: S.
        batch: N, or None for any.
        file: `network.onnx` or `network.xml`.

    Returns:
        For each output and batch size, as `scores.batch_3`: the largest difference, as a share of the
        output's largest value in torch.
    """
    run = open_file(file)
    rng = np.random.default_rng(0)
    found: dict[str, float] = {}
    for count in SIZES if batch is None else (batch, batch):
        images_N3SS = rng.standard_normal((count, 3, size, size), dtype=np.float32)
        for name, expected, told in zip(
            module.names, module(torch.from_numpy(images_N3SS)), run(images_N3SS), strict=True
        ):
            key, value = f"{name}.batch_{count}", _difference(expected.numpy(), told)
            found[key] = float(np.maximum(found.get(key, 0.0), value))  # NaN stays
    return found


def open_file(file: Path) -> Callable[[Array], list[Array]]:
    """What computes the outputs of `network.onnx` or `network.xml` in float32 on the CPU."""
    if file.name in FILES["openvino"]:
        compiled = openvino_core().compile_model(file, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
        return lambda images_N3SS: [np.array(value) for value in compiled(images_N3SS).values()]
    onnxruntime = import_fast("onnxruntime")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors
    session = onnxruntime.InferenceSession(read_onnx(file), options, providers=["CPUExecutionProvider"])
    return lambda images_N3SS: session.run(None, {INPUT: images_N3SS})


def _program(module: Named, size: int, batch: int | None) -> torch.export.ExportedProgram:
    example = torch.zeros(2 if batch is None else batch, 3, size, size)  # a batch of 1 would count as fixed
    shapes: Any = ({0: torch.export.Dim("batch")},) if batch is None else None
    return torch.export.export(module, (example,), dynamic_shapes=shapes)


def _forget(graph: Any) -> None:
    """Drop the exporter's remarks on each part: lines of code and paths of this machine among them."""
    for part in (graph, *graph.node, *graph.value_info, *graph.input, *graph.output, *graph.initializer):
        part.ClearField("metadata_props")
        part.ClearField("doc_string")


def _difference(expected: Array, told: Array) -> float:
    if told.shape != expected.shape:
        return float("nan")
    largest = max(float(np.abs(expected).max()), float(np.finfo(np.float32).tiny))
    return float(np.abs(told - expected).max()) / largest
