"""Zero-shot on labels against section 8 of the 2020 system written out, one row, label and word at a time."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest
import torch
from sklearn.metrics import average_precision_score

from emotionnet.data.dataset_writing import write_dataset
from emotionnet.data.record_tables import table_of
from emotionnet.data.store import PARTS, Dataset, read_dataset
from emotionnet.emotions import EMOTIC_WORDS, LABEL_SETS
from emotionnet.evaluation.chance import chance_scores
from emotionnet.evaluation.subject import open_subject
from emotionnet.evaluation.zeroshot_labels import zeroshot
from emotionnet.evaluation.zeroshot_spaces import Reading
from emotionnet.evaluation.zeroshot_words import label_words, same_words
from emotionnet.files import new_folder, read_json, write_json
from emotionnet.models.description import (
    Domain,
    Fitted,
    ImageModel,
    TextModel,
    read_description,
    write_description,
)
from emotionnet.models.weights import save_weights
from emotionnet.records import SPLITS, DataError, Word
from emotionnet.runs import read_metrics
from emotionnet.text.teacher import TextTeacher
from emotionnet.text.vectors import WordVectors, write_vectors

Array = npt.NDArray[Any]
MakeDataset = Callable[..., Dataset]
MakeRun = Callable[..., Path]
EMOTIC = LABEL_SETS["emotic26"]
WORDS = tuple(dict.fromkeys(word for words in EMOTIC_WORDS.values() for word in words))


def relabelled(dataset: Dataset, folder: Path, names: Sequence[str], label: Callable[[int], Any]) -> Dataset:
    """The pictures of a data set with other emotions; `label(row)` gives what a record has in their place."""
    with new_folder(folder, parts=PARTS, overwrite=False) as root:
        shutil.copytree(dataset.root / "images", root / "images")
        tables = {
            split: table_of(
                [
                    replace(record, tags=(), unseen=(), **label(row))
                    for row, record in enumerate(dataset.records(split))
                ]
            )
            for split in SPLITS
        }
        words: dict[str, list[Word]] = {
            "emotions": [Word(name, 1) for name in names],
            "tags": [],
            "unseen": [],
        }
        write_dataset(
            root,
            info={"name": "foreign"},
            words=words,
            tables=tables,
            rejects=[],
        )
    return read_dataset(folder)


def one_label(row: int) -> dict[str, Any]:
    return {"labels": ((row + row // 5) % 3,), "group": f"g{row}"}


def people(row: int) -> dict[str, Any]:
    """Votes of three for EMOTIC's categories; a vote of weight 0 is none. Two people share a picture."""
    rng = np.random.default_rng(row)
    chosen = sorted(rng.choice(26, 3, replace=False).tolist())
    return {"labels": tuple(chosen), "label_weights": (2.0, 1.0, 0.0), "group": f"image{row // 2}"}


@pytest.fixture
def squares(make_dataset: MakeDataset, tmp_path: Path) -> Dataset:
    return make_dataset({"test": 30}, folder=tmp_path / "squares")


def write_teacher(folder: Path, tags: Sequence[str], *, width: int = 4) -> TextTeacher:
    teacher = TextTeacher(vocab_size=len(tags), word_dim=6, n_classes=2, width=width, max_tags=9)
    with torch.no_grad():
        teacher.embedding.weight[:-1] = torch.from_numpy(
            np.random.default_rng(5).normal(size=(len(tags) + 1, 6))
        )
    folder.mkdir()
    save_weights(teacher, folder / "model.safetensors")
    write_json(folder / "config.json", {})
    model = TextModel(
        emotions=("good", "bad"),
        tags=tuple(tags),
        word_dim=6,
        width=width,
        max_tags=9,
        dropout=0.5,
        static=True,
        domain=Domain(dataset="none", data_hash="", licences={}, unseen=()),
    )
    write_description(folder, model)
    return teacher


def random_vectors(folder: Path, words: Sequence[str], *, size: int = 4) -> WordVectors:
    rows_VD = np.random.default_rng(1).normal(size=(len(words), size)).astype(np.float32)
    folder.mkdir()
    vectors = WordVectors(tuple(words), rows_VD)
    write_vectors(vectors, folder, info={})
    return vectors


def projections(run: Path, dataset: Dataset) -> Array:
    subject = open_subject(run, dataset.root)
    found = subject.predictor.outputs([dataset.image_path(r) for r in dataset.records("test")]).projection
    assert found is not None
    return found.astype(np.float64)


def cosine(a_D: Array, b_D: Array) -> float:
    lengths = np.sqrt(a_D @ a_D) * np.sqrt(b_D @ b_D)
    return float(a_D @ b_D / lengths) if lengths else 0.0  # ReLU may leave nothing


def tag_feature(teacher: TextTeacher, index: int) -> Array:
    weights = {name: value.numpy().astype(np.float64) for name, value in teacher.state_dict().items()}
    vector_D = weights["embedding.weight"][index]
    sums = [
        float(row[0] @ vector_D) + bias
        for row, bias in zip(weights["conv.weight"], weights["conv.bias"], strict=True)
    ]
    return np.array([max(0.0, value) for value in sums])


def test_single_label_accuracy_and_the_ten_nearest_tags(
    make_run: MakeRun, squares: Dataset, tmp_path: Path
) -> None:
    run = make_run(squares)
    names = ("Anger", "joy", "sadness (deep)")
    foreign = relabelled(squares, tmp_path / "foreign", names, one_label)
    metrics = zeroshot(run, data=foreign.root)
    vectors = open_subject(run).predictor.vectors
    assert vectors is not None
    table = pl.read_parquet(run / "predictions" / "zeroshot-test.parquet")
    hits = 0
    for row, (projection_D, record) in enumerate(
        zip(projections(run, foreign), foreign.records("test"), strict=True)
    ):
        cosines = [
            cosine(projection_D, vectors.vectors_VD[vectors.index(w)]) for w in ("anger", "joy", "sadness")
        ]
        top = int(np.argmax(cosines))
        hits += top in record.labels
        all_tags = {
            word: cosine(projection_D, vector)
            for word, vector in zip(vectors.words, vectors.vectors_VD, strict=True)
        }
        assert table["cosines"][row].to_list() == pytest.approx(cosines, abs=1e-6)
        assert table.select("id", "path", "predicted").row(row) == (record.id, record.path, names[top])
        assert table["labels"][row].to_list() == [names[record.labels[0]]]
        assert table["tags"][row].to_list() == sorted(all_tags, key=lambda w: -all_tags[w])[:10]
    count = table.height
    key = "zero_shot.labels."
    assert metrics[f"{key}accuracy"] == pytest.approx(hits / count)
    assert 0 < hits < count
    assert metrics[f"{key}chance_accuracy"] == pytest.approx(1 / 3)
    sizes = [metrics[f"{key}{name}"] for name in ("n_images", "n_groups", "n_classes")]
    assert sizes == [count, count, 3]
    assert metrics[f"{key}accuracy_ci_low"] < metrics[f"{key}accuracy"] < metrics[f"{key}accuracy_ci_high"]
    assert read_metrics(run) == metrics


@pytest.mark.parametrize("pool", ["mean", "max"])
@pytest.mark.parametrize("through", ["vectors", "teacher"])
def test_emotic_by_mean_and_max_of_cosines_raw_and_through_the_teacher(
    make_run: MakeRun, squares: Dataset, tmp_path: Path, pool: Any, through: str
) -> None:
    run, foreign = make_run(squares), relabelled(squares, tmp_path / "emotic", EMOTIC, people)
    vectors = random_vectors(tmp_path / "vectors", [*WORDS, "sea", "tree"])
    known = (*WORDS[:20], *WORDS[25:], "sea")  # five words are unknown to the teacher
    teacher = write_teacher(tmp_path / "teacher", known)
    reading = Reading(pool=pool, teacher=tmp_path / "teacher" if through == "teacher" else None)
    metrics = zeroshot(run, data=foreign.root, vectors=tmp_path / "vectors", reading=reading)

    def point(word: str) -> Array:
        if through == "vectors":
            raw_D: Array = vectors.vectors_VD[WORDS.index(word)].astype(np.float64)
            return raw_D
        return tag_feature(teacher, known.index(word) if word in known else len(known))

    records = foreign.records("test")
    scores_NK, labels_NK = np.zeros((len(records), 26)), np.zeros((len(records), 26), dtype=bool)
    for n, projection_D in enumerate(projections(run, foreign)):
        for k, category in enumerate(EMOTIC):
            cosines = [cosine(projection_D, point(word)) for word in EMOTIC_WORDS[category]]
            scores_NK[n, k] = max(cosines) if pool == "max" else sum(cosines) / len(cosines)
            labels_NK[n, k] = k in records[n].labels[:2]
    table = pl.read_parquet(run / "predictions" / "zeroshot-test.parquet")
    np.testing.assert_allclose(np.array(table["cosines"].to_list()), scores_NK, atol=2e-6)
    has_K = labels_NK.any(axis=0)
    precisions = {
        EMOTIC[k]: average_precision_score(labels_NK[:, k], scores_NK[:, k]) for k in np.flatnonzero(has_K)
    }
    key = "zero_shot.labels."
    key += {"vectorsmean": "", "vectorsmax": "max.", "teachermean": "teacher.", "teachermax": "teacher_max."}[
        through + pool
    ]
    assert set(metrics) == {name for name in metrics if name.startswith(key)}
    found = {name: metrics[f"{key}ap.{name}"] for name in precisions}
    assert found == pytest.approx(precisions)
    assert metrics[f"{key}macro_map"] == pytest.approx(np.mean(list(precisions.values())))
    assert metrics[f"{key}chance_map"] == chance_scores(labels_NK, seed=3)["macro_map"]
    assert (metrics[f"{key}n_classes"], metrics[f"{key}n_images"]) == (has_K.sum(), len(records))
    assert metrics[f"{key}n_groups"] == -(-len(records) // 2)


def test_with_a_teacher_the_nearest_tags_are_its_own(
    make_run: MakeRun, squares: Dataset, tmp_path: Path
) -> None:
    run = make_run(squares)
    foreign = relabelled(squares, tmp_path / "foreign", ("anger", "joy", "sadness"), one_label)
    tags = ("anger", "joy", *(f"word{number}" for number in range(15)))
    teacher = write_teacher(tmp_path / "teacher", tags)
    zeroshot(run, data=foreign.root, reading=Reading(teacher=tmp_path / "teacher"))
    table = pl.read_parquet(run / "predictions" / "zeroshot-test.parquet")
    features = [tag_feature(teacher, index) for index in range(len(tags))]
    for row, projection_D in enumerate(projections(run, foreign)):
        cosines = {tag: cosine(projection_D, one) for tag, one in zip(tags, features, strict=True)}
        found = table["tags"][row].to_list()
        assert [cosines[tag] for tag in found] == pytest.approx(sorted(cosines.values())[::-1][:10], abs=1e-6)


def test_se30k8_is_scored_on_pictures_that_three_agree_on(
    make_run: MakeRun, squares: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def votes(row: int) -> dict[str, Any]:
        return {"labels": (row % 8, (row + 1) % 8), "label_weights": ((4.0, 1.0), (2.0, 2.0))[row % 3 == 0]}

    names = LABEL_SETS["se30k8"]
    foreign = relabelled(squares, tmp_path / "se30k8", names, votes)
    words = [words[0] for words in label_words(names).values()]
    vectors = random_vectors(tmp_path / "vectors", list(dict.fromkeys(words)))
    run = make_run(squares)
    metrics = zeroshot(run, data=foreign.root, vectors=tmp_path / "vectors")
    groups: dict[str, list[int]] = {}
    for row, record in enumerate(foreign.records("test")):
        if row % 3:
            groups.setdefault(record.group, []).append(row)
    points = [vectors.vectors_VD[vectors.index(word)] for word in words]
    cosines_NK = np.array([[cosine(one, point) for point in points] for one in projections(run, foreign)])
    by_group: dict[str, list[int]] = {}
    for row, record in enumerate(foreign.records("test")):
        by_group.setdefault(record.group, []).append(row)
    hits = [
        int(cosines_NK[by_group[group]].mean(axis=0).argmax()) in {row % 8 for row in rows}
        for group, rows in groups.items()
    ]
    assert metrics["zero_shot.labels.accuracy"] == pytest.approx(np.mean(hits))
    assert metrics["zero_shot.labels.n_groups"] == len(groups)
    assert metrics["zero_shot.labels.n_images"] == sum(map(len, groups.values()))
    assert metrics["zero_shot.labels.n_without_own_words"] == 1  # both kinds of surprise are one word
    said = "surprise(positive): never told, since an earlier label has the same words"
    assert said in capsys.readouterr().err


def test_words_of_labels() -> None:
    assert label_words(EMOTIC) == {name: EMOTIC_WORDS[name] for name in EMOTIC}
    assert list(label_words(EMOTIC[::-1])) == list(EMOTIC[::-1])
    words = label_words(("Fear", "surprise(positive)", "surprise (negative)", "(x)"))
    assert list(words.values()) == [("fear",), ("surprise",), ("surprise",), ("(x)",)]
    assert same_words(words) == ("surprise (negative)",)
    assert same_words(label_words(EMOTIC)) == ()


def test_words_held_out_are_asked_for_where_there_are_any(
    make_run: MakeRun, squares: Dataset, tmp_path: Path
) -> None:
    run = make_run(squares)
    foreign = relabelled(squares, tmp_path / "foreign", ("anger", "joy", "sadness"), one_label)
    unseen = zeroshot(run)
    assert "zero_shot.unseen.auc" in unseen
    labels = zeroshot(run, data=foreign.root)
    assert all(key.startswith("zero_shot.labels.") for key in labels)
    largest = zeroshot(run, data=foreign.root, reading=Reading(pool="max"))
    val = zeroshot(run, data=foreign.root, split="val")
    assert all(key.startswith("val.zero_shot.labels.") for key in val)
    assert read_metrics(run) == unseen | labels | largest | val
    assert zeroshot(run) == unseen  # and takes no score of labels away
    assert read_metrics(run) == unseen | labels | largest | val


def test_scores_of_another_data_set_leave_no_label_behind(
    make_run: MakeRun, squares: Dataset, tmp_path: Path
) -> None:
    run = make_run(squares)
    random_vectors(tmp_path / "vectors", [*WORDS, "joy"])
    emotic = relabelled(squares, tmp_path / "emotic", EMOTIC, people)
    zeroshot(run, data=emotic.root, vectors=tmp_path / "vectors")
    foreign = relabelled(squares, tmp_path / "foreign", ("anger", "joy", "sadness"), one_label)
    assert read_metrics(run) != zeroshot(run, data=foreign.root) == read_metrics(run)


def test_faults(make_run: MakeRun, squares: Dataset, tmp_path: Path) -> None:
    run = make_run(squares)
    foreign = relabelled(squares, tmp_path / "foreign", ("anger", "joy", "bliss"), one_label)
    random_vectors(tmp_path / "wide", ["anger", "joy", "bliss"], size=5)
    write_teacher(tmp_path / "narrow", ["anger", "joy"], width=3)
    before = sorted(path.name for path in run.rglob("*"))
    with pytest.raises(DataError, match="every word must have a vector; this run's vectors lack bliss"):
        zeroshot(run, data=foreign.root)
    with pytest.raises(DataError, match=r"wide: the run's word vectors and its projection .* got 5 and 4"):
        zeroshot(run, data=foreign.root, vectors=tmp_path / "wide")
    with pytest.raises(
        DataError, match="points of labels and the projection must have one size; got 3 and 4"
    ):
        zeroshot(run, data=foreign.root, reading=Reading(teacher=tmp_path / "narrow"))
    shares = {"labels": (0, 1, 2), "label_weights": (0.5, 0.3, 0.2)}
    soft = relabelled(squares, tmp_path / "soft", ("anger", "joy", "sadness"), lambda _: shares)
    with pytest.raises(
        DataError, match=r"some picture must lack some emotion .*; all carry all, as with soft"
    ):
        zeroshot(run, data=soft.root)
    with pytest.raises(DataError, match="must be a RUN folder; it does not exist"):
        zeroshot(run, data=foreign.root, reading=Reading(teacher=tmp_path / "none"))
    with pytest.raises(DataError, match="it was trained on this data set, name another with --data"):
        zeroshot(run, on="labels")
    with pytest.raises(
        DataError, match="--pool, --teacher and --space are for labels; add --on labels, or --labels WORDS"
    ):
        zeroshot(run, on="unseen", reading=Reading(pool="max"))
    with pytest.raises(DataError, match="zero-shot needs unseen words; this data set holds none out"):
        zeroshot(run, on="unseen", data=foreign.root)
    assert sorted(path.name for path in run.rglob("*")) == before


def test_a_run_without_projection_or_vectors(make_run: MakeRun, squares: Dataset, tmp_path: Path) -> None:
    foreign = relabelled(squares, tmp_path / "foreign", ("anger", "joy", "sadness"), one_label)
    with pytest.raises(DataError, match="zero-shot needs a network with a projection; this run has none"):
        zeroshot(make_run(squares, shape="plain", name="plain"), data=foreign.root)
    run = make_run(squares)
    vectors = read_json(run / "words.json")
    (run / "words.json").unlink()
    with pytest.raises(DataError, match="needs word vectors; this run has none, give --vectors"):
        zeroshot(run, data=foreign.root)
    random_vectors(tmp_path / "vectors", vectors)
    assert "zero_shot.labels.accuracy" in zeroshot(run, data=foreign.root, vectors=tmp_path / "vectors")


def test_what_was_fitted_on_the_split_is_refused(make_run: MakeRun, squares: Dataset, tmp_path: Path) -> None:
    run = make_run(squares)
    foreign = relabelled(squares, tmp_path / "foreign", ("anger", "joy", "sadness"), one_label)
    model = read_description(run, ImageModel)
    fitted = Fitted(name="temperature", value=2.0, data_hash=foreign.split_hash("test"))
    write_description(run, model.model_copy(update={"fitted": (fitted,)}))
    with pytest.raises(DataError, match="temperature must have been fitted on other data"):
        zeroshot(run, data=foreign.root)
