"""Small fake copies of benchmarks in the layouts of the originals, each written by `COPIES[name](folder)`.

Pictures are 16 px, of 16 squares in colours that no two pictures share; each class has at least 6 in a split.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

FI = ("amusement", "anger", "awe", "contentment", "disgust", "excitement", "fear", "sadness")
EMOSET = ("amusement", "awe", "contentment", "excitement", "anger", "disgust", "fear", "sadness")
EKMAN = ("anger", "disgust", "fear", "joy", "sadness", "surprise")
UNBIASED = ("anger", "fear", "joy", "love", "sadness", "surprise")
PER_CLASS = 6
WEBEMO_HOST = "https://as2.ftcdn.net/jpg/00/42"
WEBEMO_CATEGORIES = """# Three level emotion hierarchy.
labels=[('affection', 'love', '+'),
\t('cheerfullness', 'joy', '+'),
\t('confusion', 'confusion', '-'),
\t('contentment', 'joy', '+'),
\t('disappointment', 'sadness', '-'),
\t('disgust', 'anger', '-'),
\t('enthrallment', 'joy', '+'),
\t('envy', 'anger', '-'),
\t('exasperation', 'anger', '-'),
\t('gratitude', 'love', '+'),
\t('horror', 'fear', '-'),
\t('irritabilty', 'anger', '-'),
\t('lust', 'love', '+'),
\t('neglect', 'sadness', '-'),
\t('nervousness', 'fear', '-'),
\t('optimism', 'joy', '+'),
\t('pride', 'joy', '+'),
\t('rage', 'anger', '-'),
\t('relief', 'joy', '+'),
\t('sadness', 'sadness', '-'),
\t('shame', 'sadness', '-'),
\t('suffering', 'sadness', '-'),
\t('surprise', 'surprise', '+'),
\t('sympathy', 'sadness', '-'),
\t('zest', 'joy', '+')]"""


def write_picture(path: Path) -> None:
    """A picture whose pixels follow from where it lies: its folder and name are the seed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(list("/".join(path.parts[-4:]).encode()))
    squares = rng.integers(0, 256, size=(4, 4, 3), dtype=np.uint8)
    image = Image.fromarray(squares).resize((16, 16), Image.Resampling.NEAREST)
    image.save(path, format="JPEG")


def write_lines(path: Path, lines: Iterable[str], *, encoding: str = "utf-8") -> None:
    """A text file, one line for each text."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes("".join(f"{line}\n" for line in lines).encode(encoding))


def write_fi(root: Path) -> None:
    for emotion in FI:
        for number in range(PER_CLASS):
            write_picture(root / "emotion_dataset" / emotion / f"{emotion}_{number:03d}.jpg")


def write_fi_split(root: Path) -> None:
    for split in ("train", "val", "test"):
        for emotion in FI:
            for number in range(PER_CLASS):
                write_picture(root / split / emotion / f"{split}_{number:03d}.jpg")


def write_emoset(root: Path) -> None:
    """Rows of 3 items in train and test, of 4 in val; some annotations lack attributes, one is not there."""
    numbers = {name: index for index, name in enumerate(EMOSET)}
    info = {"emotion": {"label2idx": numbers, "idx2label": {str(n): name for name, n in numbers.items()}}}
    write_lines(root / "info.json", [json.dumps(info)])
    for place, split in enumerate(("train", "val", "test")):
        rows = []
        for emotion in EMOSET:
            for number in range(place * 100, place * 100 + PER_CLASS):
                name = f"{emotion}_{number:05d}"
                image, annotation = f"image/{emotion}/{name}.jpg", f"annotation/{emotion}/{name}.json"
                write_picture(root / image)
                if (emotion, number) != ("sadness", 0):
                    write_lines(root / annotation, [json.dumps(_attributes(name, emotion, number))])
                rows.append([emotion, *([name] if split == "val" else []), image, annotation])
        write_lines(root / f"{split}.json", [json.dumps(rows)])


def _attributes(name: str, emotion: str, number: int) -> dict[str, object]:
    full = {
        "scene": "beach",
        "object": ["Person", "Tree"],
        "facial_expression": "happy",
        "human_action": "run",
    }
    bare = {"image_id": name, "emotion": emotion, "brightness": 0.7, "colorfulness": 0.4}
    return bare if number % 2 else bare | full


def write_unbiasedemotion(root: Path) -> None:
    for emotion in UNBIASED:
        for thing in ("cat", "car"):
            for number in range(PER_CLASS // 2):
                write_picture(root / "images" / emotion / thing / f"{number}.jpg")


def webemo_address(split: str, label: int, number: int) -> str:
    """Where the internet has a picture of WEBEmo."""
    return f"{WEBEMO_HOST}/{number}/220_F_{split}{label}_{number}.jpg"


def write_webemo(root: Path, *, categories: str = WEBEMO_CATEGORIES, pictures: bool = True) -> None:
    """The lists, one picture of test in train too, one line of train twice; and the pictures."""
    for split in ("train", "test"):
        rows = [
            f"{webemo_address(split, label, number)} {label}"
            for label in range(25)
            for number in range(PER_CLASS)
        ]
        if split == "train":
            rows += [f"{webemo_address('test', 3, 0)} 3", rows[0]]
        write_lines(root / f"{split}25.txt", rows)
        for row in rows if pictures else ():
            address, label = row.split()
            write_picture(root / "images" / f"{split}25" / label / address.rsplit("/", 1)[-1])
    write_lines(root / "category.txt", [categories])


def write_emotion6(root: Path) -> None:
    """Most shares for the emotion of the folder, the rest for neutral; the last picture is a tie."""
    names = [*EKMAN, "neutral"]
    rows = ["\t".join(["[image_filename]", "[valence]", "[arousal]", *(f"[prob. {name}]" for name in names)])]
    for place, emotion in enumerate(EKMAN):
        for number in range(1, PER_CLASS + 1):
            write_picture(root / "images" / emotion / f"{number}.jpg")
            most = 0.5 if (emotion, number) == ("surprise", PER_CLASS) else 0.733333
            shares = [most if index == place else 0.0 for index in range(6)] + [round(1 - most, 6)]
            values = "\t".join(f"{value:g}" for value in (2.5 + place, 3.8, *shares))
            rows.append(f"{emotion}/{number}.jpg\t{values}")
    write_lines(root / "ground_truth.txt", rows)


def write_emotionroi(root: Path) -> None:
    for split, first in (("training", 1), ("testing", 101)):
        names = [f"{emotion}/{n}.jpg" for emotion in EKMAN for n in range(first, first + PER_CLASS)]
        for name in names:
            write_picture(root / "images" / name)
            write_picture(root / "ground_truth" / name)
        write_lines(root / "training_testing_split" / f"{split}.txt", names)


def write_artphoto(root: Path) -> None:
    for emotion in FI:
        for number in range(PER_CLASS):
            name = f"{emotion.replace('sadness', 'sad')}_{number:04d}.jpg"
            write_picture(root / "testImages_artphoto" / name)


def write_abstract(root: Path) -> None:
    """Seven votes for an emotion and two for the next; the last picture is a tie."""
    header = ["", "Amusement", "Anger", "Awe", "Content", "Disgust", "Excitement", "Fear", "Sad"]
    rows = [",".join(f"'{name}'" for name in header)]
    for number in range(8 * PER_CLASS):
        votes = [0] * 8
        votes[number % 8], votes[(number + 1) % 8] = (7, 2) if number < 8 * PER_CLASS - 1 else (4, 4)
        name = f"abstract_{number:04d}.jpg"
        write_picture(root / "testImages_abstract" / name)
        rows.append(",".join([f"'{name}'", *map(str, votes)]))
    write_lines(root / "testImages_abstract" / "ABSTRACT_groundTruth.csv", rows)


def write_twitter1(root: Path, *, agree: int = 3) -> None:
    names = [f"{number:04d}.jpg" for number in range(2 * PER_CLASS)]
    for name in names:
        write_picture(root / "Agg_AMT_Candidates" / name)
    rows = [f"{name} {number % 2}" for number, name in enumerate(names)]
    write_lines(root / f"train_{agree}_agree.txt", rows)


COPIES: dict[str, Callable[[Path], None]] = {
    "fi": write_fi,
    "fi_split": write_fi_split,
    "emoset": write_emoset,
    "unbiasedemotion": write_unbiasedemotion,
    "webemo": write_webemo,
    "webemo7": write_webemo,
    "webemo2": write_webemo,
    "emotion6": write_emotion6,
    "emotionroi": write_emotionroi,
    "artphoto": write_artphoto,
    "abstract": write_abstract,
    "twitter1": write_twitter1,
    "twitter1_agree4": partial(write_twitter1, agree=4),
    "twitter1_agree5": partial(write_twitter1, agree=5),
}
