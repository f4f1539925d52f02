"""Scores of search over the squares of `make_dataset`: red is anger, yellow joy, blue sadness."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from emotionnet.data.store import Dataset
from emotionnet.records import SPLITS
from emotionnet.search.build import build_index
from emotionnet.search.query import parse_query
from emotionnet.search.scoring import precision_at, search_scores
from emotionnet.search.searcher import Searcher
from emotionnet.search.store import Index
from emotionnet.text.vectors import WordVectors, write_vectors
from tests.conftest import MakeDataset, MakeExported

pytest.importorskip("lancedb")


@pytest.fixture
def dataset(make_dataset: MakeDataset) -> Dataset:
    return make_dataset({"test": 24})


@pytest.fixture
def searcher(dataset: Dataset, make_exported: MakeExported, tmp_path: Path) -> Searcher:
    """Over the pictures of source 'oil'; each emotion and held-out word points to its colour."""
    build_index(make_exported(), [str(dataset.root / "images" / "oil-*")], tmp_path / "index")
    words = (*dataset.emotion_names, *dataset.unseen_names)
    points = np.array([[1, -1, -1], [1, 1, -1], [-1, -0.5, 1]] * 2, dtype=np.float32)
    write_vectors(WordVectors(words, points), tmp_path / "index", info={})
    return Searcher(Index.open(tmp_path / "index"))


def test_precision_is_the_share_of_the_first(searcher: Searcher) -> None:
    first = [hit.picture.id for hit in searcher.search(parse_query("anger", k=4)).hits]
    assert precision_at(searcher, "anger", first[:3], k=4) == 0.75
    assert precision_at(searcher, "anger", first, k=2) == 1
    assert precision_at(searcher, "anger", first[1:], k=4, among=set(first[:2])) == 0.5
    assert precision_at(searcher, "anger", [], k=4) == 0
    assert precision_at(searcher, "anger", first, among=()) == 0


def test_pictures_carry_what_any_picture_of_their_group_carries(searcher: Searcher, dataset: Dataset) -> None:
    scores = search_scores(searcher, dataset)
    records = [record for split in SPLITS for record in dataset.checked_records(split)]
    for split, start in (("", ""), ("test", "test_")):
        here = list(dataset.checked_records("test")) if split else records
        own = [one for one in here if one.source == "oil"]
        groups = {one.group for one in records if 0 in one.labels}
        relevant = [one for one in own if one.group in groups]
        assert scores[f"search.anger.{start}relevant"] == len(relevant) > 0
        assert scores[f"search.anger.{start}chance"] == pytest.approx(len(relevant) / len(own))
        assert scores[f"search.anger.{start}precision_at_10"] > scores[f"search.anger.{start}chance"]
    names = [key.split(".")[1] for key in scores]
    assert list(dict.fromkeys(names)) == [*dataset.emotion_names, *dataset.unseen_names, "mean"]
    means = [scores[f"search.{name}.precision_at_10"] for name in dict.fromkeys(names) if name != "mean"]
    assert scores["search.mean.precision_at_10"] == pytest.approx(float(np.mean(means)))


def test_a_word_that_nobody_carries_has_no_scores(searcher: Searcher, make_dataset: MakeDataset) -> None:
    elsewhere = make_dataset(folder=searcher.index.folder.parent / "elsewhere")
    assert search_scores(searcher, elsewhere) == {}
