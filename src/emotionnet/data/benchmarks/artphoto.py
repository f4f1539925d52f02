"""ArtPhoto and Abstract, of one paper: emotions in file names, and votes in a table.

Both write `sad` for sadness; Abstract writes `Content` for contentment too.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from emotionnet.data.benchmarks.benchmark import ALL, Benchmark, picture
from emotionnet.data.benchmarks.folders import ALIASES
from emotionnet.data.benchmarks.lists import Listed, folder_inside, joined, require_split
from emotionnet.data.benchmarks.text_tables import Faults, inner_path, label_index, rows, whole
from emotionnet.data.finding import SUFFIXES
from emotionnet.data.row_checks import RowError, shown
from emotionnet.emotions import LABEL_SETS
from emotionnet.records import DataError, ImageRecord

LABELS = LABEL_SETS["mikels8"]
TABLE = "ABSTRACT_groundTruth.csv"
_MOST_VOTES = 10_000
_CITATION = (
    "Jana Machajdik, Allan Hanbury. Affective Image Classification using Features Inspired by Psychology and "
    "Art Theory. ACM Multimedia 2010"
)


def read_artphoto(root: Path, split: str) -> tuple[ImageRecord, ...]:
    """Read `testImages_artphoto/<emotion>_<id>.jpg`, by file name; `root` may be that folder itself.

    Raises:
        DataError: A file name names no emotion, or there are no pictures.
    """
    require_split(split, (ALL,))
    inside = folder_inside(root, "testImages_artphoto")
    faults, listed = Faults(), Listed(root / inside)
    for file in _pictures(root / inside):
        with faults.at(root / inside):
            emotion, line, _ = file.partition("_")
            if not line:
                raise RowError(f"a picture must be called <emotion>_<id>; got {shown(file)}")
            label = label_index(emotion, LABELS, ALIASES)
            listed.add(picture("artphoto", joined(inside, file), (label,)))
    return listed.finish(faults)


def read_abstract(root: Path, split: str) -> tuple[ImageRecord, ...]:
    """Read `ABSTRACT_groundTruth.csv`: a quoted file name and the votes for each emotion of the header.

    Labels are the emotions with votes, `label_weights` the votes. The table lies beside the pictures, in
    `testImages_abstract`, or above that folder.

    Raises:
        DataError: The table cannot be read, its header does not name the eight emotions, or a row has no
            votes.
    """
    require_split(split, (ALL,))
    inside = folder_inside(root, "testImages_abstract")
    path = root / TABLE if (root / TABLE).is_file() else root / inside / TABLE
    faults, listed = Faults(), Listed(path)
    emotions: dict[str, int] = {}
    for where, row in rows(path, faults, delimiter=","):
        file, *columns = row
        emotions = emotions or _emotions(path, columns)
        with faults.at(where):
            votes = {index: whole(row[column], column, 0, _MOST_VOTES) for column, index in emotions.items()}
            listed.add(_voted(joined(inside, inner_path(row[file].strip("'\""))), votes))
    return listed.finish(faults)


def _pictures(folder: Path) -> list[str]:
    """File names of the pictures in a folder, in order; hidden files are none."""
    try:
        names = sorted(entry.name for entry in folder.iterdir())
    except OSError as error:
        raise DataError(f"{folder}: cannot be listed ({error.strerror})") from None
    return [name for name in names if name.lower().endswith(SUFFIXES) and not name.startswith(".")]


def _emotions(path: Path, columns: list[str]) -> dict[str, int]:
    """The label that each column of the header has votes for."""
    faults, emotions = Faults(), {}
    for column in columns:
        with faults.at(f"{path}:1"):
            emotions[column] = label_index(column.strip("'\""), LABELS, ALIASES)
    faults.raise_any()
    if sorted(emotions.values()) != list(range(len(LABELS))):
        raise DataError(f"{path}:1: the header must name each of {', '.join(LABELS)} once; got {columns}")
    return emotions


def _voted(path: str, votes: Mapping[int, int]) -> ImageRecord:
    given = tuple(sorted(index for index, count in votes.items() if count))
    if not given:
        raise RowError("a picture must have a vote; it has none")
    return picture("abstract", path, given, label_weights=tuple(float(votes[index]) for index in given))


ARTPHOTO = Benchmark(
    name="artphoto",
    title="ArtPhoto",
    read=read_artphoto,
    labels=LABELS,
    splits=(ALL,),
    score="accuracy",
    licence="not stated; photographs remain their artists'",
    citation=_CITATION,
    layout="testImages_artphoto/<emotion>_<id>.jpg",
    published=MappingProxyType(
        {
            ALL: 806,
            "amusement": 101,
            "anger": 77,
            "awe": 102,
            "contentment": 70,
            "disgust": 70,
            "excitement": 105,
            "fear": 115,
            "sadness": 166,
        }
    ),
)
ABSTRACT = Benchmark(
    name="abstract",
    title="Abstract",
    read=read_abstract,
    labels=LABELS,
    splits=(ALL,),
    score="accuracy",
    licence="not stated; paintings remain their artists'",
    citation=_CITATION,
    layout=f"testImages_abstract/<picture>, {TABLE}",
    published=MappingProxyType({ALL: 280}),
    remarks=("228 of the 280 pictures have most votes for one emotion; the others have no single label",),
)
