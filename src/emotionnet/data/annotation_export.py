"""A DATASET written back as the annotation files of 2020."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from emotionnet.data.annotation_rows import FORMS, Row
from emotionnet.data.annotations import write_annotations
from emotionnet.data.se30k8 import label_of_counts
from emotionnet.data.store import Dataset
from emotionnet.emotions import LABEL_SETS
from emotionnet.files import new_folder, write_json
from emotionnet.records import SPLITS, DataError, ImageRecord

MARKER = "annotations.json"
_SE30K8 = {"train": ("train",), "test": ("val", "test")}
_SE30K8_FILES = ("train_sclss.pkl", "train_mclss.pkl", "test_sclss.pkl", "test_mclss.pkl")
PARTS = (MARKER, *(f"{split}.pkl" for split in SPLITS), *_SE30K8_FILES)


def export_annotations(dataset: Dataset, out: Path, *, overwrite: bool = False) -> dict[str, int]:
    """Write one pickle for each split that is not empty, and `annotations.json` with form and names.

    The form of a split is what `dataset.json` names, else what the columns ask for. SE30K8 gives its
    four published files; its val split is what they call test.

    Args:
        dataset: What to write.
        out: The folder to write.
        overwrite: Replace earlier files.

    Returns:
        Rows by file name.

    Raises:
        DataError: The data set is empty or broken, its form has no place for a row, or `out` may not
            be written.
    """
    records = {split: dataset.checked_records(split) for split in SPLITS}
    everything = [record for several in records.values() for record in several]
    if not everything:
        raise DataError(f"{dataset.root}: must hold at least one picture; it is empty")
    forms = {split: _form(dataset, split, everything) for split in SPLITS}
    rows = {split: [_row(record) for record in several] for split, several in records.items()}
    voted = forms["train"] == "se30k8"
    files = _se30k8_files(rows) if voted else {f"{s}.pkl": (forms[s], rows[s]) for s in SPLITS}
    counts = {name: len(several) for name, (_, several) in files.items() if several}
    with new_folder(out, parts=PARTS, overwrite=overwrite) as folder:
        for name in counts:
            write_annotations(folder / name, *files[name], classes=len(dataset.emotions))
        form = forms if len(set(forms.values())) > 1 else forms["train"]
        content: dict[str, Any] = {"form": form, "labels": dataset.emotion_names, "tags": dataset.tag_names}
        content |= {"files": counts, "dataset": {"name": dataset.name, "sha256": dataset.content_hash}}
        write_json(folder / MARKER, content)
    return counts


def _form(dataset: Dataset, split: str, records: Sequence[ImageRecord]) -> str:
    """The form of a split; of one that was taken out of train, or has no file, that of train."""
    described = dataset.info.get("annotations")
    named = described.get("form") if isinstance(described, Mapping) else None
    if isinstance(named, Mapping):
        named = named.get(split, named.get("train", next(iter(named.values()), None)))
    if named is not None:
        known = (*FORMS, "se30k8")
        if named not in known:
            raise DataError(f"{dataset.root}: form must be one of {', '.join(known)}; got {named!r:.80}")
        return str(named)
    weights = [weight for record in records for weight in record.label_weights]
    if all(record.box for record in records) and dataset.emotion_names == LABEL_SETS["emotic26"]:
        return "emotic"
    if weights:
        return "counts" if all(weight == int(weight) for weight in weights) else "soft"
    if any(record.tags for record in records):
        return "labels_tags"
    return "label" if all(len(record.labels) == 1 for record in records) else "labels"


def _row(record: ImageRecord) -> Row:
    path = record.path.removeprefix("images/")
    return Row(path, record.labels, record.tags, record.label_weights, record.dimensions, record.box)


def _se30k8_files(rows: Mapping[str, Sequence[Row]]) -> dict[str, tuple[str, Sequence[Row]]]:
    files: dict[str, tuple[str, Sequence[Row]]] = {}
    for name, splits in _SE30K8.items():
        several = [row for split in splits for row in rows[split]]
        found = [(row, label_of_counts(dict(zip(row.labels, row.weights, strict=False)))) for row in several]
        single = [Row(row.path, (label,)) for row, label in found if label is not None]
        files |= {f"{name}_sclss.pkl": ("label", single), f"{name}_mclss.pkl": ("counts", several)}
    return files
