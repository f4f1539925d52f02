from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from emotionnet.data.store import Dataset
from emotionnet.records import SPLITS
from emotionnet.search import teaching_score as room
from emotionnet.search.build import build_index
from emotionnet.search.examples import Examples, gather
from emotionnet.search.retrieval import Retrieval
from emotionnet.search.searcher import Searcher
from emotionnet.search.store import Index
from emotionnet.search.teaching import teach
from emotionnet.search.teaching_score import teaching_scores
from emotionnet.text.vectors import WordVectors, write_vectors
from tests.conftest import MakeDataset, MakeExported

pytest.importorskip("lancedb")
WORDS = ("fury", "delight", "gloom")  # held out: dark red, dark yellow and dark blue pictures


@pytest.fixture
def pictures(make_dataset: MakeDataset, make_exported: MakeExported, tmp_path: Path) -> tuple[Index, Dataset]:
    """An index of a data set; a held-out word stands for dark pictures of one colour."""
    dataset = make_dataset(groups={"train": 60, "val": 6, "test": 12})
    model = make_exported()
    write_vectors(WordVectors(WORDS, np.eye(3, dtype=np.float32)), model, info={})
    build_index(model, [dataset.root / "images"], tmp_path / "index")
    return Index.open(tmp_path / "index"), dataset


def test_scores_of_both_beside_chance(
    pictures: tuple[Index, Dataset], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "DRAWS", 2)
    index, dataset = pictures
    found = teaching_scores(index, dataset)
    scores = ("ap", "search_ap", "chance")
    keys = {f"teach.{word}.{score}" for word in ("fury", "gloom", "mean") for score in scores}
    shares = {"teach.mean.words", "teach.mean.better", "teach.mean.better_words"}
    assert set(found) == keys | shares  # delight was for choosing
    assert found["teach.mean.words"] == 2
    for word in ("fury", "gloom"):
        assert found[f"teach.{word}.ap"] > 2 * found[f"teach.{word}.chance"]
    for score in scores:
        mean = (found[f"teach.fury.{score}"] + found[f"teach.gloom.{score}"]) / 2
        assert found[f"teach.mean.{score}"] == pytest.approx(mean)
    better = [found[f"teach.{word}.ap"] > found[f"teach.{word}.search_ap"] for word in ("fury", "gloom")]
    assert found["teach.mean.better_words"] == np.mean(better)
    teach(Searcher(index), "fury", index.ids[:3])
    assert teaching_scores(index, dataset) == found  # what the index was taught makes no difference


def test_better_is_a_share_of_draws_and_of_words() -> None:
    """One word is better in one draw of two, but not on the mean; the other in all."""
    cases = {
        "a": [room._Case(0.5, 0.4, 0.1), room._Case(0.1, 0.4, 0.1)],
        "b": [room._Case(0.9, 0.2, 0.1)] * 2,
    }
    found = room._named(cases)
    assert (found["teach.mean.better"], found["teach.mean.better_words"]) == (0.75, 0.5)
    assert (found["teach.a.ap"], found["teach.b.search_ap"]) == pytest.approx((0.3, 0.2))
    assert found["teach.mean.ap"] == pytest.approx(0.6)


def test_search_is_scored_over_groups_without_a_marked_one(
    pictures: tuple[Index, Dataset], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a slow loop, from the marks that the first probe was given; no emotion has a vector here."""
    index, dataset = pictures
    asked: list[list[str]] = []

    def listed(retrieval: Retrieval, marks: Mapping[str, bool]) -> Examples:
        asked.append(list(marks))
        return gather(retrieval, marks)

    monkeypatch.setattr(room, "gather", listed)
    monkeypatch.setattr(room, "DRAWS", 1)
    found = teaching_scores(index, dataset)
    records = {str(dataset.root / one.path): one for split in SPLITS for one in dataset.records(split)}
    paths = [one.path for one in index.records(index.ids)]
    left_out = {records[index.record(name).path].group for name in asked[0]}
    assert len(left_out) == 5
    by_group: dict[str, list[tuple[float, bool]]] = {}
    assert index.projection is not None
    for path, cosine in zip(paths, index.projection[:, 0].tolist(), strict=True):
        record = records[path]
        if record.group not in left_out:
            by_group.setdefault(record.group, []).append((cosine, 0 in record.unseen))
    scores = [np.mean([score for score, _ in some]) for some in by_group.values()]
    labels = [any(own for _, own in some) for some in by_group.values()]
    expected = average_precision_score(labels, scores)
    assert found["teach.fury.search_ap"] == pytest.approx(expected, abs=1e-6)


def test_words_of_too_few_groups_have_none(
    pictures: tuple[Index, Dataset], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "LEAST_LEFT", 100)
    assert teaching_scores(*pictures) == {}
