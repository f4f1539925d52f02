"""Why: which parts of a picture speak for an emotion, or for any word that the run knows.

Grad-cam where the network is in torch and its trunk has a layer for it, else occlusion. No torch in here
before it is needed.
Shape letters: N = images, S = H = W = side of the network's input, C = emotions, D = embedding size.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from PIL import Image

from emotionnet.data.images import ImageLike, crop_box, evaluation_input
from emotionnet.inference import heat_map
from emotionnet.inference.label_points import unit_rows
from emotionnet.inference.occlusion import occlusion
from emotionnet.inference.outputs import Array, Outputs
from emotionnet.inference.predictor import Predictor
from emotionnet.inference.results import Domain
from emotionnet.records import DataError, did_you_mean

Method = Literal["grad-cam", "occlusion"]


@dataclass(frozen=True, eq=False)
class Explanation:
    """Which parts of a picture speak for an emotion or a word.

    `probability` is that of the emotion, None for a word, which has its `cosine` with the picture's
    projection instead. `heat_HW` is of the network's input, float32, from 0 to 1, all 0 where nothing speaks
    for it. `picture` is as it is shown, and `box` where in it, in pixels, the network's input lies. `domain`
    tells whether to believe any of it; None where that is unknown.
    """

    emotion: str
    probability: float | None
    cosine: float | None
    method: Method
    heat_HW: Array
    picture: Image.Image
    box: heat_map.Box
    domain: Domain | None = None

    def overlay(self) -> Image.Image:
        """The picture with the heat over it, RGB."""
        return heat_map.overlay(self.picture, self.heat_HW, self.box)

    def sheet(self) -> Image.Image:
        """The overlay with a caption."""
        what, value = "probability", self.probability
        if value is None:
            what, value = "cosine", self.cosine
        doubt = "unlike its training pictures" if self.domain and self.domain.outside else ""
        return heat_map.captioned(self.overlay(), self.emotion, f": {what} {value:.2f}", doubt)

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        domain = None if self.domain is None else self.domain.to_dict()
        told = {
            "domain": domain,
            "emotion": self.emotion,
            "probability": self.probability,
            "cosine": self.cosine,
            "method": self.method,
        }
        return {name: value for name, value in told.items() if value is not None}


@dataclass(frozen=True, eq=False)
class _Aim:
    """What is explained: the number of an emotion, or a word's point (D,), of length 1."""

    name: str
    at: int | Array

    def values(self, outputs: Outputs) -> Array:
        """The score before softmax or sigmoid, or the cosine; shape (N,)."""
        if isinstance(self.at, int):
            return outputs.scores[:, self.at]
        assert outputs.projection is not None  # only such a network has points
        cosines_N: Array = unit_rows(outputs.projection) @ self.at
        return cosines_N


def explain(predictor: Predictor, image: ImageLike, emotion: str | None = None) -> Explanation:
    """Tell which parts of a picture speak for an emotion.

    Several threads may ask at once, and use the predictor meanwhile.

    Args:
        predictor: A network at work.
        image: The picture.
        emotion: One of its emotions, or a word, for a network with a projection; None: the likeliest.

    Raises:
        DataError: The picture cannot be decoded, the emotion is neither, the network gives numbers that are
            not finite, or the package grad-cam is not installed.
    """
    input_3SS = evaluation_input(image, predictor.model.preprocessing)
    (outputs,) = predictor.backend.run([input_3SS[None]])
    shares_C = predictor.probabilities(outputs)[0]
    aim = _aim(predictor, predictor.emotions[int(np.argmax(shares_C))] if emotion is None else emotion)
    value = float(aim.values(outputs)[0])
    if not np.isfinite(value):
        raise DataError(f"the network must give finite numbers; of {aim.name!r} it gives {value}")
    heat_HW, method = _heat(predictor, input_3SS, aim)
    picture, size = heat_map.shown(image)
    scale = picture.width / size[0], picture.height / size[1]
    is_emotion = isinstance(aim.at, int)
    return Explanation(
        emotion=aim.name,
        probability=float(shares_C[aim.at]) if is_emotion else None,
        cosine=None if is_emotion else value,
        method=method,
        heat_HW=heat_HW,
        picture=picture,
        box=crop_box(size, predictor.model.preprocessing, scale),
        domain=predictor.domains(outputs)[0],
    )


def _aim(predictor: Predictor, name: str) -> _Aim:
    for spelled in (name, name.lower()):
        if spelled in predictor.emotions:
            return _Aim(spelled, predictor.emotions.index(spelled))
    hint = did_you_mean(name.lower(), predictor.emotions)
    if predictor.words is not None:
        try:
            return _Aim(name, predictor.words.points([name])[0])
        except DataError as error:
            raise DataError(f"{error}; nor is it one of the run's emotions{hint}") from None
    raise DataError(f"{name[:40]!r} must be one of the run's {len(predictor.emotions)} emotions{hint}")


def _heat(predictor: Predictor, input_3SS: Array, aim: _Aim) -> tuple[Array, Method]:
    if predictor.network is not None:
        from emotionnet.inference.grad_cam import grad_cam

        heat_HW = grad_cam(predictor.network, input_3SS, aim.at)
        if heat_HW is not None:
            return heat_HW, "grad-cam"
    return occlusion(predictor.backend, input_3SS, aim.values), "occlusion"
