"""Fine-tuning whole runs: every classification, with and without dimensions, layers and their rates."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from torch.nn.functional import cross_entropy

from emotionnet import runs
from emotionnet.config import TrainConfig
from emotionnet.config_files import load_config
from emotionnet.data.store import Dataset, read_dataset
from emotionnet.evaluation.units import read_split
from emotionnet.files import read_json, sha256, write_json
from emotionnet.models.description import ImageModel, read_description
from emotionnet.models.network import EmotionOutput
from emotionnet.models.weights import read_tensors
from emotionnet.records import ConfigError, DataError
from emotionnet.training import loop
from emotionnet.training.image_job import image_job
from emotionnet.training.objective import Dimensions, dimension_scores
from emotionnet.training.run import train

NONE = ("none", "none")
VALENCE_AROUSAL = {"anger": (2.0, 8.0), "joy": (8.5, 7.0), "sadness": (1.5, 2.5)}


@pytest.fixture
def options(make_dataset: Any, tmp_path: Path) -> dict[str, Any]:
    """Of a small plain run on pictures whose colour tells valence and arousal."""
    dataset: Dataset = make_dataset()
    for split in ("train", "val"):
        rows = pl.read_parquet(dataset.root / f"{split}.parquet").to_dicts()
        for number, row in enumerate(rows):
            first = dataset.emotion_names[row["labels"][0]]
            row["dimensions"] = [] if number % 5 == 4 else [v + 0.1 * number for v in VALENCE_AROUSAL[first]]
        table = pl.DataFrame(rows, schema_overrides=pl.read_parquet_schema(dataset.root / "val.parquet"))
        table.write_parquet(dataset.root / f"{split}.parquet")
    return {
        "data.root": str(dataset.root),
        "data.image_size": 32,
        "data.crop_pct": 1.0,
        "data.batch_size": 6,
        "data.workers": 0,
        "model.trunk": "test_efficientnet",
        "model.weights": "none",
        "model.shape": "plain",
        "optimizer.lr": 0.05,
        "epochs": 1,
        "out": str(tmp_path / "run"),
    }


def config(options: dict[str, Any], **more: Any) -> TrainConfig:
    return load_config(TrainConfig, None, options | more)


def job(options: dict[str, Any], **more: Any) -> Any:
    return image_job(config(options, **more), read_dataset(Path(options["data.root"])))


SMOOTHED = ("soft_cross_entropy", "kl", "cross_entropy")


@pytest.mark.parametrize("dimensions", ["none", "ccc"])
@pytest.mark.parametrize(
    "name", ["soft_cross_entropy", "kl", "cross_entropy", "bce", "asymmetric", "hardest", "none"]
)
def test_every_classification_trains_with_dimensions_or_without(
    options: dict[str, Any], name: str, dimensions: str
) -> None:
    if (name, dimensions) == NONE:
        with pytest.raises(ConfigError, match=r"some term must be left for model\.shape plain; none is"):
            train(config(options, **{"objective.classification": name}))
        return
    more: dict[str, Any] = {"objective.classification": name, "objective.dimensions": dimensions}
    more |= {"objective.label_smoothing": 0.1} if name in SMOOTHED else {}
    more |= {"objective.class_weights": "balanced"} if name != "none" else {}
    more |= {"objective.criterion": "ccc"} if dimensions == "ccc" else {}
    run = train(config(options, **more))
    (entry,) = runs.read_history(run)
    terms = {key.removeprefix("train.") for key in entry if key.startswith("train.")} - {"loss"}
    assert terms == ({"classification"} if name != "none" else set()) | (
        {"dimensions"} if dimensions == "ccc" else set()
    )
    assert entry["train.loss"] == pytest.approx(sum(entry[f"train.{term}"] for term in terms), rel=1e-5)
    assert all(math.isfinite(value) for value in entry.values())
    model = read_description(run, ImageModel)
    assert model.activation == ("sigmoid" if name in ("bce", "asymmetric") else "softmax")
    assert model.dimensions == (("valence", "arousal") if dimensions == "ccc" else ())
    assert ("fc_dimensions.weight" in read_tensors(run / runs.WEIGHTS)) == (dimensions == "ccc")
    found = {key for key in runs.read_metrics(run) if key.startswith("val.ccc")}
    assert found == ({"val.ccc", "val.ccc.valence", "val.ccc.arousal"} if dimensions == "ccc" else set())


def test_dimensions_weigh_gamma_in_the_loss(options: dict[str, Any]) -> None:
    run = train(config(options, **{"objective.dimensions": "ccc", "objective.gamma": 0.25}))
    (entry,) = runs.read_history(run)
    expected = entry["train.classification"] + 0.25 * entry["train.dimensions"]
    assert entry["train.loss"] == pytest.approx(expected, rel=1e-5)


def test_dimensions_alone_are_learned_and_choose_the_epoch(options: dict[str, Any]) -> None:
    more: dict[str, Any] = {"objective.classification": "none", "objective.dimensions": "ccc"}
    more |= {"objective.criterion": "ccc", "schedule.name": "cosine"}
    more |= {"optimizer.name": "adamw", "optimizer.lr": 0.01, "data.flip": False, "data.batch_size": 6}
    run = train(config(options, epochs=12, **more, **{"data.crop_scale": [0.9, 1.0]}))
    history = runs.read_history(run)
    scores = [entry["val.ccc"] for entry in history]
    metrics = runs.read_metrics(run)
    assert max(scores) > 0.6
    assert metrics["val.best_epoch"] == scores.index(max(scores)) + 1
    assert metrics["val.ccc"] == max(scores)
    assert metrics["val.ccc"] == pytest.approx((metrics["val.ccc.valence"] + metrics["val.ccc.arousal"]) / 2)


def test_a_head_for_dimensions_begins_at_the_means_of_training_or_at_its_start(
    options: dict[str, Any],
) -> None:
    more = {"objective.dimensions": "ccc"}
    records = read_dataset(Path(options["data.root"])).records("train")
    means = np.mean([record.dimensions for record in records if record.dimensions], axis=0)
    np.testing.assert_allclose(job(options, **more).module.fc_dimensions.bias.detach(), means, rtol=1e-6)
    first = train(config(options, **more))
    begun = job(options, **more, **{"model.start": str(first)}).module
    assert torch.equal(begun.fc_dimensions.bias, read_tensors(first / runs.WEIGHTS)["fc_dimensions.bias"])


def test_a_head_for_dimensions_that_nobody_asks_for_is_not_there(options: dict[str, Any]) -> None:
    """Nor do a data set's dimensions change what a run without them computes."""
    with_column = train(config(options))
    for split in ("train", "val"):
        table = Path(options["data.root"]) / f"{split}.parquet"
        pl.read_parquet(table).drop("dimensions").write_parquet(table)
    without = train(config(options), overwrite=True)
    assert sha256(with_column / runs.WEIGHTS) == sha256(without / runs.WEIGHTS)


def test_concordance_is_that_of_groups_and_of_what_is_known(options: dict[str, Any]) -> None:
    split = read_split(read_dataset(Path(options["data.root"])), "val", ("anger", "joy", "sadness"))
    assert len(split.groups) == 9  # six groups, three of them with two pictures
    rng = np.random.default_rng(0)
    true_MK, told_MK = rng.normal(size=(2, 9, 2)).astype(np.float32)
    true_MK[[0, 4], 0] = np.nan
    order = rng.permutation(9)
    found = dimension_scores(split, Dimensions(("v", "a"), true_MK), told_MK[order], order)
    for column, name in enumerate(("v", "a")):
        by_group: dict[str, list[tuple[float, float]]] = {}
        for row, group in enumerate(split.groups):
            if not np.isnan(true_MK[row, column]):
                by_group.setdefault(group, []).append((told_MK[row, column], true_MK[row, column]))
        told, true = np.array([np.mean(pairs, axis=0) for pairs in by_group.values()]).T
        spread = told.var() + true.var() + (told.mean() - true.mean()) ** 2
        expected = 2 * np.mean((told - told.mean()) * (true - true.mean())) / spread
        assert found[f"ccc.{name}"] == pytest.approx(expected, rel=1e-6)
    assert found["ccc"] == pytest.approx((found["ccc.v"] + found["ccc.a"]) / 2)
    lone = np.full((9, 1), np.nan, dtype=np.float32)
    lone[3] = 1.0
    assert dimension_scores(split, Dimensions(("v",), lone), told_MK, np.arange(9)) == {
        "ccc.v": 0.0,
        "ccc": 0.0,
    }


@pytest.mark.parametrize("name", ["cross_entropy", "bce", "soft_cross_entropy"])
def test_weights_are_counted_over_the_training_labels_of_the_classification(
    options: dict[str, Any], name: str
) -> None:
    """And validation weighs as training does."""
    table = Path(options["data.root"]) / "train.parquet"
    pl.read_parquet(table).head(7).write_parquet(table)
    made = job(options, **{"objective.class_weights": "balanced", "objective.classification": name})
    weights = [part.objective.terms["classification"].value.weights_C for part in (made.train, made.val)]
    records = read_dataset(Path(options["data.root"])).records("train")
    each = [record.labels[:1] if name == "cross_entropy" else record.labels for record in records]
    labels = [label for row in each for label in row]
    shares = [1 / len(row) if name == "soft_cross_entropy" else 1.0 for row in each for _ in row]
    counts = np.bincount(labels, weights=shares, minlength=3)
    expected = counts.sum() / (3 * counts)
    assert len(set(expected.tolist())) > 1
    for found in weights:
        np.testing.assert_allclose(found.numpy(), expected, rtol=1e-6)


def test_labels_are_smoothed_in_training_and_validation(options: dict[str, Any]) -> None:
    plain = job(options, **{"objective.classification": "kl"})
    made = job(options, **{"objective.classification": "kl", "objective.label_smoothing": 0.3})
    for before, after in ((plain.train, made.train), (plain.val, made.val)):
        rows, smooth = (part.objective.terms["classification"].value.labels for part in (before, after))
        torch.testing.assert_close(smooth, 0.7 * rows + 0.1)


def test_single_labels_are_smoothed_and_weighed_as_pytorch_does(options: dict[str, Any]) -> None:
    table = Path(options["data.root"]) / "train.parquet"
    pl.read_parquet(table).head(7).write_parquet(table)
    name, more = "objective.classification", {"objective.class_weights": "balanced"}
    made = job(options, **{name: "cross_entropy", "objective.label_smoothing": 0.3}, **more).train.objective
    labels = [record.labels[0] for record in read_dataset(table.parent).records("train")]
    scores = torch.randn(7, 3, generator=torch.Generator().manual_seed(0))
    found = made.losses(EmotionOutput(torch.zeros(7, 2), scores, None, None), torch.arange(7))["loss"]
    weights = 7 / (3 * torch.bincount(torch.tensor(labels)))
    expected = cross_entropy(scores, torch.tensor(labels), weights, label_smoothing=0.3, reduction="sum") / 7
    torch.testing.assert_close(found, expected)


def test_last_blocks_and_their_rates_and_nothing_else_move(options: dict[str, Any]) -> None:
    more: dict[str, Any] = {"model.last_blocks": 2, "optimizer.layer_decay": 0.5, "optimizer.momentum": 0.0}
    more |= {"model.freeze": ["trunk.blocks.4"], "schedule.name": "constant"}
    settings = config(options, **more)
    before = image_job(settings, read_dataset(Path(options["data.root"]))).module.state_dict()
    after = read_tensors(train(settings) / runs.WEIGHTS)
    moved = {name for name in after if not torch.equal(after[name], before[name])}
    free = ("fc.", "trunk.blocks.3.", "trunk.conv_head.", "trunk.bn2.")
    assert {name for name in moved if not name.startswith(free)} == set()
    assert {part for part in free for name in moved if name.startswith(part)} == set(free)


@pytest.mark.parametrize("moves", [False, True])
def test_batchnorm_of_frozen_blocks_moves_only_when_told_to(options: dict[str, Any], moves: bool) -> None:
    more = {"model.last_blocks": 1, "model.frozen_statistics": "moving" if moves else "kept"}
    settings = config(options, **more)
    before = image_job(settings, read_dataset(Path(options["data.root"]))).module.state_dict()
    after = read_tensors(train(settings) / runs.WEIGHTS)
    frozen = {
        n
        for n in after
        if n.startswith(("trunk.conv_stem", "trunk.bn1", *(f"trunk.blocks.{i}" for i in range(4))))
    }
    moved = {name for name in frozen if not torch.equal(after[name], before[name])}
    statistics = {n for n in frozen if "running_" in n or n.endswith("num_batches_tracked")}
    assert moved == (statistics if moves else set())


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_a_stopped_run_with_layer_decay_ends_with_the_same_bits(
    options: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, optimizer: str
) -> None:
    more: dict[str, Any] = {
        "optimizer.layer_decay": 0.6,
        "optimizer.trunk_lr": 0.02,
        "optimizer.name": optimizer,
        "schedule.name": "cosine",
        "schedule.warmup_epochs": 1,
        "model.last_blocks": 3,
        "objective.dimensions": "ccc",
        "objective.class_weights": "balanced",
        "epochs": 3,
    }
    whole = train(config(options, **more, out=str(tmp_path / "whole")))
    settings = config(options, **more, out=str(tmp_path / "cut"))
    original, calls = loop._Run._backward, 0

    def stops(self: Any, *arguments: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls > 5:  # 18 pictures, 6 a batch: in the second epoch, past the warm-up
            raise KeyboardInterrupt
        return original(self, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(loop._Run, "_backward", stops)
        with pytest.raises(KeyboardInterrupt):
            train(settings)
    cut = train(settings, resume=True)
    assert sha256(cut / runs.WEIGHTS) == sha256(whole / runs.WEIGHTS)
    assert (cut / runs.METRICS).read_bytes() == (whole / runs.METRICS).read_bytes()


def test_no_decay_and_all_blocks_free_are_the_run_as_it_was(options: dict[str, Any], tmp_path: Path) -> None:
    plain = train(config(options))
    same = train(config(options, out=str(tmp_path / "same"), **{"optimizer.layer_decay": 1.0}))
    slow = train(config(options, out=str(tmp_path / "slow"), **{"optimizer.layer_decay": 0.9}))
    assert sha256(plain / runs.WEIGHTS) == sha256(same / runs.WEIGHTS) != sha256(slow / runs.WEIGHTS)


@pytest.mark.parametrize(
    ("objective", "text"),
    [
        *(
            (
                {"classification": name, "label_smoothing": 0.1},
                f"label_smoothing must be 0 with classification '{name}'; got 0.1",
            )
            for name in ("bce", "asymmetric", "hardest")
        ),
        (
            {"classification": "none", "label_smoothing": 0.1, "class_weights": "balanced"},
            "label_smoothing must be 0 with classification 'none'; got 0.1; "
            "class_weights must be 'none' with classification 'none'; got 'balanced'",
        ),
        ({"criterion": "ccc"}, "criterion 'ccc' needs dimensions 'ccc'; got 'none'"),
        (
            {"classification": "none", "dimensions": "ccc", "criterion": "hit_rate"},
            "criterion must be 'ccc' or 'loss' with classification 'none', which learns no emotions; "
            "got 'hit_rate'",
        ),
    ],
)
def test_objectives_that_contradict_themselves(
    options: dict[str, Any], objective: dict[str, Any], text: str
) -> None:
    with pytest.raises(ConfigError) as error:
        config(options, **{f"objective.{key}": value for key, value in objective.items()})
    assert error.value.faults == (f"options: objective: {text}",)


def test_more_blocks_than_there_are(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError) as error:
        train(config(options, **{"model.last_blocks": 6}))
    assert error.value.faults == (
        "model.last_blocks: must be at most 5, the blocks that the trunk has; got 6",
    )
    assert not Path(options["out"]).exists()


def change(options: dict[str, Any], split: str, values: Callable[[int], list[float]]) -> None:
    path = Path(options["data.root"]) / f"{split}.parquet"
    table = pl.read_parquet(path)
    rows = pl.Series([values(row) for row in range(table.height)], dtype=pl.List(pl.Float64()))
    table.with_columns(dimensions=rows).write_parquet(path)


def test_pictures_must_have_the_dimensions_that_are_to_be_learned(options: dict[str, Any]) -> None:
    root, more = options["data.root"], {"objective.dimensions": "ccc"}
    change(options, "val", lambda row: [1.0, 2.0] if row == 0 else [math.nan, 3.0])
    with pytest.raises(ConfigError) as error:
        train(config(options, **more))
    assert error.value.faults == (
        f"objective.dimensions: at least 2 groups of val must have valence; {root} has 1",
    )
    for split in ("train", "val"):
        change(options, split, lambda _: [])
    with pytest.raises(ConfigError) as error:
        train(config(options, **more))
    assert error.value.faults == (
        f"objective.dimensions: must be 'none' for pictures without dimensions; {root} has none",
    )
    assert not Path(options["out"]).exists()


def test_dimensions_have_the_names_that_the_data_set_gives(options: dict[str, Any]) -> None:
    root = Path(options["data.root"])
    info = read_json(root / "dataset.json")
    write_json(root / "dataset.json", {**info, "dimensions": ["pleasure", "tension"]})
    run = train(config(options, **{"objective.dimensions": "ccc"}))
    assert read_description(run, ImageModel).dimensions == ("pleasure", "tension")
    assert {"val.ccc.pleasure", "val.ccc.tension"} <= set(runs.read_metrics(run))
    write_json(root / "dataset.json", {**info, "dimensions": ["pleasure"]})
    with pytest.raises(DataError, match=r"dimensions must have one name each; got \['pleasure'\] for 0 or 2"):
        train(config(options, **{"objective.dimensions": "ccc"}), overwrite=True)
