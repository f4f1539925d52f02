"""Where pictures and words meet: how a run's outputs become scores of labels that it was not trained on.

The space is that of the run's word vectors, where its projection lies (any word has a vector where these come
from the sentence model); a TEACHER's features of words; or that of sentence vectors, into which a ridge map
takes the trunk's features (`ridge_words`).
Shape letters: N = pictures, K = labels, D = size of the space.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from emotionnet.data.store import Dataset
from emotionnet.evaluation.ridge_words import Vectorise, map_points, sentence_map
from emotionnet.evaluation.zeroshot_words import WordSets, plain
from emotionnet.inference.label_points import Pool, label_points, label_scores
from emotionnet.inference.outputs import Array, Outputs
from emotionnet.inference.predictor import Predictor
from emotionnet.inference.teacher_words import teacher_words
from emotionnet.models.teachers import load_teacher
from emotionnet.records import DataError
from emotionnet.text.sentence import MODEL, sentence_vectors
from emotionnet.text.vectors import WordVectors, read_info

SpaceName = Literal["vectors", "sentence"]
NEAREST_TAGS = 10


@dataclass(frozen=True)
class Reading:
    """How words become scores: in which space, through a TEACHER, and by the mean or the largest cosine."""

    pool: Pool = "mean"
    teacher: Path | None = None
    space: SpaceName = "vectors"

    @property
    def key(self) -> str:
        """What tells the scores of this variant from those of the plain one; empty for that."""
        through = "sentence" if self.space == "sentence" else "teacher" if self.teacher else ""
        names = [*([through] if through else []), *(["max"] if self.pool == "max" else [])]
        return "_".join(names) + "." if names else ""


PLAIN = Reading()
VARIANTS = ("max", "teacher", "teacher_max", "sentence", "sentence_max")  # the keys of all but the plain one


@dataclass(frozen=True)
class Space:
    """Labels as points, and where pictures lie among them.

    `place` gives pictures their points (N, D), `points` are those of each label, `tags` the words that
    pictures can be near to.
    """

    place: Callable[[Outputs], Array]
    points: Mapping[str, Array]
    tags: WordVectors
    pool: Pool

    def scores(self, outputs: Outputs) -> Array:
        """Mean or largest cosine of each picture with the words of each label; float32, shape (N, K)."""
        return label_scores(self.place(outputs), self.points, pool=self.pool)

    def nearest(self, outputs: Outputs) -> list[list[str]]:
        """The words nearest to each picture, nearest first."""
        indices_NT, _ = self.tags.nearest(self.place(outputs), NEAREST_TAGS)
        return [[self.tags.words[i] for i in row] for row in indices_NT]


def open_space(
    run: Path,
    predictor: Predictor,
    words: WordSets,
    reading: Reading,
    *,
    vectors: Path | None = None,
    taught: Dataset | None = None,
) -> Space:
    """The space that a reading asks for, with the points of labels.

    Args:
        run: The RUN.
        predictor: The same at work.
        words: At least one word for each label.
        reading: Which space, and how.
        vectors: Where the predictor's vectors were read, if not in the run.
        taught: The run's own data set, of which a map to sentence vectors is made; only for these.

    Raises:
        DataError: The run has no projection or vectors, a word has none, sizes differ, the teacher is broken,
            or a map cannot be made.
    """
    if reading.space == "sentence":
        if reading.teacher is not None:
            raise DataError("--space sentence and --teacher are two ways to read words; give one of them")
        assert taught is not None
        return sentence_space(predictor, taught, words, pool=reading.pool, vectorise=sentence_vectors)
    if predictor.model.embedding_size is None:
        raise DataError(
            f"{run}: zero-shot needs a network with a projection; this run has none, give --space sentence"
        )
    if reading.teacher is not None:
        told = teacher_words(*load_teacher(reading.teacher))
        return Space(_projection, label_points(words, told), told.tags, reading.pool)
    if predictor.vectors is None:
        raise DataError(f"{run}: zero-shot needs word vectors; this run has none, give --vectors")
    known = _with_words(predictor.vectors, words, run if vectors is None else vectors)
    return Space(_projection, label_points(words, known), predictor.vectors, reading.pool)


def sentence_space(
    predictor: Predictor,
    taught: Dataset,
    words: WordSets,
    *,
    pool: Pool,
    vectorise: Vectorise,
) -> Space:
    """Sentence vectors of labels, and a map from the run's features to where pictures lie among them.

    Args:
        predictor: The run; it needs no projection.
        taught: Its own data set: fitted on training, the penalty chosen on validation.
        words: Of any wording.
        pool: How the cosines of a label's words become its score.
        vectorise: What gives words their vectors.

    Raises:
        DataError: As `ridge_words.sentence_map`.
    """
    learned = sentence_map(predictor, taught, vectorise=vectorise)
    said = {name: tuple(plain(word) or word for word in some) for name, some in words.items()}
    known = vectorise(list(dict.fromkeys(word for some in said.values() for word in some)))
    return Space(
        place=lambda outputs: map_points(learned.ridge, outputs.features),
        points=label_points(said, known),
        tags=learned.taught,
        pool=pool,
    )


def _with_words(known: WordVectors, words: WordSets, where: Path) -> WordVectors:
    """The vectors with those of further words, where the model that they come from has one for any word."""
    wanted = dict.fromkeys(word for some in words.values() for word in some)
    missing = [word for word in wanted if word not in known and word.lower() not in known]
    if not missing:
        return known
    info = read_info(where)
    if (info.get("method"), info.get("model")) != ("sentence", MODEL):
        raise DataError(
            f"every word must have a vector; this run's vectors lack {', '.join(missing)}; give other words "
            "with --labels, other vectors with --vectors, or --space sentence"
        )
    more = sentence_vectors(list(dict.fromkeys(word.lower() for word in missing)))
    return WordVectors((*known.words, *more.words), np.concatenate([known.vectors_VD, more.vectors_VD]))


def _projection(outputs: Outputs) -> Array:
    assert outputs.projection is not None  # its embedding size was looked at
    return np.asarray(outputs.projection)
