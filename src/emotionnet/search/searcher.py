"""Answers: pictures of an index, the best first.

Shape letters: N = pictures, F = features, C = emotions.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from emotionnet.inference.label_points import unit_rows
from emotionnet.inference.names import is_clip
from emotionnet.inference.predictor import largest
from emotionnet.inference.results import SCHEMA_VERSION, Score
from emotionnet.inference.words import Words, clip_words, open_words
from emotionnet.search.asked import bound_terms, condition
from emotionnet.search.copies import Appearance, fold_copies
from emotionnet.search.likes import like_features, open_model
from emotionnet.search.meaning import Reader
from emotionnet.search.query import Query
from emotionnet.search.ranking import Measure, Mix, Term
from emotionnet.search.retrieval import Retrieval
from emotionnet.search.store import RECORD, Index, IndexedPicture, picture_of, vectors_of
from emotionnet.search.taught import taught_words

if TYPE_CHECKING:
    from emotionnet.inference.predictor import Predictor

TOP = 3  # emotions that are told of a hit


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
        self.retrieval = Retrieval(index)
        self._predictor = predictor
        self._opening = threading.Lock()
        self._words: Words | None = None

    def search(self, query: Query) -> Results:
        """Find pictures.

        Raises:
            DataError: A word cannot be understood, an emotion is none of the model's, or a picture that
                results are to be like cannot be read; one line for each.
        """
        notes: list[str] = []
        where = condition(query, self.index.info.emotions)
        asked = self.asked(query, notes)
        ranked = self.retrieval.ranked(
            asked, 3 * query.k + 50, where
        )  # some more than wanted, since copies are folded
        hits = self.hits(ranked, query.k)
        if not hits:
            notes.append("no picture meets what was asked for" if where else "the index holds no picture")
        return Results(query, hits, tuple(dict.fromkeys(notes)))

    def asked(self, query: Query, notes: list[str]) -> Mix:
        """What pictures are ranked by; `notes` takes what is to be said of it.

        Raises:
            DataError: As `search`.
        """
        terms: list[tuple[float, Term]] = []
        if query.words:
            found = self.reader(notes.append).terms([word for word, _ in query.words])
            terms += [(weight, term) for (_, weight), term in zip(query.words, found, strict=True)]
        if query.like:
            mean_F = like_features(self.index, query.like, self._model).mean(axis=0)
            terms.append((1.0, Measure({"features": unit_rows(mean_F[None])[0]})))
        return Mix(tuple(terms or bound_terms(query.emotions, self.index.info.emotions)))

    def reader(self, tell: Callable[[str], None]) -> Reader:
        """How the index understands words by now.

        Args:
            tell: Takes what is to be said of a word.

        Raises:
            DataError: The words of the model, or those that it was taught, cannot be read.
        """
        taught = taught_words(self.index.folder)
        return Reader(self.index.info.emotions, taught, self.known_words(), tell)

    def suggestions(self, prefix: str, count: int = 10) -> list[str]:
        """Words that begin so: taught ones first, then emotions, then all that have a vector."""
        start = prefix.casefold()
        known = self.known_words()
        names = (*taught_words(self.index.folder), *self.index.info.emotions, *(known.known if known else ()))
        plain = dict.fromkeys(name.replace("_", " ") for name in names)
        return [name for name in plain if name.casefold().startswith(start)][:count]

    def hits(self, ranked: Sequence[tuple[str, float]], count: int) -> tuple[Hit, ...]:
        """The first pictures of which none is a copy of another, from ids and scores, the best first."""
        return tuple(self._hits(ranked, count))

    def _hits(self, ranked: Sequence[tuple[str, float]], count: int) -> Iterator[Hit]:
        score = dict(ranked)
        told = self.index.table(["id", "sha256", "look"], ids=list(score)).to_pylist()
        looks = [Appearance(row["id"], row["sha256"], row["look"]) for row in told]
        folded = list(fold_copies(looks, count, self.index.thumbnail))
        names = [one.id for best, copies in folded for one in (best, *copies)]
        rows = self.index.table([*RECORD, "probabilities"], ids=names)  # the others' would take as long again
        shares_NC = vectors_of(rows["probabilities"].combine_chunks(), len(self.index.info.emotions))
        records = dict(zip(names, rows.drop_columns("probabilities").to_pylist(), strict=True))
        place = {name: at for at, name in enumerate(names)}
        for best, copies in folded:
            likeliest = largest(self.index.info.emotions, shares_NC[place[best.id]], TOP)
            duplicates = tuple(records[copy.id]["path"] for copy in copies)
            yield Hit(picture_of(records[best.id]), score[best.id], likeliest, duplicates)

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
