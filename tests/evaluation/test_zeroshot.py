from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from emotionnet.data.store import Dataset, read_dataset
from emotionnet.evaluation.zeroshot import seen_words, unseen_scores, zeroshot_run
from emotionnet.files import read_json, write_json
from emotionnet.records import DataError

MakeDataset = Callable[..., Dataset]
MakeRun = Callable[..., Path]


def test_scores_by_hand_over_words_with_both_sides() -> None:
    cosines_GK = np.array([[0.9, 0.0, 0.1], [0.1, 0.0, 0.9], [0.5, 0.0, 0.5]])
    labels_GK = np.array([[True, False, True], [False, False, False], [True, False, False]])
    scores = unseen_scores(cosines_GK, labels_GK, ("fury", "awe", "gloom"), seed=0)
    assert scores["auc.fury"] == 1.0
    assert scores["auc.gloom"] == 0.0
    assert "auc.awe" not in scores
    assert scores["auc"] == 0.5
    assert scores["macro_map"] == pytest.approx((1 + 1 / 3) / 2)
    assert (scores["n_tags"], scores["n_groups"]) == (2, 3)
    # random orders of 3: two positives (1 + 5/6 + 7/12) / 3, one positive (1 + 1/2 + 1/3) / 3
    assert scores["chance_map"] == pytest.approx((29 / 36 + 11 / 18) / 2, abs=0.02)


def test_a_run_finds_words_near_its_emotions(make_run: MakeRun) -> None:
    run = make_run()
    scores = zeroshot_run(run)
    assert scores["zero_shot.unseen.auc"] > 0.7
    assert scores["zero_shot.unseen.n_tags"] == 3
    assert scores["zero_shot.unseen.n_groups"] == 9
    assert read_json(run / "metrics.json") == scores


def test_twice_the_same_bytes(make_run: MakeRun) -> None:
    run = make_run()
    zeroshot_run(run)
    first = (run / "metrics.json").read_bytes()
    zeroshot_run(run)
    assert (run / "metrics.json").read_bytes() == first


def test_words_without_both_sides_are_refused() -> None:
    with pytest.raises(
        DataError, match="at least one of 1 unseen words must be carried by some groups and not"
    ):
        unseen_scores(np.zeros((2, 1)), np.ones((2, 1), dtype=np.bool_), ("fury",), seed=0)


def test_a_network_without_projection_is_refused(make_run: MakeRun) -> None:
    run = make_run(shape="plain")
    with pytest.raises(DataError, match="zero-shot needs a network with a projection; this run has none"):
        zeroshot_run(run)
    assert not (run / "metrics.json").exists()


@pytest.mark.parametrize(
    ("file", "word", "text"),
    [
        ("tags.json", "fury", "'fury' must be in no tag; it is in 'fury'"),
        ("tags.json", "quiet fury", "'fury' must be in no tag; it is in 'quiet fury'"),
        ("emotions.json", "gloom", "'gloom' must be in no emotion; it is in 'gloom'"),
    ],
)
def test_a_word_that_was_seen_is_refused(
    make_run: MakeRun, make_dataset: MakeDataset, file: str, word: str, text: str
) -> None:
    dataset = make_dataset()
    run = make_run(dataset)
    words = read_json(dataset.root / file)
    write_json(dataset.root / file, [*words[:-1], {"name": word, "count": 1}])
    with pytest.raises(DataError, match=text):
        zeroshot_run(run)


def test_a_word_inside_another_is_not_seen(make_dataset: MakeDataset) -> None:
    dataset = make_dataset()
    words = read_json(dataset.root / "tags.json")
    write_json(dataset.root / "tags.json", [*words[:-1], {"name": "gloomless", "count": 1}])
    assert seen_words(read_dataset(dataset.root)) == []


@pytest.mark.parametrize(
    ("families", "faults"),
    [
        ({"fury": ["rage"], "gloom": ["murk"]}, []),
        ({"fury": ["rage", "red"]}, ["kin of unseen word 'fury' must be in no tag; 'red' is one"]),
        (
            {"gloom": ["sadness"]},
            [
                "kin of unseen word 'gloom' must be in no emotion; 'sadness' is one",
                "kin of unseen word 'gloom' must be in no tag; 'sadness' is one",
            ],
        ),
    ],
)
def test_kin_of_an_unseen_word_that_stayed_are_named(
    make_dataset: MakeDataset, families: dict[str, list[str]], faults: list[str]
) -> None:
    root = make_dataset().root
    write_json(root / "dataset.json", {**read_json(root / "dataset.json"), "unseen_families": families})
    assert seen_words(read_dataset(root)) == [f"{root}: {fault}" for fault in faults]


@pytest.mark.parametrize("families", [["rage"], {"fury": "rage"}, None])
def test_families_of_another_form_are_refused(make_dataset: MakeDataset, families: object) -> None:
    root = make_dataset().root
    write_json(root / "dataset.json", {**read_json(root / "dataset.json"), "unseen_families": families})
    fault = "unseen_families must be a list of tags for each word; it is not"
    assert seen_words(read_dataset(root)) == [f"{root / 'dataset.json'}: {fault}"]


def test_words_that_the_run_did_not_hold_out_are_refused(
    make_run: MakeRun, make_dataset: MakeDataset
) -> None:
    dataset = make_dataset()
    run = make_run(dataset)
    words = read_json(dataset.root / "unseen.json")
    write_json(dataset.root / "unseen.json", [*words, {"name": "envy", "count": 4}])
    with pytest.raises(
        DataError, match="'envy' must have been held out when the run was trained; it was not"
    ):
        zeroshot_run(run)


def test_a_data_set_that_holds_no_word_out_is_refused(make_run: MakeRun, make_dataset: MakeDataset) -> None:
    dataset = make_dataset()
    run = make_run(dataset)
    write_json(dataset.root / "unseen.json", [])
    for split in ("train", "val", "test"):
        table = dataset.table(split).with_columns(unseen=pl.lit([], dtype=pl.List(pl.Int32)))
        table.write_parquet(dataset.root / f"{split}.parquet")
    with pytest.raises(DataError, match="zero-shot needs unseen words; this data set holds none out"):
        zeroshot_run(run)
