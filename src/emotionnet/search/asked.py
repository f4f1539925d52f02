"""The bounds of a query: as a condition on the table of pictures, and as what pictures are ranked by."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath

from emotionnet.records import DataError, as_text
from emotionnet.search.meaning import emotion_place, nearest_names, probability
from emotionnet.search.query import Bound, Query
from emotionnet.search.ranking import Term
from emotionnet.search.store import sql_text


def bound_terms(bounds: Sequence[Bound], emotions: Sequence[str]) -> list[tuple[float, Term]]:
    """What pictures are ranked by when nothing but bounds is given: the more (or the less) the better.

    Raises:
        DataError: As `condition`.
    """
    return [
        (1.0 if bound.side == ">" else -1.0, probability(place, len(emotions)))
        for bound, place in zip(bounds, _places(bounds, emotions), strict=True)
    ]


def condition(query: Query, emotions: Sequence[str]) -> str | None:
    """The bounds of a query as an SQL condition on the table of pictures; None where there are none.

    Raises:
        DataError: An emotion is none of the model's; one line for each.
    """
    told = [
        f"array_element(probabilities, {place + 1}) {bound.side} {bound.value!r}"  # which counts from 1
        for bound, place in zip(query.emotions, _places(query.emotions, emotions), strict=True)
    ]
    if query.folder:
        told.append(_below(as_text(query.folder)))
    if query.taken_from:
        told.append(f"taken >= timestamp '{query.taken_from} 00:00:00'")
    if query.taken_to:
        told.append(f"taken <= timestamp '{query.taken_to} 23:59:59'")
    return " AND ".join(told) or None


def _below(folder: str) -> str:
    """A whole path begins the picture's; some folders in a row stand anywhere in it."""
    name = str(PurePath(folder)).rstrip("/")
    if PurePath(folder).is_absolute():
        return f"starts_with(path, {sql_text(f'{name}/')})"
    return f"contains(path, {sql_text(f'/{name}/')})"


def _places(bounds: Sequence[Bound], emotions: Sequence[str]) -> list[int]:
    places = [emotion_place(bound.name, emotions) for bound in bounds]
    faults = [
        f"{bound.name[:40]!r} must be one of the model's {len(emotions)} emotions; did you mean "
        f"{nearest_names(bound.name, emotions)}?"
        for bound, place in zip(bounds, places, strict=True)
        if place is None
    ]
    if faults:
        raise DataError(faults)
    return [place for place in places if place is not None]
