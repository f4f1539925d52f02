import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from emotionnet.data.images import Preprocessing
from emotionnet.inference import features
from emotionnet.inference.features import cached_features, cached_outputs
from emotionnet.inference.outputs import Outputs
from emotionnet.inference.predictor import Predictor
from emotionnet.inference.torch_backend import TorchBackend, run_network
from emotionnet.models.description import Domain, ImageModel
from emotionnet.models.network import EmotionNet
from emotionnet.models.trunks import create_trunk
from emotionnet.records import DataError

HOW = Preprocessing(image_size=32, crop_pct=1.0, mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25))


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EMOTIONNET_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "features"


def network(shape: str = "2branch", *, seed: int = 0) -> EmotionNet:
    trunk = create_trunk("test_resnet", "none", seed=seed)
    return EmotionNet(trunk, shape, n_emotions=3, embedding_size=4, n_aux=2, n_dimensions=2, seed=seed)


def predictor(net: EmotionNet) -> Predictor:
    model = ImageModel(
        trunk="test_resnet",
        weights="none",
        shape="2branch",
        emotions=("a", "b", "c"),
        dimensions=("valence", "arousal"),
        embedding_size=4,
        aux_emotions=None,
        preprocessing=HOW,
        domain=Domain(dataset="none", data_hash="", licences={}, unseen=()),
    )
    return Predictor(TorchBackend(net), model, None)


def pictures(folder: Path, count: int = 40) -> list[Path]:
    folder.mkdir(exist_ok=True)
    rng = np.random.default_rng(0)
    paths = [folder / f"{number}.png" for number in range(count)]
    for path in paths:
        Image.fromarray(rng.integers(0, 256, (36, 36, 3), dtype=np.uint8)).save(path)
    return paths


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many pictures each pass through a trunk had."""
    found: list[int] = []
    real = run_network

    def counted(*args: object, **more: object) -> object:
        found.append(len(args[2]))  # type: ignore[arg-type]
        return real(*args, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(features, "run_network", counted)
    return found


def test_features_and_heads_are_the_networks_to_the_bit_with_and_without_the_cache(
    tmp_path: Path, cache: Path, seen: list[int]
) -> None:
    paths, model = pictures(tmp_path / "p"), predictor(network())
    expected = model.outputs(paths)
    for _ in range(2):
        found = cached_outputs(model, paths, progress="")
        np.testing.assert_array_equal(found.features, expected.features)
        np.testing.assert_array_equal(found.scores, expected.scores)
        assert found.projection is not None
        assert found.dimensions is not None
        np.testing.assert_array_equal(found.projection, expected.projection)
        np.testing.assert_array_equal(found.dimensions, expected.dimensions)
    assert seen == [40]


def test_heads_do_not_matter_and_everything_else_does(tmp_path: Path, cache: Path, seen: list[int]) -> None:
    paths, net = pictures(tmp_path / "p", 3), network()
    cached_features(net, HOW, paths, progress="")
    cached_features(network("plain"), HOW, paths, progress="")
    assert seen == [3]  # the same trunk under other heads
    cached_features(network(seed=1), HOW, paths, progress="")
    cached_features(net, Preprocessing(32, 0.9, HOW.mean, HOW.std), paths, progress="")
    cached_features(net, HOW, paths[::-1], progress="")
    cached_features(net, HOW, paths[:2], progress="")
    Image.new("RGB", (36, 36)).save(paths[0])
    cached_features(net, HOW, paths, progress="")
    with torch.no_grad():
        next(net.trunk.parameters()).add_(1e-3)
    cached_features(net, HOW, paths, progress="")
    assert seen == [3, 3, 3, 3, 2, 3, 3]


@pytest.mark.parametrize("content", [b"", b"no features", b"\x00" * 64])
def test_a_broken_file_of_the_cache_is_computed_again(
    tmp_path: Path, cache: Path, seen: list[int], content: bytes
) -> None:
    paths, net = pictures(tmp_path / "p", 2), network()
    first = cached_features(net, HOW, paths, progress="")
    (file,) = cache.iterdir()
    file.write_bytes(content)
    np.testing.assert_array_equal(cached_features(net, HOW, paths, progress=""), first)
    np.testing.assert_array_equal(cached_features(net, HOW, paths, progress=""), first)
    assert seen == [2, 2]


def test_those_used_longest_ago_go_first(
    tmp_path: Path, cache: Path, seen: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    paths, net = pictures(tmp_path / "p", 3), network()
    cached_features(net, HOW, paths[:1], progress="")
    (oldest,) = cache.iterdir()
    cached_features(net, HOW, paths[1:2], progress="")
    (older,) = set(cache.iterdir()) - {oldest}
    os.utime(oldest, (1, 1))
    os.utime(older, (2, 2))
    cached_features(net, HOW, paths[:1], progress="")  # used just now
    monkeypatch.setattr(features, "LIMIT", 2 * oldest.stat().st_size)
    cached_features(net, HOW, paths[2:], progress="")
    assert oldest.exists()
    assert not older.exists()
    assert len(list(cache.iterdir())) == 2


def test_a_picture_that_cannot_be_read_is_named_and_nothing_is_kept(tmp_path: Path, cache: Path) -> None:
    paths = pictures(tmp_path / "p", 2)
    paths[1].write_text("no picture")
    with pytest.raises(DataError, match=r"1\.png: must be a picture"):
        cached_features(network(), HOW, paths, progress="")
    paths[1].unlink()
    with pytest.raises(DataError, match=r"1\.png: file not found"):
        cached_features(network(), HOW, paths, progress="")
    with pytest.raises(DataError, match="at least one image must be given; got none"):
        cached_features(network(), HOW, [], progress="")
    assert not cache.exists()


def test_a_cache_that_may_only_be_read_is_used(
    tmp_path: Path, cache: Path, seen: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    paths, net = pictures(tmp_path / "p", 2), network()
    first = cached_features(net, HOW, paths, progress="")

    def refused(path: Path) -> None:
        raise PermissionError(path)

    monkeypatch.setattr(os, "utime", refused)
    np.testing.assert_array_equal(cached_features(net, HOW, paths, progress=""), first)
    assert seen == [2]


def test_a_cache_that_cannot_be_written_costs_time_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seen: list[int]
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("EMOTIONNET_CACHE", str(tmp_path / "file"))
    paths = pictures(tmp_path / "p", 2)
    assert cached_features(network(), HOW, paths, progress="").shape[0] == 2


def test_a_picture_of_several_records_is_looked_at_once(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [tmp_path / f"{number}.png" for number in range(3)]
    for number, path in enumerate(paths):
        Image.new("RGB", (32, 32), (80 * number, 40, 200)).save(path)
    net, looked = network(), list[Path]()

    def counted(net: EmotionNet, how: Preprocessing, some: list[Path], **more: Any) -> Outputs:
        looked.extend(some)
        return run_network(net, how, some, **more)

    monkeypatch.setattr(features, "run_network", counted)
    found = cached_features(net, HOW, [paths[1], paths[0], paths[1], paths[2], paths[0]], progress="x")
    assert looked == [paths[1], paths[0], paths[2]]
    expected = run_network(net, HOW, [paths[1], paths[0], paths[2]]).features
    np.testing.assert_array_equal(found, expected[[0, 1, 0, 2, 1]])
    cached_features(net, HOW, [paths[1], paths[0], paths[2]], progress="x")  # the same pictures: known
    assert len(looked) == 3
