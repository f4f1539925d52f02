"""What a reader of pictures and labels gives, before splits are drawn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from emotionnet.data.benchmarks.benchmark import Protocol
from emotionnet.records import ImageRecord

OWN = Protocol()  # of a user's own folders and tables
SPLIT_NAMES: Mapping[str, tuple[str, ...]] = {
    "train": ("train", "training"),
    "val": ("val", "valid", "validation", "dev"),
    "test": ("test", "testing"),
}


@dataclass(frozen=True)
class Listing:
    """Pictures that are listed somewhere, by the split that their files give, or under `ALL`.

    `form` is the format that was read. Labels and tags of the records are indices into `labels` and `tags`;
    `dimensions` name those of the records, in order, `ranges` their smallest and largest values where those
    are known. Paths are relative to `root`.
    """

    root: Path
    name: str
    form: str
    labels: tuple[str, ...]
    records: Mapping[str, tuple[ImageRecord, ...]]
    tags: tuple[str, ...] = ()
    dimensions: tuple[str, ...] = ()
    protocol: Protocol = OWN
    licence: str = "unknown"
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)


def split_named(name: str) -> str | None:
    """The split that a folder's or a cell's name stands for, in whatever case; None: it stands for none."""
    wanted = name.strip().lower()
    return next((split for split, names in SPLIT_NAMES.items() if wanted in names), None)
