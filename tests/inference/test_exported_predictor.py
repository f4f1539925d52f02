"""A predictor of a MODEL does what that of a RUN does, on a network that tells the means of colours."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image

import emotionnet
from emotionnet.evaluation.scoring import evaluate_run
from emotionnet.evaluation.zeroshot_labels import zeroshot
from emotionnet.evaluation.zeroshot_pictures import rank_files
from emotionnet.files import read_json
from emotionnet.inference.extract import extract_features
from emotionnet.inference.predictor import Predictor
from emotionnet.inference.results import Prediction
from emotionnet.records import DataError
from tests.conftest import EMOTIONS, MakeExported

COLOURS = {"red": (255, 64, 0), "green": (0, 255, 64), "blue": (64, 0, 255)}
LIGHT = np.array([255, 64, 0]) / 255 * 4 - 2  # as the network gets it: mean 0.5, standard deviation 0.25


@pytest.fixture
def model(make_exported: MakeExported) -> Path:
    pytest.importorskip("onnxruntime")
    return make_exported("onnx")


@pytest.fixture
def predictor(model: Path) -> Predictor:
    return emotionnet.load(model, backend="onnxruntime")


@pytest.fixture
def pictures(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / "pictures" / f"{name}.png" for name in COLOURS]
    paths[0].parent.mkdir()
    for path, colour in zip(paths, COLOURS.values(), strict=True):
        Image.new("RGB", (8, 8), colour).save(path)
    return paths


def test_it_tells_features_emotions_and_tags(predictor: Predictor, pictures: list[Path]) -> None:
    assert predictor.network is None
    np.testing.assert_allclose(predictor.embed(pictures[0]), LIGHT, rtol=1e-5)
    assert predictor.embed([]).shape == (0, 3)
    told = predictor.predict(pictures, top=3)
    for prediction, emotion, tag in zip(told, EMOTIONS, COLOURS, strict=True):
        assert (prediction.emotions[0].name, prediction.tags[0].name) == (emotion, tag)
    powers = np.exp(2 * LIGHT)
    assert [score.value for score in told[0].emotions] == pytest.approx(powers / powers.sum(), rel=1e-5)
    assert told[0].tags[0].value == pytest.approx(LIGHT[0] / np.linalg.norm(LIGHT), rel=1e-5)
    assert list(predictor.predict_files(pictures, top=3)) == told


def test_it_ranks_words(predictor: Predictor, pictures: list[Path], model: Path) -> None:
    ranked = predictor.zero_shot(pictures[2], {"sea": ["blue"], "leaf": ["green"]})
    assert [score.name for score in ranked.labels] == ["sea", "leaf"]
    (found,), faults = rank_files(model, pictures[2:], {"sea": ("blue",), "leaf": ("green",)})
    assert ([score.name for score in found.labels], faults) == (["sea", "leaf"], [])


def test_it_has_no_network_to_train(predictor: Predictor) -> None:
    with pytest.raises(DataError, match="needs the network in torch: open a RUN with it; got onnxruntime"):
        predictor.require_network()


def test_features_are_extracted_and_say_what_computed_them(
    model: Path, pictures: list[Path], tmp_path: Path
) -> None:
    extract_features(model, pictures, tmp_path / "f.parquet", backend="onnxruntime")
    table = pl.read_parquet(tmp_path / "f.parquet")
    np.testing.assert_allclose(table["features"].to_list()[0], LIGHT, rtol=1e-5)
    extract_features(model, pictures, tmp_path / "f", backend="onnxruntime")
    info = read_json(tmp_path / "f" / "features.json")
    assert (info["backend"], info["weights_sha256"], info["size"]) == ("onnxruntime", "0" * 64, 3)


def test_scores_on_data_need_a_run(model: Path) -> None:
    with pytest.raises(DataError, match="model: must be a RUN folder, for torch; it is an exported MODEL"):
        evaluate_run(model)
    with pytest.raises(DataError, match="model: must be a RUN folder, for torch; it is an exported MODEL"):
        zeroshot(model, words={"red": ("red",)})


def test_a_prediction_of_many_files_is_the_same_in_pieces(predictor: Predictor, pictures: list[Path]) -> None:
    found = list(predictor.predict_files(pictures * 40))
    assert len(found) == 120
    assert all(isinstance(one, Prediction) for one in found)
    assert found[0] == found[117]
