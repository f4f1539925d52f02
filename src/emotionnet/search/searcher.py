"""Answers: pictures of an index, the best first.

Shape letters: N = pictures, V = size of a vector.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from emotionnet.inference.label_points import unit_rows
from emotionnet.inference.names import is_clip
from emotionnet.inference.outputs import Array
from emotionnet.inference.predictor import largest
from emotionnet.inference.results import SCHEMA_VERSION, Score
from emotionnet.inference.words import Words, clip_words, open_words
from emotionnet.search.asked import bound_terms, condition
from emotionnet.search.copies import Appearance, fold_copies
from emotionnet.search.likes import like_features, open_model
from emotionnet.search.meaning import Reader
from emotionnet.search.query import Query
from emotionnet.search.ranking import Column, Measure, Mix, Term, directions, standard_scores
from emotionnet.search.store import EXACT_LIMIT, Index, IndexedPicture, vectors_of
from emotionnet.search.teaching import taught_words

if TYPE_CHECKING:
    from emotionnet.inference.predictor import Predictor

TOP = 3  # emotions that are told of a hit
AGAIN, SHARPNESS = 10, 1.5  # pictures that a word is asked again by; a score 1 lower counts e^1.5 times less
SAMPLE = 4_096  # pictures that means and deviations are taken from where there are too many to look at all


@dataclass(frozen=True, slots=True)
class Hit:
    """A picture that was found.

    `score` says how far it lies above the mean of the index's pictures, in standard deviations; `emotions`
    are the likeliest three; `duplicates` the paths of its copies (`copies`), which are no hits of their own.
    """

    picture: IndexedPicture
    score: float
    emotions: tuple[Score, ...]
    duplicates: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        picture = self.picture
        return {
            "id": picture.id,
            "path": picture.path,
            "score": self.score,
            "emotions": [{"name": score.name, "probability": score.value} for score in self.emotions],
            "tags": list(picture.tags),
            "outside": picture.outside,
            "taken": picture.taken.isoformat() if picture.taken else None,
            "width": picture.width,
            "height": picture.height,
            "duplicates": list(self.duplicates),
        }


@dataclass(frozen=True, slots=True)
class Results:
    """Hits, the best first, and what is to be known of how they were found."""

    query: Query
    hits: tuple[Hit, ...]
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """JSON values; the schema's version goes along."""
        return {
            "schema_version": SCHEMA_VERSION,
            "query": str(self.query),
            "hits": [hit.to_dict() for hit in self.hits],
            "notes": list(self.notes),
        }


class Searcher:
    """An index that can be asked, by several threads at once.

    Args:
        index: What is searched.
        predictor: Its model, where it is open already; else it is opened when a picture that is not in the
            index is asked for.

    Example:
        >>> searcher = Searcher(Index.open(Path("INDEX")))  # doctest: +SKIP
        >>> searcher.search(parse_query("serene lonely")).hits[0].picture.path  # doctest: +SKIP
        '/home/me/pictures/2020/beach.jpg'
    """

    def __init__(self, index: Index, predictor: Predictor | None = None) -> None:
        self.index = index
        self._predictor = predictor
        self._opening = threading.Lock()
        self._words: Words | None = None
        self._samples: dict[Column, Array] = {}

    def search(self, query: Query) -> Results:
        """Find pictures.

        Raises:
            DataError: A word cannot be understood, an emotion is none of the model's, or a picture that
                results are to be like cannot be read; one line for each.
        """
        notes: list[str] = []
        where = condition(query, self.index.info.emotions)
        asked = self.asked(query, notes)
        ranked = self.ranked(asked, 3 * query.k + 50, where)  # some more than wanted, since copies are folded
        hits = self.hits(ranked, query.k)
        if not hits:
            notes.append("no picture meets what was asked for" if where else "the index holds no picture")
        return Results(query, hits, tuple(dict.fromkeys(notes)))

    def asked(self, query: Query, notes: list[str]) -> Mix:
        """What pictures are ranked by; `notes` takes what is to be said of it.

        Raises:
            DataError: As `search`.
        """
        emotions = self.index.info.emotions
        known = self.known_words() if query.words else None
        reader = Reader(emotions, taught_words(self.index.folder), known, notes.append)
        meanings = reader.meanings([word for word, _ in query.words])
        terms: list[tuple[float, Term]] = [
            (weight, self._asked_again(meaning.term) if meaning.loose else meaning.term)
            for (_, weight), meaning in zip(query.words, meanings, strict=True)
        ]
        if query.like:
            mean_F = like_features(self.index, query.like, self._model).mean(axis=0)
            terms.append((1.0, Measure({"features": unit_rows(mean_F[None])[0]})))
        return Mix(tuple(terms or bound_terms(query.emotions, emotions)))

    def ranked(self, asked: Mix, count: int, where: str | None = None) -> list[tuple[str, float]]:
        """The ids of the best pictures and their scores, the best first, equal ones in order of their paths.

        All pictures are compared where there are at most `EXACT_LIMIT`; else those that approximate search
        finds in each direction, with their exact scores.
        """
        if len(self.index) <= EXACT_LIMIT:
            scores_N = standard_scores(asked, self._all)
            kept = np.arange(len(self.index)) if where is None else self.index.rows_where(where)
            order = kept[np.argsort(-scores_N[kept], kind="stable")[:count]]
            return [(self.index.ids[row], float(scores_N[row])) for row in order]
        wanted = list(directions(asked))
        ids = self._candidates(wanted, count, where)
        if not ids:
            return []
        found = {column: self._some(column, ids) for column in dict(wanted)}
        scores_N = standard_scores(asked, found.__getitem__, self._sample)
        order = np.argsort(-scores_N, kind="stable")[:count]
        return [(ids[place], float(scores_N[place])) for place in order]

    def _asked_again(self, term: Term) -> Term:
        """The same, and like the first pictures that it finds, see `meaning`."""
        best = self.ranked(Mix(((1.0, term),)), AGAIN)
        if not best:
            return term
        scores_N = np.array([score for _, score in best], dtype=np.float32)
        weights_N = np.exp(SHARPNESS * (scores_N - scores_N[0]))
        mean_F = weights_N @ self._some("features", [name for name, _ in best])
        return Mix(((1.0, term), (1.0, Measure({"features": unit_rows(mean_F[None])[0]}))))

    def suggestions(self, prefix: str, count: int = 10) -> list[str]:
        """Words that begin so: taught ones first, then emotions, then all that have a vector."""
        start = prefix.casefold()
        known = self.known_words()
        names = (*taught_words(self.index.folder), *self.index.info.emotions, *(known.known if known else ()))
        plain = dict.fromkeys(name.replace("_", " ") for name in names)
        return [name for name in plain if name.casefold().startswith(start)][:count]

    def _candidates(self, wanted: Sequence[tuple[Column, Array]], count: int, where: str | None) -> list[str]:
        """What may be among the best, in order of the paths; all where probabilities alone are asked for."""
        found: set[str] = set()
        for column, direction in wanted:
            if column != "probabilities":
                found.update(self.index.nearest(column, direction, count, where=where)[0])
        if all(column == "probabilities" for column, _ in wanted):
            return list(self.index.table(["id"], where=where)["id"].to_pylist())
        return sorted(found, key=self.index.row)

    def _all(self, column: Column) -> Array:
        rows_NV = getattr(self.index, column)
        assert isinstance(rows_NV, np.ndarray), f"{self.index.folder}: {column}"
        return rows_NV

    def _some(self, column: Column, ids: Sequence[str]) -> Array:
        if column != "probabilities":
            return self.index.vectors(column, ids)
        found = self.index.table([column], ids=ids)[column].combine_chunks()
        return vectors_of(found, len(self.index.info.emotions))

    def _sample(self, column: Column) -> Array:
        """Vectors of pictures drawn with a fixed seed."""
        with self._opening:
            if column not in self._samples:
                drawn = np.random.default_rng(0).choice(len(self.index), SAMPLE, replace=False)
                self._samples[column] = self._some(column, [self.index.ids[row] for row in np.sort(drawn)])
            return self._samples[column]

    def hits(self, ranked: Sequence[tuple[str, float]], count: int) -> tuple[Hit, ...]:
        """The first pictures of which none is a copy of another, from ids and scores, the best first."""
        return tuple(self._hits(ranked, count))

    def _hits(self, ranked: Sequence[tuple[str, float]], count: int) -> Iterator[Hit]:
        score = dict(ranked)
        told = self.index.table(["id", "sha256", "look"], ids=list(score))
        looks = [Appearance(*row.values()) for row in told.to_pylist()]
        folded = fold_copies(looks, count, self.index.thumbnail)
        names = [best.id for best, _ in folded]
        copies = [copy.id for _, some in folded for copy in some]
        records = {record.id: record for record in self.index.records([*names, *copies])}
        shares_NC = self._some("probabilities", names)
        for row_C, (best, some) in zip(shares_NC, folded, strict=True):
            likeliest = largest(self.index.info.emotions, row_C, TOP)
            duplicates = tuple(records[copy.id].path for copy in some)
            yield Hit(records[best.id], score[best.id], likeliest, duplicates)

    def known_words(self) -> Words | None:
        """The words of the model; None where it knows but its emotions."""
        with self._opening:
            if self._words is None and self.index.info.embedding_size is not None:
                own = self._predictor.words if self._predictor else None
                self._words = own or self._open_words()
            return self._words

    def _open_words(self) -> Words | None:
        model = self.index.info.model
        return clip_words(model) if is_clip(model) else open_words(self.index.folder)

    def _model(self) -> Predictor:
        with self._opening:
            if self._predictor is None:
                self._predictor = open_model(self.index)
            return self._predictor
