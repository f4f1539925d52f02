"""What an INDEX lacks of the pictures that lie there now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from emotionnet.data.picture_files import content_sha256
from emotionnet.progress import track
from emotionnet.records import DataError
from emotionnet.search.layout import picture_id
from emotionnet.search.scan import File, Scan
from emotionnet.search.store import sql_text
from emotionnet.search.unreadable import Unreadable

if TYPE_CHECKING:
    from lancedb.table import LanceTable

IDS_AT_ONCE = 1000  # in a condition


@dataclass(frozen=True)
class Plan:
    """Files by path: to be computed because they are new or `changed`, and those whose time alone is another.

    `gone` are paths of pictures that are no more; `unchanged` counts those that need no computing.
    """

    new: dict[str, File]
    changed: dict[str, File]
    touched: dict[str, File]
    gone: list[str]
    unchanged: int


def make_plan(scan: Scan, pictures: LanceTable, unreadable: Mapping[str, Unreadable]) -> Plan:
    """Compare what lies there with what the table holds.

    A file of the same size and time is not opened; one of the same size and another time is hashed.
    """
    table = pictures.search().select(["path", "bytes", "modified_ns"]).to_arrow()
    states = zip(table["bytes"].to_pylist(), table["modified_ns"].to_pylist(), strict=True)
    known = dict(zip(table["path"].to_pylist(), states, strict=True))
    new, other = {}, {}
    for path, file in scan.files.items():
        tried = unreadable.get(path)
        if tried is not None and tried.still(file):
            continue
        if path not in known:
            new[path] = file
        elif known[path] != (file.bytes, file.modified_ns):
            other[path] = file
    same_size = {path: file for path, file in other.items() if known[path][0] == file.bytes}
    touched = _same_content(same_size, pictures)
    changed = {path: file for path, file in other.items() if path not in touched}
    unchanged = sum(path in known for path in scan.files) - len(changed)
    return Plan(new, changed, touched, list(scan.gone(known)), unchanged)


def _same_content(files: Mapping[str, File], pictures: LanceTable) -> dict[str, File]:
    """Those whose content is still that of the table."""
    if not files:
        return {}
    hashes: dict[str, str] = {}
    for condition in by_id(list(files)):
        table = pictures.search().where(condition).select(["path", "sha256"]).to_arrow()
        hashes |= dict(zip(table["path"].to_pylist(), table["sha256"].to_pylist(), strict=True))
    return {path: file for path, file in track(files.items(), "compare") if _sha256(file) == hashes.get(path)}


def _sha256(file: File) -> str:
    try:
        return content_sha256(file.path)
    except DataError:  # it is read again, and told then
        return ""


def by_id(paths: list[str]) -> list[str]:
    """Conditions that together hold for the pictures of these paths."""
    starts = range(0, len(paths), IDS_AT_ONCE)
    some = (paths[start : start + IDS_AT_ONCE] for start in starts)
    return [f"id IN ({', '.join(sql_text(picture_id(path)) for path in part)})" for part in some]
