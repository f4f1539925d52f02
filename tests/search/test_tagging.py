"""Which tags a picture gets; the network is one whose scores are plain to see."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from emotionnet.inference.guard import Guard
from emotionnet.inference.loading import load_predictor
from emotionnet.inference.outputs import Array
from emotionnet.inference.predictor import Predictor
from emotionnet.records import DataError
from emotionnet.search import tagging as room
from emotionnet.search.layout import IndexInfo, write_info
from emotionnet.search.ranking import LEAST, Vectors
from emotionnet.search.tagging import TaggedPicture, Tagger, open_tagger
from tests.conftest import MakeExported

COLOURS = {"red": (255, 0, 0), "yellow": (255, 255, 0), "grey": (128, 128, 128)}


@pytest.fixture
def pictures(tmp_path: Path) -> list[Path]:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for name, colour in COLOURS.items():
        Image.new("RGB", (8, 8), colour).save(folder / f"{name}.png")
    return [folder / f"{name}.png" for name in COLOURS]


def tags(tagger: Tagger, paths: list[Path]) -> list[list[str]]:
    found = list(tagger.tag_files(paths))
    return [[tag.name for tag in one.tags] for one in found if isinstance(one, TaggedPicture)]


def test_tags_are_the_emotions_above_their_thresholds(
    make_exported: MakeExported, pictures: list[Path]
) -> None:
    """Features are (level - 0.5) / 0.25 of red, green and blue, scores twice that; softmax."""
    model = make_exported("onnx")
    tagger = open_tagger(model, thresholds=["0.3"])
    assert tags(tagger, pictures) == [["anger"], ["anger", "joy"], ["anger", "joy", "sadness"]]
    assert tagger.silent == ()
    red, yellow, _ = tagger.tag_files(pictures)
    assert isinstance(red, TaggedPicture)
    assert isinstance(yellow, TaggedPicture)
    assert red.tags[0].value == pytest.approx(1 / (1 + 2 * math.exp(-8)), rel=1e-5)
    assert [tag.value for tag in yellow.tags] == [pytest.approx(0.5, abs=1e-3)] * 2
    assert (red.image, red.outside) == (str(pictures[0]), False)
    assert red.to_dict() == {
        "schema_version": 1,
        "image": str(pictures[0]),
        "outside": False,
        "tags": [{"name": "anger", "probability": red.tags[0].value}],
    }


def test_one_of_many_emotions_may_have_the_only_threshold(
    make_exported: MakeExported, pictures: list[Path]
) -> None:
    tagger = open_tagger(make_exported("onnx"), thresholds=["joy=0.4"])
    assert tags(tagger, pictures) == [[], ["joy"], []]
    assert tagger.silent == ("anger", "sadness")


def test_a_probability_of_just_the_threshold_is_enough(
    make_exported: MakeExported, pictures: list[Path]
) -> None:
    predictor = load_predictor(make_exported("onnx"))
    exact = predictor.probabilities(predictor.outputs(pictures))[0, 0]
    above = np.nextafter(exact, np.float32(2))
    for threshold, expected in ((exact, ["anger"]), (above, [])):
        assert tags(Tagger(predictor, {"anger": float(threshold)}, {}, 5), pictures[:1]) == [expected]


def test_top(make_exported: MakeExported, pictures: list[Path]) -> None:
    model = make_exported("onnx")
    assert tags(open_tagger(model, thresholds=["0"], top=2), pictures) == [
        ["anger", "joy"], ["anger", "joy"], ["anger", "joy"]
    ]  # fmt: skip
    with pytest.raises(DataError, match="top must be at least 1; got 0"):
        open_tagger(model, top=0)


def test_pictures_unlike_those_of_training_get_none(
    make_exported: MakeExported, pictures: list[Path]
) -> None:
    predictor = load_predictor(make_exported("onnx"))
    predictor.guard = Guard(np.array([[1, -1, -1]], dtype=np.float16) / np.float16(3**0.5), 1, 0.1)
    found = list(Tagger(predictor, {"anger": 0.3}, {}, 5).tag_files(pictures))
    assert [(one.outside, len(one.tags)) for one in found if isinstance(one, TaggedPicture)] == [
        (False, 1), (True, 0), (True, 0)
    ]  # fmt: skip


def test_files_that_cannot_be_read(make_exported: MakeExported, pictures: list[Path]) -> None:
    pictures[1].write_text("no picture")
    tagger = open_tagger(make_exported("onnx"), thresholds=["0.3"])
    found = list(tagger.tag_files(pictures))
    faults = [str(one) for one in found if isinstance(one, DataError)]
    assert len(found) == 3
    assert len(faults) == 1
    assert faults[0].startswith(f"{pictures[1]}: must be a picture")


class Green:
    """A taught word: likely where there is much green."""

    def probabilities(self, pictures: Vectors) -> Array:
        features_NF = pictures("features")
        np.testing.assert_allclose(np.linalg.norm(features_NF, axis=1), 1, rtol=1e-5)
        np.testing.assert_allclose(np.linalg.norm(pictures("projection"), axis=1), 1, rtol=1e-5)
        shares_NC = np.exp(pictures("log_probabilities")) - LEAST
        np.testing.assert_allclose(shares_NC.sum(axis=1), 1, rtol=1e-3)
        return (1 / (1 + np.exp(-9 * features_NF[:, 1]))).astype(np.float32)


def an_index(folder: Path, identity: str) -> Path:
    folder.mkdir()
    values: dict[str, Any] = {"model": "x", "trained_on": "", "activation": "softmax", "backend": "torch"}
    emotions = ("anger", "joy", "sadness")
    write_info(
        folder, IndexInfo(identity=identity, emotions=emotions, n_features=3, embedding_size=3, **values)
    )
    return folder


def test_taught_words_are_tags_too(
    make_exported: MakeExported, pictures: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = make_exported("onnx")
    index = an_index(tmp_path / "index", load_predictor(model).identity)
    monkeypatch.setattr(room, "taught_words", lambda _: {"anger": Green(), "fog": Green()})
    tagger = open_tagger(model, thresholds=["sadness=0.3"], index=index)
    assert tags(tagger, pictures) == [
        [],
        ["anger", "fog"],
        ["anger", "fog", "sadness"],
    ]  # anger means green now
    assert tagger.silent == ("joy",)
    tagger.predictor.guard = Guard(np.array([[1, -1, -1]], dtype=np.float16) / np.float16(3**0.5), 1, 0.1)
    assert tags(tagger, pictures) == [[], ["anger", "fog"], ["anger", "fog"]]  # the latter two are outside


def test_an_index_of_another_network(make_exported: MakeExported, tmp_path: Path) -> None:
    index = an_index(tmp_path / "index", "1" * 64)
    with pytest.raises(
        DataError, match=r"index: must be an INDEX made with .*model.*; it was made with another"
    ):
        open_tagger(make_exported("onnx"), thresholds=["0.3"], index=index)
    with pytest.raises(DataError, match="must be an INDEX folder"):
        open_tagger(make_exported("onnx", name="b"), thresholds=["0.3"], index=tmp_path)


def test_thresholds_of_validation_are_used(
    make_exported: MakeExported, pictures: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Predictor, "thresholds", {"joy": 0.2})
    tagger = open_tagger(make_exported("onnx"))
    assert tags(tagger, pictures) == [[], ["joy"], ["joy"]]
    assert tagger.silent == ("anger", "sadness")
