"""Float or int8: the scores that decide, the pictures that are drawn, and what a refusal leaves."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import emotionnet
from emotionnet.data.store import Dataset
from emotionnet.evaluation import exporting
from emotionnet.evaluation.exporting import Int8, centred_cosines, draw, export
from emotionnet.evaluation.scoring import evaluate_run
from emotionnet.evaluation.units import Split, read_split
from emotionnet.files import read_json, sha256, write_json
from emotionnet.inference.backends import Backend
from emotionnet.inference.engine import run_images
from emotionnet.inference.export import export_run
from emotionnet.inference.exported import Exported, read_exported
from emotionnet.inference.outputs import Outputs
from emotionnet.records import DataError, TrainingError

MakeDataset = Callable[..., Dataset]
MakeRun = Callable[..., Path]


@pytest.fixture
def float_model(
    make_run: MakeRun, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    """A RUN beside whose export nothing is waited for: it is made once, and copied after that."""
    run, kept = make_run(), tmp_path_factory.getbasetemp() / "exported"

    def copied(source: Path, out: Path, **options: Any) -> Exported:
        if not kept.exists():
            export_run(source, kept, form="openvino")
        shutil.copytree(kept, out)
        return read_exported(out)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(exporting, "export_run", copied)
        yield run


def as_it_was(exported: Exported, folder: Path, out: Path, images: Any) -> Exported:
    """In place of `quantise`, which takes seconds."""
    for name in exported.files:
        shutil.copyfile(folder / name, out / name)
    return exported.model_copy(update={"int8": True})


def test_int8_is_scored_as_evaluate_scores_and_says_so(float_model: Path, tmp_path: Path) -> None:
    made = export(float_model, tmp_path / "model", int8=Int8(max_drop=1.0, pictures=6))
    assert made == read_exported(tmp_path / "model")
    assert (made.int8, made.form) == (True, "openvino")
    assert "FakeQuantize" in (tmp_path / "model" / "network.xml").read_text()
    assert made.files == {name: sha256(tmp_path / "model" / name) for name in made.files}
    assert {path.name for path in tmp_path.glob("model/*")} >= {"model.json", "words.json", "export.json"}
    scores = made.scores
    expected = evaluate_run(float_model, split="val")["val.macro_map"]
    assert scores["val.macro_map"] == pytest.approx(expected, abs=1e-6)
    assert scores["drop"] == scores["val.macro_map"] - scores["val.int8.macro_map"]
    assert scores["cosine.same"] > 0.5 > scores["cosine.different"]


def test_what_drops_too_far_is_refused_and_nothing_is_written(
    float_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    told = iter([0.5, 0.47] * 2)
    monkeypatch.setattr(exporting, "quantise", as_it_was)
    monkeypatch.setattr(exporting, "split_score", lambda *_: next(told))
    before = {*tmp_path.iterdir()}
    with pytest.raises(TrainingError, match=r"at most 0.02 of macro_map .* it loses 0.0300, and nothing is"):
        export(float_model, tmp_path / "model", int8=True)
    assert {*tmp_path.iterdir()} == before
    assert "0.5000 in float, 0.4700 in int8, a drop of 0.0300" in capsys.readouterr().err
    made = export(float_model, tmp_path / "model", int8=Int8(max_drop=0.05))
    assert made.scores["drop"] == pytest.approx(0.03)


def test_one_picture_is_too_few_to_compare(
    float_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = Path("one.png")
    split = Split((), (one, one), np.ones((2, 2), dtype=np.bool_), ("a", "b"))
    monkeypatch.setattr(exporting, "quantise", as_it_was)
    monkeypatch.setattr(exporting, "require_sides", lambda *_: None)
    monkeypatch.setattr(
        exporting,
        "read_split",
        lambda data, name, emotions: split if name == "val" else read_split(data, name, emotions),
    )
    with pytest.raises(DataError, match="its validation split must have two pictures to compare"):
        export(float_model, tmp_path / "model", int8=True)
    assert not (tmp_path / "model").exists()


def test_the_score_in_float_is_that_of_torch_and_not_of_bfloat16(
    float_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def told(backend: Backend, *given: Any, **how: Any) -> Outputs:
        asked.append(backend.name)
        return run_images(backend, *given, **how)

    monkeypatch.setattr(exporting, "quantise", as_it_was)
    monkeypatch.setattr(exporting, "run_images", told)
    export(float_model, tmp_path / "model", int8=Int8(max_drop=1.0))
    assert asked == ["torch", "openvino"]


def test_float_needs_no_data_set(float_model: Path, tmp_path: Path) -> None:
    shutil.rmtree(tmp_path / "dataset")
    assert emotionnet.export(float_model, tmp_path / "model").scores == {}
    with pytest.raises(DataError, match="the run's DATASET must be there; it is not, give its folder with"):
        export(float_model, tmp_path / "other", int8=True)
    assert not (tmp_path / "other").exists()


def test_a_data_set_that_was_moved_is_named(
    float_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting, "quantise", as_it_was)
    moved = (tmp_path / "dataset").rename(tmp_path / "moved")
    assert export(float_model, tmp_path / "model", int8=Int8(data=moved)).scores["drop"] == 0


@pytest.mark.parametrize(
    ("objective", "criterion"),
    [
        ({"criterion": "hit_rate"}, "hit_rate"),
        ({"criterion": "loss"}, "macro_map"),
        ({"criterion": "loss", "classification": "none"}, "ccc"),
        ({"criterion": "ccc"}, "ccc"),
        (None, "macro_map"),
    ],
)
def test_the_score_is_the_one_that_chose_the_best_epoch(
    make_run: MakeRun, objective: dict[str, str] | None, criterion: str
) -> None:
    run = make_run()
    config = read_json(run / "config.json")
    write_json(run / "config.json", {**config, "objective": objective})
    assert exporting.open_trial(run, Int8()).criterion == criterion


def test_pictures_are_drawn_group_by_group_and_each_once(make_dataset: MakeDataset) -> None:
    dataset = make_dataset()
    split = read_split(dataset, "train", dataset.emotion_names)  # 12 groups, every other of two pictures
    drawn = draw(split, 300, seed=0)
    groups = dict(zip(split.paths, split.groups, strict=True))
    assert len(drawn) == len(split.paths)
    assert set(drawn) == set(split.paths)
    assert len({groups[path] for path in drawn[:12]}) == 12
    assert draw(split, 5, seed=0) == drawn[:5] != draw(split, 5, seed=1)
    persons = Split(split.records * 2, split.paths * 2, np.tile(split.labels, (2, 1)), split.groups * 2)
    twice = draw(persons, 300)
    assert len(twice) == len(split.paths)
    assert set(twice) == set(split.paths)


def test_pictures_that_cannot_be_read_are_named_and_left_out(
    make_run: MakeRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trial = exporting.open_trial(make_run(), Int8(pictures=18))
    pictures = sorted((tmp_path / "dataset" / "images").glob("*train*"))
    pictures[0].write_bytes(b"cut")
    images = trial.calibration_images(4)
    assert [image.shape for image in images] == [(4, 3, 32, 32)] * 5  # 17 pictures, and three of them again
    said = capsys.readouterr().err
    assert f"left out of the calibration: {pictures[0]}" in said
    assert "its ranges are those of 17 pictures" in said
    for picture in pictures:
        picture.write_bytes(b"cut")
    with pytest.raises(DataError) as caught:
        trial.calibration_images(1)
    assert len(caught.value.faults) == 18


def test_cosines_from_the_mean_by_hand() -> None:
    features_NF = np.array([[3, 1], [1, 3], [1, 1], [3, 3]], dtype=np.float32)  # the corners about (2, 2)
    same, different = centred_cosines(features_NF, features_NF)
    assert (same, different) == pytest.approx((1, (4 * -1 + 8 * 0) / 12))
    turn, shift = np.array([1, -1], dtype=np.float32), np.array([0, 4], dtype=np.float32)
    turned_NF = features_NF[:, ::-1] * turn + shift  # a quarter turn about it
    assert centred_cosines(features_NF, turned_NF) == pytest.approx((0, -1 / 3))


def test_limits_that_make_no_sense(float_model: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="max_drop must be at least 0; got nan"):
        Int8(max_drop=float("nan"))
    with pytest.raises(DataError, match="pictures to calibrate on must be at least 1; got 0"):
        Int8(pictures=0)
    with pytest.raises(DataError, match="batch must be at least 1; got 0"):
        export(float_model, tmp_path / "model", int8=True, batch=0)
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "mine").write_text("")
    with pytest.raises(DataError, match=r"holds other files and no export\.json"):
        export(float_model, tmp_path / "model", int8=True)
