"""Images in; features, emotions and nearest tags out."""

from __future__ import annotations

from pathlib import Path
from threading import Lock
from typing import Any, Literal, cast

import numpy as np
import pytest
import torch
from PIL import Image

import emotionnet
from emotionnet.data.images import Preprocessing, decode, evaluation_array
from emotionnet.files import write_json
from emotionnet.inference.engine import run_files
from emotionnet.inference.loading import load_predictor
from emotionnet.inference.predictor import Predictor
from emotionnet.inference.results import Prediction
from emotionnet.inference.torch_backend import TorchBackend, run_network
from emotionnet.models.description import Domain, ImageModel, write_description
from emotionnet.models.network import EmotionNet, EmotionOutput
from emotionnet.models.trunks import create_trunk
from emotionnet.models.weights import save_weights
from emotionnet.records import DataError
from emotionnet.text.vectors import WordVectors

HOW = Preprocessing(image_size=32, crop_pct=1.0, mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25))
EMOTIONS = ("anger", "joy", "sadness", "fear")
VECTORS = WordVectors(
    ("rage", "delight", "sea"), np.array([[1, 0, 0], [0, 2, 0], [0, 3, 3]], dtype=np.float32)
)


def predictor(shape: str = "2branch", *, activation: Literal["softmax", "sigmoid"] = "softmax") -> Predictor:
    network = EmotionNet(create_trunk("test_resnet", "none"), shape, n_emotions=4, embedding_size=3, n_aux=2)
    has_projection = shape != "plain"
    model = ImageModel(
        trunk="test_resnet",
        weights="none",
        shape=shape,
        emotions=EMOTIONS,
        activation=activation,
        embedding_size=3 if has_projection else None,
        aux_emotions=None,
        preprocessing=HOW,
        domain=Domain(dataset="none", data_hash="", licences={}, unseen=()),
    )
    return Predictor(TorchBackend(network), model, VECTORS if has_projection else None)


def picture(seed: int, size: tuple[int, int] = (40, 36)) -> Image.Image:
    pixels_HW3 = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    return Image.fromarray(pixels_HW3)


def test_outputs_are_the_networks_on_evaluated_pictures() -> None:
    model = predictor()
    images = [picture(seed) for seed in range(5)]
    found = run_network(model.require_network(), HOW, images, batch_size=2)
    batch = torch.stack([torch.from_numpy(evaluation_array(decode(image), HOW)) for image in images])
    with torch.inference_mode():
        expected = model.require_network()(batch)
    assert expected.projection is not None
    assert found.projection is not None
    np.testing.assert_allclose(found.features, expected.features, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(found.scores, expected.scores, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(found.projection, expected.projection, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(
        found.probabilities, torch.softmax(expected.scores, dim=1), rtol=1e-4, atol=1e-6
    )


def test_a_prediction_ranks_emotions_and_tags() -> None:
    model, image = predictor(), picture(0)
    out = model.outputs([image])
    prediction = model.predict(image, top=3)
    assert prediction.image == "<Image>"
    order = np.argsort(-out.probabilities[0])[:3]
    assert [score.name for score in prediction.emotions] == [EMOTIONS[index] for index in order]
    assert [score.value for score in prediction.emotions] == pytest.approx(
        sorted(out.probabilities[0])[::-1][:3]
    )
    assert out.projection is not None
    projection = out.projection[0] / np.linalg.norm(out.projection[0])
    cosines = {
        "rage": projection[0],
        "delight": projection[1],
        "sea": (projection[1] + projection[2]) / 2**0.5,
    }
    assert {score.name: score.value for score in prediction.tags} == pytest.approx(
        cosines, rel=1e-4, abs=1e-6
    )
    assert [score.name for score in prediction.tags] == sorted(cosines, key=lambda name: -cosines[name])
    assert prediction.to_dict()["schema_version"] == 1


def test_emotions_of_a_sigmoid_network_stand_each_for_itself(tmp_path: Path) -> None:
    model, image = predictor("plain", activation="sigmoid"), picture(0)
    image.save(tmp_path / "a.png")
    scores = model.outputs([image]).scores[0]
    expected = {name: 1 / (1 + np.exp(-score)) for name, score in zip(EMOTIONS, scores, strict=True)}
    of_files = list(model.predict_files([tmp_path / "a.png"]))
    for prediction in (model.predict(image), *of_files):
        assert isinstance(prediction, Prediction)
        found = {score.name: score.value for score in prediction.emotions}
        assert found == pytest.approx(expected, rel=1e-5)
        assert list(found) == sorted(expected, key=lambda name: -expected[name])
        assert sum(found.values()) != pytest.approx(1, rel=0.01)


def test_one_in_one_out_and_a_list_for_a_list(tmp_path: Path) -> None:
    model, image = predictor(), picture(1)
    image.save(tmp_path / "a.png")
    forms: list[Any] = [str(tmp_path / "a.png"), tmp_path / "a.png", image, np.asarray(image)]
    single = [model.predict(form) for form in forms]
    together = model.predict(forms)
    for one, many in zip(single, together, strict=True):
        assert one.image == many.image
        assert [s.value for s in one.emotions] == pytest.approx([s.value for s in many.emotions], rel=1e-4)
    assert single[0].image == str(tmp_path / "a.png")
    assert model.predict([]) == []
    assert model.embed(image).shape == (model.backend.n_features,)
    assert model.embed([image, image]).shape == (2, model.backend.n_features)


def test_zero_shot_is_the_mean_cosine_of_a_labels_words() -> None:
    model, image = predictor(), picture(2)
    projection = model.outputs([image]).projection
    assert projection is not None
    unit = projection[0] / np.linalg.norm(projection[0])
    result = model.zero_shot(image, {"mood": ["rage", "delight"], "place": ["sea"]})
    expected = {"mood": (unit[0] + unit[1]) / 2, "place": (unit[1] + unit[2]) / 2**0.5}
    assert {score.name: score.value for score in result.labels} == pytest.approx(expected, rel=1e-4, abs=1e-6)
    assert result.labels[0].value >= result.labels[1].value
    assert [score.name for score in model.zero_shot([image], ["rage"])[0].labels] == ["rage"]


def test_zero_shot_names_words_without_a_vector(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("emotionnet.inference.words.has_sentence_model", lambda: False)
    with pytest.raises(DataError) as error:
        predictor().zero_shot(picture(0), ["calm", "sea", "awe"])
    named = [fault.split(" must be one of the 3 words that")[0] for fault in error.value.faults]
    assert named == ["'calm'", "'awe'"]


@pytest.mark.parametrize(
    ("labels", "text"),
    [
        ("sea", "got the text 'sea'"),
        ([], "at least one word"),
        ({"mood": []}, "at least one word"),
        ([1], "every word must be a text; got 1"),
    ],
)
def test_labels_of_another_kind_are_refused(labels: Any, text: str) -> None:
    with pytest.raises(DataError, match=text):
        predictor().zero_shot(picture(0), labels)


def test_a_label_may_have_one_word_and_capitals() -> None:
    model, image = predictor(), picture(3)
    by_list, by_map = model.zero_shot(image, ["Sea"]), model.zero_shot(image, {"Sea": "sea"})
    assert by_list == by_map


def test_no_image_gives_nothing_and_top_is_at_least_one() -> None:
    model = predictor()
    assert model.embed([]).shape == (0, model.backend.n_features)
    assert model.zero_shot([], ["sea"]) == []
    with pytest.raises(DataError, match="top must be at least 1; got 0"):
        model.predict(picture(0), top=0)


def test_a_plain_network_has_no_tags_and_no_zero_shot() -> None:
    model = predictor("plain")
    assert model.predict(picture(0)).tags == ()
    with pytest.raises(DataError, match="needs a network with a projection"):
        model.zero_shot(picture(0), ["sea"])


def test_files_that_cannot_be_read_are_left_out_and_named(tmp_path: Path) -> None:
    paths = [tmp_path / f"{number}.png" for number in range(40)]
    for number, path in enumerate(paths):
        picture(number, (8, 8)).save(path)
    paths[3].write_bytes(b"broken")
    paths.append(paths[0])
    results = list(predictor().predict_files(paths, top=2))
    named = [result.image for result in results if isinstance(result, Prediction)]
    assert named == [str(path) for path in paths if path != paths[3]]
    assert len(results) == 41
    assert isinstance(results[31], DataError)  # behind those of the first step
    assert "3.png: must be a picture" in results[31].faults[0]


def test_files_and_pictures_give_the_same_numbers(tmp_path: Path) -> None:
    model = predictor()
    paths = [tmp_path / f"{number}.png" for number in range(5)]
    for number, path in enumerate(paths):
        picture(number).save(path)
    assert list(model.predict_files(paths, top=2)) == model.predict(paths, top=2)
    with pytest.raises(DataError, match="top must be at least 1; got 0"):
        model.predict_files(paths, top=0)


def test_memory_does_not_grow_with_the_number_of_large_pictures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No more than two whole pictures are alive at once."""
    path, alive, most, lock = tmp_path / "large.png", 0, 0, Lock()
    picture(0, (300, 200)).save(path)

    class Whole:
        def __init__(self, source: Any) -> None:
            nonlocal alive, most
            self.image = decode(source)
            with lock:
                alive += 1
                most = max(most, alive)

        def __del__(self) -> None:
            nonlocal alive
            with lock:
                alive -= 1

    def read(source: Any, how: Preprocessing) -> Any:
        return evaluation_array(Whole(source).image, how), None

    monkeypatch.setattr("emotionnet.inference.engine.usable_threads", lambda: 2)
    steps = list(run_files(predictor().backend, HOW, [path] * 20, progress="", read=read))
    assert sum(len(step.pictures) for step in steps) == 20
    assert 1 <= most <= 3


class Elsewhere(torch.nn.Module):
    """A network of another precision, which takes no other, and gives what it was given."""

    def __init__(self, dtype: torch.dtype) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(1, dtype=dtype))

    def forward(self, images_N3HW: torch.Tensor) -> EmotionOutput:
        assert (images_N3HW.dtype, images_N3HW.device) == (self.weight.dtype, self.weight.device)
        features_NF = images_N3HW.mean(dim=(2, 3)) * self.weight
        return EmotionOutput(features_NF, features_NF, features_NF, None)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_pictures_go_where_the_network_is_and_results_come_back_as_float32(dtype: torch.dtype) -> None:
    out = run_network(cast(EmotionNet, Elsewhere(dtype)), HOW, [picture(0), picture(1)], batch_size=1)
    expected = [evaluation_array(picture(seed), HOW).mean(axis=(1, 2)) for seed in range(2)]
    for found in (out.features, out.scores, out.projection):
        assert found is not None
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, expected, rtol=0.02, atol=0.01)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
def test_a_network_on_a_gpu_takes_pictures_from_the_cpu() -> None:
    model, images = predictor(), [picture(0), picture(1)]
    expected = model.outputs(images)
    model.require_network().cuda()
    np.testing.assert_allclose(model.outputs(images).scores, expected.scores, rtol=1e-2, atol=1e-3)


def finished_run(folder: Path) -> Path:
    model = predictor("plain")
    write_description(folder, model.model)
    save_weights(model.require_network(), folder / "model.safetensors")
    write_json(folder / "config.json", {})
    return folder


def test_a_run_is_opened_on_a_device(tmp_path: Path) -> None:
    run = finished_run(tmp_path)
    auto = next(emotionnet.load(run).require_network().parameters()).device.type
    assert auto == ("cuda" if torch.cuda.is_available() else "cpu")
    assert next(emotionnet.load(run, device="cpu").require_network().parameters()).device.type == "cpu"


@pytest.mark.parametrize("device", ["gpu", "cuda:99", ""])
def test_a_device_that_is_not_there_is_named(tmp_path: Path, device: str) -> None:
    with pytest.raises(DataError, match=f"device must be 'auto' or one of this machine's; got '{device}'"):
        load_predictor(finished_run(tmp_path), device=device)


def test_the_home_of_nobody_is_no_run() -> None:
    with pytest.raises(DataError, match="~nosuchuser/x: must be a RUN folder"):
        load_predictor("~nosuchuser/x")


def test_no_image_is_a_fault() -> None:
    with pytest.raises(DataError, match="at least one image"):
        predictor().outputs([])


def test_a_folder_that_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="does not exist"):
        emotionnet.load(tmp_path / "none")
    for name in ("config.json", "model.safetensors"):
        (tmp_path / name).touch()
    write_json(tmp_path / "model.json", {"kind": "image", "trunk": 3})
    with pytest.raises(DataError) as error:
        load_predictor(tmp_path)
    assert any("image.trunk: Input should be a valid string" in fault for fault in error.value.faults)
