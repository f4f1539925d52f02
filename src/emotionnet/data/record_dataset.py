"""A data set whose records are held in memory: what is made of a source that is no DATASET folder."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl

from emotionnet.data.benchmarks.benchmark import ALL
from emotionnet.data.listing import Listing
from emotionnet.data.picture_files import picture_sizes
from emotionnet.data.record_tables import table_of
from emotionnet.data.splitting import VAL_SHARE, draw_splits, draw_val
from emotionnet.data.store import Dataset
from emotionnet.progress import message
from emotionnet.records import SPLITS, DataError, ImageRecord, Word, is_name

_HASHED = ("id", "path", "labels", "label_weights", "tags", "group", "box", "dimensions")


@dataclass(frozen=True)
class RecordDataset(Dataset):
    """Pictures where they lie, and their records by split.

    `sizes` are the files' sizes in bytes by path. `drawn` tells how the splits were drawn; it is None where
    the files give them all.
    """

    held: Mapping[str, tuple[ImageRecord, ...]] = field(default_factory=dict)
    sizes: Mapping[str, int] = field(default_factory=dict)
    drawn: Mapping[str, Any] | None = None

    @cached_property
    def content_hash(self) -> str:
        """SHA-256 over the words and every record with its split and its file's size, in whatever order.

        The pictures are not read for it: of 100,000 that would take minutes each time.
        """
        lines = sorted(
            repr((split, self.sizes[record.path], *(getattr(record, name) for name in _HASHED)))
            for split in SPLITS
            for record in self.unchecked_records(split)
        )
        words = repr((self.emotion_names, self.tag_names, self.info["dimensions"]))
        return hashlib.sha256("\n".join([words, *lines]).encode()).hexdigest()

    def split_hash(self, split: str) -> str:
        """SHA-256 over the ids and sizes of the pictures of one split, in whatever order they come.

        Raises:
            DataError: The split is unknown.
        """
        lines = sorted(f"{self.sizes[record.path]} {record.id}" for record in self.unchecked_records(split))
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()

    def table(self, split: str) -> pl.DataFrame:
        return table_of(self.unchecked_records(split))

    def unchecked_records(self, split: str) -> tuple[ImageRecord, ...]:
        if split not in SPLITS:
            raise DataError(f"split must be one of {', '.join(SPLITS)}; got {split!r}")
        return self.held.get(split, ())

    def _dimensions(self, split: str) -> Sequence[Any]:
        return [record.dimensions for record in self.unchecked_records(split)]  # a table would take seconds

    def _source(self, split: str) -> Path:  # noqa: ARG002
        return self.root

    def local_picture(self, path: str, name: str) -> Path:
        """Where the picture lies; that it does, inside the folder, was seen when the data set was opened."""
        return self.root / path if path in self.sizes else super().local_picture(path, name)

    def plan(self) -> dict[str, Any] | None:
        """How splits were drawn and the ids of each, for a run to keep; None where the files give them."""
        if self.drawn is None:
            return None
        ids = {split: [record.id for record in self.unchecked_records(split)] for split in SPLITS}
        return {**self.drawn, "splits": ids}

    def share_in(self, split_of: Mapping[str, str]) -> float:
        """The share of all pictures, 0 to 1, whose id is among those that splits were drawn for."""
        ids = [record.id for split in SPLITS for record in self.unchecked_records(split)]
        return sum(name in split_of for name in ids) / len(ids)

    def assigned(self, split_of: Mapping[str, str]) -> RecordDataset:
        """The same pictures in splits that were drawn before; one that has none is left out with a message.

        Args:
            split_of: The split by id.

        Raises:
            DataError: No picture has one.
        """
        place = {path: number for number, path in enumerate(self.sizes)}  # as the files have them
        records = [record for split in SPLITS for record in self.unchecked_records(split)]
        records.sort(key=lambda record: place[record.path])
        strays = [record.id for record in records if record.id not in split_of]
        if len(strays) == len(records):
            raise DataError(
                f"{self.root}: some pictures must be among those that splits were drawn for; none is"
            )
        _left_out(self.root, strays, "are not among those that splits were drawn for")
        held = _by_split(records, split_of)
        return _built(self, held)


def dataset_of(
    listing: Listing, *, seed: int, fold: int = 0, assigned: Mapping[str, str] | None = None
) -> RecordDataset:
    """Make a data set of what a reader listed: pictures that are there and labelled, all in splits.

    Args:
        listing: What the reader gave.
        seed: Seed of splits that its files do not give.
        fold: Which fold is the test split, where the protocol has folds.
        assigned: Splits by id, in place of the seed's.

    Raises:
        DataError: No picture is left, an id stands twice, or there is no such fold.
    """
    sizes = picture_sizes(listing.root, (record.path for rows in listing.records.values() for record in rows))
    usable = _usable(listing, sizes)
    _require_single_ids(listing.root, usable)
    held, drawn = _in_splits(listing, usable, seed=seed, fold=fold)
    _tell_of_splits(listing.root, held)
    bare = RecordDataset(
        root=listing.root,
        info={
            "name": listing.name,
            "format": listing.form,
            "licence": listing.licence,
            "dimensions": list(listing.dimensions),
            "ranges": {name: list(ends) for name, ends in listing.ranges.items()},
        },
        emotions=tuple(Word(name, 0) for name in listing.labels),
        tags=tuple(Word(name, 0) for name in listing.tags),
        unseen=(),
        sizes=sizes,
        drawn=drawn,
    )
    dataset = _built(bare, held)
    return dataset if assigned is None else dataset.assigned(assigned)


def _left_out(root: Path, names: Sequence[str], why: str) -> None:
    if names:
        message(f"{root}: {len(names)} pictures are left out, since they {why}; first {names[0]!a:.200}")


def _usable(listing: Listing, sizes: Mapping[str, int]) -> dict[str, list[ImageRecord]]:
    """The records whose picture is there, spelled in UTF-8, and has a label or dimensions."""
    missing: list[str] = []
    unlabelled: list[str] = []
    odd: list[str] = []
    kept: dict[str, list[ImageRecord]] = {}
    for split, records in listing.records.items():
        kept[split] = []
        for record in records:
            if not is_name(record.path):
                odd.append(record.path)
            elif record.path not in sizes:
                missing.append(record.path)
            elif not record.given_labels and not record.dimensions:
                unlabelled.append(record.path)
            else:
                kept[split].append(record)
    if not any(kept.values()):
        listed = sum(len(records) for records in listing.records.values())
        first = f", first missing {missing[0]!a:.200}" if missing else ""
        raise DataError(
            f"{listing.root}: must hold a labelled picture; of {listed} that are listed {len(missing)} are "
            f"not there and {len(unlabelled)} have no label{first}"
        )
    _left_out(listing.root, missing, "are not there")
    _left_out(listing.root, unlabelled, "have no label")
    _left_out(listing.root, odd, "have names that are not spelled in UTF-8")
    return kept


def _require_single_ids(root: Path, by_split: Mapping[str, Sequence[ImageRecord]]) -> None:
    counts = Counter(record.id for records in by_split.values() for record in records)
    twins = [name for name, count in counts.items() if count > 1]
    if twins:
        raise DataError(f"{root}: id must stand once; {name!a:.200} stands twice" for name in twins[:10])


def _in_splits(
    listing: Listing, given: Mapping[str, list[ImageRecord]], *, seed: int, fold: int
) -> tuple[dict[str, tuple[ImageRecord, ...]], dict[str, Any] | None]:
    """The records by split, and how splits were drawn; those of the files stay as they are."""
    present = [split for split in SPLITS if listing.records.get(split)]  # though no file may be there
    protocol = listing.protocol
    if ALL in given or present == ["train"]:
        records = [record for rows in given.values() for record in rows]
        of_group = draw_splits(records, protocol, seed=seed, fold=fold)
        return _by_split(records, {record.id: of_group[record.group] for record in records}), {
            "seed": seed,
            "fold": fold,
            "protocol": asdict(protocol),
        }
    held = {split: tuple(given.get(split, ())) for split in SPLITS}
    if "val" in present or "train" not in present:
        return held, None
    of_group = draw_val(held["train"], seed=seed)
    parts = _by_split(held["train"], {record.id: of_group[record.group] for record in held["train"]})
    plan = {"seed": seed, "fold": 0, "protocol": {"val": VAL_SHARE}}
    return {**parts, "test": held["test"]}, plan


def _by_split(
    records: Iterable[ImageRecord], split_of: Mapping[str, str]
) -> dict[str, tuple[ImageRecord, ...]]:
    held: dict[str, list[ImageRecord]] = {split: [] for split in SPLITS}
    for record in records:
        if record.id in split_of:
            held[split_of[record.id]].append(record)
    return {split: tuple(rows) for split, rows in held.items()}


def _tell_of_splits(root: Path, held: Mapping[str, Sequence[ImageRecord]]) -> None:
    empty = [split for split in SPLITS if not held[split]]
    if empty:
        message(f"{root}: no pictures are in {' and '.join(empty)}")
    splits: dict[str, set[str]] = {}
    for split in SPLITS:
        for record in held[split]:
            splits.setdefault(record.group, set()).add(split)
    torn = [group for group, found in splits.items() if len(found) > 1]
    if torn:
        message(f"{root}: {len(torn)} groups lie in two splits, as the files give; first {torn[0]!a:.200}")


def _built(dataset: RecordDataset, held: Mapping[str, tuple[ImageRecord, ...]]) -> RecordDataset:
    """The data set with these records, its words and pictures counted."""
    records = [record for split in SPLITS for record in held[split]]
    licence = dataset.info.get("licence", "unknown")
    counts: dict[str, int] = {split: len(held[split]) for split in SPLITS}
    counts |= {"rejects": 0, "emotions": len(dataset.emotions), "tags": len(dataset.tags), "unseen": 0}
    counts |= {f"{split}_groups": len({record.group for record in held[split]}) for split in SPLITS}
    pictures = Counter((record.source, record.licence or licence) for record in records)
    licences = [
        {"source": source, "licence": licence, "pictures": count}
        for (source, licence), count in sorted(pictures.items())
    ]
    return RecordDataset(
        root=dataset.root,
        info={**dataset.info, "licences": licences, "counts": counts},
        emotions=_counted(dataset.emotion_names, ((r.group, r.given_labels) for r in records)),
        tags=_counted(dataset.tag_names, ((r.group, r.tags) for r in records)),
        unseen=(),
        held=held,
        sizes=dataset.sizes,
        drawn=dataset.drawn,
    )


def _counted(names: Sequence[str], carried: Iterable[tuple[str, Iterable[int]]]) -> tuple[Word, ...]:
    pairs = {(group, index) for group, indices in carried for index in indices}
    counts = Counter(index for _, index in pairs)
    return tuple(Word(name, counts[index]) for index, name in enumerate(names))
