"""Twitter I, also called DeepSentiment: positive or negative, by five people each."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from pathlib import Path
from types import MappingProxyType

from emotionnet.data.benchmarks.benchmark import ALL, Benchmark, Protocol, picture
from emotionnet.data.benchmarks.lists import Listed, folder_inside, joined, require_split
from emotionnet.data.benchmarks.text_tables import Faults, inner_path, rows, whole
from emotionnet.data.row_checks import RowError, shown
from emotionnet.records import DataError, ImageRecord

LABELS = ("positive", "negative")
PICTURES = "Agg_AMT_Candidates"
VOTES = "amt_result.csv"
_NUMBERS = {"1": "positive", "0": "negative"}
_WORDS = {3: "three", 4: "four", 5: "five"}
_MOST_VOTES = 10_000


def read_twitter1(root: Path, split: str, *, agree: int = 3) -> tuple[ImageRecord, ...]:
    """Read the list of pictures that enough people agree on: `<file> <0|1>` a line, 1 for positive.

    It is called `train_3_agree.txt`, `three_agree.txt` or `twitter_three_agrees.txt`, by the number. Without
    it `amt_result.csv` is read: the file, and votes in columns whose names hold 'positive' and 'negative'.

    Args:
        root: Its folder.
        split: `ALL`.
        agree: How many of five must agree: 3, 4 or 5.

    Raises:
        DataError: There is no list, or a row is not as above.
    """
    require_split(split, (ALL,))
    word = _WORDS[agree]
    lists = [f"train_{agree}_agree.txt", f"{word}_agree.txt", f"twitter_{word}_agrees.txt"]
    path = next((root / name for name in (*lists, VOTES) if (root / name).is_file()), None)
    if path is None:
        raise DataError(f"{root}: must hold one of {', '.join([*lists, VOTES])}; it holds none")
    faults, listed = Faults(), Listed(path)
    inside = folder_inside(root, PICTURES) or PICTURES
    if path.name == VOTES:
        _read_votes(path, agree, inside, faults, listed)
    else:
        _read_list(path, inside, faults, listed)
    return listed.finish(faults)


def _read_list(path: Path, inside: str, faults: Faults, listed: Listed) -> None:
    for where, row in rows(path, faults, delimiter=None, columns=("file", "label")):
        with faults.at(where):
            if row["label"] not in _NUMBERS:
                raise RowError(f"a label must be 1 (positive) or 0 (negative); got {shown(row['label'])}")
            label = LABELS.index(_NUMBERS[row["label"]])
            listed.add(picture("twitter1", joined(inside, inner_path(row["file"])), (label,)))


def _read_votes(path: Path, agree: int, inside: str, faults: Faults, listed: Listed) -> None:
    columns: tuple[str, ...] = ()
    for where, row in rows(path, faults, delimiter=","):
        columns = columns or tuple(_column(path, row, label) for label in LABELS)
        with faults.at(where):
            votes = [whole(row[column], column, 0, _MOST_VOTES) for column in columns]
            file = inner_path(next(iter(row.values())))
            if max(votes) >= agree and votes[0] != votes[1]:
                label = votes.index(max(votes))
                listed.add(picture("twitter1", joined(inside, file), (label,)))


def _column(path: Path, columns: Iterable[str], label: str) -> str:
    found = [column for column in columns if label in column.lower()]
    if len(found) != 1:
        raise DataError(f"{path}:1: one column of the header must name {label}; got {', '.join(columns)}")
    return found[0]


def _benchmark(agree: int, positive: int, negative: int) -> Benchmark:
    name = "twitter1" if agree == 3 else f"twitter1_agree{agree}"
    return Benchmark(
        name=name,
        title=f"Twitter I (DeepSentiment), {agree} of 5 agree" if agree < 5 else "Twitter I, all 5 agree",
        read=partial(read_twitter1, agree=agree),
        labels=LABELS,
        splits=(ALL,),
        score="accuracy",
        licence="not stated; pictures of Twitter remain their owners'",
        citation=(
            "Quanzeng You, Jiebo Luo, Hailin Jin, Jianchao Yang. Robust Image Sentiment Analysis Using "
            "Progressively Trained and Domain Transferred Deep Networks. AAAI 2015"
        ),
        layout=f"{PICTURES}/<picture>, train_{agree}_agree.txt or {VOTES}",
        protocol=Protocol(val=0.1, folds=5),
        published=MappingProxyType({ALL: positive + negative, "positive": positive, "negative": negative}),
        remarks=("the five folds of the paper are not given: ours are drawn by a seed",),
    )


TWITTER1 = _benchmark(3, 769, 500)
TWITTER1_AGREE4 = _benchmark(4, 689, 427)
TWITTER1_AGREE5 = _benchmark(5, 581, 301)
