"""Weights on disk: save, read, and put into a module.

One format is written (safetensors); read are safetensors and PyTorch files, the latter
with weights_only=True, so that no file runs code. A file is checked whole before the
module changes.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from pathlib import Path

import safetensors.torch
import torch
from torch import Tensor, nn

from emotionnet.files import write_bytes
from emotionnet.models.torch_files import ADMITTED, require_harmless
from emotionnet.records import DataError, first_line

SHOWN = 3  # names of one kind of fault that an error lists
FLOATS = (torch.float32, torch.float16, torch.bfloat16, torch.float64)
INTEGERS = (torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool)


def save_weights(module: nn.Module, path: Path) -> None:
    """Write a module's state as safetensors, whole or not at all.

    Tensors that share memory (tied weights, views) are written once per name, so that
    equal states give equal files.
    """
    tensors = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in _state(module).items()}
    write_bytes(path, safetensors.torch.save(tensors))


def load_weights(module: nn.Module, path: Path, *, strict: bool = True) -> tuple[str, ...]:
    """Put a file's weights into a module, by name.

    Args:
        module: An image network, a text teacher, or any other module.
        path: A `.safetensors` file or a PyTorch file, see `read_tensors`.
        strict: Whether every name and shape must fit; otherwise what does not fit is left
            as it was, and at least one tensor must fit.

    Returns:
        The module's names that the file gave nothing for; empty when strict.

    Raises:
        DataError: The file is missing or broken, or does not fit; the module is unchanged.
    """
    return put_tensors(module, read_tensors(path), str(path), strict=strict)


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Read named tensors on the CPU; a leading `module.` (DataParallel) is dropped from names.

    A PyTorch file holds a dict of tensors, or a dict with such a dict under `state_dict`.

    Raises:
        DataError: The file is missing, broken, or holds something else; says which.
    """
    return named_tensors(read_content(path), path)


def read_content(path: Path) -> object:
    """Whatever a safetensors or PyTorch file holds, on the CPU.

    Raises:
        DataError: The file is missing or broken, or asks for more than plain values and tensors.
    """
    if not path.is_file():
        raise DataError(f"{path}: weights file not found")
    return _read_safetensors(path) if path.suffix == ".safetensors" else read_torch(path)


def named_tensors(content: object, path: Path) -> dict[str, Tensor]:
    """The tensors of what a file holds: `read_tensors` for one that is read already."""
    if isinstance(content, Mapping) and isinstance(content.get("state_dict"), Mapping):
        content = content["state_dict"]
    if not isinstance(content, Mapping) or not content:
        found = "an empty one" if isinstance(content, Mapping) else type(content).__name__
        raise DataError(f"{path}: must hold a dict of named tensors; got {found}")
    tensors = {}
    for name, tensor in content.items():
        if not isinstance(name, str) or not isinstance(tensor, Tensor):
            where, found = f"{path}: {name!r:.60}", type(tensor).__name__
            raise DataError(f"{where}: must be a tensor with a name; got {found}")
        tensors[name.removeprefix("module.")] = tensor.detach()
    if len(tensors) != len(content):
        raise DataError(f"{path}: some names stand twice, with and without 'module.'")
    return tensors


def put_tensors(
    module: nn.Module, tensors: Mapping[str, Tensor], where: str, *, strict: bool = True
) -> tuple[str, ...]:
    """Put named tensors into a module: `load_weights` for tensors that are read already.

    `num_batches_tracked` may be missing: files older than that counter are common.

    Args:
        module: What receives them.
        tensors: Tensors by the module's names.
        where: The file that errors name.
        strict: As for `load_weights`.

    Returns:
        The module's names that stayed as they were; empty when strict.

    Raises:
        DataError: A tensor is not usable, or names and shapes do not fit.
    """
    state = _state(module)
    missing = [n for n in state if n not in tensors and not n.endswith("num_batches_tracked")]
    unexpected = [n for n in tensors if n not in state]
    for name, tensor in tensors.items():
        if tensor.is_nested or tensor.is_meta:
            kind = "nested" if tensor.is_nested else "without content"
            raise DataError(f"{where}: {name}: must be a plain tensor; it is {kind}")
    shapes = [
        f"{n} must be {tuple(state[n].shape)}, got {tuple(tensor.shape)}"
        for n, tensor in tensors.items()
        if n in state and tensor.shape != state[n].shape
    ]
    faults = (("missing", missing), ("unexpected", unexpected), ("other shapes", shapes))
    if strict and any(names for _, names in faults):
        raise DataError(f"{where}: weights must fit: {_few(kind, names)}" for kind, names in faults if names)
    fitting = {n: t for n, t in tensors.items() if n in state and t.shape == state[n].shape}
    if not fitting:
        raise DataError(
            f"{where}: no tensor fits by name and shape; the module has {_few('names', [*state])}"
        )
    _require_usable(fitting, state, where)
    module.load_state_dict(fitting, strict=False)
    return tuple(n for n in state if n not in fitting and not n.endswith("num_batches_tracked"))


def _state(module: nn.Module) -> dict[str, Tensor]:
    return dict(module.state_dict())


def _few(kind: str, names: list[str]) -> str:
    rest = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"{kind} ({len(names)}): {', '.join(names[:SHOWN])}{rest}"


def _require_usable(tensors: Mapping[str, Tensor], state: Mapping[str, Tensor], where: str) -> None:
    """Shapes are checked before, so that an expanded tensor of absurd size is never touched here."""
    for name, tensor in tensors.items():
        kinds = FLOATS if state[name].is_floating_point() else INTEGERS
        if tensor.dtype not in kinds or tensor.layout != torch.strided or tensor.is_quantized:
            expected = "a plain float tensor" if kinds is FLOATS else "a plain integer tensor"
            raise DataError(f"{where}: {name}: must be {expected}; got {tensor.dtype}, {tensor.layout}")
        if kinds is FLOATS and not bool(tensor.isfinite().all()):
            raise DataError(f"{where}: {name}: weights must be finite; some are NaN or infinite")


def _read_safetensors(path: Path) -> object:
    try:
        return safetensors.torch.load_file(path)
    except Exception as error:  # the header of a broken file can fail in many ways
        raise DataError(f"{path}: must be a safetensors file; {first_line(error)}") from None


def read_torch(path: Path) -> object:
    """What `torch.save` wrote, on the CPU: plain values and tensors only, nothing in it is run.

    Plain values are numbers, texts, lists, dicts and the like, `argparse.Namespace` and numpy's scalars.

    Raises:
        DataError: The file is broken, or asks for anything else; one line, see `require_harmless`.
    """
    require_harmless(path)
    try:
        with warnings.catch_warnings(), torch.serialization.safe_globals([*ADMITTED]):
            warnings.simplefilter("ignore")  # remarks on old formats; faults are errors
            return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # so can the pickle inside a PyTorch file
        asked = re.search(r"GLOBAL (\S+)", str(error))
        found = f"it asks for {asked[1]}" if asked else "it cannot be read as one"
        raise DataError(f"{path}: must be a PyTorch file of plain values and tensors; {found}") from None
