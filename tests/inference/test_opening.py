"""A model by name: what stands for it without opening it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from emotionnet.files import read_object, write_json
from emotionnet.inference import opening
from emotionnet.inference.exported import Form
from emotionnet.inference.loading import load_predictor
from emotionnet.inference.opening import Opening
from emotionnet.records import DataError


@pytest.fixture
def folder(exported: Callable[[Form], Path], tmp_path: Path) -> Path:
    return Path(shutil.copytree(exported("onnx"), tmp_path / "model"))


def test_what_stands_for_a_model_is_known_without_opening_it(
    folder: Path, random_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "load_predictor", lambda *_, **__: pytest.fail("opened"))
    model = Opening(str(folder))
    assert model.identity == Opening(str(random_run)).identity
    assert (len(model.content), len(model.stamp)) == (64, 64)


def test_its_content_is_the_same_wherever_it_lies_and_another_with_other_words(
    folder: Path, tmp_path: Path
) -> None:
    shutil.copytree(folder, tmp_path / "copy")
    copy, first = Opening(str(tmp_path / "copy")), Opening(str(folder))
    assert copy.content == first.content
    assert copy.stamp != first.stamp
    (tmp_path / "copy" / "words.json").write_text('["rage", "bliss"]')
    other = Opening(str(tmp_path / "copy"))
    assert (other.identity, other.content == first.content) == (first.identity, False)


def test_it_is_opened_once_and_as_asked(folder: Path) -> None:
    model = Opening(str(folder), "onnxruntime", "local", "latency")
    assert model.predictor is model.predictor
    assert (model.predictor.backend.name, model.predictor.backend.step) == ("onnxruntime", 1)
    assert model.predictor.identity == load_predictor(folder).identity == model.identity


def test_a_broken_model_is_told(folder: Path) -> None:
    write_json(folder / "export.json", read_object(folder / "export.json") | {"files": {}})
    with pytest.raises(DataError, match=r"must be the file that export\.json names"):
        _ = Opening(str(folder)).content
