"""SE30K8 and StockEmotion through the readers of the 2020 release."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import pytest

from emotionnet.data.benchmarks.pickled import read_se30k8, read_stockemotion, stockemotion_labels
from emotionnet.data.se30k8 import EMOTIONS, label_of_counts
from emotionnet.records import DataError


def write(path: Path, content: object) -> Path:
    path.write_bytes(pickle.dumps(content, protocol=2))
    return path


def entry(number: int, votes: list[list[Any]], tags: tuple[str, ...] = ("tree",)) -> dict[str, Any]:
    return {"image_emotion": votes, "re_path": f"0000/{number}.jpg", "tags": list(tags)}


def vocabulary(names: list[str]) -> dict[str, Any]:
    ids = {name: place for place, name in enumerate(names)}
    return {"key2idx": ids, "idx2key": {place: name for name, place in ids.items()}}


class Hostile:
    def __init__(self, ran: Path) -> None:
        self.ran = ran

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.ran),)


def test_votes_of_five_and_the_held_out_tenth(tmp_path: Path) -> None:
    votes: list[list[Any]] = [["fear"], [2, 5], ["sadness"], ["sadness"], []]
    write(tmp_path / "all.pkl", {number: entry(number, votes) for number in range(40)})
    train, test = read_se30k8(tmp_path, "train"), read_se30k8(tmp_path, "test")
    assert (len(train), len(test)) == (36, 4)
    assert {record.path for record in train}.isdisjoint(record.path for record in test)
    assert {record.labels for record in train} == {(2, 5)}
    assert {record.label_weights for record in train} == {(2, 3)}
    first = train[0]
    counts = dict(zip(first.labels, first.label_weights, strict=True))
    assert EMOTIONS[label_of_counts(counts) or 0] == "sadness"
    (tmp_path / "images").mkdir()
    assert read_se30k8(tmp_path, "test")[0].path == f"images/{test[0].path}"


def test_pictures_without_a_known_tag_go_first(tmp_path: Path) -> None:
    entries = {n: entry(n, [[0]] * 5, ("tree",) if n % 2 else ("stone",)) for n in range(40)}
    write(tmp_path / "all.pkl", entries)
    write(tmp_path / "tag2idx.pkl", vocabulary(["tree", "sea"]))
    assert [len(read_se30k8(tmp_path, split)) for split in ("train", "test")] == [18, 2]


def test_published_lists_stand_before_the_dict(tmp_path: Path) -> None:
    write(tmp_path / "all.pkl", {1: entry(1, [[0]] * 5)})
    write(tmp_path / "train_mclss.pkl", [["a.jpg", [[3, 4], [0, 1]]], ["b.jpg", [[7, 5]]]])
    one, two = read_se30k8(tmp_path, "train")
    assert (one.path, one.labels, one.label_weights) == ("a.jpg", (3, 0), (4, 1))
    assert two.labels == (7,)
    write(tmp_path / "train_mclss.pkl", [["a.jpg", 3]])
    with pytest.raises(
        DataError, match=r"train_mclss.pkl: rows must be \[path, \[\[label, count\], ...\]\]; got"
    ):
        read_se30k8(tmp_path, "train")


def test_numbers_of_tags_mean_what_their_vocabulary_says(tmp_path: Path) -> None:
    labels = stockemotion_labels()
    assert (len(labels), labels[0], labels[-1]) == (690, "abandoned", sorted(labels)[-1])
    write(tmp_path / "train.pkl", [["a.jpg", [0, 689, 0], [5]], ["b.jpg", [1], [6, 7]]])
    assert [record.labels for record in read_stockemotion(tmp_path, "train")] == [(0, 689), (1,)]
    write(tmp_path / "etag2idx.pkl", vocabulary(list(reversed(labels))))
    assert [record.labels for record in read_stockemotion(tmp_path, "train")] == [(689, 0), (688,)]
    write(tmp_path / "etag2idx.pkl", vocabulary([*labels[:-1], "nostalgia!"]))
    with pytest.raises(
        DataError, match=r"must hold StockEmotion's 690 emotion tags; holds 690, of which 1 are unknown, such"
    ):
        read_stockemotion(tmp_path, "train")


def test_a_pickle_that_runs_something_is_refused(tmp_path: Path) -> None:
    """pickle.load would make the folder."""
    ran = tmp_path / "ran"
    for name, read in (("train.pkl", read_stockemotion), ("train_mclss.pkl", read_se30k8)):
        write(tmp_path / name, [["a.jpg", Hostile(ran)]])
        with pytest.raises(DataError, match=r"posix.mkdir"):
            read(tmp_path, "train")
    assert not ran.exists()


def test_faults(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"must hold test_mclss.pkl, or one .pkl with all pictures; holds none"
    ):
        read_se30k8(tmp_path, "test")
    write(tmp_path / "train.pkl", [["a.jpg", [690]], ["../b.jpg", [1]], ["c.jpg", [1]]])
    with pytest.raises(DataError) as told:
        read_stockemotion(tmp_path, "train")
    first, second = told.value.faults
    assert first.endswith("train.pkl: row 0: a label must be a whole number in 0..689; got 690")
    assert "row 1: path must not leave the image folder" in second
    write(tmp_path / "train.pkl", {1: entry(1, [[0]] * 5)})
    with pytest.raises(DataError, match=r"rows must be .*; got the dict of SE30K8"):
        read_stockemotion(tmp_path, "train")
    with pytest.raises(DataError, match=r"val.pkl: file not found"):
        read_stockemotion(tmp_path, "val")
