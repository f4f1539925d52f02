"""Tags for pictures: the emotions that a network is sure enough of, and words that its user taught an index.

Shape letters: N = pictures, C = emotions, K = words.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from emotionnet.data.shards.member import PictureFile
from emotionnet.inference.choice import BackendName
from emotionnet.inference.label_points import unit_rows
from emotionnet.inference.loading import load_predictor
from emotionnet.inference.outputs import Array, Outputs
from emotionnet.inference.predictor import Predictor
from emotionnet.inference.results import SCHEMA_VERSION, Domain, Score
from emotionnet.records import DataError
from emotionnet.search.layout import read_info
from emotionnet.search.ranking import Column, log_probabilities
from emotionnet.search.taught import Taught, taught_words
from emotionnet.search.thresholds import tag_thresholds


@dataclass(frozen=True)
class TaggedPicture:
    """The tags of a picture with their probabilities, the largest first.

    Where it is `outside`, unlike the pictures that the network was trained on, taught words alone: those were
    learned from pictures of the user's own.
    """

    image: str
    tags: tuple[Score, ...]
    outside: bool

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return {
            "schema_version": SCHEMA_VERSION,
            "image": self.image,
            "outside": self.outside,
            "tags": [{"name": score.name, "probability": score.value} for score in self.tags],
        }


@dataclass(frozen=True)
class Tagger:
    """What tells the tags of pictures.

    Args:
        predictor: The network.
        thresholds: By word, in the order in which equal ones are told.
        taught: The words that are told by a probe on the features, even where an emotion is called so.
        top: The most tags of a picture.
    """

    predictor: Predictor
    thresholds: Mapping[str, float]
    taught: Mapping[str, Taught]
    top: int

    @property
    def silent(self) -> tuple[str, ...]:
        """Emotions that are never given, since they have no threshold."""
        return tuple(name for name in self.predictor.emotions if name not in self.thresholds)

    def tag_files(
        self, paths: Sequence[PictureFile], *, progress: str = ""
    ) -> Generator[TaggedPicture | DataError]:
        """Tag files as they are read.

        Args:
            paths: Any number; memory does not grow with it.
            progress: What a progress bar on standard error says; empty: no bar.

        Yields:
            The tags of each file that can be read, in order, and behind those of the few files beside it an
            error for each that cannot.
        """
        with closing(self.predictor.told_files(paths, progress=progress)) as steps:
            for told in steps:
                if told.outputs is not None:
                    yield from self._tagged(told.pictures, told.outputs)
                yield from map(DataError, told.faults)

    def _tagged(self, paths: Sequence[PictureFile], outputs: Outputs) -> list[TaggedPicture]:
        told = zip(paths, self._probabilities(outputs), self.predictor.domains(outputs), strict=True)
        return [self._one(str(path), row_K, domain) for path, row_K, domain in told]

    def _one(self, image: str, row_K: Array, domain: Domain | None) -> TaggedPicture:
        outside = domain is not None and domain.outside
        names = list(self.thresholds)
        order = [i for i in np.argsort(-row_K, kind="stable") if row_K[i] >= self._least[i]]
        told = [i for i in order if not outside or names[i] in self.taught][: self.top]
        return TaggedPicture(image, tuple(Score(names[i], float(row_K[i])) for i in told), outside)

    def _probabilities(self, outputs: Outputs) -> Array:
        """Of each word that has a threshold; float32, shape (N, K)."""
        told_NC = self.predictor.probabilities(outputs)
        vectors: dict[Column, Array] = {
            "features": unit_rows(outputs.features),
            "log_probabilities": log_probabilities(told_NC),
        }
        if outputs.projection is not None:
            vectors["projection"] = unit_rows(outputs.projection)
        place = {name: index for index, name in enumerate(self.predictor.emotions)}
        columns = [
            self.taught[name].probabilities(vectors.__getitem__)
            if name in self.taught
            else told_NC[:, place[name]]
            for name in self.thresholds
        ]
        return np.stack(columns, axis=1).astype(np.float32)

    @cached_property
    def _least(self) -> Array:
        return np.array(list(self.thresholds.values()), dtype=np.float32)


def open_tagger(
    model: Path | str,
    *,
    thresholds: Sequence[str] = (),
    top: int = 5,
    index: Path | None = None,
    backend: BackendName | None = None,
) -> Tagger:
    """Open what tells tags.

    Args:
        model: As for `load_predictor`.
        thresholds: The user's, see `tag_thresholds`.
        top: The most tags of a picture; at least 1.
        index: An INDEX of the same model, for the words that were taught to it.
        backend: As for `load_predictor`.

    Raises:
        DataError: The model or the INDEX cannot be opened, they are of two networks, or a threshold cannot
            be used.
    """
    if top < 1:
        raise DataError(f"top must be at least 1; got {top}")
    predictor = load_predictor(model, backend=backend)
    taught = {} if index is None else _taught(index, predictor, model)
    chosen = tag_thresholds(thresholds, predictor.emotions, predictor.thresholds, taught)
    return Tagger(predictor, chosen, taught, top)


def _taught(index: Path, predictor: Predictor, model: Path | str) -> dict[str, Taught]:
    if read_info(index).identity != predictor.identity:
        raise DataError(
            f"{index}: must be an INDEX made with {model}, since its taught words stand on its features; "
            "it was made with another network"
        )
    return taught_words(index)
