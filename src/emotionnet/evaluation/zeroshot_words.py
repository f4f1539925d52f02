"""The words that stand for labels: of any benchmark by its labels' names, and of the caller's own choice."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from emotionnet.emotions import EMOTIC_WORDS
from emotionnet.files import read_object
from emotionnet.records import DataError, is_name

WordSets = Mapping[str, tuple[str, ...]]

_ASIDE = re.compile(r"\s*\((.*)\)\s*$", re.DOTALL)


def label_words(names: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """The words that stand for each label: EMOTIC's word sets for its categories, else as `spoken`.

    Example:
        >>> label_words(["Joy", "surprise(positive)"])
        {'Joy': ('joy',), 'surprise(positive)': ('surprise',)}
    """
    emotic = {name.lower(): words for name, words in EMOTIC_WORDS.items()}
    if {name.lower() for name in names} == set(emotic):
        return {name: emotic[name.lower()] for name in names}
    return {name: spoken(name) for name in names}


def spoken(name: str) -> tuple[str, ...]:
    """A label's name as the words that one would say.

    In lower case, '_' as a space, parts at '/' apart. What stands in brackets behind it only tells labels
    apart and is left out, but for a list of words, which mean the same as the label.

    Example:
        >>> spoken("Doubt/Confusion"), spoken("Active (vibrant, playful)"), spoken("surprise(positive)")
        (('doubt', 'confusion'), ('active', 'vibrant', 'playful'), ('surprise',))
    """
    aside = _ASIDE.search(name)
    parts = _ASIDE.sub("", name).split("/")
    if aside and "," in aside[1]:
        parts += aside[1].split(",")
    return tuple(dict.fromkeys(word for part in parts if (word := plain(part)))) or (name,)


def plain(word: str) -> str:
    """A word as curation writes tags: what follows '^' dropped, '_' a space, in lower case.

    Example:
        >>> plain(" Ice_Cream^dessert")
        'ice cream'
    """
    return re.sub(r"[_\s]+", " ", word.partition("^")[0]).strip().lower()


def same_words(words: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """The labels that have the words of an earlier one: their scores are its own, so they are never told.

    Example:
        >>> same_words({"surprise(negative)": ("surprise",), "surprise(positive)": ("surprise",)})
        ('surprise(positive)',)
    """
    first: dict[tuple[str, ...], str] = {}
    return tuple(name for name, some in words.items() if first.setdefault(tuple(some), name) != name)


def read_word_sets(text: str) -> dict[str, tuple[str, ...]]:
    """Labels and their words as a caller gives them.

    Args:
        text: `joy,grief`, a label's own words behind '=', such as `joy=joy+happy,grief`; or the name of a
            JSON file, `{"joy": ["joy", "happy"], "grief": ["grief"]}`.

    Raises:
        DataError: There is no label, one stands twice or has no word, or the file is broken.

    Example:
        >>> read_word_sets("joy=joy+happy, grief")
        {'joy': ('joy', 'happy'), 'grief': ('grief',)}
    """
    if text.lower().endswith(".json"):
        return _of_file(Path(text).expanduser())
    found: dict[str, tuple[str, ...]] = {}
    for part in text.split(","):
        name, given, rest = (piece.strip() for piece in part.partition("="))
        words = tuple(word.strip() for word in rest.split("+")) if given else spoken(name)
        if name in found:
            raise DataError(f"--labels: every label must stand once; {name!r} stands twice")
        if not is_name(name) or not all(is_name(word) for word in words):
            raise DataError(
                "--labels: must be labels with commas between them, each a word or label=word+word, "
                f"or a JSON file; got {part.strip()!r} in {text!r:.200}"
            )
        found[name] = words
    return found


def _of_file(path: Path) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    faults = []
    for name, words in read_object(path).items():
        some = [words] if isinstance(words, str) else words
        if not is_name(name) or not isinstance(some, list) or not some or not all(map(is_name, some)):
            faults.append(f"{path}: {name!r:.60}: must have a list of at least one word; got {words!r:.60}")
        else:
            found[name] = tuple(dict.fromkeys(some))
    if faults:
        raise DataError(faults)
    if not found:
        raise DataError(f"{path}: must name at least one label; it is empty")
    return found
