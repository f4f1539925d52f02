"""Any words on a data set: what pictures carry and what is scored, against loops over rows and words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from emotionnet.data.store import Dataset
from emotionnet.evaluation.ridge_words import map_points, sentence_map
from emotionnet.evaluation.subject import open_subject
from emotionnet.evaluation.zeroshot_labels import zeroshot
from emotionnet.evaluation.zeroshot_pictures import rank_files
from emotionnet.evaluation.zeroshot_spaces import Reading
from emotionnet.evaluation.zeroshot_truth import ask_words
from emotionnet.files import read_json, write_json
from emotionnet.records import DataError
from emotionnet.runs import read_metrics
from emotionnet.text.vectors import WordVectors

Array = npt.NDArray[Any]
MakeDataset = Callable[..., Dataset]
MakeRun = Callable[..., Path]
WORDS = {"Fury": ("fury",), "warm": ("red", "Yellow"), "square": ("square",), "sea": ("blue", "dark")}
SENTENCE = Reading(space="sentence")


def by_letters(words: Sequence[str]) -> WordVectors:
    """A stand-in for the sentence model: how often a word has each letter, and how long it is."""
    rows = [[*(word.count(letter) for letter in "aeioulrs"), len(word)] for word in words]
    return WordVectors(tuple(words), np.array(rows, dtype=np.float32))


@pytest.fixture
def letters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("emotionnet.evaluation.zeroshot_spaces.sentence_vectors", by_letters)


def truth(dataset: Dataset) -> Array:
    """What test pictures carry of `WORDS`, by their tags and held-out words."""
    rows = []
    for record in dataset.records("test"):
        tags = [dataset.tag_names[i] for i in record.tags]
        unseen = [dataset.unseen_names[i] for i in record.unseen]
        blue = "blue" in tags or "dark" in tags
        rows.append(["fury" in unseen, "red" in tags or "yellow" in tags, "square" in tags, blue])
    return np.array(rows)


def cosine(a_D: Array, b_D: Array) -> float:
    return float(a_D @ b_D / np.sqrt((a_D @ a_D) * (b_D @ b_D)))


def mean_cosines(points_ND: Array, vectors: WordVectors, sets: Sequence[Sequence[str]]) -> Array:
    table = {
        word: vector.astype(np.float64)
        for word, vector in zip(vectors.words, vectors.vectors_VD, strict=True)
    }
    return np.array(
        [[np.mean([cosine(point, table[w.lower()]) for w in some]) for some in sets] for point in points_ND]
    )


def test_scores_by_hand(
    make_dataset: MakeDataset, make_run: MakeRun, capsys: pytest.CaptureFixture[str]
) -> None:
    dataset = make_dataset({"test": 30})
    run = make_run(dataset)
    metrics = zeroshot(run, words=WORDS)
    subject = open_subject(run)
    paths = [dataset.image_path(record) for record in dataset.records("test")]
    projection, vectors = subject.predictor.outputs(paths).projection, subject.predictor.vectors
    assert projection is not None
    assert vectors is not None
    cosines_NK = mean_cosines(projection.astype(np.float64), vectors, list(WORDS.values()))
    labels_NK = truth(dataset)
    assert labels_NK[:, 2].all()  # every picture is a square
    key = "zero_shot.words."
    kept = {name: k for k, name in enumerate(WORDS) if name != "square"}
    precisions = {n: average_precision_score(labels_NK[:, k], cosines_NK[:, k]) for n, k in kept.items()}
    assert {n: metrics[f"{key}ap.{n}"] for n in kept} == pytest.approx(precisions)
    assert metrics[f"{key}macro_map"] == pytest.approx(np.mean(list(precisions.values())))
    aucs = [roc_auc_score(labels_NK[:, k], cosines_NK[:, k]) for k in kept.values()]
    assert metrics[f"{key}auc"] == pytest.approx(np.mean(aucs))
    low, high = metrics[f"{key}macro_map_ci_low"], metrics[f"{key}macro_map_ci_high"]
    assert low < metrics[f"{key}macro_map"] < high
    counts = {"n_classes": 3, "n_without_truth": 1, "n_seen": 3, "n_images": len(paths), "n_groups": 30}
    assert {name: metrics[f"{key}{name}"] for name in counts} == counts
    assert f"{key}ap.square" not in metrics
    assert read_metrics(run) == metrics
    said = capsys.readouterr().err
    assert "square: not scored, since no picture of the split carries it, or all do" in said
    assert "warm, square, sea: the run was trained on it; its score is no zero-shot" in said
    table = pl.read_parquet(run / "predictions" / "zeroshot-words-test.parquet")
    np.testing.assert_allclose(np.array(table["cosines"].to_list()), cosines_NK, atol=2e-6)
    names = list(WORDS)
    assert table["labels"].to_list() == [[names[k] for k in np.flatnonzero(row)] for row in labels_NK]
    assert table["predicted"].to_list() == [names[k] for k in cosines_NK.argmax(axis=1)]
    assert read_json(run / "predictions" / "zeroshot-words-test.json") == [
        {"label": label, "words": list(some)} for label, some in WORDS.items()
    ]


def test_labels_carry_words_too_and_single_labels_are_told_apart(make_dataset: MakeDataset) -> None:
    dataset = make_dataset()
    words = {"rage": ("Anger",), "JOY": ("bliss",), "none": ("nothing",)}
    asked = ask_words(dataset, "test", words)
    labels = [[dataset.emotion_names[i] for i in record.labels] for record in dataset.records("test")]
    assert asked.scored.labels.tolist() == [["anger" in some, "joy" in some, False] for some in labels]
    assert asked.single is None  # some pictures have two labels
    assert asked.notes == {"n_without_truth": 1}
    table = dataset.table("test")
    one = table.with_columns(labels=pl.col("labels").list.head(1), tags=pl.lit([], dtype=pl.List(pl.Int32)))
    one.write_parquet(dataset.root / "test.parquet")
    single = ask_words(dataset, "test", words).single
    assert single is not None
    assert single.tolist() == [[some[0] == "anger", some[0] == "joy", False] for some in labels]
    assert ask_words(dataset, "test", {"rage": ("anger",)}).single is None  # nothing to tell it from


def test_words_without_any_truth_leave_predictions_and_counts(
    make_dataset: MakeDataset, make_run: MakeRun, letters: None
) -> None:
    run = make_run(make_dataset())
    zeroshot(run, words={"red": ("red",)}, reading=SENTENCE)
    metrics = zeroshot(run, words={"nostalgia": ("nostalgia",), "sea": ("sea",)}, reading=SENTENCE)
    count = pl.read_parquet(run / "predictions" / "zeroshot-words-test.parquet").height
    expected = {"n_classes": 0, "n_images": count, "n_without_truth": 2, "n_seen": 0}
    assert metrics == {f"zero_shot.words.sentence.{name}": value for name, value in expected.items()}
    assert read_metrics(run) == metrics  # and nothing of the words before


def test_a_variant_replaces_its_own_scores_only(make_dataset: MakeDataset, make_run: MakeRun) -> None:
    run = make_run(make_dataset())
    first = zeroshot(run, words={"red": ("red",), "dark": ("dark",)})
    largest = zeroshot(run, words={"red": ("red",)}, reading=Reading(pool="max"))
    val = zeroshot(run, words={"red": ("red",)}, split="val")
    assert all(key.startswith("zero_shot.words.max.") for key in largest)
    assert all(key.startswith("val.zero_shot.words.") for key in val)
    assert read_metrics(run) == first | largest | val
    second = zeroshot(run, words={"blue": ("blue",)})
    assert read_metrics(run) == second | largest | val


def test_vectors_of_the_sentence_model_have_one_for_any_word(
    make_dataset: MakeDataset, make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = make_dataset()
    run, asked = make_run(dataset), []

    def sentence_vectors(words: Sequence[str]) -> WordVectors:
        asked.append(list(words))
        return WordVectors(tuple(words), np.eye(4, dtype=np.float32)[: len(words)])

    monkeypatch.setattr("emotionnet.evaluation.zeroshot_spaces.sentence_vectors", sentence_vectors)
    words = {"red": ("Red",), "awe": ("Awe", "calm", "awe")}
    with pytest.raises(DataError, match="lack Awe, calm, awe; give other words with --labels, other vectors"):
        zeroshot(run, words=words)
    info = read_json(run / "vectors.json")
    write_json(run / "vectors.json", {**info, "method": "sentence", "model": "all-MiniLM-L6-v2"})
    zeroshot(run, words=words)
    assert asked == [["awe", "calm"]]
    predictor = open_subject(run).predictor
    paths = [dataset.image_path(record) for record in dataset.records("test")]
    projection_ND = predictor.outputs(paths).projection
    assert projection_ND is not None
    assert predictor.vectors is not None
    both = WordVectors(
        (*predictor.vectors.words, "awe", "calm"),
        np.concatenate([predictor.vectors.vectors_VD, np.eye(4, dtype=np.float32)[:2]]),
    )
    expected_NK = mean_cosines(projection_ND.astype(np.float64), both, list(words.values()))
    table = pl.read_parquet(run / "predictions" / "zeroshot-words-test.parquet")
    np.testing.assert_allclose(np.array(table["cosines"].to_list()), expected_NK, atol=2e-6)


def test_sentence_vectors_by_their_formula_for_a_run_without_projection(
    make_dataset: MakeDataset, make_run: MakeRun, letters: None
) -> None:
    dataset = make_dataset({"test": 12})
    run = make_run(dataset, shape="plain")
    words = {"red": ("red",), "gloomy mood": ("gloomy mood", "Dark")}
    metrics = zeroshot(run, words=words, reading=SENTENCE)
    predictor = open_subject(run).predictor
    paths = [dataset.image_path(record) for record in dataset.records("test")]
    learned = sentence_map(predictor, dataset, vectorise=by_letters)
    points_ND = map_points(learned.ridge, predictor.outputs(paths).features).astype(np.float64)
    expected_NK = mean_cosines(points_ND, by_letters(["red", "gloomy mood", "dark"]), list(words.values()))
    table = pl.read_parquet(run / "predictions" / "zeroshot-words-test.parquet")
    np.testing.assert_allclose(np.array(table["cosines"].to_list()), expected_NK, atol=1e-5)
    labels_N2 = [
        ["red" in some, "dark" in some]
        for some in ([dataset.tag_names[i] for i in record.tags] for record in dataset.records("test"))
    ]
    precision = average_precision_score(np.array(labels_N2)[:, 0], expected_NK[:, 0])
    assert metrics["zero_shot.words.sentence.ap.red"] == pytest.approx(precision)
    assert set(table["tags"][0].to_list()) <= set(dataset.tag_names)
    ranked, faults = rank_files(run, [paths[0], dataset.root / "no.png"], words, reading=SENTENCE)
    assert [score.value for score in ranked[0].labels] == pytest.approx(
        sorted(expected_NK[0])[::-1], abs=1e-5
    )
    assert len(ranked) == 1
    assert faults == [f"{dataset.root / 'no.png'}: file not found"]


def test_sentence_vectors_on_another_data_set_are_learned_from_the_runs_own(
    make_dataset: MakeDataset, make_run: MakeRun, letters: None, tmp_path: Path
) -> None:
    run = make_run(make_dataset(), shape="plain")
    other = make_dataset({"train": 15}, folder=tmp_path / "other", seed=1)
    none = pl.lit([], dtype=pl.List(pl.Int32))
    for split in ("train", "val"):  # from here nothing can be learned
        other.table(split).with_columns(tags=none, labels=none).write_parquet(other.root / f"{split}.parquet")
    metrics = zeroshot(run, data=other.root, on="labels", reading=SENTENCE)
    assert "zero_shot.labels.sentence.macro_map" in metrics
    assert metrics == read_metrics(run)


def test_faults(make_dataset: MakeDataset, make_run: MakeRun, tmp_path: Path) -> None:
    dataset = make_dataset()
    run, words = make_run(dataset), {"joy": ("joy",)}
    before = sorted(path.name for path in run.rglob("*"))
    with pytest.raises(DataError, match="--labels and --on both say what to score; give one of them"):
        zeroshot(run, words=words, on="labels")
    with pytest.raises(DataError, match="every word must have a vector; this run's vectors lack bliss"):
        zeroshot(run, words={"bliss": ("bliss", "joy")})
    with pytest.raises(DataError, match="two ways to read words; give one of them"):
        zeroshot(run, words=words, reading=Reading(space="sentence", teacher=tmp_path))
    with pytest.raises(DataError, match="is made of the run's train and val splits; score the test split"):
        zeroshot(run, words=words, split="val", reading=SENTENCE)
    assert sorted(path.name for path in run.rglob("*")) == before
    plain = make_run(dataset, shape="plain", name="plain")
    with pytest.raises(DataError, match="this run has none, give --space sentence"):
        zeroshot(plain, words=words)


def test_a_second_scoring_looks_at_no_picture_again(
    make_dataset: MakeDataset, make_run: MakeRun, letters: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run(make_dataset({"test": 12}), shape="plain")
    first = zeroshot(run, words={"red": ("red",), "dark": ("dark",)}, reading=SENTENCE)

    def refused(*_: object, **__: object) -> None:
        raise AssertionError("a picture was looked at again")

    monkeypatch.setattr("emotionnet.inference.features.run_network", refused)
    monkeypatch.setattr("emotionnet.inference.predictor.run_images", refused)
    assert zeroshot(run, words={"red": ("red",), "dark": ("dark",)}, reading=SENTENCE) == first
