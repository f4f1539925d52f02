from __future__ import annotations

import importlib
import inspect
from pathlib import Path

import numpy as np
import pytest

from emotionnet.apps.bench import infer
from emotionnet.apps.bench.machine import Measured
from emotionnet.apps.bench.photographs import photographs
from emotionnet.apps.bench.rounds import Rates
from emotionnet.data.images import Preprocessing
from emotionnet.inference.predictor import Predictor
from emotionnet.inference.torch_backend import TorchBackend
from emotionnet.models.description import Domain, ImageModel
from emotionnet.models.network import EmotionNet
from emotionnet.models.trunks import create_trunk

RATES = Rates(
    {
        "2020": [10.0, 5.0, 10.0],
        "timm": [40.0, 40.0, 80.0],
        "onnxruntime": [20.0, 25.0, 20.0],
        "openvino": [100.0, 100.0, 50.0],
        "ours": [100.0, 100.0, 100.0],
        "int8": [200.0, 300.0, 250.0],
    }
)


def test_ratios_are_medians_over_rounds_and_the_share_is_that_of_matrix_products(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    best = Measured(float32=800.0, bfloat16=1640.0, copy=1e6)  # 1,640 GFLOP/s: 200 pictures of 8.2
    monkeypatch.setattr(infer, "measured", lambda: best)
    found = infer.figures(RATES)
    assert found["infer.resnet50.speedup_vs_2020"] == 10.0  # of 10, 20 and 10
    assert found["infer.resnet50.int8.speedup_vs_2020"] == 25.0  # of 20, 60 and 25
    assert found["infer.resnet50.speedup_vs_timm"] == 2.5  # of 2.5, 2.5 and 1.25
    assert found["infer.resnet50.speedup_vs_onnxruntime"] == 5.0  # of 5, 4 and 5
    assert found["infer.resnet50.ratio_vs_openvino"] == 1.0  # of 1, 1 and 2
    assert found["infer.resnet50.images_per_second"] == 100.0
    assert found["infer.resnet50.share_of_floor"] == pytest.approx(0.5)
    assert found["infer.resnet50.int8.per_second"] == 250.0
    assert found["infer.resnet50.int8.spread"] == pytest.approx(0.4)


def test_contenders_are_functions_that_take_their_arguments(tmp_path: Path) -> None:
    files = [tmp_path / f"{number}.jpg" for number in range(max(infer.PICTURES.values()))]
    places = {"ours": tmp_path / "model", "int8": tmp_path / "int8"}
    contenders = infer._contenders(files, tmp_path / "run", places, 8)
    assert {one.name for one in contenders} == set(RATES.rates) == set(infer.PICTURES)
    for one in contenders:
        module, _, name = one.make.partition(":")
        inspect.signature(getattr(importlib.import_module(module), name)).bind(**one.arguments)
        assert len(one.arguments["files"]) == infer.PICTURES[one.name]
    assert [one.arguments["batch"] for one in contenders if one.name == "openvino"] == [8]


def test_ours_gets_the_features_that_a_predictor_gives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = photographs(tmp_path, 3, width=40, height=36)
    model = ImageModel(
        trunk="test_resnet",
        weights="none",
        shape="plain",
        emotions=("joy", "fear"),
        embedding_size=None,
        aux_emotions=None,
        preprocessing=Preprocessing(image_size=32, crop_pct=1.0, mean=(0.5,) * 3, std=(0.25,) * 3),
        domain=Domain(dataset="none", data_hash="", licences={}, unseen=()),
    )
    network = EmotionNet(create_trunk("test_resnet", "none"), "plain", n_emotions=2)
    predictor = Predictor(TorchBackend(network), model, None)
    monkeypatch.setattr(infer, "load_predictor", lambda *_, **__: predictor)
    monkeypatch.setattr(infer, "keep_freed_memory", lambda: None)
    monkeypatch.setattr(
        infer, "rate", lambda work, count: np.abs(work() - predictor.embed(files)).max() + count
    )
    assert infer.make_ours(run=tmp_path, files=files)() == pytest.approx(3.0)


def test_the_cosine_is_the_mean_over_pictures() -> None:
    one = np.array([[1, 0], [0, 2]], dtype=np.float32)
    other = np.array([[3, 0], [1, 1]], dtype=np.float32)
    assert infer._cosine(one, other) == pytest.approx((1 + 0.5**0.5) / 2)
