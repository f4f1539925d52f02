"""What an INDEX lacks of the pictures that lie there now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from emotionnet.data.picture_files import content_sha256
from emotionnet.progress import track
from emotionnet.records import DataError
from emotionnet.search.known import State
from emotionnet.search.layout import picture_id
from emotionnet.search.scan import File, Scan
from emotionnet.search.store import sql_text
from emotionnet.search.unreadable import Unreadable

if TYPE_CHECKING:
    from lancedb.table import LanceTable

IDS_AT_ONCE = 1000  # in a condition


@dataclass(frozen=True)
class Plan:
    """Files by path: new ones, and `other` ones, whose state is not that of the index.

    `gone` are paths of pictures that are no more, of the index and of those that could not be read;
    `unchanged` counts the others.
    """

    new: dict[str, File]
    other: dict[str, File]
    gone: list[str]
    unchanged: int

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to do."""
        return not (self.new or self.other or self.gone)


def make_plan(scan: Scan, known: Mapping[str, State], unreadable: Mapping[str, Unreadable]) -> Plan:
    """Compare what lies there with what an index holds; no file is opened."""
    new, other = {}, {}
    for path, file in scan.files.items():
        tried = unreadable.get(path)
        if tried is not None and tried.still(file):
            continue
        if path not in known:
            new[path] = file
        elif known[path] != (file.bytes, file.modified_ns):
            other[path] = file
    unchanged = sum(path in known for path in scan.files) - len(other)
    return Plan(new, other, list(scan.gone([*known, *unreadable])), unchanged)


def same_content(files: Mapping[str, File], pictures: LanceTable) -> dict[str, File]:
    """Those of some files of the index whose content is as it was: only their time is another."""
    if not files:
        return {}
    held: dict[str, tuple[int, str]] = {}
    for condition in by_id(list(files)):
        table = pictures.search().where(condition).select(["path", "bytes", "sha256"]).to_arrow()
        held |= {row["path"]: (row["bytes"], row["sha256"]) for row in table.to_pylist()}
    return {path: file for path, file in track(files.items(), "compare") if _is(file, *held[path])}


def _is(file: File, size: int, content: str) -> bool:
    """Whether a file has this content; one of another size is not opened."""
    try:
        return file.bytes == size and content_sha256(file.path) == content
    except DataError:  # it is read again, and told then
        return False


def by_id(paths: list[str]) -> list[str]:
    """Conditions that together hold for the pictures of these paths."""
    starts = range(0, len(paths), IDS_AT_ONCE)
    some = (paths[start : start + IDS_AT_ONCE] for start in starts)
    return [f"id IN ({', '.join(sql_text(picture_id(path)) for path in part)})" for part in some]
