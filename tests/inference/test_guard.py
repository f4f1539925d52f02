"""What tells foreign pictures, against cosine distances worked out one by one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

from emotionnet.files import read_json, write_json
from emotionnet.inference.guard import BLOCK, Contrast, Guard, read_guard, write_guard
from emotionnet.inference.loading import load_predictor
from emotionnet.inference.results import Domain
from emotionnet.models.description import (
    ContrastFit,
    GuardFit,
    ImageModel,
    read_description,
    write_description,
)
from emotionnet.records import DataError
from tests.conftest import MakeExported

FIT: dict[str, Any] = {"pictures": 2, "neighbours": 1, "threshold": 0.5, "quantile": 0.95, "groups": 4}
RED, GREEN = [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]


def cosine_distance(first: Any, second: Any) -> float:
    first, second = np.asarray(first, float), np.asarray(second, float)
    return float(1 - first @ second / np.sqrt((first @ first) * (second @ second)))


def rows(*values: list[float]) -> Any:
    return np.array(values, dtype=np.float16)


@pytest.mark.parametrize("neighbours", [1, 2, 3])
def test_the_distance_is_that_to_the_kth_nearest(neighbours: int) -> None:
    rng = np.random.default_rng(0)
    kept_RF = rng.random((7, 5)).astype(np.float16)
    features_NF = rng.random((4, 5)).astype(np.float32) * 3
    expected = [sorted(cosine_distance(row, one) for one in kept_RF)[neighbours - 1] for row in features_NF]
    guard = Guard(kept_RF, neighbours, float(np.median(expected)))
    found_N = guard.distances(features_NF)
    assert found_N.dtype == np.float32
    np.testing.assert_allclose(found_N, expected, atol=1e-6)
    np.testing.assert_array_equal(guard.outside(features_NF), found_N > guard.threshold)
    assert guard.distances(features_NF[:0]).shape == (0,)


def test_with_noise_the_larger_of_two_scaled_numbers_counts() -> None:
    noise, near, share = [[0.0, 0.0, 1.0]], (0.1, 0.3), (0.2, 0.4)
    guard = Guard(rows(RED, GREEN), 1, 1.0, Contrast(rows(*noise), near, share))
    pictures = [[1.0, 0.2, 0.0], [1.0, 0.9, 0.9], [0.3, 0.1, 1.0], RED]
    expected = []
    for row in pictures:
        to_kept = min(cosine_distance(row, one) for one in (RED, GREEN))
        to_noise = cosine_distance(row, noise[0])
        two = ((to_kept - 0.1) / 0.2, (to_kept / (to_kept + to_noise) - 0.2) / 0.2)
        expected.append(max(0.0, *two))
    np.testing.assert_allclose(guard.distances(np.array(pictures, np.float32)), expected, atol=1e-5)
    assert expected[-1] == 0
    assert guard.outside(np.array(pictures, np.float32)).tolist() == [value > 1 for value in expected]


def test_many_pictures_and_the_length_of_features_change_nothing() -> None:
    features_NF = np.random.default_rng(1).random((BLOCK + 5, 3)).astype(np.float32)
    guard = Guard(rows(RED, GREEN), 1, 0.5)
    whole_N = guard.distances(features_NF)
    np.testing.assert_allclose(guard.distances(features_NF[-7:]), whole_N[-7:], atol=1e-6)
    np.testing.assert_allclose(guard.distances(features_NF * 100), whole_N, atol=1e-6)
    with pytest.raises(ValueError, match=r"features must have the shape \(N, 3\); got \(2, 4\)"):
        guard.distances(np.ones((2, 4), np.float32))


def test_outside_is_what_the_numbers_say_whatever_the_threshold() -> None:
    features_NF = np.array([GREEN], np.float32)
    distance = float(Guard(rows(RED), 1, 0.0).distances(features_NF)[0])
    for threshold in (np.nextafter(distance, 0), distance, 1e300):
        guard = Guard(rows(RED), 1, float(threshold))
        domain = Domain("", distance, guard.threshold)
        assert guard.outside(features_NF).tolist() == [domain.outside] == [threshold < distance]


def give(folder: Path, guard: Guard, **changes: Any) -> Path:
    contrast = None
    if guard.contrast is not None:
        one = guard.contrast
        contrast = ContrastFit(pictures=len(one.noise_MF), near=one.near, share=one.share)
    fit = GuardFit(**{**FIT, "data_hash": "x", "contrast": contrast, **changes})
    write_guard(guard, folder)
    model = read_description(folder, ImageModel)
    write_description(folder, model.model_copy(update={"guard": fit}))
    return folder


def test_it_is_read_as_it_was_written_and_a_predictor_tells_it(make_exported: MakeExported) -> None:
    folder = make_exported("onnx")
    assert read_guard(folder) is None
    predictor = load_predictor(folder)
    grey = np.full((8, 8, 3), 128, np.uint8)
    assert predictor.guard is None
    assert predictor.predict(grey).domain is None
    contrast = Contrast(rows([0.5, 0.5, 0.5]), (0.0, 0.5), (0.0, 0.25))
    give(folder, Guard(rows(RED, GREEN), 1, 0.5, contrast))
    read = read_guard(folder)
    assert read is not None
    assert read.contrast is not None
    np.testing.assert_array_equal(read.kept_RF, rows(RED, GREEN))
    np.testing.assert_array_equal(read.contrast.noise_MF, contrast.noise_MF)
    assert (read.neighbours, read.threshold) == (1, 0.5)
    predictor = load_predictor(folder)
    red = np.zeros((8, 8, 3), np.uint8)
    red[..., 0] = 255
    for picture in (red, grey):
        domain, (again,) = predictor.predict(picture).domain, predictor.zero_shot([picture], ["red"])
        assert domain is not None
        assert domain == again.domain
        expected = read.distances(predictor.embed([picture]))
        assert (domain.trained_on, domain.threshold) == ("none", 0.5)
        assert domain.distance == pytest.approx(float(expected[0]))


@pytest.mark.parametrize(
    ("spoil", "text"),
    [
        (lambda path: path.unlink(), "file not found; train or export the run again"),
        (lambda path: path.write_bytes(b"x" * 20), "must be a safetensors file"),
        (lambda path: save(path, features=rows(RED)), r"float16 arrays 'features' \(2, F\); got .*\(1, 3\)"),
        (lambda path: save(path, features=rows(RED, GREEN), more=rows(RED)), "must hold float16 arrays"),
        (lambda path: save(path, features=rows(RED, GREEN).astype(np.float32)), "got .*float32"),
        (lambda path: save(path, features=rows(RED, [np.nan, 0, 0])), "must hold finite numbers"),
        (lambda path: save(path, features=np.zeros((2, 0), np.float16)), "must hold float16 arrays"),
    ],
)
def test_a_broken_file_is_one_line(
    make_exported: MakeExported, spoil: Callable[[Path], None], text: str
) -> None:
    folder = give(make_exported("onnx"), Guard(rows(RED, GREEN), 1, 0.5))
    spoil(folder / "guard.safetensors")
    with pytest.raises(DataError, match=rf"guard\.safetensors: .*{text}") as error:
        read_guard(folder)
    assert len(error.value.faults) == 1


def save(path: Path, **arrays: Any) -> None:
    path.write_bytes(safetensors.numpy.save(arrays))


def test_a_guard_of_another_network_is_refused(make_exported: MakeExported) -> None:
    folder = give(make_exported("onnx"), Guard(rows([1.0, 0.0], [0.0, 1.0]), 1, 0.5))
    with pytest.raises(DataError, match="must have one number of features; got 2 and 3"):
        load_predictor(folder)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"neighbours": 3}, "neighbours must be at most pictures, 2; got 3"),
        ({"threshold": -1}, "guard.threshold"),
        ({"contrast": {"pictures": 1, "near": [1, 1], "share": [0, 1]}}, "second must be above the first"),
        ({"contrast": {"pictures": 1, "near": [0, 1e-9], "share": [0, 1]}}, "by at least 1e-06"),
        ({"contrast": {"pictures": 1, "near": [0, 4], "share": [0, 1]}}, "less than or equal to 3"),
        ({"unknown": 1}, "guard.unknown"),
    ],
)
def test_a_description_that_cannot_be(
    make_exported: MakeExported, changes: dict[str, Any], text: str
) -> None:
    folder = give(make_exported("onnx"), Guard(rows(RED, GREEN), 1, 0.5))
    model = read_json(folder / "model.json")
    model["guard"] |= changes
    write_json(folder / "model.json", model)
    with pytest.raises(DataError, match=text):
        read_guard(folder)
