"""Plain records and the error types. No torch, no input or output."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice

SPLITS = ("train", "val", "test")
MOST_COMPARED = 20_000  # names that are looked through for similar ones, since each takes time


class DataError(ValueError):
    """The caller's mistake: what must hold, what was found, where.

    A command turns it into one line for each fault and exit status 2.

    Args:
        faults: One text, or several when one look found several faults.
    """

    def __init__(self, faults: str | Iterable[str]) -> None:
        self.faults = (faults,) if isinstance(faults, str) else tuple(faults)
        super().__init__("\n".join(self.faults))


class ConfigError(DataError):
    """A config file or an option that cannot be used."""


class TrainingError(RuntimeError):
    """Training failed while it ran (exit status 1); what it saved is kept."""


def is_name(value: object) -> bool:
    """Whether a value is a text that a file can hold: not empty, and no half of a character in it."""
    return isinstance(value, str) and value != "" and not any("\ud800" <= one <= "\udfff" for one in value)


def as_text(value: object) -> str:
    r"""A path, or a line with one, as UTF-8 can spell it: a file's name may be any bytes.

    Example:
        >>> as_text("caf\udce9.jpg")
        'caf\\udce9.jpg'
    """
    return str(value).encode("utf-8", "backslashreplace").decode()


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """What to put behind a complaint of an unknown name: those that are spelled like it; empty without any.

    Example:
        >>> did_you_mean("angr", ("anger", "joy"))
        '; did you mean anger?'
    """
    near = difflib.get_close_matches(name[:100], list(islice(known, MOST_COMPARED)), n=3)
    return f"; did you mean {' or '.join(near)}?" if near else ""


def first_line(error: BaseException) -> str:
    """What an error of another package says, in one line."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


@dataclass(frozen=True, slots=True)
class Word:
    """A word of a vocabulary and the number of groups that carry it."""

    name: str
    count: int


@dataclass(frozen=True, slots=True)
class ImageRecord:
    """One picture of a data set.

    `path` is relative to the data set's folder, with forward slashes, or a URL
    that has not been fetched. `labels`, `tags` and `unseen` are indices into the
    data set's `emotions`, `tags` and `unseen` words; `unseen` words are held out:
    they stand in no label and no tag, and exist to score zero-shot. `group` is
    the unit of a score: pictures of one group are in one split.

    What only some data sets have is empty elsewhere: `label_weights` (a count or share for
    each label, at least 0), `keywords` (what the picture was searched by), `box` (a person in the picture:
    x1, y1, x2, y2 in pixels) and `dimensions` (valence, arousal, dominance).
    """

    id: str
    path: str
    labels: tuple[int, ...]
    tags: tuple[int, ...]
    unseen: tuple[int, ...]
    group: str
    source: str
    licence: str
    sha256: str
    label_weights: tuple[float, ...] = ()
    keywords: tuple[str, ...] = ()
    box: tuple[float, ...] = ()
    dimensions: tuple[float, ...] = ()

    @property
    def given_labels(self) -> tuple[int, ...]:
        """The labels, each once, in order, without those of weight 0, which nobody voted for."""
        weights = self.label_weights or (1.0,) * len(self.labels)
        given = {label for label, weight in zip(self.labels, weights, strict=True) if weight > 0}
        return tuple(sorted(given))
