"""PyTorch files from outside: what their pickles ask for is looked at before PyTorch reads them.

`torch.load(weights_only=True)` runs no code, but it admits calls that cost any amount of memory, and says
little of what it refuses. So every pickle of a file is first read as plain data, in which tensors are
nothing: what it asks for, how deep it is nested and what it would copy is then known.
"""

from __future__ import annotations

import mmap
import os
import pickle
import pickletools
import zipfile
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from emotionnet.data import pickled_arrays
from emotionnet.data.pickle_steps import require_cheap
from emotionnet.data.pickles import MAX_DEPTH, PlainUnpickler, is_deeper
from emotionnet.records import DataError, first_line

MAX_PICKLE = 2**28  # bytes of a file that are no tensors; 36,534 tags take 2 MiB
MAGIC = 0x1950A86A20F9469CFC6C  # the first pickle of a file of PyTorch before 1.6
OLD_PICKLES = 5  # magic number, version, system, content, names of the storages
ZIP_START = b"PK\x03\x04"
NEAR = 8  # steps of a pickle between a key and the type of its value
_REBUILDERS = ("tensor", "tensor_v2", "parameter", "sparse_tensor", "meta_tensor_no_storage")
_KINDS = ("Float", "Double", "Half", "BFloat16", "Long", "Int", "Short", "Char", "Byte", "Bool")
_DTYPES = ("float64", "float32", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8", "bool")

# Beside what PyTorch admits by itself. `Namespace` holds plain values; numpy's constructors get stand-ins.
ADMITTED: tuple[Any, ...] = (
    (Namespace, "argparse.Namespace"),
    (pickled_arrays.Kind, "numpy.dtype"),
    (pickled_arrays.scalar, "numpy.core.multiarray.scalar"),
    (pickled_arrays.scalar, "numpy._core.multiarray.scalar"),
)


def _nothing(*arguments: Any) -> object:  # noqa: ARG001
    """Stands for a tensor and its kin while the steps of a file are looked at."""
    return object()


_FURTHER = {
    **{("torch._utils", f"_rebuild_{name}"): _nothing for name in _REBUILDERS},
    **{("torch", f"{name}Storage"): _nothing for name in _KINDS},
    **{("torch", name): _nothing for name in (*_DTYPES, "device", "Size")},
    ("torch.serialization", "_get_layout"): _nothing,
}


def require_harmless(path: Path) -> None:
    """Check that reading a PyTorch file asks for plain values and tensors only, at a cost as its size tells.

    Raises:
        DataError: It does not, or the file is broken, compressed or none of PyTorch's; one line. A whole
            module that was pickled under `model`, as in the first text checkpoints, is named as that.
    """
    try:
        with path.open("rb") as file:
            zipped = file.read(len(ZIP_START)) == ZIP_START
            for number, content in enumerate([_zipped_pickle(file)] if zipped else _pickles_in_turn(file)):
                value = _look(content, path)
                if number == 0 and not zipped and value != MAGIC:
                    raise pickle.UnpicklingError("it begins with other content")
    except DataError:
        raise
    except Exception as error:  # a broken file may fail in any way
        reason = (first_line(error) or type(error).__name__)[:200]
        raise DataError(
            f"{path}: must be a PyTorch file of plain values and tensors; it cannot be read as one ({reason})"
        ) from None


def _look(content: bytes, path: Path) -> object:
    require_cheap(content, MAX_DEPTH)
    value = _Look(content, path).load()
    if is_deeper(value, MAX_DEPTH):
        raise pickle.UnpicklingError(f"it is nested deeper than {MAX_DEPTH}")
    return value


class _Look(PlainUnpickler):
    def __init__(self, content: bytes, path: Path) -> None:
        super().__init__(content, path, _FURTHER)
        self._content, self._size = content, path.stat().st_size

    def find_class(self, module: str, name: str, /) -> Any:
        if (module, name) not in self._admitted:
            asked = ascii(f"{module}.{name}"[:120])[1:-1]
            if _is_module_of_model(self._content, f"{module} {name}"):
                raise DataError(
                    f"{self._path}: a text checkpoint of the first generation holds a whole pickled module "
                    f"({asked}) in place of its weights; reading it would run code, so it is refused"
                )
            raise DataError(
                f"{self._path}: must be a PyTorch file of plain values and tensors; it asks for {asked}"
            )
        return self._admitted[module, name]

    def persistent_load(self, pid: Any) -> Any:
        """A storage: ("storage", type, key, place, number of values, ...)."""
        count = pid[4] if isinstance(pid, tuple) and len(pid) >= 5 and pid[0] == "storage" else None
        if type(count) is not int or not 0 <= count <= self._size:
            raise pickle.UnpicklingError("it claims more values than it has bytes, or none that can be read")
        return object()


def _is_module_of_model(content: bytes, asked: str) -> bool:
    """Whether the key `model` stands right before the type that is asked for."""
    recent: list[Any] = []
    for code, argument, _ in pickletools.genops(content):
        if code.name == "GLOBAL" and argument == asked:
            return "model" in recent
        recent = [*recent[1 - NEAR :], argument]
    return False


def _pickles_in_turn(file: IO[bytes]) -> Iterator[bytes]:
    """The pickles that a file of PyTorch before 1.6 begins with."""
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        for _ in range(OLD_PICKLES):
            start = content.tell()
            for _ in pickletools.genops(content):  # type: ignore[arg-type]  # it reads as a file
                pass
            if content.tell() - start > MAX_PICKLE:
                raise pickle.UnpicklingError(f"its pickles must have at most {MAX_PICKLE:,} bytes each")
            yield content[start : content.tell()]


def _zipped_pickle(file: IO[bytes]) -> bytes:
    """The pickle of a file of PyTorch since 1.6, which are zip files without compression."""
    size = os.fstat(file.fileno()).st_size
    with zipfile.ZipFile(file) as archive:
        entries = archive.infolist()
        names = {entry.filename.lower() for entry in entries}
        if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
            raise pickle.UnpicklingError("its parts must not be compressed")
        if len(names) != len(entries) or sum(entry.file_size for entry in entries) > size:
            raise pickle.UnpicklingError("its parts must stand once each")
        found = [entry for entry in entries if entry.filename.rpartition("/")[2] == "data.pkl"]
        if len(found) != 1 or found[0].file_size > MAX_PICKLE:
            raise pickle.UnpicklingError(f"it must hold one data.pkl of at most {MAX_PICKLE:,} bytes")
        return archive.read(found[0])
