"""What all configs are made of: paths that exist, names, fractions, and the frozen section."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field


def _existing_folder(path: Path) -> Path:
    if not _is_there(path, Path.is_dir):
        raise ValueError(f"folder must exist; {path} does not")
    return path


def _existing(path: Path) -> Path:
    if not _is_there(path, Path.exists):
        raise ValueError(f"must exist; {path} does not")
    return path


def _is_there(path: Path, test: Callable[[Path], bool]) -> bool:
    try:
        return test(path)
    except (OSError, ValueError):  # a name that no file can have
        return False


Folder = Annotated[Path, AfterValidator(_existing_folder)]
Existing = Annotated[Path, AfterValidator(_existing)]
Fraction = Annotated[float, Field(gt=0, le=1)]
HubName = Annotated[
    str, Field(pattern=r"^hf:\w[\w.-]*(/\w[\w.-]*)?$")
]  # a repository of the Hugging Face hub
Url = Annotated[str, Field(pattern=r"^[a-z][a-z0-9+.:-]*://.+$")]  # of SHARDS in some storage
Seed = Annotated[int, Field(ge=0, lt=2**32)]


class Section(BaseModel):
    """A part of a config: immutable, exact types, unknown keys are faults."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)
