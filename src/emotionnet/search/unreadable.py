"""Files that are no pictures, remembered so that they are not tried again until they change."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from emotionnet.config_files import description_error
from emotionnet.files import read_json, write_json
from emotionnet.search.layout import UNREADABLE
from emotionnet.search.scan import File


class Unreadable(BaseModel):
    """A file's state when it was tried, and the line that says what was wrong; `changed_ns` is its ctime."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    bytes: int
    changed_ns: int
    reason: str

    def still(self, file: File) -> bool:
        """Whether the file is as it was; rights, which may have been what was wrong, belong to it."""
        return (self.bytes, self.changed_ns) == (file.bytes, file.changed_ns)


_KIND = TypeAdapter(dict[str, Unreadable])


def read_unreadable(folder: Path) -> dict[str, Unreadable]:
    """Those that an INDEX knows of, by path.

    Raises:
        DataError: The list is broken; a line for each fault.
    """
    path = folder / UNREADABLE
    if not path.is_file():
        return {}
    return checked_unreadable(path, read_json(path))


def checked_unreadable(path: Path, values: object) -> dict[str, Unreadable]:
    """Such a list as it stands in a file.

    Raises:
        DataError: It is broken; a line for each fault.
    """
    try:
        return _KIND.validate_python(values)
    except ValidationError as error:
        raise description_error(path, error) from None


def write_unreadable(folder: Path, found: Mapping[str, Unreadable]) -> None:
    """Write the list into an INDEX."""
    write_json(folder / UNREADABLE, {path: one.model_dump() for path, one in found.items()})
