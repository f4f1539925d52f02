"""The DATASET folder, read; `dataset_writing` writes it.

dataset.json                     name, source, licences, counts, config, versions, sha256 of each table
    emotions.json  tags.json  unseen.json     ordered words with counts
    train.parquet  val.parquet  test.parquet  one row per picture, see `record_tables`
    rejects.parquet                  id, reason
    funnel.png                       what each step of curation kept
    images/
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import polars as pl

from emotionnet.data.record_tables import read_records_table, record_of
from emotionnet.data.shards.member import PictureFile
from emotionnet.files import read_json, read_object, sha256
from emotionnet.records import SPLITS, DataError, ImageRecord, Word, is_name

MARKER = "dataset.json"
VOCABULARIES = ("emotions", "tags", "unseen")
TABLES = tuple(f"{split}.parquet" for split in SPLITS)
FILES = (*(f"{name}.json" for name in VOCABULARIES), *TABLES, "rejects.parquet")
PARTS = (MARKER, *FILES, "funnel.png", "images")
DIMENSIONS = ("valence", "arousal", "dominance")  # of a data set that does not name its own
REJECTS_SCHEMA = pl.Schema({"id": pl.String(), "reason": pl.String()})


@dataclass(frozen=True)
class Dataset:
    """A data set on disk, opened: its words, and its records by split."""

    root: Path
    info: Mapping[str, Any]
    emotions: tuple[Word, ...]
    tags: tuple[Word, ...]
    unseen: tuple[Word, ...]

    @property
    def name(self) -> str:
        return str(self.info.get("name", self.root.name))

    @property
    def emotion_names(self) -> tuple[str, ...]:
        return tuple(word.name for word in self.emotions)

    @property
    def tag_names(self) -> tuple[str, ...]:
        return tuple(word.name for word in self.tags)

    @property
    def unseen_names(self) -> tuple[str, ...]:
        return tuple(word.name for word in self.unseen)

    @property
    def dimension_names(self) -> tuple[str, ...]:
        """What the records' `dimensions` are, in order; empty where no record has any.

        As `dataset.json` names them; else valence, arousal and dominance, as far as the records go.

        Raises:
            DataError: As `table`, or there are other names than dimensions.
        """
        sizes = {len(row) for split in SPLITS for row in self._dimensions(split) if row is not None}
        size = max(sizes, default=0)
        names = self.info.get("dimensions") or DIMENSIONS[:size]
        fits = isinstance(names, (list, tuple)) and all(is_name(name) for name in names)
        if not fits or len(set(names)) != len(names) or not sizes <= {0, len(names)}:
            found = f"{names!r} for {' or '.join(map(str, sorted(sizes)))} values of a picture"
            raise DataError(f"{self.root}: dimensions must have one name each; got {found}")
        return tuple(names) if size else ()

    def _dimensions(self, split: str) -> Sequence[Any]:
        table = self.table(split)
        return table["dimensions"].to_list() if "dimensions" in table.columns else ()

    @property
    def licences(self) -> dict[str, str]:
        """The licence or licences of the pictures of each source."""
        entries = [(str(entry["source"]), str(entry["licence"])) for entry in self.info.get("licences", [])]
        sources = dict.fromkeys(source for source, _ in entries)
        return {
            source: ", ".join(licence for name, licence in entries if name == source) for source in sources
        }

    @cached_property
    def content_hash(self) -> str:
        """SHA-256 over the hashes of all tables, which hold those of the pictures, and of the words.

        Of the files as they lie there; what `dataset.json` says of them is for `data check` to compare.
        """
        present = [name for name in FILES if (self.root / name).is_file()]
        listing = json.dumps({name: sha256(self.root / name) for name in present}, sort_keys=True)
        return hashlib.sha256(listing.encode()).hexdigest()

    def split_hash(self, split: str) -> str:
        """SHA-256 over the pictures of one split, in whatever order, files and labels they come.

        Each is known by its own SHA-256, or by its id where it was not fetched.

        Raises:
            DataError: As `table`.
        """
        pictures = sorted(record.sha256 or record.id for record in self.unchecked_records(split))
        return hashlib.sha256("\n".join(pictures).encode()).hexdigest()

    def table(self, split: str) -> pl.DataFrame:
        """The rows of one split, in file order, columns as `record_tables` has them.

        Raises:
            DataError: The split is unknown, or its table missing, broken or of other columns.
        """
        if split not in SPLITS:
            raise DataError(f"split must be one of {', '.join(SPLITS)}; got {split!r}")
        return read_records_table(self.root / f"{split}.parquet")

    def records(self, split: str) -> tuple[ImageRecord, ...]:
        """The records of one split, in file order; it may not be empty.

        Raises:
            DataError: As `table`, or the split is empty or an index is out of range.
        """
        records = self.checked_records(split)
        if not records:
            raise DataError(
                f"{self._source(split)}: the {split} split must hold at least one picture; it is empty"
            )
        return records

    def checked_records(self, split: str) -> tuple[ImageRecord, ...]:
        """The records of one split, in file order; there may be none.

        Raises:
            DataError: As `table`, or an index is out of range.
        """
        records = self.unchecked_records(split)
        faults = [fault for record in records for fault in self.range_faults(record)]
        if faults:
            raise DataError(f"{self._source(split)}: {fault}" for fault in faults[:10])
        return records

    def _source(self, split: str) -> Path:
        """Where the records of a split come from, for messages."""
        return self.root / f"{split}.parquet"

    def unchecked_records(self, split: str) -> tuple[ImageRecord, ...]:
        """The records of one split as they stand, for those who look for faults.

        Raises:
            DataError: As `table`.
        """
        return tuple(record_of(row) for row in self.table(split).iter_rows(named=True))

    def range_faults(self, record: ImageRecord) -> list[str]:
        """One line for each label, tag or unseen index that no word stands for."""
        columns = (
            ("labels", record.labels, self.emotions),
            ("tags", record.tags, self.tags),
            ("unseen", record.unseen, self.unseen),
        )
        faults = [
            f"{record.id}: {column} must be in 0..{len(words) - 1}; got {index}"
            for column, indices, words in columns
            for index in indices
            if index is None or not 0 <= index < len(words)
        ]
        weights = record.label_weights
        fit = len(weights) == len(record.labels) and all(w is not None and 0 <= w < math.inf for w in weights)
        if weights and not fit:
            faults.append(
                f"{record.id}: label_weights must be finite, at least 0 and one for each of "
                f"{len(record.labels)} labels; got {list(weights)}"
            )
        return faults

    def image_path(self, record: ImageRecord) -> PictureFile:
        """Where the picture lies; it may be missing.

        Raises:
            DataError: As `picture`.
        """
        return self.picture(record.path, record.id)

    def picture(self, path: str, name: str) -> PictureFile:
        """As `image_path`, of a record's path and id.

        Raises:
            DataError: The picture is a URL, or its path leaves the data set's folder.
        """
        return self.local_picture(path, name)

    def local_picture(self, path: str, name: str) -> Path:
        """As `picture`, for those who need a file of its own.

        Raises:
            DataError: As `picture`, or the data set has no such files.
        """
        if "://" in path:
            raise DataError(f"{name}: {path} is a URL; fetch it and curate again with its path")
        place = self.root / path
        try:
            inside = place.resolve().is_relative_to(self.root.resolve())
        except (OSError, ValueError, RuntimeError) as error:  # a null byte, or links in a circle
            raise DataError(f"{name}: {path!r} cannot be read ({error})") from None
        if not inside:
            raise DataError(f"{name}: {path} leaves the folder {self.root}")
        return place


def read_dataset(root: Path) -> Dataset:
    """Open a DATASET folder.

    Raises:
        DataError: The folder or one of its files is missing or broken; names all of them.
    """
    if not root.is_dir():
        found = "is a file" if root.exists() else "does not exist"
        raise DataError(f"{root}: must be a DATASET folder; it {found}")
    if not (root / MARKER).is_file():
        raise DataError(f"{root}: must be a DATASET folder; it holds no {MARKER} ('data curate' writes one)")
    needed = [*(f"{name}.json" for name in VOCABULARIES), *TABLES]
    missing = [name for name in needed if not (root / name).is_file()]
    if missing:
        raise DataError(f"{root / name}: file not found" for name in missing)
    readers: dict[str, Callable[[], Any]] = {"info": partial(read_info, root)}
    readers |= {name: partial(_read_words, root / f"{name}.json") for name in VOCABULARIES}
    parts: dict[str, Any] = {}
    faults: list[str] = []
    for name, read in readers.items():
        try:
            parts[name] = read()
        except DataError as error:
            faults += error.faults
    if faults:
        raise DataError(faults)
    return Dataset(root=root, **parts)


def read_info(root: Path) -> dict[str, Any]:
    """What `dataset.json` says.

    Raises:
        DataError: It is missing, broken, or no JSON object.
    """
    info = read_object(root / MARKER)
    licences = info.get("licences", [])
    if not isinstance(licences, list) or not all(
        isinstance(entry, dict) and {"source", "licence"} <= set(entry) for entry in licences
    ):
        raise DataError(f'{root / MARKER}: licences must be a list of {{"source": ..., "licence": ...}}')
    for name, kind in (("counts", dict), ("name", str)):
        if not isinstance(info.get(name, kind()), kind):
            raise DataError(f"{root / MARKER}: {name} must be a JSON {kind.__name__}; got {info[name]!r}")
    return info


def _read_words(path: Path) -> tuple[Word, ...]:
    entries = read_json(path)
    try:
        words = tuple(Word(name=str(entry["name"]), count=int(entry["count"])) for entry in entries)
    except (TypeError, KeyError, ValueError, OverflowError):
        raise DataError(f'{path}: must be a list of {{"name": ..., "count": ...}}') from None
    if len({word.name for word in words}) != len(words):
        raise DataError(f"{path}: every word must stand once; some stand twice")
    return words
