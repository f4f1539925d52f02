"""A text teacher from config to TEACHER: every architecture and kind of labels, on labels and on votes."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

from emotionnet import runs
from emotionnet.config import TeacherConfig
from emotionnet.data.dataset_writing import write_dataset
from emotionnet.data.record_tables import table_of
from emotionnet.data.store import PARTS, Dataset, read_dataset
from emotionnet.files import new_folder, sha256
from emotionnet.inference.soft_labels import apply_teacher
from emotionnet.models.teachers import load_teacher, tag_bags, teacher_outputs
from emotionnet.models.weights import read_tensors
from emotionnet.records import SPLITS, DataError, ImageRecord
from emotionnet.text.teacher import ARCHITECTURES, TextTeacher, pack
from emotionnet.text.vectors import WordVectors, write_vectors
from emotionnet.training.run import train_teacher
from emotionnet.training.teacher_job import teacher_job

Floats = npt.NDArray[np.float64]
Make = Callable[..., TeacherConfig]


def voted(data: Dataset, folder: Path, votes: Callable[[int], tuple[float, ...]] | None = None) -> Dataset:
    """The same pictures, labelled as SE30K8 is: five workers' votes on all emotions; the first has none."""
    rng = np.random.default_rng(4)

    def draw(number: int) -> tuple[float, ...]:
        return tuple(float(n) for n in rng.multinomial(5 if number else 0, [0.2, 0.5, 0.3]))

    with new_folder(folder, parts=PARTS, overwrite=False) as root:
        shutil.copytree(data.root / "images", root / "images")
        tables = {
            split: table_of(
                [
                    replace(record, labels=(0, 1, 2), label_weights=(votes or draw)(number))
                    for number, record in enumerate(data.records(split))
                ]
            )
            for split in SPLITS
        }
        words = {"emotions": data.emotions, "tags": data.tags, "unseen": data.unseen}
        write_dataset(root, info={"name": "voted"}, words=words, tables=tables, rejects=[])
    return read_dataset(folder)


@pytest.fixture
def vectors(tmp_path: Path) -> Path:
    words = ("anger", "joy", "sadness", "red", "yellow", "blue", "square")  # 'dark' has none
    rows = np.random.default_rng(3).normal(size=(len(words), 6)).astype(np.float32)
    (tmp_path / "vectors").mkdir()
    write_vectors(WordVectors(words, rows), tmp_path / "vectors", info={})
    return tmp_path / "vectors"


def label_row(record: ImageRecord, kind: str) -> list[float]:
    row = [0.0, 0.0, 0.0]
    weights = record.label_weights or (1.0,) * len(record.labels)
    for label, weight in zip(record.labels, weights, strict=True):
        if kind == "multi_hot":
            row[label] = float(weight > 0)
        elif sum(weights):
            row[label] = weight / sum(weights)
    return row


def literal_scores(w: dict[str, Floats], ids: list[int]) -> Floats:
    """REFERENCE section 4 in evaluation mode, one position at a time."""
    total: Floats = np.zeros(len(w["bn.weight"]))
    for position in range(100):
        vector = w["embedding.weight"][
            ids[position] if position < len(ids) else len(w["embedding.weight"]) - 1
        ]
        if "conv.weight" in w:
            vector = np.maximum(w["conv.weight"][:, 0] @ vector + w["conv.bias"], 0)
        total += vector
    scaled = (total / 100 - w["bn.running_mean"]) / np.sqrt(w["bn.running_var"] + 1e-5)
    feature = scaled * w["bn.weight"] + w["bn.bias"]
    if "fc_m.weight" in w:
        feature = w["fc_m.weight"] @ feature + w["fc_m.bias"]
    return np.asarray(w["fc.weight"] @ feature + w["fc.bias"])


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("kind", ["distribution", "multi_hot"])
@pytest.mark.parametrize("votes", [False, True], ids=["labels", "votes"])
def test_a_trained_teacher_scores_as_the_literal_one(
    make_dataset: Any,
    vectors: Path,
    tmp_path: Path,
    teacher_config: Make,
    architecture: str,
    kind: str,
    votes: bool,
) -> None:
    data = voted(make_dataset(), tmp_path / "voted") if votes else make_dataset()
    settings = teacher_config(
        data,
        vectors,
        tmp_path / "t",
        **{"model.architecture": architecture, "objective.labels": kind, "objective.criterion": "top1"},
        **{"optimizer.name": "adadelta", "optimizer.lr": 1.0, "optimizer.clip_norm": 3.0, "epochs": 2},
    )
    run = train_teacher(settings)
    weights = {name: tensor.double().numpy() for name, tensor in read_tensors(run / runs.WEIGHTS).items()}
    records = data.records("val")
    scores = np.array([literal_scores(weights, list(record.tags)) for record in records])
    shares = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    rows = np.array([label_row(record, kind) for record in records])
    loss = -(rows * np.log(shares)).sum() / len(records)
    best = hits = counted = 0
    for group in dict.fromkeys(record.group for record in records):
        members = [row for row, record in enumerate(records) if record.group == group]
        labels = [sum(rows[row][label] for row in members) for label in range(3)]
        if sum(labels):
            top = int(np.argmax(sum(scores[row] for row in members)))
            best, hits, counted = best + (labels[top] == max(labels)), hits + (labels[top] > 0), counted + 1
    found = runs.read_metrics(run)
    assert found["val.loss"] == pytest.approx(loss, rel=1e-5)
    assert found["val.top1"] == pytest.approx(best / counted)
    assert found["val.hit_rate"] == pytest.approx(hits / counted)
    assert 0 <= found["val.macro_map"] <= 1

    teacher, model = load_teacher(run)
    assert (model.architecture, model.width) == (architecture, 6 if architecture == "avg" else 8)
    output = teacher_outputs(teacher, tag_bags(data, records, model))
    np.testing.assert_allclose(output.scores.numpy(), scores, rtol=1e-4, atol=1e-5)
    assert not weights["embedding.weight"][-1].any()


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_architecture_learns(
    make_dataset: Any, vectors: Path, tmp_path: Path, teacher_config: Make, architecture: str
) -> None:
    data = make_dataset({"train": 30})
    settings = teacher_config(
        data,
        vectors,
        tmp_path / "t",
        epochs=25,
        **{"model.architecture": architecture, "model.static": False},
    )
    history = runs.read_history(train_teacher(settings))
    assert history[-1]["train.loss"] < 0.7 * history[0]["train.loss"]
    assert history[-1]["val.top1"] >= 0.9


def _batches(data: Dataset, settings: TeacherConfig) -> dict[str, list[int]]:
    job = teacher_job(settings, data)
    return {
        name: [tag for batch in part.loader for tag in batch.inputs[0].tolist()]
        for name, part in (("train", job.train), ("val", job.val))
    }


def test_emotion_tags_are_in_no_sentence_once_removed(
    make_dataset: Any, vectors: Path, tmp_path: Path, teacher_config: Make
) -> None:
    data = make_dataset()
    emotions = [data.tag_names.index(name) for name in data.emotion_names]
    with_them, without = (
        _batches(data, teacher_config(data, vectors, tmp_path / "t", **{"data.emotion_tags": keeps}))
        for keeps in (True, False)
    )
    for name in ("train", "val"):
        assert set(emotions) <= set(with_them[name])
        assert not set(emotions) & set(without[name])
    every = [tag for record in data.records("val") for tag in record.tags]
    assert without["val"] == [tag for tag in every if tag not in emotions]
    assert with_them["val"] == every


def test_a_teacher_without_emotion_tags_never_reads_one(
    make_dataset: Any, vectors: Path, tmp_path: Path, teacher_config: Make
) -> None:
    """Neither in training nor applied: their word vectors may be anything."""
    data = make_dataset()
    settings = teacher_config(data, vectors, tmp_path / "t", **{"data.emotion_tags": False})
    run = train_teacher(settings)
    teacher, model = load_teacher(run)
    assert model.without == data.emotion_names
    with torch.no_grad():
        teacher.embedding.weight[:3] = math.nan
    for split in SPLITS:
        output = teacher_outputs(teacher, tag_bags(data, data.records(split), model))
        assert output.scores.isfinite().all()
    bare = replace(data.records("train")[0], tags=(3, 6))
    full = replace(bare, tags=(0, 3, 1, 6, 2))
    one, other = tag_bags(data, [bare, full], model)
    assert one == other == [3, 6]
    made = apply_teacher(run, data.root, tmp_path / "soft")
    first = made.records("train")[0]
    expected = load_teacher(run)[0](*pack([[3, 6]])).scores.softmax(dim=1)[0].tolist()
    assert data.records("train")[0].tags == (0, 3, 6)
    assert first.label_weights == pytest.approx(expected, rel=1e-5)


def test_training_sentences_lose_tags_and_validation_ones_do_not(
    make_dataset: Any, vectors: Path, tmp_path: Path, teacher_config: Make
) -> None:
    data = make_dataset({"train": 200})
    batches = _batches(data, teacher_config(data, vectors, tmp_path / "t", **{"data.tag_dropout": 0.2}))
    count = {split: sum(len(record.tags) for record in data.records(split)) for split in ("train", "val")}
    assert len(batches["train"]) / count["train"] == pytest.approx(0.8, abs=0.04)
    assert len(batches["val"]) == count["val"]


@pytest.mark.parametrize("criterion", ["hit_rate", "top1", "loss"])
def test_the_best_epoch_is_the_criterions(
    make_dataset: Any, vectors: Path, tmp_path: Path, teacher_config: Make, criterion: str
) -> None:
    data = voted(make_dataset({"val": 12}), tmp_path / "voted")
    settings = teacher_config(
        data, vectors, tmp_path / "t", epochs=6, **{"objective.criterion": criterion, "optimizer.lr": 0.3}
    )
    run = train_teacher(settings)
    history = runs.read_history(run)
    scores = [-e["val.loss"] if criterion == "loss" else e[f"val.{criterion}"] for e in history]
    assert runs.read_metrics(run)["val.best_epoch"] == 1 + int(np.argmax(scores))


def test_weights_of_another_architecture_are_refused(
    make_dataset: Any, vectors: Path, tmp_path: Path, teacher_config: Make
) -> None:
    """A TEACHER whose weights are of another architecture than its model.json says is refused."""
    data = make_dataset()
    settings = teacher_config(data, vectors, tmp_path / "t", **{"model.architecture": "nlt-dan"})
    run = train_teacher(settings)
    text = (run / runs.MODEL).read_text()
    (run / runs.MODEL).write_text(text.replace('"nlt-dan"', '"nlt"'))
    with pytest.raises(DataError, match=r"model\.safetensors.*fc_m"):
        load_teacher(run)


def test_the_same_seed_gives_the_same_teacher(
    make_dataset: Any, vectors: Path, tmp_path: Path, teacher_config: Make
) -> None:
    data, options = make_dataset(), {"model.architecture": "nlt-dan", "objective.labels": "multi_hot"}
    made = [train_teacher(teacher_config(data, vectors, tmp_path / name, **options)) for name in "ab"]
    assert len({sha256(run / runs.WEIGHTS) for run in made}) == 1


def test_votes_for_nothing_at_all_cannot_be_learned(
    make_dataset: Any, vectors: Path, tmp_path: Path, teacher_config: Make
) -> None:
    data = voted(make_dataset(), tmp_path / "voted", lambda _: (0.0, 0.0, 0.0))
    with pytest.raises(DataError, match="the train split must hold at least one label; it holds none"):
        train_teacher(teacher_config(data, vectors, tmp_path / "t"))
    assert not (tmp_path / "t").exists()


def test_a_fresh_teacher_has_the_parts_of_its_architecture(
    make_dataset: Any, vectors: Path, tmp_path: Path, teacher_config: Make
) -> None:
    data = make_dataset()
    for architecture, has in ARCHITECTURES.items():
        settings = teacher_config(data, vectors, tmp_path / "t", **{"model.architecture": architecture})
        module = teacher_job(settings, data).module
        assert isinstance(module, TextTeacher)
        assert (module.conv is not None, module.fc_m is not None) == (has.tag_map, has.deep)
        known = module.embedding.weight[: len(data.tags)].abs() > 0.01
        assert known.any(dim=1).tolist() == [name != "dark" for name in data.tag_names]
