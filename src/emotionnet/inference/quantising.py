"""From a MODEL in float32 to one in int8, after training, by NNCF."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from emotionnet.files import sha256
from emotionnet.inference.exported import FILES, INPUT, Exported, maker_versions
from emotionnet.inference.onnx_files import read_onnx, write_onnx
from emotionnet.inference.outputs import Array
from emotionnet.inference.packages import fast_version, import_fast, openvino_core, quiet, reason
from emotionnet.records import DataError

# The first convolution stays in float32. On the demo's network, in int8, it alone took the centred cosine of
# features (`exporting.centred_cosines`, beside bfloat16) from 0.95 to 0.69; it is 3 % of the operations.
_FLOAT = {"onnx": ("Conv",), "openvino": ("Convolution", "GroupConvolution")}
_ATTENTION = ("Softmax", "ScaledDotProductAttention")  # what only transformers have


def quantise(exported: Exported, folder: Path, out: Path, images: Sequence[Array]) -> Exported:
    """Write the network of a MODEL in int8.

    Args:
        exported: What the MODEL says of itself.
        folder: The MODEL, in float32.
        out: A folder for the network's files alone.
        images: Batches to calibrate the ranges of activations with; float32, (N, 3, S, S), N as in the MODEL,
            or 1 where it takes any.

    Returns:
        What `export.json` beside the files should say.

    Raises:
        DataError: A package is missing, or it cannot make this network int8.
    """
    version = fast_version("nncf")
    try:
        with quiet():
            _SAVERS[exported.form](folder, out, images)
    except (DataError, OSError):
        raise
    except Exception as error:  # of NNCF and of what it calls
        raise DataError(f"the network must be one that NNCF can make int8; got {reason(error)}") from None
    return exported.model_copy(
        update={
            "int8": True,
            "files": {name: sha256(out / name) for name in FILES[exported.form]},
            "versions": {**maker_versions(exported.form), "nncf": version},
        }
    )


def _save_openvino(folder: Path, out: Path, images: Sequence[Array]) -> None:
    openvino = import_fast("openvino")
    xml, weights = FILES["openvino"]
    model = openvino_core().read_model(folder / xml, folder / weights)
    layers = [(layer.get_friendly_name(), layer.get_type_name()) for layer in model.get_ordered_ops()]
    openvino.save_model(_in_int8(model, images, layers), out / xml, compress_to_fp16=False)


def _save_onnx(folder: Path, out: Path, images: Sequence[Array]) -> None:
    (name,) = FILES["onnx"]
    model = import_fast("onnx").load_from_string(read_onnx(folder / name))
    layers = [(node.name, node.op_type) for node in model.graph.node]
    named = [{INPUT: batch} for batch in images]
    write_onnx(out / name, _in_int8(model, named, layers).SerializeToString())


_SAVERS = {"onnx": _save_onnx, "openvino": _save_openvino}


def _in_int8(model: Any, inputs: Sequence[Any], layers: Sequence[tuple[str, str]]) -> Any:
    """A network of either form in int8, weights by channel; `layers` are names and kinds, the first first."""
    nncf = import_fast("nncf")
    kinds = {kind for _, kind in layers}
    kept = [name for name, kind in layers if kind in (*_FLOAT["onnx"], *_FLOAT["openvino"])][:1]
    is_transformer = bool(kinds.intersection(_ATTENTION))
    return nncf.quantize(
        model,
        nncf.Dataset(inputs),
        subset_size=len(inputs),
        fast_bias_correction=False,  # the other way lost up to 0.017 of the demo's macro mAP, this one 0.004
        preset=nncf.QuantizationPreset.MIXED if is_transformer else nncf.QuantizationPreset.PERFORMANCE,
        model_type=nncf.ModelType.TRANSFORMER if is_transformer else None,
        ignored_scope=nncf.IgnoredScope(names=kept),
    )
