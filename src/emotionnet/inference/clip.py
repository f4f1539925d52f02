"""A CLIP model of open_clip at work: pictures and labels of any wording in one space (Radford et al. 2021).

A label is told by prompts: each of its words in each of `TEMPLATES`; its point is the mean of their
embeddings of length 1 (section 3.1.4 there).
Shape letters: N = pictures, K = labels, D = embedding size, P = prompts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NoReturn, cast, overload

import numpy as np
import torch
from torch import Tensor, nn

from emotionnet.data.images import ImageLike, decode, describe
from emotionnet.inference.clip_models import ClipName, build_clip, clip_name
from emotionnet.inference.engine import AT_ONCE
from emotionnet.inference.label_points import Labels, unit_rows, word_sets
from emotionnet.inference.outputs import Array
from emotionnet.inference.predictor import as_list, largest
from emotionnet.inference.results import ZeroShotPrediction
from emotionnet.inference.torch_backend import on_device
from emotionnet.progress import track
from emotionnet.records import DataError

TEMPLATES = (
    "a photo that evokes {}",
    "a picture full of {}",
    "an image that makes people feel {}",
    "a scene of {}",
)
PROMPTS_AT_ONCE = 256


class ClipPredictor:
    """A CLIP model at work.

    Args:
        model: Has `encode_image`, `encode_text` and `logit_scale`; in evaluation mode from here on.
        transform: From a Pillow image to the model's input, a tensor (3, H, W).
        tokenize: From P prompts to the model's text input.
        name: What it is called.
    """

    def __init__(self, model: nn.Module, transform: Any, tokenize: Any, name: ClipName) -> None:
        self.model: Any = model.eval()
        self.name = name
        self._transform, self._tokenize = transform, tokenize

    def features(self, images: Sequence[ImageLike], *, batch_size: int = 32, progress: str = "") -> Array:
        """Embeddings of pictures as the model gives them, of any length; float32, shape (N, D).

        Args:
            images: At least one.
            batch_size: Pictures per step.
            progress: What a progress bar on standard error says; empty: no bar.

        Raises:
            DataError: No picture, or one that cannot be decoded.
        """
        if not images:
            raise DataError("at least one image must be given; got none")
        starts = range(0, len(images), batch_size)
        parts = []
        for start in track(starts, progress, total=len(starts)) if progress else starts:
            inputs = self._inputs(images[start : start + batch_size])
            if faults := [fault for one in inputs if isinstance(one, DataError) for fault in one.faults]:
                raise DataError(faults)
            parts.append(self._embed_images(inputs))
        return np.concatenate(parts)

    def label_points(self, labels: Mapping[str, Sequence[str]]) -> Array:
        """The point of each label, of length 1; float32, shape (K, D)."""
        points = []
        for words in labels.values():
            prompts = [template.format(word) for word in words for template in TEMPLATES]
            rows = [
                self._embed(self.model.encode_text, self._tokenize(prompts[start : start + PROMPTS_AT_ONCE]))
                for start in range(0, len(prompts), PROMPTS_AT_ONCE)
            ]
            points.append(unit_rows(np.concatenate(rows)).mean(axis=0))
        return unit_rows(np.stack(points))

    def label_scores(
        self,
        images: Sequence[ImageLike],
        labels: Mapping[str, Sequence[str]],
        *,
        progress: str = "",
    ) -> tuple[Array, Array]:
        """How near pictures are to labels.

        Args:
            images: At least one.
            labels: At least one, each with at least one word.
            progress: What a progress bar on standard error says; empty: no bar.

        Returns:
            Cosines, from -1 to 1, and the probabilities of exactly one of the labels (softmax of the cosines
            times the model's own scale); float32, shape (N, K) each.

        Raises:
            DataError: No picture, or one that cannot be decoded.
        """
        points_KD = self.label_points(labels)
        cosines_NK = _cosines(self.features(images, progress=progress), points_KD)
        scale = float(self.model.logit_scale.detach().float().exp())
        probabilities = torch.softmax(scale * torch.from_numpy(cosines_NK), dim=1)
        return cosines_NK, probabilities.numpy()

    @overload
    def zero_shot(  # type: ignore[overload-overlap]
        self, images: ImageLike, labels: Labels
    ) -> ZeroShotPrediction: ...
    @overload
    def zero_shot(self, images: Sequence[ImageLike], labels: Labels) -> list[ZeroShotPrediction]: ...
    def zero_shot(
        self, images: ImageLike | Sequence[ImageLike], labels: Labels
    ) -> ZeroShotPrediction | list[ZeroShotPrediction]:
        """Rank labels by their cosine with each picture; as `Predictor.zero_shot`."""
        batch, single = as_list(images)
        words = word_sets(labels)
        if not batch:
            return []
        cosines_NK, _ = self.label_scores(batch, words)
        results = [
            ZeroShotPrediction(image=describe(image), labels=largest(tuple(words), row, len(words)))
            for image, row in zip(batch, cosines_NK, strict=True)
        ]
        return results[0] if single else results

    def embed(self, images: ImageLike | Sequence[ImageLike]) -> Array:
        """As `features`; float32, shape (D,) for one image, (N, D) for a list."""
        batch, single = as_list(images)
        features_ND = self.features(batch)
        return features_ND[0] if single else features_ND

    def predict(self, *_: Any, **__: Any) -> NoReturn:
        """A CLIP model tells nothing without labels.

        Raises:
            DataError: Always; says what to call.
        """
        raise DataError(f"{self.name}: has no emotions of its own; give labels, with zero_shot")

    def rank_files(
        self, paths: Sequence[Path], labels: Mapping[str, Sequence[str]]
    ) -> tuple[list[ZeroShotPrediction], list[str]]:
        """Rank labels for many files, leaving out those that cannot be decoded.

        Returns:
            Predictions of the good ones, in order, and one line for each of the others.
        """
        names, points_KD = tuple(labels), self.label_points(labels)
        predictions: list[ZeroShotPrediction] = []
        faults: list[str] = []
        for start in track(range(0, len(paths), AT_ONCE), "pictures"):
            some = paths[start : start + AT_ONCE]
            inputs = self._inputs(some)
            faults += [fault for one in inputs if isinstance(one, DataError) for fault in one.faults]
            good = [(path, one) for path, one in zip(some, inputs, strict=True) if isinstance(one, Tensor)]
            if good:
                cosines_NK = _cosines(self._embed_images([one for _, one in good]), points_KD)
                for (path, _), row in zip(good, cosines_NK, strict=True):
                    predictions.append(ZeroShotPrediction(str(path), largest(names, row, len(names))))
        return predictions, faults

    def weights_sha256(self) -> str:
        """SHA-256 over all weights, by name, wherever they came from."""
        found = hashlib.sha256()
        for name, tensor in sorted(self.model.state_dict().items()):
            found.update(f"{name} {tuple(tensor.shape)}".encode())
            found.update(tensor.detach().float().cpu().contiguous().numpy().tobytes())
        return found.hexdigest()

    def _inputs(self, images: Sequence[ImageLike]) -> list[Tensor | DataError]:
        """The model's input for each picture, or why there is none."""

        def read(image: ImageLike) -> Tensor | DataError:
            try:
                return cast(Tensor, self._transform(decode(image)))
            except DataError as error:
                return error

        with ThreadPoolExecutor(max_workers=2) as pool:
            return list(pool.map(read, images))

    def _embed_images(self, inputs: Sequence[Any]) -> Array:
        return self._embed(self.model.encode_image, torch.stack(list(inputs)))

    @torch.inference_mode()
    def _embed(self, encode: Any, batch: Tensor) -> Array:
        home = next(self.model.parameters())
        batch = batch.to(home.device, home.dtype) if batch.is_floating_point() else batch.to(home.device)
        return cast(Array, encode(batch).float().cpu().numpy())


def _cosines(features_ND: Array, points_KD: Array) -> Array:
    cosines_NK: Array = unit_rows(features_ND) @ points_KD.T
    return cosines_NK


def load_clip(name: str, *, device: str = "auto", seed: int = 0) -> ClipPredictor:
    """Open a CLIP model by name.

    Args:
        name: `open_clip:ARCH@WEIGHTS`, see `clip_models.clip_name`.
        device: As for `load_predictor`.
        seed: Of random weights.

    Raises:
        DataError: As `clip_name` and `clip_models.build_clip`, or there is no such device.
    """
    given = clip_name(name)
    model, transform, tokenize = build_clip(given, seed=seed)
    return ClipPredictor(on_device(model, device), transform, tokenize, given)
