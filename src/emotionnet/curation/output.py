"""Write what curation chose: pictures byte for byte or shrunk, tables, and how they were made."""

from __future__ import annotations

import hashlib
import platform
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import polars as pl

from emotionnet.config import CurateConfig
from emotionnet.config_files import portable
from emotionnet.curation.face_crops import FaceFloor, add_face_crops
from emotionnet.curation.faces import Detector
from emotionnet.curation.funnel import Step, write_funnel
from emotionnet.curation.pictures import stored_content
from emotionnet.curation.sources import Source
from emotionnet.curation.tags import Vocabulary
from emotionnet.data.dataset_writing import write_dataset
from emotionnet.data.finding import SUFFIXES
from emotionnet.data.store import PARTS
from emotionnet.files import new_folder
from emotionnet.progress import track
from emotionnet.records import DataError, Word
from emotionnet.text.build import PACKAGES

FOLDER_PICTURES = 10_000  # that one folder of pictures holds at most
_LONGEST_NAME = 80
_Row = tuple[str, str, str]  # source, id and image


@dataclass(frozen=True)
class Curated:
    """What curation chose.

    Args:
        tables: Records by split, `image` still relative to the source.
        words: The words of each vocabulary, in index order.
        families: The held-out words, each with the tags that were hidden for it.
        rejects: Frames with the columns id and reason.
        funnel: What each step kept.
        tag_funnel: The same for distinct tags.
    """

    tables: Mapping[str, pl.DataFrame]
    words: Mapping[str, Sequence[Word]]
    families: Mapping[str, Sequence[str]]
    rejects: Iterable[pl.DataFrame]
    funnel: Sequence[Step]
    tag_funnel: Sequence[Step]


def write_curated(
    config: CurateConfig,
    source: Source,
    vocabulary: Vocabulary,
    curated: Curated,
    *,
    detector: Detector | None,
    overwrite: bool,
) -> None:
    """Write the DATASET whole or not at all.

    Args:
        config: Where to, and what `dataset.json` says of how it was made.
        source: Where the pictures lie.
        vocabulary: The emotion words.
        curated: What to write.
        detector: Finds the faces that become training pictures of their own; None: there are none.
        overwrite: Replace an earlier DATASET.

    Raises:
        DataError: The folder may not be written, or a picture has another sha256 than its record gives, or
            than it had before.
    """
    steps = list(curated.funnel)
    placed = _with_paths(curated.tables, shrunk=config.short_side is not None)
    everything = pl.concat([table.select("image", "path", "sha256") for table in placed.values()])
    local = everything.filter(pl.col("sha256") != "")
    with new_folder(config.out, parts=PARTS, overwrite=overwrite) as folder:
        (folder / "images").mkdir()
        for image, path, expected in track(local.iter_rows(), "Copying pictures", local.height):
            _store(source.root / image, folder / path, expected, config.short_side)
        about_faces = {}
        if detector is not None:
            floor = FaceFloor(config.face_score, config.face_side)
            placed["train"], crops = add_face_crops(placed["train"], folder, detector, floor)
            steps.append(Step("with crops of faces", steps[-1].kept + crops))
            about_faces = {"faces": {"detector": detector.name, "version": detector.version, "crops": crops}}
        info = _describe(config, source, vocabulary, pl.concat(placed.values())) | about_faces
        info["unseen_families"] = curated.families
        info["funnel"], info["tag_funnel"] = _funnel(steps), _funnel(curated.tag_funnel)
        write_funnel(folder / "funnel.png", steps)
        write_dataset(folder, info=info, words=curated.words, tables=placed, rejects=curated.rejects)


def picture_path(source: str, record: str, image: str, *, alone: bool = True) -> str:
    """Where a picture lies in the DATASET: a name that is safe on every file system.

    A name that had to be changed, or that is not `alone`, ends in ~ and a digest of the record's id.
    """
    suffix = Path(image).suffix.lower()
    name = _safe(record.removeprefix(f"{source}/"), record, alone=alone)
    return f"images/{_safe(source, source)}/{name}{suffix if suffix in SUFFIXES else ''}"


def _safe(text: str, whole: str, *, alone: bool = True) -> str:
    kept = re.sub(r"[^a-z0-9_-]+", "_", text.lower())[:_LONGEST_NAME]
    digest = hashlib.sha256(whole.encode()).hexdigest()[:16]
    return text if kept == text and text and alone else f"{kept}~{digest}"


def _with_paths(tables: Mapping[str, pl.DataFrame], *, shrunk: bool = False) -> dict[str, pl.DataFrame]:
    """The tables with the column path: one of its own for each picture, a URL as it is.

    A source with many pictures has them in folders of `FOLDER_PICTURES`, by running number.

    Args:
        tables: Records by split.
        shrunk: Whether every picture becomes a PNG.

    Raises:
        DataError: Two pictures would have one path.
    """
    names = ("source", "id", "image")
    fetched = [table.filter(pl.col("sha256") != "").select(names) for table in tables.values()]
    rows = [row for table in fetched for row in table.iter_rows()]
    named = {row: (*row[:2], f"{row[2]}.png") if shrunk else row for row in rows}
    count = Counter(picture_path(*named[row]) for row in rows)
    paths = {row: picture_path(*named[row], alone=count[picture_path(*named[row])] == 1) for row in rows}
    faults = [f"{path}: two pictures would lie there" for path, n in Counter(paths.values()).items() if n > 1]
    if faults or len(paths) < len(rows):
        raise DataError(faults or "two records have one source, id and picture; every id must stand once")
    paths = _in_folders(paths)
    placed = {}
    for split, table in tables.items():
        is_local = table["sha256"] != ""
        found = [paths[row] for row in table.filter(is_local).select(names).iter_rows()]
        path = table["image"].scatter(is_local.arg_true(), found)
        placed[split] = table.with_columns(path=path)
    return placed


def _in_folders(paths: Mapping[_Row, str]) -> dict[_Row, str]:
    """The paths, those of a source with more pictures than a folder may hold in numbered folders."""
    sizes = Counter(Path(path).parent for path in paths.values())
    placed, running = {}, Counter[Path]()
    for row, path in paths.items():
        folder, number = Path(path).parent, running[Path(path).parent] // FOLDER_PICTURES
        running[folder] += 1
        placed[row] = (
            f"{folder.as_posix()}/{number:04}/{Path(path).name}" if sizes[folder] > FOLDER_PICTURES else path
        )
    return placed


def _store(picture: Path, target: Path, expected: str, short_side: int | None) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        content = stored_content(picture, short_side)
        target.write_bytes(content)
    except OSError as error:
        raise DataError(f"{picture}: cannot be copied ({error.strerror})") from None
    found = hashlib.sha256(content).hexdigest()
    if found != expected:
        raise DataError(
            f"{picture}: must have the sha256 {expected}; got {found}: the sha256 that its record gives "
            "does not fit, or it changed while it was curated"
        )


def _funnel(steps: Sequence[Step]) -> list[dict[str, Any]]:
    """The steps for `dataset.json`, each with what it dropped."""
    before = [step.kept for step in (steps[0], *steps)]
    return [
        {"step": step.name, "kept": step.kept, "dropped": kept - step.kept}
        for step, kept in zip(steps, before, strict=False)
    ]


def _describe(
    config: CurateConfig, source: Source, vocabulary: Vocabulary, records: pl.DataFrame
) -> dict[str, Any]:
    """What `dataset.json` says; no times, so that equal input makes equal files."""
    counts = records.group_by("source", "licence").len().sort("source", "licence")
    packages = ["emotionnet", "pdqhash", "polars", "simplemma"]
    if config.unseen and config.unseen_vectors == "sentence":
        packages += PACKAGES["sentence"]
    return {
        "name": config.name or source.name,
        "source": config.source if isinstance(config.source, str) else config.source.name,
        "licences": [
            {"source": name, "licence": licence, "pictures": count}
            for name, licence, count in counts.iter_rows()
        ],
        "label_space": (
            f"emotion words of {vocabulary.name} that at least {config.min_emotion_groups} groups carry, "
            "counted before the splits"
        ),
        "class_floor": config.min_emotion_groups,
        "unit": "group",
        "vocabulary": {
            "name": vocabulary.name,
            "words": len(vocabulary.forms),
            "sha256": vocabulary.sha256,
        },
        "seed": config.seed,
        "config": portable(config, config.out),
        "versions": {
            **{name: metadata.version(name) for name in packages},
            "python": platform.python_version(),
        },
    }
