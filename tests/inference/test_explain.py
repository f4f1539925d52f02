"""Explanations of a RUN and of a MODEL: what is told, of whom, and how it is drawn."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator, Iterable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import emotionnet
from emotionnet.inference.explain import explain
from emotionnet.inference.guard import Guard
from emotionnet.inference.outputs import Array, Outputs
from emotionnet.inference.predictor import Predictor
from emotionnet.records import DataError
from tests.conftest import MakeExported

SIDE = 64


@pytest.fixture(scope="module")
def predictor(make_random_run: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Predictor:
    pytest.importorskip("pytorch_grad_cam")
    run = make_random_run(tmp_path_factory.mktemp("explain") / "run", size=SIDE)
    return emotionnet.load(run, backend="torch")


@pytest.fixture
def means(make_exported: MakeExported) -> Predictor:
    """Scores are twice the means of red (anger), green (joy) and blue (sadness)."""
    pytest.importorskip("onnxruntime")
    return emotionnet.load(make_exported("onnx", image_size=SIDE), backend="onnxruntime")


@pytest.fixture
def noise() -> Image.Image:
    pixels_HW3 = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
    return Image.fromarray(pixels_HW3)


@pytest.fixture
def corners() -> Image.Image:
    """400 x 200 pixels, 100 to 300 of them seen: red at the top left of these, blue at their bottom right."""
    picture = Image.new("RGB", (400, 200))
    picture.paste((255, 0, 0), (100, 0, 140, 40))
    picture.paste((0, 0, 200), (260, 160, 300, 200))
    return picture


def test_run_is_told_as_it_predicts(predictor: Predictor, noise: Image.Image) -> None:
    best = predictor.predict(noise).emotions
    found = explain(predictor, noise)
    assert (found.emotion, found.method, found.cosine) == (best[0].name, "grad-cam", None)
    assert found.probability == pytest.approx(best[0].value, abs=1e-6)
    assert found.heat_HW.shape == (SIDE, SIDE)
    assert explain(predictor, noise, best[2].name.upper()).probability == pytest.approx(
        best[2].value, abs=1e-6
    )
    assert found.to_dict() == {
        "emotion": best[0].name,
        "probability": found.probability,
        "method": "grad-cam",
    }


def test_word_is_told_by_its_cosine(predictor: Predictor, noise: Image.Image) -> None:
    told = {score.name: score.value for score in predictor.zero_shot(noise, ["rage", "delight"]).labels}
    found = explain(predictor, noise, "delight")
    assert found.probability is None
    assert found.cosine == pytest.approx(told["delight"], abs=1e-6)
    assert set(found.to_dict()) == {"emotion", "cosine", "method"}


def test_trunk_without_places_is_covered(random_run: Path, noise: Image.Image) -> None:
    """Of 32 pixels this trunk makes maps of one place."""
    found = explain(emotionnet.load(random_run, backend="torch"), noise)
    assert found.method == "occlusion"
    assert found.heat_HW.shape == (32, 32)


def test_model_tells_where_without_torch(means: Predictor, corners: Image.Image) -> None:
    for emotion, at in (("anger", (3, 3)), ("sadness", (60, 60))):
        found = explain(means, corners, emotion)
        assert found.method == "occlusion"
        assert (found.heat_HW > 0.5)[at]
        assert not found.heat_HW[24:40, 24:40].any()
    assert explain(means, corners).emotion == "anger"


def test_heat_lies_on_the_part_that_the_network_sees(means: Predictor, corners: Image.Image) -> None:
    found = explain(means, corners, "anger")
    assert found.box == pytest.approx((100, 0, 300, 200))
    drawn_HW3 = np.asarray(found.overlay()).astype(int)
    assert drawn_HW3.shape == (200, 400, 3)
    coloured_HW = np.ptp(drawn_HW3, axis=2) > 20
    assert coloured_HW[:40, 100:140].all()
    assert not coloured_HW[:, :100].any()
    assert not coloured_HW[80:, :].any()
    assert (drawn_HW3[:, :100] > 100).all()  # black, seen by nobody, is pale


def test_any_size_is_shown_readably(means: Predictor) -> None:
    for size, expected in (((3000, 1500), (1024, 512)), ((40, 20), (256, 128)), ((1, 5000), (1, 1024))):
        found = explain(means, Image.new("RGB", size), "joy")
        assert found.overlay().size == found.picture.size == expected
        assert found.sheet().width >= 256


def test_nothing_but_pixels_comes_along(means: Predictor, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x010E] = "where it was taken"
    Image.new("RGB", (64, 32), "red").save(tmp_path / "a.jpg", exif=exif)
    found = explain(means, tmp_path / "a.jpg")
    assert not {"exif", "icc_profile", "comment"} & {*found.picture.info, *found.sheet().info}
    found.sheet().save(tmp_path / "map.png")
    assert b"taken" not in (tmp_path / "map.png").read_bytes()


def test_picture_unlike_training_is_marked(predictor: Predictor, noise: Image.Image) -> None:
    size = predictor.backend.n_features
    guard = Guard(np.eye(1, size, dtype=np.float16), neighbours=1, threshold=0.0)
    found = explain(Predictor(predictor.backend, predictor.model, None, guard=guard), noise)
    assert found.domain is not None
    assert next(iter(found.to_dict())) == "domain"
    assert found.to_dict()["domain"]["outside"]
    assert np.asarray(found.sheet()).tobytes() != np.asarray(explain(predictor, noise).sheet()).tobytes()


def test_an_empty_emotion_is_not_the_likeliest(predictor: Predictor, noise: Image.Image) -> None:
    with pytest.raises(
        DataError, match=r"^a word must be a text of 1 to 1000 letters; got '' of 0; nor is it"
    ):
        explain(predictor, noise, "")
    with pytest.raises(DataError, match=r"^'' must be one of the run's 3 emotions$"):
        explain(Predictor(predictor.backend, predictor.model, None), noise, "")


def test_unknown_emotion_of_a_run_without_words(predictor: Predictor, noise: Image.Image) -> None:
    plain = Predictor(predictor.backend, predictor.model, None)
    with pytest.raises(
        DataError, match=r"^'angr' must be one of the run's 3 emotions; did you mean anger\?$"
    ):
        explain(plain, noise, "angr")
    with pytest.raises(DataError, match=r"^'zzz' must be one of the run's 3 emotions$"):
        explain(plain, noise, "zzz")


def test_no_picture(predictor: Predictor) -> None:
    with pytest.raises(DataError, match=r"none.png: file not found$"):
        explain(predictor, "none.png")


def test_numbers_that_are_none(means: Predictor, noise: Image.Image, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(batches: Iterable[Array]) -> Generator[Outputs]:
        for batch in batches:
            none_N3 = np.full((len(batch), 3), np.nan, dtype=np.float32)
            yield Outputs(none_N3, none_N3, none_N3)

    monkeypatch.setattr(means.backend, "run", run)
    with pytest.raises(DataError, match=r"^the network must give finite numbers; of 'joy' it gives nan$"):
        explain(means, noise, "joy")


def test_occlusion_needs_no_torch(
    means: Predictor, noise: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "emotionnet.inference.grad_cam", None)
    assert explain(means, noise).method == "occlusion"
