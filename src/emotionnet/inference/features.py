"""Features of pictures, computed once: kept by a hash of the trunk's weights, the transform and the pictures.

A file in the cache holds the features of one list of pictures in its order, since a picture's last bits
depend on those beside it in its batch: with or without the cache the numbers are the same.
Shape letters: N = pictures, F = features.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import safetensors
import safetensors.numpy
import torch

from emotionnet.data.images import Preprocessing
from emotionnet.data.picture_files import content_sha256
from emotionnet.data.shards.member import PictureFile
from emotionnet.files import cache_folder, make_room, write_bytes
from emotionnet.inference.outputs import Array, Outputs, each_once, joined
from emotionnet.inference.predictor import Predictor
from emotionnet.inference.torch_backend import outputs_of, run_network
from emotionnet.models.network import EmotionNet
from emotionnet.records import DataError

BATCH = 32
LIMIT = 4 * 2**30  # bytes that all kept features may take; those used longest ago go first
SCHEMA = 2  # to be raised whenever decoding or the transform gives other numbers


def cached_features(
    network: EmotionNet, how: Preprocessing, paths: Sequence[PictureFile], *, progress: str
) -> Array:
    """The trunk's pooled features, from the cache where they are known.

    Args:
        network: Its trunk alone matters.
        how: Preprocessing of the pictures.
        paths: At least one; one that stands there several times, as of several persons, is looked at once.
        progress: What a progress bar on standard error says while they are computed.

    Returns:
        Float32, shape (N, F).

    Raises:
        DataError: No picture, or one that cannot be read or decoded; nothing is kept.
    """
    once, rows = each_once(paths)
    features_NF = _features_once(network, how, once, progress=progress)
    return features_NF if len(once) == len(paths) else features_NF[rows]


def _features_once(
    network: EmotionNet, how: Preprocessing, paths: Sequence[PictureFile], *, progress: str
) -> Array:
    """Features of pictures that are all different."""
    place = cache_folder() / "features" / f"{_key(network, how, paths)}.safetensors"
    known = _read(place, len(paths), network.n_features)
    if known is not None:
        return known
    features_NF = run_network(network, how, paths, batch_size=BATCH, progress=progress).features
    with contextlib.suppress(OSError):  # a full disk, or a cache that may only be read
        write_bytes(place, safetensors.numpy.save({"features": features_NF}))
        make_room(place, LIMIT)
    return features_NF


def cached_outputs(predictor: Predictor, paths: Sequence[PictureFile], *, progress: str) -> Outputs:
    """All outputs of a network, its heads computed from features of the cache; as `Predictor.outputs`.

    Raises:
        DataError: As `cached_features`, or another back end than torch computes the network.
    """
    network, how = predictor.require_network(), predictor.model.preprocessing
    features_NF = cached_features(network, how, paths, progress=progress)
    starts = range(0, len(features_NF), BATCH)
    return joined([_heads(network, features_NF[start : start + BATCH]) for start in starts])


@torch.inference_mode()
def _heads(network: EmotionNet, features_NF: Array) -> Outputs:
    network.eval()
    home = next(network.parameters())
    batch = torch.from_numpy(features_NF).to(device=home.device, dtype=home.dtype)
    return outputs_of(network.forward_head(batch))


def _key(network: EmotionNet, how: Preprocessing, paths: Sequence[PictureFile]) -> str:
    """All that features depend on: trunk, transform, the pictures' bytes in order, and the arithmetic."""
    if not paths:
        raise DataError("at least one image must be given; got none")
    home = next(network.parameters())
    found = hashlib.sha256()
    for part in (SCHEMA, torch.__version__, home.device.type, home.dtype, BATCH, how, network.trunk):
        found.update(repr(part).encode())
    for name, tensor in network.trunk.state_dict().items():
        found.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        found.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    with ThreadPoolExecutor(max_workers=2) as pool:
        for digest in pool.map(content_sha256, paths):
            found.update(digest.encode())
    return found.hexdigest()


def _read(place: Path, count: int, size: int) -> Array | None:
    """Features that are kept; None where there are none, or the file is broken or something else."""
    try:
        features_NF: Array = safetensors.numpy.load(place.read_bytes())["features"]
    except (OSError, ValueError, KeyError, safetensors.SafetensorError):
        return None
    with contextlib.suppress(OSError):  # a cache that may only be read
        os.utime(place)
    fits = features_NF.shape == (count, size) and features_NF.dtype == np.float32
    return features_NF if fits and np.isfinite(features_NF).all() else None
