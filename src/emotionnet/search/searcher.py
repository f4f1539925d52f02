"""Answers: pictures of an index, the best first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from emotionnet.inference.results import SCHEMA_VERSION, Score
from emotionnet.search.query import Query

if TYPE_CHECKING:
    from emotionnet.inference.predictor import Predictor
    from emotionnet.search.store import Index, IndexedPicture


@dataclass(frozen=True, slots=True)
class Hit:
    """A picture that was found.

    `score` says how many standard deviations of the index's pictures it lies above their mean; `emotions` are
    the likeliest three; `duplicates` the paths of pictures that look the same and stand for no hit of their
    own.
    """

    picture: IndexedPicture
    score: float
    emotions: tuple[Score, ...]
    duplicates: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Results:
    """Hits, the best first, and what the searcher has to know about how they were found."""

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
        predictor: Its model, where it is open already; else it is opened when a picture from outside is asked
            for.
    """

    def __init__(self, index: Index, predictor: Predictor | None = None) -> None:
        self.index = index
        self._predictor = predictor

    def search(self, query: Query) -> Results:
        """Find pictures.

        Raises:
            DataError: A word is unknown, an emotion none of the model's, or a picture cannot be read.
        """
        raise NotImplementedError

    def suggestions(self, prefix: str, count: int = 10) -> list[str]:
        """Words that begin so: taught ones first, then emotions, then all that have a vector."""
        raise NotImplementedError
