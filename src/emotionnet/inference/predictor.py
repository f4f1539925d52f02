"""Images in; features, emotions and nearest tags out.

Shape letters: N = images, F = features, D = embedding size, K = words.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from functools import cached_property
from typing import TYPE_CHECKING, Any, overload

import numpy as np
import numpy.typing as npt

from emotionnet.data.images import ImageLike, describe
from emotionnet.data.shards.member import PictureFile
from emotionnet.inference.backends import Backend
from emotionnet.inference.engine import Read, Told, read_input, run_files, run_images
from emotionnet.inference.guard import Guard
from emotionnet.inference.label_points import Labels, unit_rows, word_sets
from emotionnet.inference.outputs import Array, Outputs, probabilities
from emotionnet.inference.results import Domain, Prediction, Score, ZeroShotPrediction
from emotionnet.inference.words import VectorWords, Words
from emotionnet.models.description import UNKNOWN, ImageModel
from emotionnet.records import DataError
from emotionnet.runs import GUARD
from emotionnet.text.vectors import WordVectors
from emotionnet.word_dimensions import can_derive, derived_dimensions

if TYPE_CHECKING:
    from emotionnet.models.network import EmotionNet


class Predictor:
    """A trained network at work.

    Args:
        backend: What computes the network.
        model: Its description.
        vectors: Word vectors in the space of its projection, or None.
        words: What gives words their points there; None: the vectors.
        guard: What tells pictures unlike those of training; None: unknown.
        identify: Gives what stands for the network, see `identity`.

    Example:
        >>> import emotionnet
        >>> predictor = emotionnet.load("runs/demo")  # doctest: +SKIP
        >>> predictor.predict("picture.png").emotions[0].name  # doctest: +SKIP
        'love'
    """

    def __init__(
        self,
        backend: Backend,
        model: ImageModel,
        vectors: WordVectors | None,
        *,
        words: Words | None = None,
        guard: Guard | None = None,
        identify: Callable[[], str] = str,
    ) -> None:
        if guard is not None and guard.n_features != backend.n_features:
            sizes = f"{guard.n_features} and {backend.n_features}"
            raise DataError(f"{GUARD} and the network must have one number of features; got {sizes}")
        self.backend = backend
        self.model = model
        self.vectors = vectors
        self.words: Words | None = words or (VectorWords(vectors) if vectors is not None else None)
        self.guard = guard
        self._identify = identify

    @cached_property
    def identity(self) -> str:
        """A hash that stands for the network: a RUN and a MODEL exported from it in float have the same."""
        return self._identify()

    @property
    def trained_on(self) -> str:
        """The name of the data set that it was trained on; empty where that is unknown."""
        return "" if self.model.domain.dataset == UNKNOWN else self.model.domain.dataset

    @property
    def thresholds(self) -> Mapping[str, float]:
        """From which probability an emotion counts; one without a threshold is absent."""
        return {} if self.model.thresholds is None else self.model.thresholds.values

    @property
    def emotions(self) -> tuple[str, ...]:
        """The labels, in the order of the scores."""
        return self.model.emotions

    @property
    def network(self) -> EmotionNet | None:
        """The `torch.nn.Module`; None for a network that another back end computes."""
        found: EmotionNet | None = getattr(self.backend, "network", None)
        return found

    def require_network(self) -> EmotionNet:
        """The `torch.nn.Module`.

        Raises:
            DataError: Another back end computes it.
        """
        if self.network is None:
            raise DataError(f"this needs the network in torch: open a RUN with it; got {self.backend.name}")
        return self.network

    def outputs(self, images: Sequence[ImageLike], *, progress: str = "") -> Outputs:
        """Raw outputs for many images; see `run_images`."""
        return run_images(self.backend, self.model.preprocessing, images, progress=progress)

    def told_files(
        self, paths: Sequence[PictureFile], *, progress: str = "", read: Read = read_input
    ) -> Generator[Told[PictureFile]]:
        """Raw outputs for files as they are read; see `run_files`."""
        return run_files(self.backend, self.model.preprocessing, paths, progress=progress, read=read)

    @overload
    def predict(self, images: ImageLike, *, top: int = 5) -> Prediction: ...  # type: ignore[overload-overlap]
    @overload
    def predict(self, images: Sequence[ImageLike], *, top: int = 5) -> list[Prediction]: ...
    def predict(
        self, images: ImageLike | Sequence[ImageLike], *, top: int = 5
    ) -> Prediction | list[Prediction]:
        """The `top` emotions with their probabilities, and the `top` nearest tags.

        Args:
            images: A path, Pillow image or uint8 array (H, W, 3), or a list of them.
            top: How many emotions and tags each prediction names; at least 1.

        Returns:
            One prediction for one image, a list for a list.

        Raises:
            DataError: An image cannot be decoded, named; or `top` is below 1.
        """
        _require_top(top)
        batch, single = as_list(images)
        if not batch:
            return []
        results = self.predictions([describe(image) for image in batch], self.outputs(batch), top)
        return results[0] if single else results

    def predict_files(
        self, paths: Sequence[PictureFile], *, top: int = 5, progress: str = ""
    ) -> Generator[Prediction | DataError]:
        """Predict files as they are read, so that memory does not grow with their number.

        Args:
            paths: Any number.
            top: As for `predict`.
            progress: What a progress bar on standard error says; empty: no bar.

        Yields:
            A prediction for each file that can be read, in order, and behind those of the few files beside
            it an error for each that cannot.

        Raises:
            DataError: `top` is below 1.
        """
        _require_top(top)
        return self._predicted(paths, top, progress)

    def _predicted(
        self, paths: Sequence[PictureFile], top: int, progress: str
    ) -> Generator[Prediction | DataError]:
        with closing(self.told_files(paths, progress=progress)) as steps:
            for told in steps:
                if told.outputs is not None:
                    yield from self.predictions([str(path) for path in told.pictures], told.outputs, top)
                yield from map(DataError, told.faults)

    def embed(self, images: ImageLike | Sequence[ImageLike]) -> Array:
        """The trunk's features; float32, shape (F,) for one image, (N, F) for a list."""
        batch, single = as_list(images)
        if not batch:
            return np.zeros((0, self.backend.n_features), dtype=np.float32)
        features_NF = self.outputs(batch).features
        return features_NF[0] if single else features_NF

    @overload
    def zero_shot(  # type: ignore[overload-overlap]
        self, images: ImageLike, labels: Labels
    ) -> ZeroShotPrediction: ...
    @overload
    def zero_shot(self, images: Sequence[ImageLike], labels: Labels) -> list[ZeroShotPrediction]: ...
    def zero_shot(
        self, images: ImageLike | Sequence[ImageLike], labels: Labels
    ) -> ZeroShotPrediction | list[ZeroShotPrediction]:
        """Rank labels that need no training: mean cosine of projection and word vectors (paper, section 4).

        Args:
            images: One image or a list.
            labels: Words, or for each label its words; capitals do not matter where the vectors have none.

        Raises:
            DataError: The network has no projection, there is no label, or a word has no vector.
        """
        batch, single = as_list(images)
        words = word_sets(labels)
        if not batch:
            return []
        outputs = self.outputs(batch)
        cosines_NK = self.label_cosines(outputs, words)
        told = zip(batch, cosines_NK, self.domains(outputs), strict=True)
        results = [
            ZeroShotPrediction(describe(image), largest(tuple(words), row, len(words)), domain)
            for image, row, domain in told
        ]
        return results[0] if single else results

    def label_cosines(self, outputs: Outputs, labels: Mapping[str, Sequence[str]]) -> Array:
        """Mean cosine of each projection with the points of each label's words; float32, shape (N, K).

        Raises:
            DataError: The network has no projection, or a word has no point; names all such words.
        """
        if self.words is None or outputs.projection is None:
            raise DataError("zero-shot needs a network with a projection and word vectors; this run has none")
        points_DK = np.ascontiguousarray(self.words.label_points(labels).T)
        cosines_NK: Array = unit_rows(outputs.projection) @ points_DK
        return cosines_NK

    def probabilities(self, outputs: Outputs) -> Array:
        """What the scores say of each emotion; float32, shape (N, C)."""
        return probabilities(outputs.scores, self.model.activation)

    def domains(self, outputs: Outputs) -> list[Domain | None]:
        """How far each picture is from those of training; None for each where that is unknown."""
        guard = self.guard
        if guard is None:
            return [None] * len(outputs.features)
        distances = guard.distances(outputs.features).tolist()
        return [Domain(self.trained_on, distance, guard.threshold) for distance in distances]

    def predictions(self, names: Sequence[str], outputs: Outputs, top: int) -> list[Prediction]:
        """What outputs say of pictures, by name; as `predict`."""
        shares_NC = self.probabilities(outputs)
        dimensions, derived = self._dimensions(outputs, shares_NC)
        told = zip(
            names,
            shares_NC,
            self.nearest_tags(outputs, top),
            dimensions,
            self.domains(outputs),
            strict=True,
        )
        return [
            Prediction(name, largest(self.emotions, row, top), nearest, values, derived, domain)
            for name, row, nearest, values, domain in told
        ]

    def _dimensions(self, out: Outputs, shares_NC: Array) -> tuple[list[tuple[Score, ...]], bool]:
        """Those of the network, else those that its emotions stand for; and whether they are derived."""
        if out.dimensions is not None:
            return _scores(self.model.dimensions, out.dimensions), False
        if not can_derive(self.emotions):
            return [()] * len(shares_NC), False
        told = derived_dimensions(shares_NC, self.emotions)
        return _scores(told.names, told.values_NK), True

    def nearest_tags(self, out: Outputs, count: int) -> list[tuple[Score, ...]]:
        """The words nearest to each projection and their cosines; none without projection or word vectors."""
        if out.projection is None or self.vectors is None:
            return [()] * len(out.scores)
        words = self.vectors.words
        indices_NK, cosines_NK = self.vectors.nearest(out.projection, min(count, len(words)))
        rows = zip(indices_NK.tolist(), cosines_NK.tolist(), strict=True)
        return [tuple(Score(words[i], value) for i, value in zip(*row, strict=True)) for row in rows]


def _scores(names: Sequence[str], values_NK: npt.NDArray[Any]) -> list[tuple[Score, ...]]:
    return [tuple(map(Score, names, row)) for row in values_NK.tolist()]


def _require_top(top: int) -> None:
    if top < 1:
        raise DataError(f"top must be at least 1; got {top}")


def as_list(images: ImageLike | Sequence[ImageLike]) -> tuple[list[ImageLike], bool]:
    """Images as a list, and whether it was a single one."""
    if isinstance(images, (list, tuple)):
        return list(images), False
    return [images], True  # type: ignore[list-item]


def largest(names: Sequence[str], values: Array, count: int) -> tuple[Score, ...]:
    """The `count` largest values with their names, the largest first, equal ones in the given order."""
    order = np.argsort(-values, kind="stable")[:count]
    return tuple(Score(names[i], float(values[i])) for i in order)
