"""SE30K8 and StockEmotion: the annotation pickles of the 2020 release, through their own readers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from pathlib import Path

from emotionnet.data.annotation_rows import FORMS, Row
from emotionnet.data.annotations import Annotations, read_annotations
from emotionnet.data.benchmarks.benchmark import Benchmark, picture
from emotionnet.data.benchmarks.lists import folder_inside, joined, require_split
from emotionnet.data.benchmarks.rows import numbered
from emotionnet.data.benchmarks.text_tables import inner_path
from emotionnet.data.se30k8 import EMOTIONS, Se30k8, VotedImage, count_votes, split_images
from emotionnet.data.vocabularies import read_vocabulary
from emotionnet.records import SPLITS, DataError, ImageRecord

_CITATION = (
    "Wei, Zhang, Lin, Lee, Balasubramanian, Hoai, Samaras, 'Learning Visual Emotion Representations From Web "
    "Data', CVPR 2020"
)
_LICENCE = "stock pictures of their owners; for research"
_EMOTION_TAGS, _TAGS = "etag2idx.pkl", "tag2idx.pkl"
_VOCABULARIES = frozenset({_EMOTION_TAGS, _TAGS, "etag2tagidx.pkl"})
_MULTI_LABEL = ("labels", "labels_tags")


@cache
def stockemotion_labels() -> tuple[str, ...]:
    """The 690 emotion tags, in the order of their numbers in the released files."""
    text = resources.files("emotionnet.data.benchmarks").joinpath("stockemotion_tags.txt").read_text("utf-8")
    return tuple(line for line in text.splitlines() if not line.startswith("#"))


def read_se30k8(root: Path, split: str) -> tuple[ImageRecord, ...]:
    """Read `<split>_mclss.pkl`, else the one dict of all pictures (any other `.pkl`), split by its own rule.

    `labels` are the emotions that any of five judges chose, in the order in which they are met, which decides
    ties; `label_weights` are the votes. The held-out tenth is `test`. Where `tag2idx.pkl` is there too,
    pictures of the dict without any of its tags are left out first, as in 2020.

    Raises:
        DataError: There is no such file, or it is not what it must be.
    """
    require_split(split, ("train", "test"))
    path = root / f"{split}_mclss.pkl"
    if not path.is_file():
        path = _only_pickle(root, path.name)
    read = read_annotations(path, classes=len(EMOTIONS), images=_images(root))
    if isinstance(read, Annotations):
        _require_form(path, read.form, ("counts",))
        return _records("se30k8", root, read.rows)
    words = read_vocabulary(root / _TAGS) if (root / _TAGS).is_file() else None
    train, test, _ = split_images(read.images, words)
    return _records("se30k8", root, list(map(_row, train if split == "train" else test)))


def read_stockemotion(root: Path, split: str) -> tuple[ImageRecord, ...]:
    """Read `<split>.pkl`: rows of a path and the numbers of its emotion tags, with or without all tags.

    The numbers are those of `etag2idx.pkl` where that is there, and else those of the released one.

    Raises:
        DataError: A file is missing or not what it must be, or a tag is unknown.
    """
    require_split(split, SPLITS)
    path, labels = root / f"{split}.pkl", stockemotion_labels()
    read = read_annotations(path, classes=len(labels), images=_images(root))
    _require_form(path, read.form, _MULTI_LABEL)
    rows = () if isinstance(read, Se30k8) else read.rows
    if (root / _EMOTION_TAGS).is_file():
        places = _places(root / _EMOTION_TAGS, labels)
        rows = tuple(row._replace(labels=tuple(places[label] for label in row.labels)) for row in rows)
    return _records("stockemotion", root, rows)


def _places(path: Path, labels: Sequence[str]) -> list[int]:
    """Where each tag of a vocabulary stands in `labels`."""
    index: Mapping[str, int] = {label: place for place, label in enumerate(labels)}
    names = read_vocabulary(path)
    unknown = [name for name in names if name not in index]
    if unknown or len(names) != len(labels):
        found = f"{len(names)}, of which {len(unknown)} are unknown, such as {unknown[:1]}"
        raise DataError(f"{path}: must hold StockEmotion's {len(labels)} emotion tags; holds {found}")
    return [index[name] for name in names]


def _row(image: VotedImage) -> Row:
    votes = count_votes(image.votes)
    return Row(image.path, tuple(votes), weights=tuple(map(float, votes.values())))


def _records(name: str, root: Path, rows: Sequence[Row]) -> tuple[ImageRecord, ...]:
    base = folder_inside(root, "images")
    return numbered(
        root,
        [
            picture(
                name,
                joined(base, inner_path(row.path)),
                tuple(dict.fromkeys(row.labels)),
                label_weights=row.weights,
            )
            for row in rows
        ],
    )


def _images(root: Path) -> Path:
    return root / folder_inside(root, "images")


def _only_pickle(root: Path, wanted: str) -> Path:
    found = [path for path in sorted(root.glob("*.pkl")) if path.name not in _VOCABULARIES]
    if len(found) != 1:
        names = ", ".join(path.name for path in found[:5]) or "none"
        raise DataError(f"{root}: must hold {wanted}, or one .pkl with all pictures; holds {names}")
    return found[0]


def _require_form(path: Path, form: str, forms: Sequence[str]) -> None:
    if form not in forms:
        wanted, got = " or ".join(FORMS[one] for one in forms), FORMS.get(form, "the dict of SE30K8")
        raise DataError(f"{path}: rows must be {wanted}; got {got}")


SE30K8 = Benchmark(
    name="se30k8",
    title="SE30K8",
    read=read_se30k8,
    labels=EMOTIONS,
    splits=("train", "test"),
    score="accuracy on pictures with a single label; mAP",
    licence=_LICENCE,
    citation=_CITATION,
    layout="{train,test}_mclss.pkl, or one pickled dict; pictures in images/ or beside it",
    remarks=(
        "Weights of labels are the votes of five judges; a single label is one with most votes, at least 3.",
        "The held-out tenth of the 2020 release is the test split.",
    ),
)
STOCKEMOTION = Benchmark(
    name="stockemotion",
    title="StockEmotion",
    read=read_stockemotion,
    labels=stockemotion_labels(),
    splits=SPLITS,
    score="mAP over 690 emotion tags",
    main_score="macro_map",
    licence=_LICENCE,
    citation=_CITATION,
    layout="{train,val,test}.pkl, etag2idx.pkl; pictures in images/ or beside it",
    remarks=("Train has tag labels, test the keywords that pictures were searched by.",),
)
