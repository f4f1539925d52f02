"""From a data set to SHARDS."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from PIL import Image

from emotionnet.data.dataset_writing import write_dataset
from emotionnet.data.finding import SUFFIXES
from emotionnet.data.folds import read_rejects
from emotionnet.data.picture import FORMATS, faults
from emotionnet.data.picture_files import content_of
from emotionnet.data.record_tables import OPTIONAL, PLACES
from emotionnet.data.shards.dataset import ShardDataset, open_shards
from emotionnet.data.shards.index import SHARDS, Origin, ShardIndex, ShardInfo, read_index, write_index
from emotionnet.data.shards.writer import ShardWriter
from emotionnet.data.store import FILES, MARKER, REJECTS_SCHEMA, VOCABULARIES, Dataset
from emotionnet.files import new_folder, sha256
from emotionnet.progress import track
from emotionnet.records import SPLITS, DataError, ImageRecord

SAMPLES, BYTES = 10_000, 10**9  # of a shard, at most

_Row = tuple[str, str, str, int, int]  # sha256, shard, member, offset, size


def write_shards(
    dataset: Dataset, out: Path, *, samples: int = SAMPLES, size: int = BYTES, overwrite: bool = False
) -> ShardDataset:
    """Write a data set as WebDataset tar files with an index; the same data set makes the same bytes.

    Training pictures are shuffled once, by the data set's own seed, so that whoever reads a shard from
    beginning to end sees a mix; the others stay in their order. Tables keep theirs.

    Args:
        dataset: Whatever `open_data` opens; its splits are kept.
        out: The SHARDS folder.
        samples: The most pictures of a shard.
        size: The most bytes of a shard; one with a single picture may have more.
        overwrite: Replace earlier SHARDS.

    Raises:
        DataError: A picture is missing, or was changed since it was curated, or `out` may not be written;
            nothing is.
    """
    if samples < 1 or size < 1:
        raise DataError(f"a shard must hold at least one sample and one byte; got {samples} and {size}")
    with new_folder(out, parts=_parts(out), overwrite=overwrite) as folder:
        infos: list[ShardInfo] = []
        tables = {}
        for split in SPLITS:
            rows: dict[str, _Row] = {}
            infos += _Making(dataset, folder, split, samples, size).write(rows)
            tables[split] = _placed(dataset.table(split), rows)
        write_dataset(
            folder,
            info=dataset.info,
            words={name: getattr(dataset, name) for name in VOCABULARIES},
            tables=tables,
            rejects=[_rejects(dataset)],
        )
        hashes = {split: dataset.split_hash(split) for split in SPLITS}
        origin = Origin(content_hash=dataset.content_hash, split_hashes=hashes)
        index = ShardIndex(dataset_sha256=sha256(folder / MARKER), origin=origin, shards=tuple(infos))
        write_index(folder, index)
    return open_shards(out)


@dataclass
class _Making:
    """One split on its way into shards."""

    dataset: Dataset
    folder: Path
    split: str
    samples: int
    size: int

    def write(self, rows: dict[str, _Row]) -> Iterator[ShardInfo]:
        """Write its pictures; says in `rows`, by path, where each lies, and gives each shard that is full."""
        of_path: dict[str, list[ImageRecord]] = {}
        for record in self.dataset.checked_records(self.split):
            of_path.setdefault(record.path, []).append(record)  # several persons may share a picture
        todo = [(number, path) for number, path in enumerate(of_path)]
        if self.split == "train":
            order = np.random.default_rng(_seed(self.dataset)).permutation(len(todo))
            todo = [todo[place] for place in order]
        with ExitStack() as opened:
            writer, count, made = None, 0, 0
            for number, path in track(todo, f"shards of {self.split}"):
                picture, digest = _content(self.dataset, of_path[path][0])
                about = _about(self.dataset, of_path[path], digest)
                if writer is not None and (
                    count == self.samples or writer.end_with(picture, about) > self.size
                ):
                    yield self._finished(writer, count)
                    writer = None
                if writer is None:
                    writer = opened.enter_context(ShardWriter(self.folder / f"{self.split}-{made:06d}.tar"))
                    count, made = 0, made + 1
                key, ending = f"{self.split}-{number:09d}", _ending(path, picture)
                offset = writer.add(key, ending, picture, about)
                rows[path] = digest, writer.path.name, f"{key}.{ending}", offset, len(picture)
                count += 1
            if writer is not None:
                yield self._finished(writer, count)

    def _finished(self, writer: ShardWriter, count: int) -> ShardInfo:
        size, digest = writer.finish()
        return ShardInfo.model_validate(
            {"name": writer.path.name, "split": self.split, "samples": count, "bytes": size, "sha256": digest}
        )


def _parts(out: Path) -> tuple[str, ...]:
    """All that earlier SHARDS hold."""
    known = read_index(out).shards if (out / SHARDS).is_file() else ()
    return SHARDS, MARKER, *FILES, *(one.name for one in known)


def _rejects(dataset: Dataset) -> pl.DataFrame:
    if (dataset.root / MARKER).is_file():
        return read_rejects(dataset.root / "rejects.parquet")
    return pl.DataFrame(schema=REJECTS_SCHEMA)


def _seed(dataset: Dataset) -> int:
    seed = dataset.info.get("seed", 0)
    return seed % 2**32 if isinstance(seed, int) else 0


def _content(dataset: Dataset, record: ImageRecord) -> tuple[bytes, str]:
    """A picture's bytes and their SHA-256."""
    content = content_of(dataset.image_path(record))
    digest = hashlib.sha256(content).hexdigest()
    if record.sha256 not in ("", digest):
        raise DataError(f"{record.id}: {record.path} must have the sha256 {record.sha256}; it was changed")
    return content, digest


def _ending(path: str, content: bytes) -> str:
    """Of the file's name where that is one of a picture; else as the content tells."""
    suffix = Path(path).suffix.lower()
    if suffix in SUFFIXES:
        return suffix[1:]
    with faults(path), Image.open(io.BytesIO(content), formats=FORMATS) as image:
        return str(image.format).lower()


def _about(dataset: Dataset, records: Sequence[ImageRecord], digest: str) -> dict[str, Any]:
    """What KEY.json says of a picture: its record in words; of several persons each under `persons`."""
    told = [in_words(dataset, record) for record in records]
    shared = {"sha256": digest, "path": records[0].path}
    return {**told[0], **shared} if len(told) == 1 else {**shared, "persons": told}


def in_words(dataset: Dataset, record: ImageRecord) -> dict[str, Any]:
    """What the sample of a record says of it, in JSON values: words in place of their numbers."""
    names: Mapping[str, Sequence[str]] = {
        "labels": dataset.emotion_names,
        "tags": dataset.tag_names,
        "unseen": dataset.unseen_names,
    }
    words = {column: [known[index] for index in getattr(record, column)] for column, known in names.items()}
    given = {name: value for name in OPTIONAL if (value := getattr(record, name))}
    return {
        "id": record.id,
        "group": record.group,
        "source": record.source,
        "licence": record.licence,
        **words,
        **given,
    }


def _placed(table: pl.DataFrame, rows: Mapping[str, _Row]) -> pl.DataFrame:
    """A table of records that says where each picture lies."""
    found = [rows[path] for path in table["path"].to_list()]
    places = pl.DataFrame(found, schema={"sha256": pl.String(), **PLACES}, orient="row")
    return table.with_columns(places.get_columns())
