"""SHARDS, opened as a data set: the tables of a DATASET, and pictures in tar files, here or in some storage.

shards.json                       the shards, their sums, and which data set they were made of
dataset.json, *.json, *.parquet   as in a DATASET; the tables say in which shard a picture lies, and where
train-000000.tar ...              WebDataset: KEY.json and KEY.EXT of each picture

Shape letters: N = records of a split.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from emotionnet.data.record_tables import PLACES
from emotionnet.data.shards.index import SHARDS, ShardIndex, parsed_index, read_index
from emotionnet.data.shards.member import MAX_PICTURE, PictureFile, Shard, ShardMember
from emotionnet.data.shards.remote import cached_shard, fetch, is_url, read_remote
from emotionnet.data.shards.writer import BLOCK
from emotionnet.data.store import FILES, MARKER, Dataset, read_dataset
from emotionnet.files import cache_folder, made_alone, read_object, sha256, write_bytes
from emotionnet.progress import track
from emotionnet.records import SPLITS, DataError

_MEMBER = r"^[0-9A-Za-z_][0-9A-Za-z_.-]*$"  # becomes part of the names of files


@dataclass(frozen=True)
class ShardDataset(Dataset):
    """A data set whose pictures lie in shards.

    `place` is the folder or URL of the shards; `root` holds the tables, of a URL their copies.
    """

    place: str
    index: ShardIndex

    @cached_property
    def content_hash(self) -> str:
        """That of the data set it was made of, as long as tables and words are as they were written."""
        return self.index.origin.content_hash if self._is_as_written else super().content_hash

    def split_hash(self, split: str) -> str:
        """That of the data set it was made of, as `content_hash`."""
        known = self.index.origin.split_hashes
        return known[split] if self._is_as_written and split in known else super().split_hash(split)

    @cached_property
    def _is_as_written(self) -> bool:
        if sha256(self.root / MARKER) != self.index.dataset_sha256:
            return False
        listed = self.info.get("files")
        return isinstance(listed, dict) and all(
            (self.root / name).is_file() and sha256(self.root / name) == listed.get(name) for name in FILES
        )

    def picture(self, path: str, name: str) -> PictureFile:
        """The member of a shard that a record's path stands for.

        Raises:
            DataError: The tables are broken, or no shard holds it.
        """
        found = self._members.get(path)
        if found is None:
            raise DataError(f"{name}: {path} must lie in a shard of {self.place}; none holds it")
        return found

    def local_picture(self, path: str, name: str) -> Path:  # noqa: ARG002
        raise DataError(
            f"{name}: its picture lies in the shards of {self.place}; give the DATASET that they were made of"
        )

    def pictures(self) -> tuple[ShardMember, ...]:
        """Every picture once, shard by shard, as it lies there."""
        place = {shard: number for number, shard in enumerate(self._shards.values())}
        every = dict.fromkeys(self._members.values())
        return tuple(sorted(every, key=lambda member: (place[member.shard], member.offset)))

    def shard_numbers(self, split: str) -> npt.NDArray[np.int64]:
        """Of each record of a split the number of the shard that holds its picture; shape (N,)."""
        names = [one.name for one in self.index.shards if one.split == split]
        table = self.table(split)
        self._require_places(split, table)
        numbers = table["shard"].replace_strict(names, range(len(names)), return_dtype=pl.Int64())
        return numbers.to_numpy().copy()

    def place_faults(self) -> tuple[str, ...]:
        """One line for each fault of the places in the tables; where there is any, no picture can be read."""
        try:
            self.pictures()
        except DataError as error:
            return error.faults
        return ()

    def faults(self) -> Iterator[str]:
        """One line for each shard, table or description that is not what was written; every byte is read.

        Of a URL the shards are fetched, also those that were fetched before.

        Raises:
            DataError: There are `place_faults`.
        """
        placed = Counter(picture.shard for picture in self.pictures())
        for one in self.index.shards:
            if (found := placed[self._shards[one.name]]) != one.samples:
                yield (
                    f"{self._shards[one.name].place}: must hold {one.samples:,} samples, as {SHARDS} lists; "
                    f"{one.split}.parquet places {found:,} pictures in it"
                )
        if not self._is_as_written:
            yield f"{self.root / MARKER}: must have the sha256 that {SHARDS} lists; it was changed"
        for one in track(self.index.shards, "Checking shards"):
            try:
                if is_url(self.place):
                    cached_shard(self._shards[one.name].place, one.bytes, one.sha256, anew=True)
                    continue
                path = self.root / one.name
                if (path.stat().st_size, sha256(path)) != (one.bytes, one.sha256):
                    yield f"{path}: must have the size and the sha256 that {SHARDS} lists; it was changed"
            except DataError as error:
                yield from error.faults
            except OSError as error:
                yield f"{path}: shard cannot be read ({error.strerror or error})"

    def require_readers(self, split: str, *, processes: int, workers: int) -> None:
        """Check that no reader of a training has to share its only shard.

        Args:
            split: The split that is trained on.
            processes: That train.
            workers: Loader processes of each; 0: it loads by itself.

        Raises:
            DataError: There are fewer shards than readers.
        """
        count, readers = sum(one.split == split for one in self.index.shards), processes * max(1, workers)
        if count < readers:
            raise DataError(
                f"{self.place}: shards of {split} must be at least as many as readers ({processes} processes "
                f"x {max(1, workers)} workers = {readers}); got {count}: shard with fewer --samples, or "
                "lower data.workers"
            )

    @cached_property
    def _shards(self) -> dict[str, Shard]:
        base = self.place.rstrip("/")
        return {one.name: Shard(f"{base}/{one.name}", one.bytes, one.sha256) for one in self.index.shards}

    @cached_property
    def _members(self) -> dict[str, ShardMember]:
        """By the path that a picture had in the data set of its origin."""
        found: dict[str, ShardMember] = {}
        for split in SPLITS:
            table = self.table(split)
            self._require_places(split, table)
            for path, shard, *where in table.select("path", *PLACES.names()).iter_rows():
                found[path] = ShardMember(self._shards[shard], *where)
        if not is_url(self.place):
            self._require_inside()
        return found

    def _require_places(self, split: str, table: pl.DataFrame) -> None:
        """Check that the table places every picture inside a shard of its split."""
        source = f"{self.place}: {split}.parquet"
        if missing := [name for name in PLACES.names() if name not in table.columns]:
            raise DataError(
                f"{source}: must have the columns {', '.join(PLACES.names())}; {', '.join(missing)} missing"
            )
        sizes = {one.name: one.bytes for one in self.index.shards if one.split == split}
        if strays := sorted(set(table["shard"].to_list()) - sizes.keys(), key=str):
            raise DataError(
                f"{source}: shard must be one of the {split} split in {SHARDS}; got {strays[0]!r:.80}"
            )
        least, end = pl.col("offset") >= BLOCK, pl.col("shard").replace_strict(sizes, return_dtype=pl.Int64())
        fits = least & pl.col("size").is_between(0, MAX_PICTURE) & (pl.col("offset") <= end - pl.col("size"))
        faults = table.filter(~(fits & pl.col("member").str.contains(_MEMBER)).fill_null(False))
        if not faults.is_empty():
            row = faults.row(0, named=True)
            raise DataError(
                f"{source}: a picture must lie inside its shard, at most {MAX_PICTURE:,} bytes of it; "
                f"got {row['size']} bytes from {row['offset']} of {row['shard']} for {row['id']!r:.80}"
            )

    def _require_inside(self) -> None:
        """Check that no shard is a link to somewhere else."""
        base = os.path.realpath(self.root)
        for name in self._shards:
            if os.path.dirname(os.path.realpath(self.root / name)) != base:  # noqa: PTH120
                raise DataError(
                    f"{self.root / name}: must lie in the folder of the shards; it is a link out of it"
                )


def open_shards(root: str | Path) -> ShardDataset:
    """Open SHARDS in a folder or at a URL that fsspec knows.

    Of a URL the tables are copied into `files.cache_folder()`; a shard comes when a picture of it is read.

    Raises:
        DataError: A file is missing, broken or not the one that is listed.
    """
    folder = _described(str(root).rstrip("/")) if is_url(root) else Path(root)
    index = read_index(folder)
    plain = read_dataset(folder)
    parts = {part.name: getattr(plain, part.name) for part in fields(plain)}
    return ShardDataset(**parts, place=str(root), index=index)


def _described(url: str) -> Path:
    """A folder with copies of what describes the shards of a URL; it is made once."""
    content = read_remote(f"{url}/{SHARDS}")
    index = parsed_index(content, f"{url}/{SHARDS}")
    folder = cache_folder() / "shards" / hashlib.sha256(content).hexdigest()
    with made_alone(folder):
        if not (folder / SHARDS).is_file():  # it is written last
            folder.mkdir(exist_ok=True)
            fetch(f"{url}/{MARKER}", folder / MARKER, index.dataset_sha256)
            listed = read_object(folder / MARKER).get("files")
            for name in FILES:
                fetch(
                    f"{url}/{name}",
                    folder / name,
                    str(listed.get(name) if isinstance(listed, dict) else None),
                )
            write_bytes(folder / SHARDS, content)
    return folder
