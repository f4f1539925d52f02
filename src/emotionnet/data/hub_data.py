"""Data sets of the Hugging Face hub, by name or as a folder, through the package `datasets` (extra `hf`).

Their pictures stand in tables. They are written once into the cache folder, byte for byte, beside a table of
their labels, which is then read as any other; a folder in the cache is whole or not there.
"""

from __future__ import annotations

import hashlib
import importlib
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from PIL import Image

from emotionnet.config_files import HUB
from emotionnet.data.image_tables import COLUMNS, DIMENSIONS, read_table
from emotionnet.data.listing import Listing, split_named
from emotionnet.data.picture import FORMATS, MAX_PIXELS
from emotionnet.files import cache_folder, new_folder, write_text
from emotionnet.progress import message, track
from emotionnet.records import DataError, first_line

FORM = "hf"
TABLE = "metadata.jsonl"
_PARTS = (TABLE, "images")
_DICT, _INFO = "dataset_dict.json", "dataset_info.json"


def is_saved(root: Path) -> bool:
    """Whether a folder is one that the package `datasets` saved."""
    return (root / _DICT).is_file() or (root / _INFO).is_file() or any(root.glob("*.arrow"))


def read_hub_data(source: str) -> Listing:
    """List the pictures of `hf:USER/NAME`, or of a folder that `datasets` can load.

    The column of pictures is told by its type. Labels are those of the column of that type (ClassLabel), or
    named as in `image_tables`.

    Raises:
        DataError: The package is missing, the data cannot be loaded, or have no such columns.
    """
    datasets = _package()
    splits = _loaded(datasets, source)
    name = Path(source.removeprefix(HUB)).name
    target = cache_folder() / FORM / _fingerprint(splits)
    if not (target / TABLE).is_file():
        with new_folder(target, parts=_PARTS, overwrite=True) as folder:
            _write(datasets, source, splits, folder)
    licences = sorted({str(split.info.license) for split in splits.values() if split.info.license})
    return replace(read_table(target / TABLE, name), form=FORM, licence=", ".join(licences) or "unknown")


def _package() -> Any:
    try:
        return importlib.import_module("datasets")
    except ImportError:
        raise DataError("hf: needs the package datasets; pip install 'emotionnet[hf]'") from None


def _loaded(datasets: Any, source: str) -> dict[str, Any]:
    """The splits by the name that they have there."""
    root = Path(source)
    try:
        if source.startswith(HUB):
            found = datasets.load_dataset(source.removeprefix(HUB))
        elif (root / _DICT).is_file() or (root / "state.json").is_file():
            found = datasets.load_from_disk(source)
        elif arrows := sorted(root.glob("*.arrow")):
            found = datasets.concatenate_datasets([datasets.Dataset.from_file(str(one)) for one in arrows])
        else:
            found = datasets.load_dataset(source)
    except Exception as error:  # of the hub, the network, Arrow, the file system
        raise DataError(f"{source}: must be a data set that datasets can load; {first_line(error)}") from None
    return dict(found) if isinstance(found, dict) else {"": found}


def _fingerprint(splits: Mapping[str, Any]) -> str:
    """What changes with the content of the data set, as the package itself keeps track of it."""
    known = {name: [split._fingerprint, split.num_rows] for name, split in splits.items()}
    return hashlib.sha256(json.dumps(known, sort_keys=True).encode()).hexdigest()[:32]


def _write(datasets: Any, source: str, splits: Mapping[str, Any], folder: Path) -> None:
    (folder / "images").mkdir()
    named = {name: split_named(name) for name in splits}
    strays = [name for name, split in named.items() if split is None]
    whole = len(strays) == len(splits)
    if whole and len(splits) > 1:
        raise DataError(f"{source}: splits must be train, validation and test; got {', '.join(strays)}")
    if strays and not whole:
        message(f"{source}: splits of other names are left out: {', '.join(strays)}")
    lines: list[str] = []
    for name, data in splits.items():
        if whole or named[name] is not None:
            lines += _rows(datasets, source, data, named[name] or "all", folder)
    write_text(folder / TABLE, "".join(lines))


def _rows(datasets: Any, source: str, data: Any, split: str, folder: Path) -> Iterator[str]:
    """One line of the table for each picture of a split, its file written."""
    image = _column(source, "picture", data.features, datasets.Image, COLUMNS["image"])
    label = _label_column(datasets, source, data.features)
    data = data.cast_column(image, datasets.Image(decode=False))
    kept = [c for c in data.column_names if c.lower() in (*COLUMNS["group"], *COLUMNS["tags"], *DIMENSIONS)]
    names = _class_names(datasets, data.features[label]) if label else None
    odd = 0
    for number, row in enumerate(track(data, "Writing pictures", data.num_rows)):
        content = _content(datasets, source, row[image])
        suffix = _suffix(content)
        if suffix is None:
            odd += 1
            continue
        path = f"images/{split}-{number:07}{suffix}"
        (folder / path).write_bytes(content)
        values = {"image": path} | {name: row[name] for name in kept}
        if label:
            values["label"] = _labels(row[label], names)
        if split != "all":
            values["split"] = split
        yield json.dumps(values) + "\n"
    if odd:
        message(f"{source}: {odd} pictures of {split} are left out, since they are no pictures")


def _column(
    source: str, what: str, features: Mapping[str, Any], kind: type, preferred: tuple[str, ...]
) -> str:
    """The one column of a kind, or of several the one that has a usual name."""
    found = [name for name, feature in features.items() if isinstance(feature, kind)]
    usual = [name for name in found if name.lower() in preferred]
    if len(usual) == 1 or len(found) == 1:
        return (usual or found)[0]
    names = ", ".join(features)
    raise DataError(f"{source}: one column must be a {what}; {len(found)} are, among {names}")


def _label_column(datasets: Any, source: str, features: Mapping[str, Any]) -> str | None:
    named = [name for name in features if name.lower() in COLUMNS["label"]]
    if len(named) == 1:
        return named[0]
    of_kind = [name for name, one in features.items() if _class_names(datasets, one) is not None]
    if len(of_kind) == 1:
        return of_kind[0]
    if not named and not of_kind and any(name.lower() in DIMENSIONS for name in features):
        return None
    found = ", ".join(named or of_kind) or "none"
    raise DataError(f"{source}: one column must be the label; found {found}, among {', '.join(features)}")


def _class_names(datasets: Any, feature: Any) -> list[str] | None:
    """The names behind a column of class numbers or of lists of them; None: it holds something else."""
    inner = getattr(feature, "feature", feature)
    return list(inner.names) if isinstance(inner, datasets.ClassLabel) else None


def _labels(value: Any, names: list[str] | None) -> list[Any]:
    items = value if isinstance(value, list) else [value]
    if names is None:
        return items
    return [names[item] for item in items if isinstance(item, int) and 0 <= item < len(names)]


def _content(datasets: Any, source: str, picture: Any) -> bytes:
    """The bytes of a picture that stands in the table, or in a file below the source's own folders."""
    if not isinstance(picture, dict):
        return b""
    if picture.get("bytes"):
        return bytes(picture["bytes"])
    if not picture.get("path"):
        return b""
    path = Path(picture["path"]).resolve()
    caches = (datasets.config.HF_CACHE_HOME, datasets.config.HF_DATASETS_CACHE)
    homes = [Path(home).resolve() for home in (caches if source.startswith(HUB) else (source,))]
    try:
        return path.read_bytes() if any(path.is_relative_to(home) for home in homes) else b""
    except OSError:
        return b""


def _suffix(content: bytes) -> str | None:
    """The ending of a picture's file; None: it is no picture of a format that we read."""
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            fits = image.width * image.height <= MAX_PIXELS
            return f".{str(image.format).lower().replace('jpeg', 'jpg')}" if fits else None
    except Exception:  # each format's reader has errors of its own
        return None
