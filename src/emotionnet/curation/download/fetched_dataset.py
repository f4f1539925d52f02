"""A DATASET whose pictures were URLs, written again now that they are here: as files, or in shards."""

from __future__ import annotations

import contextlib
import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import polars as pl

from emotionnet.curation.download.ledger import Ledger
from emotionnet.curation.download.shards import ended_shards
from emotionnet.data.dataset_writing import write_dataset
from emotionnet.data.folds import read_rejects
from emotionnet.data.record_tables import PLACES
from emotionnet.data.shards.index import SHARDS, Origin, ShardIndex, write_index
from emotionnet.data.store import FILES, MARKER, VOCABULARIES, Dataset, read_dataset
from emotionnet.files import link_file, sha256
from emotionnet.records import SPLITS, DataError

BESIDE = "dataset"  # part of the name of the folder that is written first
_FOUND = {
    "id": pl.String(),
    "lost": pl.String(),
    "new_path": pl.String(),
    "new_sha256": pl.String(),
    **PLACES,
}


def require_all_urls(source: Path) -> None:
    """Check that no picture of a DATASET is a file of its own, which no shard would hold.

    Raises:
        DataError: One is; names it.
    """
    dataset = read_dataset(source)
    for split in SPLITS:
        files = dataset.table(split).filter(~_is_url())["path"]
        if len(files):
            raise DataError(
                f"{source}: every picture must be a URL where store is 'shards'; got {files[0]}: fetch them "
                "as files, then 'data shard' what came of it"
            )


def write_fetched_dataset(ledger: Ledger, source: Path, out: Path, *, in_shards: bool) -> None:
    """Write the tables of a DATASET again; records whose picture did not come are rejects.

    Args:
        ledger: What came.
        source: The DATASET.
        out: Where the pictures lie.
        in_shards: Whether they lie in shards.

    Raises:
        DataError: `source` is no DATASET any more, or a picture of its own cannot be linked or copied.
    """
    dataset = read_dataset(source)
    found = pl.DataFrame(list(_by_record(ledger)), schema=_FOUND, orient="row")
    tables, rejects = {}, [read_rejects(source / "rejects.parquet")]
    for split in SPLITS:
        table = dataset.table(split).join(found, on="id", how="left", maintain_order="left")
        if in_shards:
            strays = (pl.col("lost") == "") & ~pl.col("shard").str.starts_with(f"{split}-")
            reason = pl.lit("the download: its picture is one of another split")
            table = table.with_columns(lost=pl.when(strays).then(reason).otherwise("lost"))
        rejects.append(table.filter(pl.col("lost") != "").select("id", reason="lost"))
        here = table.filter(pl.when(_is_url()).then(pl.col("lost") == "").otherwise(True))
        for path in here.filter(~_is_url())["path"]:
            own = dataset.local_picture(path, path)  # inside its folder, so that `out / path` is inside too
            if not (out / path).exists():
                link_file(own, out / path)
        here = here.with_columns(
            path=pl.coalesce("new_path", "path"), sha256=pl.coalesce("new_sha256", "sha256")
        )
        tables[split] = here if in_shards else here.drop(PLACES.names())
    with _written_into(out) as beside:
        write_dataset(
            beside,
            info={**dataset.info, "licences": _licences(pl.concat(tables.values()))},
            words={name: getattr(dataset, name) for name in VOCABULARIES},
            tables=tables,
            rejects=rejects,
        )
        if in_shards:
            _list_shards(ledger, beside)


def _is_url() -> pl.Expr:
    return pl.col("path").str.contains("://", literal=True)


def _licences(table: pl.DataFrame) -> list[dict[str, object]]:
    counts = table.group_by("source", "licence").len().sort("source", "licence")
    return [{"source": name, "licence": kind, "pictures": count} for name, kind, count in counts.iter_rows()]


def _list_shards(ledger: Ledger, folder: Path) -> None:
    """Write `shards.json`; a RUN will know the data set by what its tables hold."""
    written: Dataset = read_dataset(folder)
    hashes = {split: written.split_hash(split) for split in SPLITS}
    shards = tuple(one for split in SPLITS for one in ended_shards(ledger, split))
    origin = Origin(content_hash=written.content_hash, split_hashes=hashes)
    write_index(folder, ShardIndex(dataset_sha256=sha256(folder / MARKER), origin=origin, shards=shards))


@contextlib.contextmanager
def _written_into(out: Path) -> Iterator[Path]:
    """A folder to fill; its files move into `out` when all went well, those that tell of others last."""
    beside = Path(tempfile.mkdtemp(dir=out, prefix=f".{BESIDE}."))
    try:
        yield beside
        for name in (SHARDS, MARKER):  # half of the old and half of the new are no DATASET
            (out / name).unlink(missing_ok=True)
        for name in (*FILES, MARKER, SHARDS):
            if (beside / name).exists():
                (beside / name).replace(out / name)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _by_record(ledger: Ledger) -> Iterator[tuple[str | int | None, ...]]:
    """Rows with the columns of `_FOUND`; lost: why there is no picture, empty where there is one."""
    query = (
        "SELECT record, state, reason, path, sha256, shard, member, start, bytes "
        "FROM records JOIN urls ON records.url = urls.id"
    )
    for record, state, reason, path, digest, *place in ledger.select(query):
        if state in ("stored", "duplicate"):
            yield json.loads(record)["id"], "", path, digest.hex(), *place
        else:
            yield json.loads(record)["id"], f"the download {state}: {reason}", *[None] * (len(_FOUND) - 2)
