"""Open what holds pictures and labels as a data set: a DATASET or SHARDS, folders, a table, a benchmark."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from pathlib import Path

from emotionnet.config import SourceConfig
from emotionnet.config_files import HUB
from emotionnet.data.benchmarks.benchmark import Benchmark
from emotionnet.data.benchmarks.catalogue import BENCHMARKS
from emotionnet.data.hub_data import is_saved, read_hub_data
from emotionnet.data.image_folders import has_classes, read_folders
from emotionnet.data.image_tables import STEMS, SUFFIXES, read_table
from emotionnet.data.listing import Listing
from emotionnet.data.record_dataset import dataset_of
from emotionnet.data.shards.dataset import open_shards
from emotionnet.data.shards.index import SHARDS
from emotionnet.data.shards.naming import is_shards
from emotionnet.data.store import MARKER, Dataset, read_dataset
from emotionnet.records import DataError

FORMATS = ("auto", "dataset", "shards", "folders", "table", "hf")  # besides the names of benchmarks
_FORMS = (
    f"a DATASET ({MARKER}), a folder with one folder of pictures for each class, SHARDS ({SHARDS}) or their "
    f"URL, a table ({', '.join(SUFFIXES)}) or a folder with one that is called {', '.join(STEMS)}, a data "
    "set of the Hugging Face hub; or a benchmark that 'data benchmarks' lists, with its name as format"
)


def open_data(source: SourceConfig, *, assigned: Mapping[str, str] | None = None) -> Dataset:
    """Open a source as a data set with the splits train, val and test.

    Splits of the files are kept. Train without val gives a tenth of itself to val; pictures without any
    split, or all in train, are dealt out by the seed, a benchmark's by its protocol, others' 70 to 10 to 20.
    Pictures that are listed but not there, or have no label, are left out with a message.

    Args:
        source: Where and what it is, and the seed of splits that its files do not give.
        assigned: Splits by id, as an earlier run wrote them, in place of the seed's; a picture that it does
            not know is left out with a message. A DATASET has its own.

    Raises:
        DataError: It cannot be read; one line for each fault.
    """
    form = find_format(source.root, source.format)
    if form in ("dataset", "shards"):
        if source.fold:
            raise DataError(f"data.fold: must be 0 for a DATASET, which has its splits; got {source.fold}")
        return read_dataset(Path(source.root)) if form == "dataset" else open_shards(source.root)
    if form == "hf":
        listing = read_hub_data(str(source.root))
    elif form in BENCHMARKS:
        listing = read_benchmark(BENCHMARKS[form], Path(source.root))
    else:
        listing = _READERS[form](Path(source.root))
    return dataset_of(listing, seed=source.split_seed, fold=source.fold, assigned=assigned)


def find_format(root: str | Path, form: str = "auto") -> str:
    """The format of a source: that which is named, or what lies there tells.

    Raises:
        DataError: The format is unknown, or nothing tells it.
    """
    if form not in FORMATS and form not in BENCHMARKS:
        known = [*FORMATS, *BENCHMARKS]
        near = difflib.get_close_matches(form.lower(), known, n=1)
        meant = f"; did you mean {near[0]}?" if near else ""
        raise DataError(f"data.format: must be one of {', '.join(known)}; got {form!r:.80}{meant}")
    if form != "auto":
        return form
    if str(root).startswith(HUB):
        return "hf"
    if is_shards(root):
        return "shards"
    path = Path(root)
    if path.is_file():
        if path.suffix.lower() in SUFFIXES:
            return "table"
        raise DataError(f"{path}: must be {_FORMS}; it is a file with the ending {path.suffix or 'none'}")
    return _format_of_folder(path)


def _format_of_folder(root: Path) -> str:
    if not root.is_dir():
        raise DataError(f"{root}: must be {_FORMS}; it does not exist")
    if (root / MARKER).is_file():
        return "dataset"
    if is_saved(root):
        return "hf"
    if _tables(root):
        return "table"
    if has_classes(root):
        return "folders"
    names = sorted(entry.name for entry in root.iterdir())
    found = (
        f"it holds {', '.join(names[:5])}{' and more' if len(names) > 5 else ''}" if names else "it is empty"
    )
    raise DataError(f"{root}: must be {_FORMS}; {found}")


def _tables(root: Path) -> list[Path]:
    return [path for stem in STEMS for suffix in SUFFIXES if (path := root / f"{stem}{suffix}").is_file()]


def _read_any_table(root: Path) -> Listing:
    """A table, or the one that lies in a folder."""
    if not root.is_dir():
        return read_table(root)
    tables = _tables(root)
    if len(tables) != 1:
        names = ", ".join(path.name for path in tables) or "none"
        raise DataError(
            f"{root}: must hold one table ({', '.join(STEMS)}); found {names}: name the file itself"
        )
    return read_table(tables[0])


def read_benchmark(benchmark: Benchmark, root: Path) -> Listing:
    """What a benchmark's adapter lists, all its splits.

    Raises:
        DataError: The layout cannot be read.
    """
    if not root.is_dir():
        raise DataError(f"{root}: must be the folder of {benchmark.title}; it is none. {benchmark.layout}")
    return Listing(
        root,
        benchmark.name,
        benchmark.name,
        benchmark.labels,
        {split: benchmark.read(root, split) for split in benchmark.splits},
        dimensions=benchmark.dimensions,
        protocol=benchmark.protocol,
        licence=benchmark.licence,
        ranges=benchmark.scale_of,
    )


def _read_folders(root: Path) -> Listing:
    if not root.is_dir():
        raise DataError(f"{root}: must be a folder with one folder of pictures for each class; it is none")
    return read_folders(root)


_READERS: Mapping[str, Callable[[Path], Listing]] = {"folders": _read_folders, "table": _read_any_table}
