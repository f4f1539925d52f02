"""Each objective of the 2020 system, trained on a tiny data set and held to a literal count of its loss."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest
import torch

from emotionnet import runs
from emotionnet.config import TrainConfig
from emotionnet.config_files import load_config
from emotionnet.data.store import Dataset, read_dataset
from emotionnet.files import sha256
from emotionnet.models.weights import read_tensors
from emotionnet.records import ConfigError, DataError
from emotionnet.text.vectors import WordVectors, read_vectors
from emotionnet.training.checkpoints import LAST, read_state
from emotionnet.training.image_job import image_job
from emotionnet.training.objective import ImageObjective
from emotionnet.training.run import train
from emotionnet.training.text_side import mean_word_vectors

Floats = npt.NDArray[np.float64]
VARIANTS: dict[str, dict[str, Any]] = {
    "softmax": {"model.shape": "plain"},
    "single label": {"model.shape": "plain", "objective.classification": "cross_entropy"},
    "bce": {"model.shape": "plain", "objective.classification": "bce"},
    "hardest label": {"model.shape": "plain", "objective.classification": "hardest"},
    "embedding alone": {
        "model.shape": "2branch",
        "objective.classification": "none",
        "objective.embedding": "teacher",
        "objective.criterion": "loss",
    },
    "word vectors": {"model.shape": "joint", "objective.alpha": 0.5},
    "teacher": {"model.shape": "2branch", "objective.embedding": "teacher", "objective.alpha": 2.0},
    "transform": {"model.shape": "2branch", "objective.embedding": "transform"},
    "attention": {"model.shape": "2branch", "objective.embedding": "attention"},
    "distillation alone": {
        "model.shape": "3branch",
        "objective.classification": "none",
        "objective.embedding": "none",
        "objective.criterion": "loss",
    },
    "second head": {"model.shape": "3branch", "objective.beta": 0.3},
    "mixed labels": {"model.shape": "plain", "objective.distillation": "labels"},
    "all with a teacher": {"model.shape": "3branch", "objective.embedding": "teacher"},
}


def config(options: dict[str, Any], **more: Any) -> TrainConfig:
    return load_config(TrainConfig, None, options | {"epochs": 1} | more)


class Literal:
    """REFERENCE: the teacher NLT and every loss, one image, one tag and one class at a time."""

    def __init__(self, ready: dict[str, Any]) -> None:
        self.dataset = read_dataset(Path(ready["data.root"]))
        folder = Path(ready["text.teacher"])
        self.weights = {k: v.double().numpy() for k, v in read_tensors(folder / runs.WEIGHTS).items()}
        self.vectors = read_vectors(Path(ready["text.vectors"]))

    def tag_features(self, record: Any) -> list[Floats]:
        """All 100 positions; the padding row of the embedding is zero."""
        w = self.weights
        rows = [*record.tags, *[len(self.dataset.tags) + 1] * (100 - len(record.tags))]
        matrix, bias = w["conv.weight"][:, 0, :], w["conv.bias"]
        return [np.maximum(matrix @ w["embedding.weight"][row] + bias, 0) for row in rows]

    def feature(self, record: Any) -> Floats:
        w = self.weights
        mean = sum(self.tag_features(record)) / 100
        scaled = (mean - w["bn.running_mean"]) / np.sqrt(w["bn.running_var"] + 1e-5)
        return np.asarray(scaled * w["bn.weight"] + w["bn.bias"])

    def opinion(self, record: Any) -> Floats:
        return softmax(self.weights["fc.weight"] @ self.feature(record) + self.weights["fc.bias"])

    def labels(self, record: Any) -> Floats:
        row = np.zeros(len(self.dataset.emotions))
        row[list(record.labels)] = 1 / len(record.labels)
        return row


def softmax(scores: Floats) -> Floats:
    powers = np.exp(scores - scores.max())
    return np.asarray(powers / powers.sum())


def distance(first: Floats, second: Floats) -> float:
    return 1 - float(first @ second / math.sqrt(float(first @ first)) / math.sqrt(float(second @ second)))


def expected_terms(
    literal: Literal, settings: TrainConfig, job: Any, output: Any, record: Any
) -> dict[str, float]:
    """The terms for one image whose outputs are rows of float64."""
    objective, shape = settings.objective, settings.model.shape
    y, found = literal.labels(record), dict[str, float]()
    if objective.distillation == "labels":
        q = np.array([share if share >= 0.01 else 0.0 for share in literal.opinion(record)])
        y = (q + y) / (q + y).sum()
    log_share = np.log(softmax(output.scores))
    if objective.classification == "soft_cross_entropy":
        found["classification"] = float(-(y * log_share).sum())
    elif objective.classification == "cross_entropy":
        found["classification"] = float(-log_share[record.labels[0]])
    elif objective.classification == "hardest":
        found["classification"] = max(float(-log_share[label]) for label in record.labels)
    elif objective.classification == "bce":
        chances = 1 / (1 + np.exp(-output.scores))
        costs = [-math.log(p if i in record.labels else 1 - p) for i, p in enumerate(chances)]
        found["classification"] = sum(costs) / len(costs)
    projection, feature = output.projection, literal.feature(record)
    if shape != "plain" and objective.embedding == "word_vectors":
        words = [literal.dataset.tag_names[tag] for tag in record.tags]
        mean = literal.vectors.matrix(words)[0].astype(np.float64).mean(axis=0)
        found["embedding"] = distance(projection, mean)
    elif shape != "plain" and objective.embedding == "teacher":
        found["embedding"] = distance(projection, feature)
    elif shape != "plain" and objective.embedding == "attention":
        weighed = [h / (1 + math.exp(-float(h @ projection))) for h in literal.tag_features(record)]
        found["embedding"] = distance(projection, np.asarray(sum(weighed)))
    elif shape != "plain" and objective.embedding == "transform":
        state = {name: tensor.double().numpy() for name, tensor in job.tutor.state_dict().items()}
        t = state["proj.weight"] @ feature + state["proj.bias"]
        scores = state["fc.weight"] @ np.maximum(t, 0) + state["fc.bias"]
        found["embedding"] = distance(projection, t)
        found["transform"] = float(-(y * np.log(softmax(scores))).sum())
    if shape == "3branch" and objective.distillation == "head":
        found["distillation"] = float(-(literal.opinion(record) * np.log(softmax(output.aux_scores))).sum())
    return found


@pytest.mark.parametrize("name", VARIANTS)
def test_the_loss_is_the_literal_one(ready: dict[str, Any], name: str) -> None:
    settings, literal = config(ready, **VARIANTS[name]), Literal(ready)
    job = image_job(settings, literal.dataset)
    batch = next(iter(job.train.loader))
    output = job.module.eval()(*[job.train.prepare(value) for value in batch.inputs])
    terms = job.train.objective.losses(output, batch.indices)
    rows = [
        type(output)(*[None if part is None else part.detach().double().numpy()[i] for part in output])
        for i in range(len(batch))
    ]
    records = literal.dataset.records("train")
    each = [
        expected_terms(literal, settings, job, row, records[index])
        for row, index in zip(rows, batch.indices.tolist(), strict=True)
    ]
    means = {term: sum(one[term] for one in each) / len(each) for term in each[0]}
    weights = {"embedding": settings.objective.alpha, "distillation": settings.objective.beta}
    assert set(terms) == {"loss", *means}
    for term, value in means.items():
        assert terms[term].item() == pytest.approx(value, rel=1e-5), term
    total = sum(weights.get(term, 1.0) * value for term, value in means.items())
    assert terms["loss"].item() == pytest.approx(total, rel=1e-5)


def without_tags(root: Path, split: str) -> None:
    table = pl.read_parquet(root / f"{split}.parquet")
    bare = table.with_columns(tags=pl.Series([[]] * table.height, dtype=pl.List(pl.Int32)))
    bare.write_parquet(root / f"{split}.parquet")


@pytest.mark.parametrize("name", ["second head", "all with a teacher", "mixed labels", "transform"])
def test_a_validation_split_without_tags_is_validated_by_its_labels(ready: dict[str, Any], name: str) -> None:
    without_tags(Path(ready["data.root"]), "val")
    (entry,) = runs.read_history(train(config(ready, **VARIANTS[name])))
    assert {key for key in entry if key.startswith("val.")} == {
        *("val.loss", "val.classification", "val.macro_map", "val.hit_rate")
    }
    assert entry["val.loss"] == entry["val.classification"]
    plain = image_job(config(ready, **VARIANTS["softmax"]), read_dataset(Path(ready["data.root"])))
    theirs = image_job(config(ready, **VARIANTS[name]), read_dataset(Path(ready["data.root"])))
    labels = [job.val.objective.terms["classification"].value.labels for job in (plain, theirs)]  # type: ignore[attr-defined]
    assert torch.equal(*labels)


@pytest.mark.parametrize(("split", "name"), [("train", "second head"), ("val", "embedding alone")])
def test_tags_to_learn_from_must_be_there(ready: dict[str, Any], split: str, name: str) -> None:
    without_tags(Path(ready["data.root"]), split)
    with pytest.raises(DataError, match="pictures must have tags to learn from; none has any"):
        train(config(ready, **VARIANTS[name]))
    assert not Path(ready["out"]).exists()


@pytest.mark.parametrize("name", VARIANTS)
def test_every_variant_trains_and_predicts(ready: dict[str, Any], name: str) -> None:
    run = train(config(ready, **VARIANTS[name]))
    history = runs.read_history(run)
    assert math.isfinite(history[0]["train.loss"])
    assert ("train.transform" in history[0]) == (name == "transform")
    assert not any(key.startswith("transform") for key in read_tensors(run / runs.WEIGHTS))
    assert (run / "words.json").is_file() == (name in ("word vectors", "second head", "distillation alone"))


def test_a_transform_trains_along_unless_told_not_to(ready: dict[str, Any], tmp_path: Path) -> None:
    """And a run that was stopped ends as one that was not."""
    dataset = read_dataset(Path(ready["data.root"]))
    options = VARIANTS["transform"] | {"epochs": 2}
    tutor = image_job(config(ready, **options), dataset).tutor
    assert tutor is not None
    before = {name: tensor.clone() for name, tensor in tutor.state_dict().items()}
    trained = train(config(ready, **options, out=str(tmp_path / "a")))
    kept = train(config(ready, **options, **{"objective.train_transform": False}, out=str(tmp_path / "b")))
    after = read_state(trained / runs.CHECKPOINTS / LAST).tutor
    assert all(not torch.equal(before[name], after[name]) for name in before)
    same = read_state(kept / runs.CHECKPOINTS / LAST).tutor
    assert all(torch.equal(before[name], same[name]) for name in before)


def test_a_stopped_run_with_a_transform_ends_with_the_same_bits(
    ready: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = VARIANTS["transform"] | {"epochs": 2, "optimizer.momentum": 0.9}
    whole = train(config(ready, **options, out=str(tmp_path / "whole")))
    settings = config(ready, **options, out=str(tmp_path / "cut"))
    original, calls = ImageObjective.losses, 0

    def stops(self: Any, *arguments: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls > 8:  # in the second epoch
            raise KeyboardInterrupt
        return original(self, *arguments, **named)

    with monkeypatch.context() as patch:
        patch.setattr(ImageObjective, "losses", stops)
        with pytest.raises(KeyboardInterrupt):
            train(settings)
    cut = train(settings, resume=True)
    assert sha256(cut / runs.WEIGHTS) == sha256(whole / runs.WEIGHTS)


def test_a_picture_without_known_tag_has_a_normal_target_of_its_own(make_dataset: Any) -> None:
    dataset: Dataset = make_dataset()
    vectors = WordVectors(("joy", "square"), np.eye(2, 400, dtype=np.float32))
    first, second, *rest = dataset.records("train")
    records = [replace(first, tags=()), replace(second, tags=(3,)), *rest]  # 'red' has no vector
    rows = mean_word_vectors(dataset, records, vectors, seed=7).numpy()
    again = mean_word_vectors(dataset, records[::-1], vectors, seed=7).numpy()[::-1]
    np.testing.assert_array_equal(rows, again)
    assert not np.array_equal(rows[:2], mean_word_vectors(dataset, records, vectors, seed=8).numpy()[:2])
    assert abs(float(rows[:2].mean())) < 0.1  # 800 draws of a standard normal
    assert float(rows[:2].std()) == pytest.approx(1, abs=0.1)
    assert abs(float(np.corrcoef(rows[0], rows[1])[0, 1])) < 0.2
    assert set(rows[2:].nonzero()[1].tolist()) <= {0, 1}


def test_without_epochs_the_start_is_validated_and_kept(ready: dict[str, Any], tmp_path: Path) -> None:
    first = train(config(ready, epochs=2, **{"model.shape": "plain"}))
    best = runs.read_metrics(first)
    options = {"model.shape": "plain", "epochs": 0, "model.start": str(first), "out": str(tmp_path / "again")}
    again = train(config(ready, **options))
    assert sha256(again / runs.WEIGHTS) == sha256(first / runs.WEIGHTS)
    for name in ("val.loss", "val.macro_map", "val.hit_rate"):
        assert runs.read_metrics(again)[name] == pytest.approx(best[name]), name
    assert runs.read_metrics(again)["val.best_epoch"] == 0


def test_a_start_gives_what_fits_and_a_new_head_begins_anew(ready: dict[str, Any], tmp_path: Path) -> None:
    dataset = read_dataset(Path(ready["data.root"]))
    first = train(config(ready, **{"model.shape": "2branch"}))
    begun = {"model.shape": "2branch", "model.start": str(first)}
    whole = image_job(config(ready, **begun, seed=5), dataset).module.state_dict()
    headless = image_job(
        config(ready, **begun, seed=5, **{"model.new_head": True}), dataset
    ).module.state_dict()
    fresh = image_job(config(ready, seed=5, **{"model.shape": "2branch"}), dataset).module.state_dict()
    saved = read_tensors(first / runs.WEIGHTS)
    assert all(torch.equal(whole[name], saved[name]) for name in saved)
    for name in saved:
        source = fresh if name.startswith("fc.") else saved
        assert torch.equal(headless[name], source[name]), name


@pytest.mark.parametrize("moves", [False, True])
def test_batchnorm_of_frozen_parts_moves_only_when_told_to(ready: dict[str, Any], moves: bool) -> None:
    options = {"model.shape": "plain", "model.freeze": ["trunk"], "optimizer.weight_decay": 0.1}
    settings = config(ready, **options, **{"model.frozen_statistics": "moving" if moves else "kept"})
    before = image_job(settings, read_dataset(Path(ready["data.root"]))).module.state_dict()
    after = read_tensors(train(settings) / runs.WEIGHTS)
    changed = {name for name in after if not torch.equal(after[name], before[name])}
    statistics = {n for n in after if n.startswith("trunk.") and "running_" in n}
    counters = {n for n in after if n.endswith("num_batches_tracked")}
    assert changed == {"fc.weight", "fc.bias"} | (statistics | counters if moves else set())


def test_the_lowest_loss_can_choose_the_epoch_and_every_epoch_be_kept(ready: dict[str, Any]) -> None:
    options = {"model.shape": "plain", "objective.criterion": "loss", "keep_epochs": True, "epochs": 4}
    run = train(config(ready, **options, **{"optimizer.lr": 0.5, "schedule.name": "constant"}))
    losses = [entry["val.loss"] for entry in runs.read_history(run)]
    best = int(np.argmin(losses)) + 1
    assert runs.read_metrics(run)["val.best_epoch"] == best
    kept = sorted(path.name for path in (run / runs.CHECKPOINTS).glob("epoch-*"))
    assert kept == [f"epoch-{number:03}.safetensors" for number in range(1, 5)]
    assert sha256(run / runs.CHECKPOINTS / kept[best - 1]) == sha256(run / runs.WEIGHTS)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (
            {"model.shape": "2branch", "objective.embedding": "teacher", "text.teacher": None},
            "text.teacher: must be given for what the objective learns from it",
        ),
        (
            {"model.shape": "plain", "objective.distillation": "labels", "objective.classification": "bce"},
            "objective.distillation: 'labels' needs objective.classification 'soft_cross_entropy' or 'kl'; "
            "got 'bce'",
        ),
        (
            {"model.shape": "plain", "objective.classification": "none"},
            "objective: some term must be left for model.shape plain; none is",
        ),
        (
            {"model.shape": "2branch", "objective.embedding": "none", "text.vectors": None},
            "text.vectors: must be given for model.shape 2branch; they tell its projection's size",
        ),
    ],
)
def test_what_the_objective_lacks_is_named(ready: dict[str, Any], options: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigError) as error:
        train(config(ready, **options))
    assert error.value.faults == (text,)
    assert not Path(ready["out"]).exists()
