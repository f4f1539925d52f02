"""Peers get the features that ours gets, whatever their speed. Shape letters: N = images, F = features."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision import transforms

from emotionnet.apps.bench import peers_infer
from emotionnet.apps.bench.peers_infer import (
    Array,
    by_pillow,
    by_simplejpeg,
    make_2020,
    make_onnxruntime,
    make_openvino,
    make_timm,
    rate,
)
from emotionnet.apps.bench.photographs import photographs
from emotionnet.data.images import Preprocessing, decode, evaluation_array
from emotionnet.models.network import EmotionNet
from emotionnet.models.trunks import IMAGENET_MEAN, IMAGENET_STD, create_trunk
from emotionnet.models.weights import save_weights

TRUNK = "test_resnet"
HOW = Preprocessing(image_size=224, crop_pct=0.875, mean=IMAGENET_MEAN, std=IMAGENET_STD)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return photographs(tmp_path_factory.mktemp("pictures"), 4, width=340, height=256)


@pytest.fixture(scope="module")
def network() -> EmotionNet:
    return EmotionNet(create_trunk(TRUNK, "none"), "3branch", n_emotions=5, embedding_size=3, n_aux=4).eval()


def _as_arrays(work: Callable[[], Array], count: int) -> Array:
    """What the work gives, in place of its rate."""
    found = work()
    assert len(found) == count
    return found


@pytest.mark.filterwarnings("ignore:.*:DeprecationWarning")  # the exporters'
@pytest.mark.parametrize(
    ("make", "more"),
    [(make_2020, {}), (make_timm, {"batch": 3}), (make_onnxruntime, {}), (make_openvino, {"batch": 2})],
)
def test_peers_get_our_features(
    make: Callable[..., Callable[[], Any]],
    more: dict[str, int],
    files: list[Path],
    network: EmotionNet,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(peers_infer, "rate", _as_arrays)
    monkeypatch.setattr(peers_infer, "LOADING", {"num_workers": 0})
    save_weights(network, tmp_path / "weights.safetensors")
    found_NF = make(files=files, weights=tmp_path / "weights.safetensors", trunk=TRUNK, **more)()
    batch = torch.from_numpy(np.stack([evaluation_array(decode(file), HOW) for file in files]))
    with torch.inference_mode():
        expected_NF = network(batch).features.numpy()
    assert found_NF.shape == expected_NF.shape
    largest = np.abs(expected_NF).max()
    assert np.abs(found_NF - expected_NF).max() < 0.05 * largest  # bfloat16, and roundings of the resizing


@pytest.mark.parametrize("size", [(340, 256), (300, 700), (1200, 900)])
def test_pictures_are_prepared_as_torchvision_does(size: tuple[int, int], tmp_path: Path) -> None:
    [file] = photographs(tmp_path, 1, width=size[0], height=size[1])
    steps = [transforms.Resize(256), transforms.CenterCrop(224), transforms.ToTensor()]
    with Image.open(file) as image:
        expected = transforms.Compose([*steps, transforms.Normalize(IMAGENET_MEAN, IMAGENET_STD)])(image)
    assert np.abs(by_pillow(file) - expected.numpy()).max() < 0.02  # a level of 255
    smaller = by_simplejpeg(file)
    assert smaller.shape == (3, 224, 224)
    assert np.abs(smaller - expected.numpy()).mean() < 0.04  # two levels


def test_a_rate_is_items_per_second(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([10.0, 14.0])
    monkeypatch.setattr(peers_infer, "time", SimpleNamespace(perf_counter=lambda: next(times)))
    done = []
    assert rate(lambda: done.append(1), 8) == 2.0
    assert done == [1]
