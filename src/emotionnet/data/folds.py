"""Folds of a DATASET for cross-validation, and its variants: other splits, fewer pictures, borrowed labels.

Shape letters: G = groups, C = emotion classes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Any

import numpy as np
import polars as pl

from emotionnet.data.dataset_writing import write_dataset
from emotionnet.data.record_tables import table_of
from emotionnet.data.store import PARTS, REJECTS_SCHEMA, Dataset, read_dataset
from emotionnet.data.tables import read_parquet
from emotionnet.files import link_file, new_folder
from emotionnet.records import SPLITS, DataError, ImageRecord, first_line

_NOTHING: Mapping[str, Any] = MappingProxyType({})
# These tell of the original's own splits and paths; a variant names its original instead.
_NOT_INHERITED = ("config", "counts", "files", "seed")


def group_folds(dataset: Dataset, folds: int, *, seed: int) -> dict[str, int]:
    """Deal the groups of all three splits into folds, each emotion's groups evenly.

    Iterative stratification (Sechidis et al., ECML PKDD 2011, section 3) on the labels that the
    pictures of a group carry together. Neither the order of the rows nor the present splits matter.

    Args:
        dataset: The data set.
        folds: Number of folds, from 2 to the number of groups.
        seed: Breaks ties; 0 to 2**32 - 1.

    Returns:
        The fold of each group, 0 to folds - 1; groups in sorted order.

    Raises:
        DataError: `folds` is out of range, or a split is empty or broken.
    """
    from iterstrat.ml_stratifiers import MultilabelStratifiedKFold  # brings scikit-learn: a second to import

    labels: dict[str, set[int]] = {}
    for record in _all_records(dataset):
        labels.setdefault(record.group, set()).update(record.labels)
    if not 2 <= folds <= len(labels):
        raise DataError(f"{dataset.root}: folds must be in 2..{len(labels)}, its groups; got {folds}")
    groups = sorted(labels)
    # The last column is of no emotion: with a single column the splitter sees no multi-label problem.
    carries_GC = np.zeros((len(groups), len(dataset.emotions) + 1), dtype=bool)
    for row, group in enumerate(groups):
        carries_GC[row, sorted(labels[group])] = True
    splitter = MultilabelStratifiedKFold(folds, shuffle=True, random_state=seed)
    fold_G = np.zeros(len(groups), dtype=int)
    for fold, (_, members) in enumerate(splitter.split(carries_GC, carries_GC)):
        fold_G[members] = fold
    return dict(zip(groups, fold_G.tolist(), strict=True))


def fold_splits(fold_of: Mapping[str, int], test: int, folds: int) -> dict[str, str]:
    """The split of each group when fold `test` is the test split and the next one, modulo `folds`, val.

    Raises:
        DataError: There are fewer than 3 folds, or `test` or a group's fold is none of them.
    """
    if folds < len(SPLITS):
        raise DataError(f"folds must be at least {len(SPLITS)}, one for each split; got {folds}")
    if not 0 <= test < folds:
        raise DataError(f"the test fold must be in 0..{folds - 1}; got {test}")
    strays = [(group, fold) for group, fold in fold_of.items() if not 0 <= fold < folds]
    if strays:
        raise DataError(
            f"group {group}: fold must be in 0..{folds - 1}; got {fold}" for group, fold in strays[:10]
        )
    held_out = {test: "test", (test + 1) % folds: "val"}
    return {group: held_out.get(fold, "train") for group, fold in fold_of.items()}


def shuffled_groups(groups: Sequence[str], *, seed: int) -> dict[str, str]:
    """Permute groups among themselves; a group may meet itself. The order they come in does not matter."""
    names = sorted(set(groups))
    order = np.random.default_rng(seed).permutation(len(names))
    return {name: names[other] for name, other in zip(names, order, strict=True)}


def write_variant(
    dataset: Dataset,
    out: Path,
    split_of: Mapping[str, str],
    *,
    left_out: Mapping[str, Collection[str]] = _NOTHING,
    borrowed: Mapping[str, str] = _NOTHING,
    overwrite: bool = False,
) -> Dataset:
    """Write a DATASET with the same words and rejects, its pictures in other splits; whole or not at all.

    Pictures are hard links where the file system allows it, and copies elsewhere. Rows keep the order
    of the original's train, val and test tables. Word counts stay those of the original.

    Args:
        dataset: The original; it stays as it is.
        out: The folder to write.
        split_of: The split of every group.
        left_out: For a split, the sources whose pictures it does without.
        borrowed: Group to group: all pictures of the first carry the labels, tags and unseen words of
            the second's first picture in the original, wherever that lies, instead of their own.
        overwrite: Replace an earlier DATASET.

    Raises:
        DataError: A group, split or source is missing or unknown, a split of the variant would be empty, a
            picture cannot be read, or `out` may not be written.
    """
    if out.resolve() == dataset.root.resolve():
        raise DataError(f"{out}: must be another folder than the data set that it varies")
    records = _all_records(dataset)
    _refuse_unknown(records, split_of, left_out, borrowed)
    kept = _kept(_annotated(records, borrowed), split_of, left_out)
    changes = {
        "variant_of": dataset.content_hash,
        "left_out": {split: sorted(set(left_out[split])) for split in SPLITS if left_out.get(split)},
        "borrowed": bool(borrowed),
    }
    with new_folder(out, parts=PARTS, overwrite=overwrite) as folder:
        link_pictures(dataset, [record for split in SPLITS for record in kept[split]], folder)
        write_dataset(
            folder,
            info=_inherited(dataset, kept) | changes,
            words={"emotions": dataset.emotions, "tags": dataset.tags, "unseen": dataset.unseen},
            tables={split: table_of(kept[split]) for split in SPLITS},
            rejects=[read_rejects(dataset.root / "rejects.parquet")],
        )
    return read_dataset(out)


def _all_records(dataset: Dataset) -> tuple[ImageRecord, ...]:
    return tuple(record for split in SPLITS for record in dataset.records(split))


def _refuse_unknown(
    records: Sequence[ImageRecord],
    split_of: Mapping[str, str],
    left_out: Mapping[str, Collection[str]],
    borrowed: Mapping[str, str],
) -> None:
    groups = dict.fromkeys(record.group for record in records)
    sources = dict.fromkeys(record.source for record in records)
    unwanted = dict.fromkeys(source for names in left_out.values() for source in sorted(names))
    partners = dict.fromkeys(group for pair in borrowed.items() for group in pair)
    splits = f"one of {', '.join(SPLITS)}"
    checks: list[tuple[str, str, Iterable[str | None], Collection[str]]] = [
        *((f"group {group}: split", splits, [split_of.get(group)], SPLITS) for group in groups),
        ("left_out: split", splits, left_out, SPLITS),
        ("left_out: source", f"one of {', '.join(sources)}", unwanted, sources),
        ("borrowed: group", "one of the data set's", partners, groups),
    ]
    faults = [
        f"{what} must be {allowed}; got {value!r}"
        for what, allowed, values, known in checks
        for value in values
        if value not in known
    ]
    if faults:
        raise DataError(faults[:10])


def _annotated(records: Sequence[ImageRecord], borrowed: Mapping[str, str]) -> list[ImageRecord]:
    first: dict[str, ImageRecord] = {}
    for record in records:
        first.setdefault(record.group, record)
    lenders = {group: first[other] for group, other in borrowed.items()}
    return [
        replace(
            record,
            labels=lender.labels,
            label_weights=lender.label_weights,
            tags=lender.tags,
            unseen=lender.unseen,
        )
        if (lender := lenders.get(record.group))
        else record
        for record in records
    ]


def _kept(
    records: Sequence[ImageRecord], split_of: Mapping[str, str], left_out: Mapping[str, Collection[str]]
) -> dict[str, list[ImageRecord]]:
    kept: dict[str, list[ImageRecord]] = {split: [] for split in SPLITS}
    for record in records:
        split = split_of[record.group]
        if record.source not in left_out.get(split, ()):
            kept[split].append(record)
    faults = [
        f"the {split} split must hold at least one picture; it is empty "
        f"(left out: {', '.join(sorted(left_out.get(split, ()))) or 'nothing'})"
        for split in SPLITS
        if not kept[split]
    ]
    if faults:
        raise DataError(faults)
    return kept


def _inherited(dataset: Dataset, kept: Mapping[str, Sequence[ImageRecord]]) -> dict[str, Any]:
    """What `dataset.json` of the original says that still holds, the pictures of each licence recounted."""
    info = {name: value for name, value in dataset.info.items() if name not in _NOT_INHERITED}
    pictures = Counter((record.source, record.licence) for split in SPLITS for record in kept[split])
    licences = [
        {"source": source, "licence": licence, "pictures": count}
        for (source, licence), count in sorted(pictures.items())
    ]
    return {**info, "name": dataset.name, "licences": licences}


def read_rejects(path: Path) -> pl.DataFrame:
    """The rejects of a data set, to be kept in another one made of it.

    Raises:
        DataError: The file is missing or broken.
    """
    try:
        return read_parquet(path).select(REJECTS_SCHEMA.names()).cast(REJECTS_SCHEMA)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        reason = first_line(error)
        raise DataError(f"{path}: must be a Parquet file with the columns id and reason; {reason}") from None


def link_pictures(dataset: Dataset, records: Sequence[ImageRecord], folder: Path) -> None:
    """Give the local pictures of `records` a second place in `folder`, which is about to become a data set.

    Raises:
        DataError: A picture cannot be read, or does not lie in `images/`.
    """
    (folder / "images").mkdir()
    for path, record in {PurePosixPath(record.path): record for record in records}.items():
        # Outside images/ a link would share its content with a table that is about to be written.
        if "://" not in record.path and (path.parts[:1] != ("images",) or ".." in path.parts):
            raise DataError(f"{record.id}: path must lie in images/; got {record.path!r}")
        link_file(_picture(dataset, record), folder / path)


def _picture(dataset: Dataset, record: ImageRecord) -> Path:
    try:
        picture = dataset.local_picture(record.path, record.id).resolve()
    except DataError:
        raise
    except (OSError, ValueError, RuntimeError) as error:  # a null byte, or links in a circle
        raise DataError(f"{record.id}: {record.path!r} cannot be read ({error})") from None
    if not picture.is_file():
        raise DataError(f"{record.id}: picture {record.path} not found")
    return picture
