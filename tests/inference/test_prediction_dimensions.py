from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from emotionnet.inference.predictor import Predictor
from emotionnet.inference.results import Prediction, Score
from emotionnet.inference.torch_backend import TorchBackend
from emotionnet.models.description import Domain, ImageModel
from emotionnet.models.network import EmotionNet
from emotionnet.models.trunks import create_trunk, preprocessing
from emotionnet.word_dimensions import derived_dimensions

PICTURE = Image.new("RGB", (32, 32), (200, 30, 90))


def predictor(emotions: tuple[str, ...], dimensions: tuple[str, ...] = ()) -> Predictor:
    torch.manual_seed(0)
    network = EmotionNet(
        create_trunk("test_resnet", "none", seed=1),
        "plain",
        n_emotions=len(emotions),
        n_dimensions=len(dimensions),
    )
    model = ImageModel(
        trunk="test_resnet",
        weights="none",
        shape="plain",
        emotions=emotions,
        dimensions=dimensions,
        embedding_size=None,
        aux_emotions=None,
        preprocessing=preprocessing("test_resnet", "none", 32, 1.0),
        domain=Domain(dataset="none", data_hash="", licences={}, unseen=()),
    )
    return Predictor(TorchBackend(network), model, None)


def test_dimensions_are_those_of_the_network_where_it_learned_some() -> None:
    model = predictor(("joy", "fear"), ("arousal", "valence"))
    out = model.outputs([PICTURE])
    prediction = model.predict(PICTURE)
    assert out.dimensions is not None
    assert [score.name for score in prediction.dimensions] == ["arousal", "valence"]
    assert [score.value for score in prediction.dimensions] == pytest.approx(out.dimensions[0].tolist())
    told = prediction.to_dict()
    assert told["dimensions"][1] == {"name": "valence", "value": prediction.dimensions[1].value}
    assert "derived" not in told


def test_else_they_are_derived_from_all_emotions_and_marked() -> None:
    emotions = ("joy", "fear", "neutral")
    model = predictor(emotions)
    prediction = model.predict(PICTURE, top=1)
    expected = derived_dimensions(model.outputs([PICTURE]).probabilities, emotions)
    assert [score.name for score in prediction.dimensions] == ["valence", "arousal", "dominance"]
    assert [score.value for score in prediction.dimensions] == pytest.approx(expected.values_NK[0].tolist())
    assert prediction.to_dict()["derived"] is True
    assert np.all((expected.values_NK >= 1) & (expected.values_NK <= 9))


@pytest.mark.parametrize("emotions", [("class_0", "class_1"), ("joy", "class_1")])
def test_without_emotions_that_the_norms_have_there_are_none(emotions: tuple[str, ...]) -> None:
    prediction = predictor(emotions).predict(PICTURE)
    assert prediction.dimensions == ()
    assert not {"dimensions", "derived"} & prediction.to_dict().keys()


def test_a_prediction_by_hand_has_the_keys_that_it_had() -> None:
    told = Prediction("a.png", (Score("joy", 0.5),), ()).to_dict()
    assert list(told) == ["schema_version", "image", "emotions", "tags"]
