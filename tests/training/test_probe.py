"""A linear probe is a RUN like any other, and the frozen-trunk baseline by another name."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import emotionnet
from emotionnet.apps.cli import main
from emotionnet.config import TrainConfig
from emotionnet.config_files import load_config
from emotionnet.data.images import Preprocessing, evaluation_input
from emotionnet.data.opening import open_data
from emotionnet.inference.loading import load_predictor
from emotionnet.models.trunks import create_trunk
from emotionnet.records import ConfigError, DataError
from emotionnet.runs import read_metrics
from emotionnet.training.probe import probe_config

COLOURS = {"calm": (40, 60, 200), "joy": (230, 200, 40), "rage": (200, 30, 30)}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A folder for each of three classes, twelve noisy pictures of one colour in each."""
    rng = np.random.default_rng(0)
    for name, colour in COLOURS.items():
        (tmp_path / "mine" / name).mkdir(parents=True)
        for number in range(12):
            pixels = np.clip(np.array(colour) + rng.normal(0, 60, (32, 32, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / "mine" / name / f"{number}.png")
    return tmp_path / "mine"


def config(tree: Path, out: Path, **more: Any) -> TrainConfig:
    options = {
        "data.root": str(tree),
        "data.image_size": 32,
        "data.workers": 0,
        "model.probe": True,
        "model.trunk": "test_resnet",
        "model.weights": "none",
        "out": str(out),
    }
    return load_config(TrainConfig, None, {**options, **more})


def test_a_probe_scores_as_the_frozen_trunk_does(tree: Path, tmp_path: Path) -> None:
    run = emotionnet.train(config(tree, tmp_path / "run"))
    scores = emotionnet.evaluate(run)
    for score in ("macro_map", "accuracy", "auc", "hit_rate"):
        assert scores[f"test.{score}"] == pytest.approx(scores[f"baseline.frozen.{score}"], abs=1e-6)
        assert scores[f"difference.frozen.{score}"] == pytest.approx(0, abs=1e-6)
    assert read_metrics(run)["probe.c"] == scores["baseline.frozen.c"]


def test_the_loop_looks_at_no_picture_again_and_its_scores_are_those_of_the_run(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_at: list[Path] = []

    def look(path: Path, how: Preprocessing) -> npt.NDArray[np.float32]:
        if isinstance(path, Path):  # others are noise, for the guard
            looked_at.append(path)
        return evaluation_input(path, how)

    monkeypatch.setenv("EMOTIONNET_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("emotionnet.inference.engine.evaluation_input", look)
    monkeypatch.setattr("emotionnet.data.loaders.evaluation_input", look)
    settings = config(tree, tmp_path / "run")
    found = read_metrics(emotionnet.train(settings))
    dataset = open_data(settings.data)
    records = [record for split in ("train", "val") for record in dataset.records(split)]
    assert sorted(map(str, looked_at)) == sorted(str(dataset.image_path(record)) for record in records)
    val = dataset.records("val")
    told = load_predictor(tmp_path / "run").outputs([dataset.image_path(record) for record in val]).scores
    true = np.array([[label in record.labels for label in range(3)] for record in val])
    shares = 1 / (1 + np.exp(-told.astype(np.float64)))
    assert found["val.loss"] == pytest.approx(-np.log(np.where(true, shares, 1 - shares)).mean(), rel=1e-4)
    assert found["val.loss"] == found["val.classification"]
    assert {"val.macro_map", "val.hit_rate", "val.best_epoch"} <= found.keys()
    assert json.loads((tmp_path / "run" / "metrics.jsonl").read_text())["val.loss"] == found["val.loss"]


def test_all_pictures_that_are_broken_are_named_at_once(tree: Path, tmp_path: Path) -> None:
    settings = config(tree, tmp_path / "run")
    dataset = open_data(settings.data)
    broken = [dataset.image_path(record) for record in dataset.records("train")][::7]
    for path in broken:
        assert isinstance(path, Path)
        path.write_bytes(b"no picture")
    with pytest.raises(DataError) as caught:
        emotionnet.train(settings)
    assert [fault.split(": ")[0] for fault in caught.value.faults] == [str(path) for path in broken]
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("columns", "text"),
    [
        ("valence", "has 0; dimensions are learned beside labels"),
        ("label", "must have at least 2 emotions to train on; has 1"),
    ],
)
def test_there_must_be_emotions_to_tell_apart(tree: Path, tmp_path: Path, columns: str, text: str) -> None:
    rows = [f"calm/{number}.png,1" for number in range(12)]
    (tree / "table.csv").write_text("\n".join([f"path,{columns}", *rows]))
    with pytest.raises(DataError, match=f"{text}$"):
        emotionnet.train(config(tree / "table.csv", tmp_path / "run"))


def test_a_file_of_weights_is_named_relative_to_the_run_and_found_from_there(
    tree: Path, tmp_path: Path
) -> None:
    weights = tmp_path / "trunk.safetensors"
    save_file(create_trunk("test_resnet", "none", seed=5).state_dict(), weights)
    first = emotionnet.train(config(tree, tmp_path / "first", **{"model.weights": str(weights)}))
    assert json.loads((first / "model.json").read_text())["weights"] == "../trunk.safetensors"
    assert "baseline.frozen.macro_map" in emotionnet.evaluate(first)
    options = {"data.root": str(tree), "data.workers": 0, "model.probe": True, "model.start": str(first)}
    settings = load_config(TrainConfig, None, {**options, "out": str(tmp_path / "second")})
    assert probe_config(settings).model.weights == weights


def test_its_coefficients_are_scikit_learns(tree: Path, tmp_path: Path) -> None:
    settings = config(tree, tmp_path / "run")
    run = emotionnet.train(settings)
    predictor, dataset = load_predictor(run), open_data(settings.data)
    paths = [dataset.image_path(record) for record in dataset.records("train")]
    labels = np.array([record.labels[0] for record in dataset.records("train")])
    features = predictor.embed(paths).astype(np.float64)
    told = predictor.outputs(paths).scores
    for column in range(3):
        theirs = make_pipeline(
            StandardScaler(), LogisticRegression(C=read_metrics(run)["probe.c"], tol=1e-8, max_iter=10_000)
        ).fit(features, labels == column)
        np.testing.assert_allclose(told[:, column], theirs.decision_function(features), rtol=1e-3, atol=1e-3)


def test_it_tells_each_emotion_by_itself(tree: Path, tmp_path: Path) -> None:
    run = emotionnet.train(config(tree, tmp_path / "run"))
    predictor = load_predictor(run)
    image = tree / "joy" / "0.png"
    expected = 1 / (1 + np.exp(-predictor.outputs([image]).scores[0].astype(np.float64)))
    told = {one.name: one.value for one in predictor.predict(image).emotions}
    assert [told[name] for name in predictor.emotions] == pytest.approx(expected.tolist(), rel=1e-5)


def test_a_probe_on_a_run_takes_its_trunk_and_its_preprocessing(tree: Path, tmp_path: Path) -> None:
    first = emotionnet.train(config(tree, tmp_path / "first", **{"data.crop_pct": 0.9, "seed": 3}))
    options = {"data.root": str(tree), "data.workers": 0, "model.probe": True, "model.start": str(first)}
    second = emotionnet.train(load_config(TrainConfig, None, {**options, "out": str(tmp_path / "second")}))
    ours, theirs = load_predictor(first), load_predictor(second)
    assert theirs.model.preprocessing == ours.model.preprocessing
    image = tree / "joy" / "0.png"
    np.testing.assert_array_equal(theirs.embed(image), ours.embed(image))
    assert theirs.predict(image) == ours.predict(image)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, ("tf_efficientnet_lite0", "embedded")),
        ({"model.trunk": "resnet18"}, ("resnet18", "hub")),
        ({"model.weights": "none"}, ("resnet50", "none")),
    ],
)
def test_without_a_trunk_it_is_the_embedded_one(
    tree: Path, tmp_path: Path, given: dict[str, Any], expected: tuple[str, str]
) -> None:
    options = {"data.root": str(tree), "model.probe": True, "out": str(tmp_path / "run"), **given}
    found = probe_config(load_config(TrainConfig, None, options))
    assert (found.model.trunk, found.model.weights) == expected
    assert (found.model.shape, found.epochs) == ("plain", 0)


@pytest.mark.parametrize(
    ("option", "value", "text"),
    [
        ("model.shape", "3branch", "model: shape must be 'plain' for a probe; got '3branch'"),
        ("model.new_head", True, "model: freeze, last_blocks and new_head must be left out for a probe"),
        ("model.last_blocks", 1, "model: freeze, last_blocks and new_head must be left out for a probe"),
    ],
)
def test_what_a_probe_does_not_train_cannot_be_asked_for(
    tree: Path, tmp_path: Path, option: str, value: Any, text: str
) -> None:
    with pytest.raises(ConfigError, match=text):
        config(tree, tmp_path / "run", **{option: value})


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"epochs": 5}, "epochs: must be left out for a probe, which has none; got 5"),
        (
            {"objective.classification": "kl", "objective.label_smoothing": 0.1},
            "objective.classification: must be left out for a probe; got kl\n"
            "objective.label_smoothing: must be left out for a probe; got 0.1",
        ),
        ({"objective.dimensions": "ccc"}, "objective.dimensions: must be left out for a probe; got ccc"),
    ],
)
def test_what_only_training_has_is_refused_before_anything_is_written(
    tree: Path, tmp_path: Path, options: dict[str, Any], text: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        emotionnet.train(config(tree, tmp_path / "run", **options))
    assert str(caught.value) == text
    assert not (tmp_path / "run").exists()


def test_the_config_of_a_probes_run_gives_the_same_probe_again(tree: Path, tmp_path: Path) -> None:
    first = emotionnet.train(config(tree, tmp_path / "first"))
    again = load_config(TrainConfig, first / "config.json", {"out": str(tmp_path / "again")})
    second = emotionnet.train(again)
    assert (first / "model.safetensors").read_bytes() == (second / "model.safetensors").read_bytes()


def test_a_probe_on_a_run_of_unknown_first_weights_has_no_frozen_trunk_beside_it(
    tree: Path, tmp_path: Path
) -> None:
    first = emotionnet.train(config(tree, tmp_path / "first"))
    described = json.loads((first / "model.json").read_text())
    (first / "model.json").write_text(json.dumps(described | {"weights": "checkpoint.pth.tar"}))
    options = {"data.root": str(tree), "data.workers": 0, "model.probe": True, "model.start": str(first)}
    settings = load_config(TrainConfig, None, {**options, "out": str(tmp_path / "second")})
    scores = emotionnet.evaluate(emotionnet.train(settings))
    assert "test.macro_map" in scores
    assert "baseline.pixels.macro_map" in scores
    assert "baseline.frozen.macro_map" not in scores
    again = load_config(TrainConfig, tmp_path / "second" / "config.json", {})
    assert again.model.weights is None


def test_weights_of_unknown_origin_need_a_start_that_has_them_all(tree: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="weights must be given without a start; got null"):
        config(tree, tmp_path / "run", **{"model.weights": None})
    save_file({"trunk.conv1.weight": torch.zeros(1)}, tmp_path / "part.safetensors")
    options = {"model.weights": None, "model.start": str(tmp_path / "part.safetensors")}
    with pytest.raises(ConfigError, match=r"model\.start: must hold all weights of the trunk test_resnet"):
        emotionnet.train(config(tree, tmp_path / "run", **options))


def test_a_finished_probe_is_left_as_it_is(tree: Path, tmp_path: Path) -> None:
    settings = config(tree, tmp_path / "run")
    run = emotionnet.train(settings)
    before = (run / "model.safetensors").stat().st_mtime_ns
    emotionnet.train(settings, resume=True)
    assert (run / "model.safetensors").stat().st_mtime_ns == before
    with pytest.raises(DataError, match="holds a run already"):
        emotionnet.train(settings)


def test_by_command_without_a_config_file(
    tree: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    options = ["--model.trunk", "test_resnet", "--model.weights", "none", "--data.image_size", "32"]
    main(["train", "--data.root", str(tree), "--model.probe", *options, "--out", str(out)])
    told = json.loads(capsys.readouterr().out)
    assert told["run"] == str(out)
    assert told["val.macro_map"] > 0.9
    kept = json.loads((out / "config.json").read_text())
    assert (kept["model"]["probe"], kept["model"]["shape"], kept["epochs"]) == (True, "plain", 0)
    assert set(json.loads((out / "splits.json").read_text())["splits"]) == {"train", "val", "test"}
