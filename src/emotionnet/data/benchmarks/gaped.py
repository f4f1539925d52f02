"""GAPED: pictures with the valence and arousal that people gave them, in six folders."""

from __future__ import annotations

import re
from pathlib import Path
from types import MappingProxyType

from emotionnet.data.benchmarks.benchmark import ALL, Benchmark, picture
from emotionnet.data.benchmarks.lists import folder_inside, joined, require_split
from emotionnet.data.benchmarks.text_tables import Faults, finite, inner_path, lines
from emotionnet.data.row_checks import RowError, shown
from emotionnet.records import DataError, ImageRecord

NAME = "gaped"
DIMENSIONS = ("valence", "arousal")
FOLDERS = {
    "A": "animals",
    "H": "human rights",
    "N": "neutral",
    "P": "positive",
    "Sn": "snakes",
    "Sp": "spiders",
}
LABELS = tuple(FOLDERS.values())
_ENDING = "_with SD.txt"
_ROW = re.compile(r"(?P<file>[^\t]*?\.(?:bmp|jpe?g|png))\s+(?P<values>.*)", re.IGNORECASE)


def read(root: Path, split: str) -> tuple[ImageRecord, ...]:
    """Read `<folder>_with SD.txt` of the six folders, in `root` or in `root/GAPED`.

    The label is the folder; `dimensions` are valence and arousal from 0 to 100. Columns may be parted by tabs
    or spaces, a number may have a decimal comma, and deviations may stand in brackets or be missing.

    Raises:
        DataError: A file is missing, or a row is not what it must be.
    """
    require_split(split, (ALL,))
    base = folder_inside(root, "GAPED")
    faults, records = Faults(), list[ImageRecord]()
    for label, folder in enumerate(FOLDERS):
        with faults.at(root):
            records += _of_folder(root, joined(base, folder), label, faults)
    faults.raise_any()
    return tuple(records)


def _of_folder(root: Path, folder: str, label: int, faults: Faults) -> list[ImageRecord]:
    """The records of a folder; lines without a number, such as the header, are skipped."""
    path = root / f"{folder}{_ENDING}"
    records: list[ImageRecord] = []
    for where, line in lines(path):
        if not any(letter.isdigit() for letter in line):
            continue
        with faults.at(where):
            row = _ROW.match(line)
            if row is None:
                raise RowError(f"a row must be a file, valence, (SD), arousal, (SD); got {shown(line)}")
            place = _present(root, inner_path(f"{folder}/{row['file'].strip()}"))
            records.append(picture(NAME, place, (label,), dimensions=_values(row["values"])))
    if not records and not faults.texts:
        raise DataError(f"{path}: must hold at least one picture; it holds none")
    return records


def _present(root: Path, path: str) -> str:
    """The path, or that of the .bmp where the table names another kind of file that is not there."""
    other = path.rsplit(".", 1)[0] + ".bmp"
    return other if not (root / path).is_file() and (root / other).is_file() else path


def _values(text: str) -> tuple[float, ...]:
    parts = [part.strip("()").replace(",", ".") for part in text.split()]
    if len(parts) not in (2, 4):
        raise RowError(f"a row must be a file, valence, (SD), arousal, (SD); got the numbers {shown(text)}")
    return tuple(
        finite(part, name, 0, 100) for part, name in zip(parts[:: len(parts) // 2], DIMENSIONS, strict=True)
    )


GAPED = Benchmark(
    name=NAME,
    title="GAPED",
    read=read,
    labels=LABELS,
    splits=(ALL,),
    score="CCC of valence and arousal",
    main_score="ccc",
    licence="research only",
    citation="Dan-Glauser, Scherer, 'The Geneva affective picture database (GAPED): a new 730-picture "
    "database focusing on valence and normative significance', Behavior Research Methods 43, 2011",
    layout="{A,H,N,P,Sn,Sp}/<file>.bmp, {A,H,N,P,Sn,Sp}_with SD.txt",
    dimensions=DIMENSIONS,
    ranges=(0.0, 100.0),
    published=MappingProxyType({ALL: 730}),
    remarks=("The labels are its folders, not emotions; valence and arousal are the score.",),
)
