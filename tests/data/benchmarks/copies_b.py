"""Small copies of benchmarks in their exact layouts: MATLAB's files, tables, votes, arrays and pickles."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from scipy.io import savemat

from emotionnet.data.benchmarks.advertisement import LABELS as SENTIMENTS
from emotionnet.data.benchmarks.findingemo import LABELS as PLUTCHIK
from emotionnet.data.benchmarks.pickled import stockemotion_labels
from emotionnet.data.se30k8 import EMOTIONS
from emotionnet.emotions import LABEL_SETS

EMOTIC = LABEL_SETS["emotic26"]
NAN = float("nan")


def draw(path: Path, number: int, size: tuple[int, int] = (16, 16)) -> None:
    """A picture of its own for each number: a square of one colour on a ground of another."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.new("RGB", size, (number * 37 % 256, number * 91 % 256, number // 7 * 53 % 256))
    image.paste((number * 59 % 256, number % 256, 255 - number % 256), (4, 4, 4 + number % 8, 12))
    image.save(path)


def cell(values: Sequence[Any]) -> np.ndarray[Any, Any]:
    """A cell array of one row, whatever is in it."""
    made = np.empty((1, len(values)), dtype=object)
    for place, value in enumerate(values):
        made[0, place] = value
    return made


def struct(rows: Sequence[Mapping[str, Any]]) -> np.ndarray[Any, Any]:
    """A struct array of one row."""
    made = np.empty((1, len(rows)), dtype=[(name, object) for name in rows[0]])
    for place, row in enumerate(rows):
        for name, value in row.items():
            made[0, place][name] = value
    return made


def train_person(
    categories: Sequence[str], vad: Sequence[float], box: Sequence[float] = (2, 3, 12, 14)
) -> dict[str, Any]:
    """A person of EMOTIC's train: one annotator."""
    return {
        "body_bbox": np.array([box], dtype=float),
        "annotations_categories": struct([{"categories": cell(categories)}]),
        "annotations_continuous": struct([_vad(vad)]),
        "gender": "Male",
        "age": "Adult",
    }


def judged_person(
    annotators: Sequence[Sequence[str]],
    vads: Sequence[Sequence[float]],
    box: Sequence[float] = (2, 3, 12, 14),
) -> dict[str, Any]:
    """A person of EMOTIC's val or test: several annotators, their union and their mean."""
    union = sorted({name for names in annotators for name in names})
    return {
        "body_bbox": np.array([box], dtype=float),
        "annotations_categories": struct([{"categories": cell(names)} for names in annotators]),
        "combined_categories": cell(union),
        "annotations_continuous": struct([_vad(vad) for vad in vads]),
        "combined_continuous": struct([_vad(np.mean(vads, axis=0).tolist())]),
        "gender": "Female",
        "age": "Teenager",
    }


def emotic_image(
    folder: str, filename: str, persons: Sequence[Mapping[str, Any]], size: tuple[int, int] = (16, 16)
) -> dict[str, Any]:
    """A picture of EMOTIC; the size is width and height."""
    return {
        "filename": filename,
        "folder": folder,
        "image_size": struct([{"n_col": size[0], "n_row": size[1]}]),
        "original_database": struct([{"name": folder.split("/", maxsplit=1)[0]}]),
        "person": struct(persons),
    }


def write_annotations_mat(path: Path, **splits: Sequence[Mapping[str, Any]]) -> None:
    """`Annotations.mat` of pictures by split."""
    path.parent.mkdir(parents=True, exist_ok=True)
    savemat(path, {name: struct(images) for name, images in splits.items()}, do_compression=True)


def write_emotic(root: Path) -> None:
    folders = ("mscoco/images", "framesdb/images", "ade20k/images", "emodb_small/images")
    splits: dict[str, list[dict[str, Any]]] = {"train": [], "val": [], "test": []}
    for number in range(36):
        split = "val" if number % 4 == 1 else "test" if number % 4 == 3 else "train"
        folder, name = folders[number // 4 % 4], f"{number:03d}.png"
        draw(root / "emotic" / folder / name, number, (20, 16))
        one, other = EMOTIC[number % 26], EMOTIC[(number * 5 + 1) % 26]
        vad = [1.0 + number % 9, 5.0, 10.0 - number % 9]
        if split == "train":
            persons = [train_person([one, other] if one != other else [one], vad, (1, 1, 9, 15))]
        else:
            persons = [judged_person([[one], [other]], [vad, [5.0, 5.0, 5.0]], (1, 1, 9, 15))]
        if number % 6 == 0:
            persons.append(train_person([other], [NAN, 4.0, 6.0], (8, 2, 19, 15)))  # of train: 0, 6, 12, ...
        splits[split].append(emotic_image(folder, name, persons, (20, 16)))
    write_annotations_mat(root / "Annotations" / "Annotations.mat", **splits)


def write_ldl(root: Path, suffix: str) -> None:
    count = 8 * 8
    indices = np.arange(count)[None, :] + 1000
    votes = np.zeros((count, 8), dtype=np.uint8)
    for number in range(count):
        votes[number, number % 8] = 6
        votes[number, (number // 8 + number % 8 + 1) % 8] += 2
        draw(root / f"{1000 + number}.jpg", number)
    savemat(root / f"data_{suffix}.mat", {"ind": indices})
    savemat(root / f"nvote_{suffix}.mat", {"n_vote_all": votes})


def write_flickr_ldl(root: Path) -> None:
    write_ldl(root, "fli")


def write_twitter_ldl(root: Path) -> None:
    write_ldl(root, "twi")


FINDINGEMO_HEADER = "index,user,image_path,tags,age,valence,arousal,emotion,dec_factors,ambiguity,datetime"


def write_findingemo(root: Path) -> None:
    rows = [FINDINGEMO_HEADER]
    for number in range(6 * len(PLUTCHIK)):
        emotion, path = PLUTCHIK[number % 24].capitalize(), f"Run_{1 + number % 2}/Happy adults/{number}.png"
        draw(root / path, number)
        rows.append(
            f'{number},user{number % 5},/{path},Undefined,"Adults,Seniors",{number % 7 - 3},{number % 7},'
            f'{emotion},"BodyLanguage,FacialExpression",0,2023-09-01 00:00:00.000000'
        )
    (root / "data").mkdir(parents=True, exist_ok=True)
    (root / "data" / "annotations_single.ann").write_text("\n".join(rows) + "\n", encoding="utf-8")


def write_sentiments_list(root: Path) -> None:
    """Latin-1, with an accent, as the original has."""
    lines = [
        f'{number}. "{name.capitalize()} (na\u00efve, {name})"  (ABBREVIATION: "{name}")'
        for number, name in enumerate(SENTIMENTS, start=1)
    ]
    text = "Sentiments\r\n\r\n" + "\r\n".join(lines)
    (root / "Sentiments_List.txt").write_bytes(text.encode("latin-1"))


def write_advertisement(root: Path) -> None:
    votes = {}
    for number in range(90):
        path, chosen = f"{number % 11}/{170000 + number}.jpg", str(number % 30 + 1)
        draw(root / "image" / path, number)
        votes[path] = [[chosen], [chosen, str((number + 7) % 30 + 1)], [str((number * 3 + 2) % 30 + 1)]]
    (root / "image" / "Sentiments.json").write_text(json.dumps(votes), encoding="utf-8")
    write_sentiments_list(root)


AFFECTNET_HEADER = (
    "subDirectory_filePath,face_x,face_y,face_width,face_height,facial_landmarks,expression,valence,arousal"
)


def write_affectnet(root: Path) -> None:
    for table, first, count in (("training.csv", 0, 10), ("validation.csv", 500, 6)):
        rows = [AFFECTNET_HEADER]
        for number in range(first, first + 9 * count):
            path, expression = f"{number % 3}/{number}.png", number % 9
            draw(root / "Manually_Annotated_Images" / path, number)
            pair = "-2,-2" if expression == 8 else f"{(number % 21 - 10) / 10},{(number % 11 - 5) / 10}"
            rows.append(f"{path},1,1,14,14,1.5;2.5;3.5;4.5,{expression},{pair}")
        (root / table).write_text("\n".join(rows) + "\n", encoding="utf-8")


def write_affectnet_arrays(root: Path) -> None:
    """The newer layout: texts in arrays without a dimension."""
    for folder, first, count in (("train_set", 0, 10), ("val_set", 500, 6)):
        (root / folder / "annotations").mkdir(parents=True, exist_ok=True)
        for number in range(first, first + 8 * count):
            draw(root / folder / "images" / f"{number}.jpg", number)
            said = {"exp": str(number % 8), "val": str((number % 21 - 10) / 10), "aro": "0.25", "lnd": "1.0"}
            for key, value in said.items():
                np.save(root / folder / "annotations" / f"{number}_{key}.npy", np.array(value))


def write_gaped(root: Path) -> None:
    """UTF-16 and Latin-1, tabs and spaces, points and commas, as they are found."""
    for place, folder in enumerate(("A", "H", "N", "P", "Sn", "Sp")):
        lines = ["\tValence\t(SD)\tArousal\t(SD)"]
        for number in range(1, 8):
            name = f"{folder}{number:03d}.bmp"
            draw(root / folder / name, place * 10 + number)
            values = [f"{number * 9.5 + place:.2f}", "(12.50)", f"{90 - number * 7.25:.2f}", "(8.10)"]
            if place % 2:
                values = [value.replace(".", ",") for value in values]
            lines.append(("   " if place % 3 == 2 else "\t").join([name, *values]))
        text = "\r\n".join(lines) + "\r\n"
        encoding = "utf-16" if place < 3 else "latin-1"
        (root / f"{folder}_with SD.txt").write_bytes(text.encode(encoding))


def write_se30k8(root: Path) -> None:
    entries = {}
    for number in range(80):
        path, most = f"{number % 4:04d}/{number}_{5000 + number}.jpg", number % 8
        draw(root / "images" / path, number)
        entries[5000 + number] = {
            "access_key": "",
            "image_emotion": [[EMOTIONS[most]], [most], [most, (most + 3) % 8], [(most + 1) % 8], []],
            "image_url": "",
            "work_ids": [],
            "tags": ["tree", EMOTIONS[most]],
            "emotion_tags": [EMOTIONS[most]],
            "keys": [],
            "re_path": path,
        }
    root.mkdir(parents=True, exist_ok=True)
    (root / "se30k8.pkl").write_bytes(pickle.dumps(entries, protocol=2))


def write_stockemotion(root: Path) -> None:
    labels, number = stockemotion_labels(), 0
    for split, count in (("train", 36), ("val", 12), ("test", 12)):
        rows: list[list[Any]] = []
        for _ in range(count):
            path, one = f"{number // 20:04d}/{number}_{7000 + number}.jpg", number % 4
            draw(root / "images" / path, number)
            given = [one, 10 + (number + 1) % 4]
            rows.append([path, given, [*given, 900]] if split == "train" else [path, given])
            number += 1
        (root / f"{split}.pkl").write_bytes(pickle.dumps(rows, protocol=2))
    ids = {name: place for place, name in enumerate(labels)}
    words = {"key2idx": ids, "idx2key": {place: name for name, place in ids.items()}}
    (root / "etag2idx.pkl").write_bytes(pickle.dumps(words, protocol=2))


def _vad(values: Sequence[float]) -> dict[str, float]:
    return dict(zip(("valence", "arousal", "dominance"), map(float, values), strict=True))


COPIES: dict[str, Callable[[Path], None]] = {
    "emotic": write_emotic,
    "flickr_ldl": write_flickr_ldl,
    "twitter_ldl": write_twitter_ldl,
    "findingemo": write_findingemo,
    "advertisement": write_advertisement,
    "affectnet": write_affectnet,
    "gaped": write_gaped,
    "se30k8": write_se30k8,
    "stockemotion": write_stockemotion,
}
