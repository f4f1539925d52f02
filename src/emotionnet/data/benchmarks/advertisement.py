"""Advertisement: image ads, with the sentiments that each of several annotators chose."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from emotionnet.data.benchmarks.benchmark import ALL, Benchmark, picture
from emotionnet.data.benchmarks.lists import require_split
from emotionnet.data.benchmarks.text_tables import Faults, inner_path, label_index, lines
from emotionnet.data.row_checks import RowError, shown
from emotionnet.files import read_object
from emotionnet.records import DataError, ImageRecord

NAME = "advertisement"
LABELS = (
    "active",
    "afraid",
    "alarmed",
    "alert",
    "amazed",
    "amused",
    "angry",
    "calm",
    "cheerful",
    "confident",
    "conscious",
    "creative",
    "disturbed",
    "eager",
    "educated",
    "emotional",
    "empathetic",
    "fashionable",
    "feminine",
    "grateful",
    "inspired",
    "jealous",
    "loving",
    "manly",
    "persuaded",
    "pessimistic",
    "proud",
    "sad",
    "thrifty",
    "youthful",
)
MAX_BYTES = 2**28
_LIST = "Sentiments_List.txt"
_NUMBER = re.compile(r"\s*\W{0,2}(\d{1,3})\b")
_ABBREVIATION = re.compile(r"ABBREVIATION\s*:\s*\W{0,2}([A-Za-z]+)", re.IGNORECASE)
_FIRST_WORD = re.compile(r"\d\W+([A-Za-z]+)")


def read(root: Path, split: str) -> tuple[ImageRecord, ...]:
    """Read `image/Sentiments.json`; what a number means is read from `Sentiments_List.txt`.

    `label_weights` are the annotators who chose a label; there may be a picture for which nobody chose any.
    Pictures stand in `image/` or in `root` itself.

    Raises:
        DataError: A file is missing, or an entry is not what it must be.
    """
    require_split(split, (ALL,))
    path = _first_file(root / "image" / "Sentiments.json", root / "Sentiments.json")
    names = read_list(_first_file(root / _LIST, root / "image" / _LIST))
    if path.stat().st_size > MAX_BYTES:
        raise DataError(f"{path}: must have at most {MAX_BYTES:,} bytes; has more")
    content = read_object(path)
    places = {place.name for place in (root / "image").glob("*") if place.is_dir()}
    faults, records = Faults(), list[ImageRecord]()
    for key, annotators in content.items():
        with faults.at(f"{path}: {shown(key)}"):
            inner = inner_path(key)
            weights = _weights(annotators, names)
            place = f"image/{inner}" if inner.split("/")[0] in places else inner
            labels = tuple(sorted(weights))
            given = tuple(float(weights[label]) for label in labels)
            records.append(picture(NAME, place, labels, label_weights=given))
    faults.raise_any()
    return tuple(records)


def read_list(path: Path) -> dict[str, int]:
    """What each number stands for, as an index into `LABELS`.

    A line is like `1. "Active (energetic, ...)"  (ABBREVIATION: "active")`; without the abbreviation its
    first word counts. Lines that do not start with a number are skipped.

    Raises:
        DataError: The file is missing, a name is unknown, or a number or name stands twice or not at all.
    """
    faults, names = Faults(), dict[str, int]()
    for where, line in lines(path):
        number = _NUMBER.match(line)
        if number is None:
            continue
        with faults.at(where):
            word = _ABBREVIATION.search(line) or _FIRST_WORD.search(line)
            index = label_index(word[1] if word else line, LABELS)
            if str(int(number[1])) in names or index in names.values():
                raise RowError(f"a number and a sentiment must stand once; got {shown(line)} again")
            names[str(int(number[1]))] = index
    if not faults.texts and len(names) != len(LABELS):
        faults.add(f"{path}: must name {len(LABELS)} sentiments; names {len(names)}")
    faults.raise_any()
    return names


def _first_file(*places: Path) -> Path:
    for place in places:
        if place.is_file():
            return place
    raise DataError(f"{places[0]}: file not found")


def _weights(annotators: Any, names: Mapping[str, int]) -> Counter[int]:
    """How many annotators chose each label; naming one twice chooses it once."""
    if not isinstance(annotators, list) or not all(isinstance(chosen, list) for chosen in annotators):
        raise RowError(f"must be a list of ids for each annotator; got {shown(annotators)}")
    counted = Counter[int]()
    for chosen in annotators:
        unknown = [one for one in chosen if not isinstance(one, str) or one.strip() not in names]
        if unknown:
            raise RowError(f"an id must be '1' to '{len(names)}'; got {shown(unknown[0])}")
        counted.update({names[one.strip()] for one in chosen})
    return counted


ADVERTISEMENT = Benchmark(
    name=NAME,
    title="Advertisement (image ads)",
    read=read,
    labels=LABELS,
    splits=(ALL,),
    score="mAP; accuracy of the top label",
    main_score="macro_map",
    licence="not stated; for research",
    citation="Hussain, Zhang, Zhang, Ye, Thomas, Agha, Ong, Kovashka, 'Automatic Understanding of Image and "
    "Video Advertisements', CVPR 2017",
    layout="image/Sentiments.json, Sentiments_List.txt, image/<0..10>/<file>.jpg",
    published=MappingProxyType({ALL: 30_340}),
    remarks=("Weights of labels are annotators who chose them.",),
)
