"""Name every fault of a DATASET: it goes on after the first, and looks at every picture."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from emotionnet.data.images import decode
from emotionnet.data.picture_files import content_sha256
from emotionnet.data.shards.dataset import ShardDataset, open_shards
from emotionnet.data.shards.naming import is_shards
from emotionnet.data.shards.remote import is_url
from emotionnet.data.store import FILES, MARKER, Dataset, read_dataset, read_info
from emotionnet.files import sha256
from emotionnet.progress import track
from emotionnet.records import SPLITS, DataError, ImageRecord

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class CheckReport:
    """What `check_dataset` found: the faults, one line each, and how much it looked at."""

    root: str
    faults: tuple[str, ...]
    pictures: int
    groups: int
    files: int

    def to_dict(self) -> dict[str, Any]:
        return {"schema": SCHEMA_VERSION, **asdict(self), "faults": list(self.faults)}


def check_dataset(place: Path | str) -> CheckReport:
    """Check a DATASET folder, or SHARDS in a folder or at a URL, whole.

    A fault is a file of the data set that is missing, broken or not the one that
    `dataset.json` lists; an empty split; an id, path or group that is empty; an index that
    no word stands for; an id or a picture that stands twice, in one split or in two; a
    group that lies in two splits; a picture that is a URL, outside the folder, missing,
    unreadable or changed.

    Raises:
        DataError: It is no DATASET folder at all, or the tables of a URL cannot be fetched.
    """
    root = open_shards(place).root if is_url(place) else Path(place)
    if not (root / MARKER).is_file():
        read_dataset(root)  # says what is wrong with the folder
    faults = list(_listed_file_faults(root))
    try:
        dataset = open_shards(place) if is_shards(place) else read_dataset(root)
    except DataError as error:
        return CheckReport(str(root), _distinct([*error.faults, *faults]), 0, 0, 0)
    records: dict[str, tuple[ImageRecord, ...]] = {}
    for split in SPLITS:
        try:
            records[split] = dataset.unchecked_records(split)
        except DataError as error:
            faults += error.faults
    placed = [(split, record) for split, rows in records.items() for record in rows]
    made_empty = [split for split in SPLITS if dataset.info.get("counts", {}).get(split) == 0]
    faults += [
        f"{split}: must hold at least one picture; it is empty"
        for split in records
        if not records[split] and split not in made_empty
    ]
    if records and not any(records.values()):
        faults.append(f"{root}: at least one split must hold a picture; all are empty")
    faults += [fault for split, record in placed for fault in _record_faults(dataset, split, record)]
    faults += _twin_faults(placed)
    faults += _straddling_groups(placed)
    unplaced: tuple[str, ...] = ()
    if isinstance(dataset, ShardDataset):
        unplaced = dataset.place_faults()
        faults += unplaced or dataset.faults()
    faults += [
        fault
        for split, record in track([] if unplaced else placed, "Checking pictures")
        for fault in _picture_faults(dataset, split, record)
    ]
    groups = {record.group for _, record in placed}
    return CheckReport(str(place), _distinct(faults), len(placed), len(groups), len(_listed(root)))


def _distinct(faults: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(faults))


def _listed(root: Path) -> dict[str, Any]:
    try:
        files = read_info(root).get("files", {})
    except DataError:  # reading the data set names this fault
        return {}
    return files if isinstance(files, dict) else {}


def _listed_file_faults(root: Path) -> Iterator[str]:
    """Whether the tables and words are those that `dataset.json` lists."""
    listed = _listed(root)
    yield from (
        f"{root / MARKER}: files must list {name}; it does not" for name in sorted(set(FILES) - listed.keys())
    )
    for name, expected in sorted(listed.items()):
        if name not in FILES:
            yield f"{root / MARKER}: files must list tables and words only; got {name!r:.80}"
        elif not (root / name).is_file():
            yield f"{root / name}: file not found"
        elif sha256(root / name) != expected:
            yield f"{root / name}: must have the sha256 that {MARKER} lists; it was changed"


def _record_faults(dataset: Dataset, split: str, record: ImageRecord) -> Iterator[str]:
    empty = [name for name in ("id", "path", "group", "sha256") if not getattr(record, name)]
    if "://" in record.path and "sha256" in empty:
        empty.remove("sha256")  # of a picture that was not fetched nothing is known
    yield from (f"{split}: {record.id or record.path}: {name} must be given; it is empty" for name in empty)
    yield from (f"{split}: {fault}" for fault in dataset.range_faults(record))


def _twin_faults(placed: Iterable[tuple[str, ImageRecord]]) -> Iterator[str]:
    """Ids, paths and pictures that stand twice, each next to where it stood first.

    Several persons of one picture, each in a box of their own, share it within their group.
    """
    first: dict[Hashable, tuple[str, ImageRecord]] = {}
    for split, record in placed:
        here = (f"{split}: {record.id}", record)
        person = (record.path, record.box) if record.box else ""
        names = ("id", record.id), ("path", record.path), ("sha256", record.sha256), ("person", person)
        for what, value in names:
            where, earlier = first.setdefault((what, value), here)
            of_one_group = earlier.group == record.group and earlier.box and record.box
            if value and earlier is not record and not (of_one_group and what in ("path", "sha256")):
                yield f"{here[0]}: {what} must stand once; {where} has the same"


def _straddling_groups(placed: Iterable[tuple[str, ImageRecord]]) -> Iterator[str]:
    splits: dict[str, dict[str, None]] = {}
    for split, record in placed:
        splits.setdefault(record.group, {})[split] = None
    for group, found in splits.items():
        if len(found) > 1:
            yield f"group {group} must lie in one split; it is in {', '.join(found)}"


def _picture_faults(dataset: Dataset, split: str, record: ImageRecord) -> Iterator[str]:
    if not record.path:
        return
    try:
        path = dataset.image_path(record)
        if isinstance(path, Path) and not path.is_file():
            yield f"{split}: {record.id}: picture {record.path} not found"
            return
        if record.sha256 and content_sha256(path) != record.sha256:
            yield f"{split}: {record.id}: {record.path} must have sha256 {record.sha256}; it was changed"
        decode(path)
    except DataError as error:
        yield from (f"{split}: {fault}" for fault in error.faults)
    except (OSError, ValueError) as error:  # such as a name with a null byte
        yield f"{split}: {record.id}: {record.path!r} cannot be read ({error})"
