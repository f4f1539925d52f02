"""EMOTIC: people in context, 26 categories and valence, arousal, dominance for each person."""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType

from emotionnet.data.benchmarks.benchmark import Benchmark
from emotionnet.data.benchmarks.emotic_mat import read_annotations_mat
from emotionnet.data.benchmarks.emotic_person import DIMENSIONS, LABELS, NAME
from emotionnet.data.benchmarks.emotic_tables import read_table
from emotionnet.data.benchmarks.lists import folder_inside, require_split
from emotionnet.data.benchmarks.rows import numbered
from emotionnet.records import SPLITS, DataError, ImageRecord

_TABLE_FOLDERS = ("", "emotic_pre")  # beside the pictures, or where the usual converter puts them


def read(root: Path, split: str) -> tuple[ImageRecord, ...]:
    """Read `Annotations/Annotations.mat`, else `<split>.csv`: a record for each person, `group` the picture.

    Train has what one annotator said, val and test the union of what all said. Boxes are clamped to the
    picture; a dimension that nobody gave is NaN, and the others stay.

    Raises:
        DataError: Neither file is there, or it is not what it must be. The converted arrays
            (`<split>_context_arr.npy`) hold pixels in place of files and are refused.
    """
    require_split(split, SPLITS)
    mat = root / "Annotations" / "Annotations.mat"
    tables = [root / folder / f"{split}.csv" for folder in _TABLE_FOLDERS]
    folder = folder_inside(root, "emotic")
    if mat.is_file():
        return numbered(mat, read_annotations_mat(mat, split, folder))
    for table in tables:
        if table.is_file():
            return numbered(table, read_table(table, folder))
    arrays = [place for table in tables if (place := table.with_name(f"{split}_context_arr.npy")).is_file()]
    if arrays:
        raise DataError(
            f"{arrays[0]}: holds pixels, and records need picture files; "
            f"put Annotations/Annotations.mat or {split}.csv and the pictures into {root}"
        )
    raise DataError(f"{root}: must hold Annotations/Annotations.mat or {split}.csv; it holds neither")


EMOTIC = Benchmark(
    name=NAME,
    title="EMOTIC",
    read=read,
    labels=LABELS,
    splits=SPLITS,
    score="mAP over 26 categories, person level",
    main_score="macro_map",
    licence="non-commercial research and education only",
    citation="Kosti, Alvarez, Recasens, Lapedriza, 'Context Based Emotion Recognition using EMOTIC Dataset', "
    "IEEE TPAMI 2019",
    layout="Annotations/Annotations.mat or {train,val,test}.csv; "
    "emotic/{ade20k,emodb_small,framesdb,mscoco}/images/<file>",
    dimensions=DIMENSIONS,
    ranges=(1.0, 10.0),
    published=MappingProxyType({"train": 23_266, "val": 3_315, "test": 7_203}),
    remarks=(
        "Counts are persons; several persons of one picture are one group.",
        "Train holds the categories of one annotator, val and test the union over annotators.",
        "The usual converter to CSV leaves out persons whose picture, annotator or a dimension is missing; "
        "Annotations.mat may hold more persons than the published counts.",
    ),
)
