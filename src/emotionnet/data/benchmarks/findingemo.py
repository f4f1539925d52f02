"""FindingEmo: whole scenes of several people, judged by one person each in 24 emotions, valence and arousal.

Its annotations come as a Python package, so they can be read without a picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from types import MappingProxyType

from emotionnet.data.benchmarks.benchmark import ALL, Benchmark, picture
from emotionnet.data.benchmarks.lists import require_split
from emotionnet.data.benchmarks.rows import numbered
from emotionnet.data.benchmarks.text_tables import Faults, inner_path, label_index, rows, whole
from emotionnet.records import DataError, ImageRecord

NAME = "findingemo"
PACKAGE = "findingemo-light"
FILE = "annotations_single.ann"
DIMENSIONS = ("valence", "arousal")
VALENCE, AROUSAL = (-3, 3), (0, 6)
# Plutchik's eight leaves, each from the mild to the strong.
LABELS = (
    "serenity",
    "joy",
    "ecstasy",
    "acceptance",
    "trust",
    "admiration",
    "apprehension",
    "fear",
    "terror",
    "distraction",
    "surprise",
    "amazement",
    "pensiveness",
    "sadness",
    "grief",
    "boredom",
    "disgust",
    "loathing",
    "annoyance",
    "anger",
    "rage",
    "interest",
    "anticipation",
    "vigilance",
)
_FOLDERS = ("Run_1", "Run_2")
_NEEDS = ("image_path", "valence", "arousal", "emotion")


@dataclass(frozen=True, slots=True)
class FindingEmoRow:
    """What one person said of one picture: `label` indexes `LABELS`; valence -3 to 3, arousal 0 to 6."""

    path: str
    label: int
    valence: int
    arousal: int


def installed_annotations() -> Path | None:
    """The annotations of the package `findingemo-light`, if it is installed."""
    try:
        files = metadata.files(PACKAGE) or []
    except metadata.PackageNotFoundError:
        return None
    found = [Path(str(file.locate())) for file in files if file.name == FILE]
    return next((path for path in found if path.is_file()), None)


def read_annotations(path: Path) -> tuple[FindingEmoRow, ...]:
    """Read the annotations, in the file's order; paths are made relative to the folder of the pictures.

    Raises:
        DataError: A column is missing, or a row is not what it must be.
    """
    faults, found = Faults(), list[FindingEmoRow]()
    for where, row in rows(path, faults, delimiter=",", needs=_NEEDS):
        with faults.at(where):
            found.append(
                FindingEmoRow(
                    inner_path(row["image_path"].removeprefix("/")),
                    label_index(row["emotion"], LABELS),
                    whole(row["valence"], "valence", *VALENCE),
                    whole(row["arousal"], "arousal", *AROUSAL),
                )
            )
    faults.raise_any()
    return tuple(found)


def read(root: Path, split: str) -> tuple[ImageRecord, ...]:
    """Read the annotations in `root` or `root/data`, or of the package where `root` has the pictures alone.

    A picture that several people judged is one group with a record for each.

    Raises:
        DataError: There are no annotations, or a row is not what it must be.
    """
    require_split(split, (ALL,))
    here: Sequence[Path] = (root / FILE, root / "data" / FILE)
    path = next((place for place in here if place.is_file()), None)
    if path is None and any((root / folder).is_dir() for folder in _FOLDERS):
        path = installed_annotations()
    if path is None:
        raise DataError(
            f"{root}: must hold {FILE}, or {' and '.join(_FOLDERS)} while the package {PACKAGE} is installed"
        )
    return numbered(
        path,
        [
            picture(NAME, row.path, (row.label,), dimensions=(float(row.valence), float(row.arousal)))
            for row in read_annotations(path)
        ],
    )


FINDINGEMO = Benchmark(
    name=NAME,
    title="FindingEmo",
    read=read,
    labels=LABELS,
    splits=(ALL,),
    score="accuracy; CCC of valence and arousal",
    licence="annotations CC-BY-NC-SA-4.0; each picture its owner's",
    citation="Mertens, Yargholi, Op de Beeck, Van den Stock, Vennekens, 'FindingEmo: An Image Dataset for "
    "Emotion Recognition in the Wild', NeurIPS 2024 Datasets and Benchmarks",
    layout="annotations_single.ann, or the package findingemo-light; Run_{1,2}/<search>/<file>",
    dimensions=DIMENSIONS,
    ranges=(-3.0, 6.0),
    scales=MappingProxyType({"valence": VALENCE, "arousal": AROUSAL}),
    published=MappingProxyType({ALL: 25_869}),
    remarks=("Valence is from -3 to 3, arousal from 0 to 6.",),
    checked_on="the real annotations (2026-11-24), pictures not",
)
