"""The MODEL folder: an exported network that runs without torch.

model.json    the network's description, as in a RUN
export.json   the form of the network, its outputs, where it comes from, how it was checked
network.onnx  or  network.xml and network.bin
vectors.safetensors  words.json  vectors.json   word vectors in the space of its projection, where it has some
guard.safetensors   what tells pictures that are unlike those of training, where it is known

The network takes `images`, float32, (N, 3, S, S), preprocessed as model.json says. No torch in here.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from emotionnet.config_files import description_error
from emotionnet.files import cache_folder, read_object, sha256, write_json
from emotionnet.inference.packages import fast_version
from emotionnet.records import DataError
from emotionnet.runs import GUARD, MODEL, WEIGHTS, require_run

EXPORT = "export.json"
INPUT = "images"
OUTPUTS = ("features", "scores", "projection", "dimensions")  # in this order, those that a network has
FILES = {"onnx": ("network.onnx",), "openvino": ("network.xml", "network.bin")}
BESIDE = ("vectors.safetensors", "words.json", "vectors.json", GUARD)  # of a RUN, copied as they are
PARTS = (EXPORT, MODEL, *FILES["onnx"], *FILES["openvino"], *BESIDE)
MAKERS = {  # packages whose versions an exported network depends on
    "onnx": ("torch", "timm", "onnx", "onnxscript", "onnxruntime"),
    "openvino": ("torch", "timm", "openvino"),
}
MAX_BATCH = 4096
SCHEMA = 1  # to be raised whenever the same run gives another exported network

Form = Literal["onnx", "openvino"]


class Exported(BaseModel):
    """What export.json says of the network beside it.

    `batch` is N where the network takes batches of one size only; `files` are the network's files and their
    SHA-256; `checks` are the largest differences to torch that were seen, by name; `scores` are those on the
    validation split, where they were asked for.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    schema_version: Literal[1] = 1
    form: Form
    int8: bool = False
    batch: int | None = Field(None, ge=1, le=MAX_BATCH)
    outputs: tuple[Literal["features", "scores", "projection", "dimensions"], ...] = Field(min_length=2)
    weights_sha256: str
    files: dict[str, str]
    checks: dict[str, float] = {}
    scores: dict[str, float] = {}
    versions: dict[str, str] = {}


def is_exported(folder: Path) -> bool:
    """Whether a folder is a MODEL rather than a RUN."""
    return (folder / EXPORT).is_file()


def write_exported(folder: Path, exported: Exported) -> None:
    """Write `export.json` into a MODEL."""
    write_json(folder / EXPORT, exported.model_dump(mode="json"))


def read_exported(folder: Path) -> Exported:
    """Read `export.json` of a MODEL, and look whether the network's files are those that it names.

    Raises:
        DataError: Missing, no such description (one line for each fault), or a file is missing or another.
    """
    path = folder / EXPORT
    try:
        exported = Exported.model_validate(read_object(path))
    except ValidationError as error:
        raise description_error(path, error) from None
    for name in FILES[exported.form]:
        file = folder / name
        if not file.is_file():
            raise DataError(f"{file}: file not found; export the run again")
        if sha256(file) != exported.files.get(name):
            raise DataError(f"{file}: must be the file that {EXPORT} names; its content is another")
    return exported


def network_identity(folder: Path) -> str:
    """A SHA-256 that stands for what a RUN or a MODEL computes: of the RUN's weights, but in int8 of its own.

    Raises:
        DataError: As `read_exported`, or the weights cannot be read.
    """
    if not is_exported(folder):
        try:
            return sha256(folder / WEIGHTS)
        except OSError as error:
            raise DataError(f"{folder / WEIGHTS}: cannot be read ({error.strerror})") from None
    exported = read_exported(folder)
    if not exported.int8:
        return exported.weights_sha256
    return hashlib.sha256(repr(sorted(exported.files.items())).encode()).hexdigest()


def maker_versions(form: Form) -> dict[str, str]:
    """Versions of the packages that make an exported network.

    Raises:
        DataError: One of them is not installed.
    """
    return {name: fast_version(name) for name in MAKERS[form]}


def cached_place(run: Path, form: Form) -> Path:
    """Where the MODEL of a RUN lies in the cache, if it was made.

    Its name stands for all that the MODEL depends on: weights, description, word vectors, guard, form and
    versions.

    Raises:
        DataError: The RUN is not finished, or a package that makes the form is not installed.
    """
    require_run(run)
    found = hashlib.sha256(repr((SCHEMA, form, maker_versions(form))).encode())
    for name in (WEIGHTS, MODEL, *BESIDE):
        if (run / name).is_file():
            found.update(f"{name} {sha256(run / name)}".encode())
    return cache_folder() / "models" / found.hexdigest()


def mark_used(place: Path) -> None:
    """Note that a MODEL in the cache was used now, for those used longest ago go first."""
    with contextlib.suppress(OSError):  # a cache that may only be read
        os.utime(place / EXPORT)
