"""The rows of a suite: a run, or a CLIP model, and what each tells of a benchmark's pictures.

Shape letters: N = pictures of a split, M = pictures of several, F = features, C = labels of the benchmark.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np

from emotionnet.data.shards.member import PictureFile
from emotionnet.data.store import Dataset
from emotionnet.evaluation.mapped import through
from emotionnet.evaluation.predictions import Teller
from emotionnet.evaluation.suite.grid import CHANCE
from emotionnet.evaluation.units import require_same_emotions
from emotionnet.evaluation.zeroshot_spaces import PLAIN, open_space
from emotionnet.evaluation.zeroshot_words import label_words
from emotionnet.files import sha256
from emotionnet.inference.clip import full_name, label_scores, load_clip
from emotionnet.inference.features import cached_outputs
from emotionnet.inference.loading import load_predictor
from emotionnet.inference.outputs import Array, Outputs
from emotionnet.inference.predictor import Predictor
from emotionnet.label_maps import table_map
from emotionnet.records import DataError
from emotionnet.runs import MODEL, WEIGHTS


@dataclass(frozen=True)
class Answer:
    """What a row tells of pictures: `outputs.scores` (N, C), and how they become probabilities.

    C are the emotions of the data set, in its order, whatever that of the row: paired scores of two rows
    are over the same classes.
    """

    teller: Teller
    outputs: Outputs


class Row(Protocol):
    """What can be held against benchmarks.

    `identity` is a text that changes when its weights do. Pictures come once each.
    """

    @property
    def name(self) -> str: ...
    @property
    def identity(self) -> str: ...

    def features(self, paths: Sequence[PictureFile]) -> Array:
        """For a linear probe; float32, shape (M, F)."""
        ...

    def labels(self, dataset: Dataset, paths: Sequence[PictureFile]) -> Answer:
        """By its own emotions, which must be those of the data."""
        ...

    def mapped(self, dataset: Dataset, paths: Sequence[PictureFile]) -> Answer:
        """By its own emotions, through the table of label maps."""
        ...

    def zeroshot(self, dataset: Dataset, paths: Sequence[PictureFile]) -> Answer:
        """By the words of the labels."""
        ...


@dataclass(frozen=True)
class RunRow:
    """A RUN as a row."""

    name: str
    run: Path
    predictor: Predictor
    identity: str

    def features(self, paths: Sequence[PictureFile]) -> Array:
        return self._outputs(paths).features

    def labels(self, dataset: Dataset, paths: Sequence[PictureFile]) -> Answer:
        model, names = self.predictor.model, dataset.emotion_names
        require_same_emotions(dataset, model.emotions)
        outputs, places = self._outputs(paths), [model.emotions.index(name) for name in names]
        told = replace(outputs, scores=outputs.scores[:, places])
        return Answer(Teller(names, model.activation, model.dimensions), told)

    def mapped(self, dataset: Dataset, paths: Sequence[PictureFile]) -> Answer:
        model = self.predictor.model
        found = table_map(model.emotions, dataset.emotion_names)
        return Answer(*through(found, model, self._outputs(paths)))

    def zeroshot(self, dataset: Dataset, paths: Sequence[PictureFile]) -> Answer:
        names = dataset.emotion_names
        if self.predictor.model.embedding_size is None:  # sentence vectors would need the run's own data
            raise DataError(f"{self.run}: zero-shot needs a network with a projection; this run has none")
        space = open_space(self.run, self.predictor, label_words(names), PLAIN)
        outputs = self._outputs(paths)
        return Answer(Teller(names, "none"), replace(outputs, scores=space.scores(outputs), dimensions=None))

    def _outputs(self, paths: Sequence[PictureFile]) -> Outputs:
        return cached_outputs(self.predictor, paths, progress=self.name)


@dataclass(frozen=True)
class ClipRow:
    """A CLIP model as a row. It has no emotions of its own: every way but a probe is by the labels' words."""

    name: str
    clip: Predictor
    identity: str

    def features(self, paths: Sequence[PictureFile]) -> Array:
        return self.clip.outputs(paths, progress=self.name).features

    def labels(self, dataset: Dataset, paths: Sequence[PictureFile]) -> Answer:
        return self.zeroshot(dataset, paths)

    def mapped(self, dataset: Dataset, paths: Sequence[PictureFile]) -> Answer:
        return self.zeroshot(dataset, paths)

    def zeroshot(self, dataset: Dataset, paths: Sequence[PictureFile]) -> Answer:
        names = dataset.emotion_names
        cosines_NC, told_NC = label_scores(self.clip, paths, label_words(names), progress=self.name)
        logits_NC = np.log(np.maximum(told_NC, np.finfo(np.float32).tiny))
        return Answer(
            Teller(names, "softmax"), Outputs(features=cosines_NC, scores=logits_NC, projection=None)
        )


def open_runs(runs: Sequence[Path]) -> list[RunRow]:
    """Runs as rows, named by their folders, with so much of the path as tells them apart.

    Raises:
        DataError: One is no finished RUN, or given twice; one line for each.
    """
    rows: list[RunRow] = []
    faults: list[str] = []
    for run, name in zip(runs, distinct_names(runs), strict=True):
        try:
            rows.append(RunRow(name, run, load_predictor(run, backend="torch"), _identity(run)))
        except DataError as error:
            faults += error.faults
    if faults:
        raise DataError(faults)
    return rows


def open_clip_row(name: str, *, seed: int) -> ClipRow:
    """A CLIP model as a row; errors as `load_clip`."""
    clip = load_clip(name, seed=seed)
    return ClipRow(full_name(clip), clip, clip.identity)


def distinct_names(runs: Sequence[Path]) -> list[str]:
    """The shortest ends of paths that tell them apart, and from the row of chance.

    Raises:
        DataError: The same folder twice.

    Example:
        >>> distinct_names([Path("a/run"), Path("b/run"), Path("c")])
        ['a/run', 'b/run', 'c']
    """
    parts = [run.absolute().parts for run in runs]
    twice = sorted({str(run) for run in runs if parts.count(run.absolute().parts) > 1})
    if twice:
        raise DataError(f"{name}: a run must be given once; it is given more often" for name in twice)
    names = []
    for own in parts:
        length = 1
        while sum(other[-length:] == own[-length:] for other in parts) > 1 or own[-length:] == (CHANCE,):
            length += 1
        names.append("/".join(own[-length:]))
    return names


def _identity(run: Path) -> str:
    files = [run / name for name in (MODEL, WEIGHTS, "vectors.safetensors", "words.json")]
    return hashlib.sha256(" ".join(sha256(file) for file in files if file.is_file()).encode()).hexdigest()
