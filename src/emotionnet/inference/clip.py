"""A CLIP model of open_clip at work: pictures and labels of any wording in one space (Radford et al. 2021).

A word is told by prompts: it in each of `TEMPLATES`; a label's point is the mean of the embeddings, of length
1, of all prompts of its words (section 3.1.4 there).
Shape letters: N = pictures, K = labels or words, D = embedding size, P = prompts.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from emotionnet.data.images import ImageLike
from emotionnet.emotions import LABEL_SETS
from emotionnet.inference.clip_models import build_clip, clip_name
from emotionnet.inference.engine import AT_ONCE
from emotionnet.inference.label_points import unit_rows
from emotionnet.inference.names import CLIP
from emotionnet.inference.outputs import Array, Outputs
from emotionnet.inference.predictor import Predictor
from emotionnet.inference.torch_backend import on_device, probabilities
from emotionnet.inference.words import MOST_GIVEN, require_texts
from emotionnet.models.description import UNKNOWN, Domain, ImageModel
from emotionnet.progress import message

TEMPLATES = (
    "a photo that evokes {}",
    "a picture full of {}",
    "an image that makes people feel {}",
    "a scene of {}",
)
EMOTIONS = LABEL_SETS["mikels8"]  # what `predict` tells of any picture
PROMPTS_AT_ONCE = 256


class ClipBackend:
    """The image tower of a CLIP model behind the call that all back ends have.

    Features and projection are a picture's embedding, of any length; scores its cosines with the points of
    some labels times the model's own scale.

    Args:
        model: Has `encode_image` and `logit_scale`; in evaluation mode.
        points_KD: Of the labels, of length 1.
    """

    name = "torch"
    step = AT_ONCE

    def __init__(self, model: Any, points_KD: Array) -> None:
        self._model = model
        self._points_KD = points_KD
        self.scale: float = self._model.logit_scale.detach().float().exp().item()

    @property
    def n_features(self) -> int:
        """D."""
        return int(self._points_KD.shape[1])

    def run(self, batches: Iterable[Array]) -> Generator[Outputs]:
        """What the model says of each batch, float32 (n, 3, S, S), in order."""
        for batch_N3SS in batches:
            features_ND = _embed(self._model, self._model.encode_image, torch.from_numpy(batch_N3SS))
            scores_NK: Array = self.scale * (unit_rows(features_ND) @ self._points_KD.T)
            yield Outputs(features=features_ND, scores=scores_NK, projection=features_ND)


class ClipWords:
    """Words of any wording by the text tower of a CLIP model; as `words.Words`.

    Args:
        model: Has `encode_text`; in evaluation mode.
        tokenize: From P prompts to the model's text input.
    """

    known: tuple[str, ...] = ()

    def __init__(self, model: Any, tokenize: Any) -> None:
        self._model = model
        self._tokenize = tokenize
        self._lock = threading.Lock()
        self._told: dict[str, Array] = {}  # of each word its prompts' embeddings, of length 1

    @property
    def size(self) -> int:
        """D."""
        return int(self.points(EMOTIONS[:1]).shape[1])

    def points(self, words: Sequence[str], *, tell: Callable[[str], None] = message) -> Array:  # noqa: ARG002
        """The point of each word; float32, shape (K, D), rows of length 1.

        Raises:
            DataError: As `require_texts`.
        """
        if not words:
            return np.zeros((0, self.size), dtype=np.float32)
        return self.label_points({str(place): (word,) for place, word in enumerate(words)})

    def label_points(self, labels: Mapping[str, Sequence[str]]) -> Array:
        """The point of each label; float32, shape (K, D), rows of length 1.

        Raises:
            DataError: As `require_texts`.
        """
        told = self._prompts(list(dict.fromkeys(word for some in labels.values() for word in some)))
        means = [np.concatenate([told[word] for word in some]).mean(axis=0) for some in labels.values()]
        return unit_rows(np.stack(means))

    def _prompts(self, words: Sequence[str]) -> dict[str, Array]:
        require_texts(words)
        with self._lock:
            if len(self._told) > MOST_GIVEN:
                self._told.clear()
            new = [word for word in words if word not in self._told]
            prompts = [template.format(word) for word in new for template in TEMPLATES]
            if new:
                starts = range(0, len(prompts), PROMPTS_AT_ONCE)
                parts = [self._tokenize(prompts[start : start + PROMPTS_AT_ONCE]) for start in starts]
                encode = self._model.encode_text
                rows_PD = unit_rows(np.concatenate([_embed(self._model, encode, part) for part in parts]))
                self._told |= dict(zip(new, np.split(rows_PD, len(new)), strict=True))
            return {word: self._told[word] for word in words}


@torch.inference_mode()
def _embed(model: nn.Module, encode: Any, batch: Tensor) -> Array:
    home = next(model.parameters())
    batch = batch.to(home.device, home.dtype) if batch.is_floating_point() else batch.to(home.device)
    return cast(Array, encode(batch).float().cpu().numpy())


def load_clip(name: str, *, device: str = "auto", seed: int = 0) -> Predictor:
    """Open a CLIP model by name. Its emotions are `EMOTIONS`, told by their words.

    Args:
        name: `open_clip:ARCH@WEIGHTS`, see `clip_models.clip_name`.
        device: As for `load_predictor`.
        seed: Of random weights.

    Raises:
        DataError: As `clip_name` and `clip_models.build_clip`, or there is no such device.
    """
    given = clip_name(name)
    model, how, tokenize = build_clip(given, seed=seed)
    model = on_device(model, device)
    model.eval()
    words = ClipWords(model, tokenize)
    points_KD = words.points(EMOTIONS)
    described = ImageModel(
        trunk=f"{CLIP}{given.arch}",
        weights=given.weights,
        shape="2branch",
        emotions=EMOTIONS,
        embedding_size=points_KD.shape[1],
        aux_emotions=None,
        preprocessing=how,
        domain=Domain(dataset=UNKNOWN, data_hash=UNKNOWN, licences={}, unseen=()),
    )
    backend = ClipBackend(model, points_KD)
    return Predictor(backend, described, None, words=words, identify=lambda: _weights_sha256(model))


def label_scores(
    clip: Predictor, images: Sequence[ImageLike], labels: Mapping[str, Sequence[str]], *, progress: str = ""
) -> tuple[Array, Array]:
    """How near pictures are to labels.

    Args:
        clip: As `load_clip` gives it.
        images: At least one.
        labels: At least one, each with at least one word.
        progress: What a progress bar on standard error says; empty: no bar.

    Returns:
        Cosines, from -1 to 1, and the probabilities of exactly one of the labels (softmax of the cosines
        times the model's own scale); float32, shape (N, K) each.

    Raises:
        DataError: No picture, or one that cannot be decoded.
    """
    assert isinstance(clip.backend, ClipBackend)  # the caller's choice
    cosines_NK = clip.label_cosines(clip.outputs(images, progress=progress), labels)
    return cosines_NK, probabilities(clip.backend.scale * cosines_NK, "softmax")


def full_name(clip: Predictor) -> str:
    """`open_clip:ARCH@WEIGHTS`."""
    return f"{clip.model.trunk}@{clip.model.weights}"


def _weights_sha256(model: nn.Module) -> str:
    """SHA-256 over all weights, by name, wherever they came from."""
    found = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        found.update(f"{name} {tuple(tensor.shape)}".encode())
        found.update(tensor.detach().float().cpu().contiguous().numpy().tobytes())
    return found.hexdigest()
