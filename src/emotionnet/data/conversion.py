"""Annotation files of 2020 and their pictures, made into a DATASET.

The picture of a row is linked to images/<its path>; its group is its path, since several rows may share it.
"""

from __future__ import annotations

import os
import posixpath
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from emotionnet.data.annotation_content import content_of
from emotionnet.data.annotation_rows import Row
from emotionnet.data.annotations import Annotations, Reject, read_annotations
from emotionnet.data.dataset_writing import write_dataset
from emotionnet.data.record_tables import table_of
from emotionnet.data.se30k8 import Se30k8
from emotionnet.data.store import PARTS, REJECTS_SCHEMA, Dataset, read_dataset
from emotionnet.files import link_file, new_folder, refuse_existing, sha256
from emotionnet.progress import track
from emotionnet.records import SPLITS, DataError, ImageRecord, Word

LICENCE = "unknown"
ALONE = frozenset({"emotic", "se30k8"})  # forms whose classes are their own


def convert_annotations(  # noqa: PLR0913
    files: Mapping[str, Path],
    images: Path,
    out: Path,
    *,
    labels: Sequence[str] | int | None = None,
    vocabulary: Sequence[str] | None = None,
    holdout: int = 0,
    skip_bad_rows: bool = False,
    unlabelled: bool = False,
    overwrite: bool = False,
) -> Dataset:
    """Make a DATASET of annotation files; a split without a file is an empty table.

    Rows whose picture does not exist go to rejects. The dict of SE30K8 is split by its own rule.

    Args:
        files: Split to file. Forms may differ, as when one trains with tags and tests with labels, but
            EMOTIC and SE30K8 stand for themselves.
        images: The folder that the paths in the files are relative to.
        out: The DATASET to write.
        labels: The names of the classes, or how many there are; they are then class_0, class_1, ...
        vocabulary: The names of the tags, where any file has tag ids; the words that have a vector, for
            SE30K8; else the names of the classes, unless `labels` gives them.
        holdout: So many rows of train become val, the first after a shuffle with seed 0.
        skip_bad_rows: Leave bad rows out, into rejects, instead of refusing the file.
        unlabelled: A label of -1 in `[path, label]` means that there is none.
        overwrite: Replace an earlier DATASET.

    Raises:
        DataError: A file, row, name or folder is not what it must be, or no picture exists; nothing is
            written then.
    """
    refuse_existing(out, parts=PARTS, overwrite=overwrite)
    _require_sensible(files, images, labels, vocabulary)
    read = _read_all(
        files,
        classes=labels if labels is None or isinstance(labels, int) else len(labels),
        vocabulary=None if vocabulary is None else len(vocabulary),
        images=images,
        skip_bad_rows=skip_bad_rows,
        unlabelled=unlabelled,
    )
    content = content_of(files, read, labels, vocabulary, holdout)
    root = images.resolve()
    kept, missing = _present(content.rows, root)
    if not any(kept.values()):
        first = next((reject.id for reject in missing), "")
        raise DataError(f"{images}: must hold the pictures of the files; holds none, such as {first}")
    with new_folder(out, parts=PARTS, overwrite=overwrite) as folder:
        hashes = _link_pictures(kept, root, folder)
        records = _records(files, kept, hashes)
        write_dataset(
            folder,
            info={"name": out.name, **content.info, "licences": _licences(records)},
            words={
                "emotions": _words(content.emotions, records, "labels"),
                "tags": _words(content.tags, records, "tags"),
                "unseen": [],
            },
            tables={split: table_of(records[split]) for split in SPLITS},
            rejects=[pl.DataFrame([*content.rejects, *missing], schema=REJECTS_SCHEMA, orient="row")],
        )
    return read_dataset(out)


def files_by_split(file: Path, split: str, others: Mapping[str, Path | None]) -> dict[str, Path]:
    """Which file is which split; {} in the name stands for train, val and test, those that exist.

    Args:
        file: The file that was given, or its pattern.
        split: Its split, when it is no pattern.
        others: Files of further splits, where there are any.

    Raises:
        DataError: No file fits the pattern, or a split has two files.
    """
    given = {name: path for name, path in others.items() if path is not None}
    if "{}" in str(file):
        candidates = {name: Path(str(file).replace("{}", name)) for name in SPLITS}
        found = {name: path for name, path in candidates.items() if path.is_file()}
        if not found:
            raise DataError(f"{file}: none of {', '.join(map(str, candidates.values()))} exists")
    else:
        found = {split: file}
    twice = [name for name in found if name in given]
    if twice:
        raise DataError(
            f"{name}: one file must be given; got {found[name]} and {given[name]}" for name in twice
        )
    return found | given


def _require_sensible(
    files: Mapping[str, Path],
    images: Path,
    labels: Sequence[str] | int | None,
    vocabulary: Sequence[str] | None,
) -> None:
    faults = [
        f"split must be one of {', '.join(SPLITS)}; got {split!r}" for split in files if split not in SPLITS
    ]
    if not files:
        faults.append("at least one annotation file must be given; got none")
    if not images.is_dir():
        found = "is a file" if images.exists() else "does not exist"
        faults.append(f"{images}: must be the folder of the pictures; it {found}")
    if isinstance(labels, int) and labels < 1:
        faults.append(f"labels must be at least 1; got {labels}")
    for what, names in (("labels", labels), ("vocabulary", vocabulary)):
        stands = Counter(() if names is None or isinstance(names, int) else names)
        twice = [name for name, count in stands.items() if count > 1]
        faults += [f"{what}: every name must stand once; {name!r} stands more often" for name in twice]
    if faults:
        raise DataError(faults)


def _read_all(files: Mapping[str, Path], **how: Any) -> dict[str, Annotations | Se30k8]:
    read: dict[str, Annotations | Se30k8] = {}
    faults: list[str] = []
    for split in SPLITS:
        if split not in files:
            continue
        try:
            read[split] = read_annotations(files[split], **how)
        except DataError as error:
            faults += error.faults
    forms = {split: part.form for split, part in read.items()}
    if not faults and len(set(forms.values())) > 1 and not ALONE.isdisjoint(forms.values()):
        faults = [
            f"{files[split]}: files of {' and '.join(sorted(ALONE))} must stand alone; "
            f"this one has the form {form}"
            for split, form in forms.items()
        ]
    if faults:
        raise DataError(faults)
    if "labels_tags" in forms.values() and how["classes"] is None:  # then the vocabulary names no classes
        for split in [split for split, form in forms.items() if form != "labels_tags"]:
            read[split] = read_annotations(files[split], **how | {"vocabulary": None})
    return read


def _present(
    rows: Mapping[str, Sequence[Row]], root: Path
) -> tuple[dict[str, list[tuple[str, Row]]], list[Reject]]:
    """Rows whose picture exists, each with its plain path, and the others."""
    kept: dict[str, list[tuple[str, Row]]] = {split: [] for split in SPLITS}
    missing: list[Reject] = []
    found: dict[str, bool] = {}
    for split, several in rows.items():
        for row in several:
            path = posixpath.normpath(row.path)
            if path not in found:
                found[path] = os.path.isfile(root / path)  # noqa: PTH113 - a name that is too long is no error
            if found[path]:
                kept[split].append((path, row))
            else:
                missing.append(Reject(row.path, "picture not found"))
    return kept, missing


def _link_pictures(rows: Mapping[str, Sequence[tuple[str, Row]]], root: Path, folder: Path) -> dict[str, str]:
    """Link each picture once; the SHA-256 of each."""
    (folder / "images").mkdir()
    hashes = {}
    paths = dict.fromkeys(path for several in rows.values() for path, _ in several)
    for path in track(paths, "Linking pictures", len(paths)):
        link_file(root / path, folder / "images" / path)
        try:
            hashes[path] = sha256(folder / "images" / path)
        except OSError as error:
            raise DataError(f"{root / path}: cannot be read ({error.strerror})") from None
    return hashes


def _records(
    files: Mapping[str, Path], rows: Mapping[str, Sequence[tuple[str, Row]]], hashes: Mapping[str, str]
) -> dict[str, list[ImageRecord]]:
    used, number = set(hashes), Counter[str]()
    records: dict[str, list[ImageRecord]] = {}
    for split in SPLITS:
        source = files.get(split, files.get("train", Path())).stem  # val may have been taken out of train
        records[split] = [
            ImageRecord(
                id=next_id(path, number, used),
                path=f"images/{path}",
                labels=row.labels,
                tags=row.tags,
                unseen=(),
                group=path,
                source=source,
                licence=LICENCE,
                sha256=hashes[path],
                label_weights=row.weights,
                keywords=row.keywords,
                box=row.box,
                dimensions=row.dimensions,
            )
            for path, row in rows[split]
        ]
    return records


def next_id(path: str, number: Counter[str], used: set[str]) -> str:
    """The path, and for further rows of it path#2, path#3, ... unless a picture is called so."""
    number[path] += 1
    if number[path] == 1:
        return path
    while (name := f"{path}#{number[path]}") in used:
        number[path] += 1
    used.add(name)
    return name


def _licences(records: Mapping[str, Sequence[ImageRecord]]) -> list[dict[str, Any]]:
    count = Counter(record.source for several in records.values() for record in several)
    return [{"source": source, "licence": LICENCE, "pictures": count[source]} for source in sorted(count)]


def _words(names: Sequence[str], records: Mapping[str, Sequence[ImageRecord]], column: str) -> list[Word]:
    """Each name with the number of groups that carry it."""
    everything = [record for several in records.values() for record in several]
    rows = Counter(record.group for record in everything)
    count: Counter[int] = Counter()
    shared: defaultdict[str, set[int]] = defaultdict(set)
    for record in everything:
        if rows[record.group] > 1:
            shared[record.group].update(getattr(record, column))
        else:
            count.update(set(getattr(record, column)))
    for indices in shared.values():
        count.update(indices)
    return [Word(name, count[index]) for index, name in enumerate(names)]
