"""What an exported network takes and gives, held against what its MODEL says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from emotionnet.inference.exported import INPUT, OUTPUTS, Exported
from emotionnet.models.description import MAX_SIZE, ImageModel
from emotionnet.records import DataError


@dataclass(frozen=True)
class Port:
    """An input or output of an opened network: its names, its type and its sizes, None where any."""

    names: frozenset[str]
    kind: str
    shape: tuple[int | None, ...]


def require_signature(
    folder: Path, exported: Exported, model: ImageModel, inputs: Sequence[Port], outputs: Sequence[Port]
) -> dict[str, int]:
    """Check that an opened network takes and gives what its MODEL says.

    Args:
        folder: The MODEL, for errors.
        exported: Its `export.json`.
        model: Its `model.json`.
        inputs: Those of the network.
        outputs: Those of the network, in its order.

    Returns:
        The size of each output, by name, in order.

    Raises:
        DataError: It does not; one line for each fault.
    """
    side, sizes = model.preprocessing.image_size, _sizes(model)
    if tuple(exported.outputs) != tuple(sizes):
        raise DataError(
            f"{folder}: export.json and model.json must name the same outputs; got "
            f"{', '.join(exported.outputs)} and {', '.join(sizes)}"
        )
    wanted_in: list[tuple[str, tuple[int | None, ...]]] = [(INPUT, (exported.batch, 3, side, side))]
    wanted_out: list[tuple[str, tuple[int | None, ...]]] = [
        (name, (exported.batch, size)) for name, size in sizes.items()
    ]
    faults = [*_faults("input", wanted_in, inputs), *_faults("output", wanted_out, outputs)]
    if faults:
        raise DataError(f"{folder}: {fault}; export the run again" for fault in faults)
    return {name: int(port.shape[1] or 0) for name, port in zip(sizes, outputs, strict=True)}


def _sizes(model: ImageModel) -> dict[str, int | None]:
    """The outputs that a network of this description has, and their sizes, as far as it says."""
    known = {
        "features": None,
        "scores": len(model.emotions),
        "projection": model.embedding_size,
        "dimensions": len(model.dimensions) or None,
    }
    return {name: known[name] for name in OUTPUTS if name == "features" or known[name] is not None}


def _faults(
    what: str, wanted: Sequence[tuple[str, tuple[int | None, ...]]], found: Sequence[Port]
) -> list[str]:
    if len(wanted) != len(found):
        return [f"the network must have {len(wanted)} {what}(s); it has {len(found)}"]
    return [
        f"{what} {name} of the network must be f32 of shape {_text(shape)}; got {_described(port)}"
        for (name, shape), port in zip(wanted, found, strict=True)
        if name not in port.names or port.kind != "f32" or not _fits(shape, port.shape)
    ]


def _fits(wanted: tuple[int | None, ...], found: tuple[int | None, ...]) -> bool:
    """The first size is that of the batch, which may be any; all others are fixed."""
    if len(wanted) != len(found) or (wanted[0] is None) != (found[0] is None):
        return False
    return all(
        value == size if size is not None else place == 0 or (value is not None and 1 <= value <= MAX_SIZE)
        for place, (size, value) in enumerate(zip(wanted, found, strict=True))
    )


def _described(port: Port) -> str:
    return f"{'/'.join(sorted(port.names))[:80]}, {port.kind} of shape {_text(port.shape)}"


def _text(shape: tuple[int | None, ...]) -> str:
    return f"({', '.join('any' if size is None else str(size) for size in shape)})"
