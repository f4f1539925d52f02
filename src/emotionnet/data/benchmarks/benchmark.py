"""What an adapter says of a benchmark, and the record of one of its pictures.

An adapter reads what the user already has: nothing is fetched, no pixel is decoded.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from emotionnet.records import ImageRecord

ALL = "all"  # the split of files that name none
Reader = Callable[[Path, str], tuple[ImageRecord, ...]]


@dataclass(frozen=True)
class Protocol:
    """How pictures that the files give as one become splits.

    `shares` of train, val and test, which sum to 1, drawn by a seed and stratified by label; or `folds`, of
    which one is the test split and a share of the rest validation.
    """

    train: float = 0.7
    val: float = 0.1
    test: float = 0.2
    folds: int = 0


@dataclass(frozen=True)
class Benchmark:
    """One public data set.

    `read` takes its folder and a split and gives records in file order, paths relative to the folder, labels
    as indices into `labels`. `splits` are those that its files give: of train, val and test, or `ALL` alone.
    Where train is given without val, a tenth of train becomes val by the protocol's seed.
    `dimensions` name what the records' `dimensions` are, in order; `ranges` their smallest and largest value,
    `scales` those of a dimension that has its own.
    `published` are counts by split, by class or by `<split>/<class>`, from `citation`. `licence` is that of
    the pictures. `score` names the field's usual score, `main_score` the key of the one that stands in a
    suite's table. `checked_on` tells on what the adapter was tried:
    a copy of the layout, or the real data with the date.
    """

    name: str
    title: str
    read: Reader
    labels: tuple[str, ...]
    splits: tuple[str, ...]
    score: str
    licence: str
    citation: str
    layout: str
    protocol: Protocol = Protocol()
    dimensions: tuple[str, ...] = ()
    ranges: tuple[float, float] | None = None
    scales: Mapping[str, tuple[float, float]] = field(default_factory=lambda: MappingProxyType({}))
    main_score: str = "accuracy"
    published: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    remarks: tuple[str, ...] = ()
    checked_on: str = "copy of the layout"

    @property
    def scale_of(self) -> dict[str, tuple[float, float]]:
        """The smallest and the largest value of each dimension."""
        return {name: self.scales.get(name, self.ranges) for name in self.dimensions if self.ranges}


def picture(name: str, path: str, labels: tuple[int, ...] = (), **more: Any) -> ImageRecord:
    """The record of a picture of a benchmark.

    Args:
        name: The benchmark.
        path: Relative to its folder, with forward slashes; it is the id and the group unless `more` has them.
        labels: Indices into the benchmark's labels.
        more: Other fields of the record.
    """
    values = {
        "id": path,
        "group": path,
        "tags": (),
        "unseen": (),
        "source": name,
        "licence": "",
        "sha256": "",
        **more,
    }
    return ImageRecord(path=path, labels=labels, **values)
