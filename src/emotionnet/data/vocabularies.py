"""Lists of words from files: plain text, or the vocabulary pickles of the 2020 release."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from emotionnet.data.pickles import read_pickle
from emotionnet.records import DataError

MAX_BYTES = 2**28
_PAIRS = (("key2idx", "idx2key"), ("tag2idx", "idx2tag"))
_MAX_ID = 2**63
_PICKLE_STARTS = (b"\x80", b"(dp", b"}q")


def read_words(path: Path) -> tuple[str, ...]:
    """Read a text file with one word or phrase a line, in file order.

    Blank lines and lines that start with # are skipped, space around a word is not part of it.

    Raises:
        DataError: The file is missing, no UTF-8 or without words, or a word stands twice.
    """
    first_line: dict[str, int] = {}
    faults = []
    for number, line in enumerate(_text(path).splitlines(), start=1):
        word = line.strip()
        if not word or word.startswith("#"):
            continue
        if word in first_line:
            faults.append(
                f"{path}:{number}: every word must stand once; {word!r} stands in line {first_line[word]} too"
            )
        first_line.setdefault(word, number)
    if faults:
        raise DataError(faults)
    if not first_line:
        raise DataError(f"{path}: must hold at least one word, one a line; it holds none")
    return tuple(first_line)


def read_vocabulary(path: Path) -> tuple[str, ...]:
    """Read words from a text file or from a vocabulary pickle; the content tells which.

    A pickle is a dict with key2idx and idx2key, or tag2idx and idx2tag of the 2020 release,
    each the other's inverse. Its words come in the order of their ids, which need not be
    dense: the file that maps emotion tags into the full vocabulary has ids of the latter.

    Raises:
        DataError: As `read_words`; or a pickle of another form, or inconsistent.
    """
    try:
        with path.open("rb") as file:
            start = file.read(3)
    except OSError as error:
        raise DataError(_unreadable(path, error)) from None
    if not start.startswith(_PICKLE_STARTS):
        return read_words(path)
    content = read_pickle(path)
    for forward, backward in _PAIRS:
        if isinstance(content, dict) and forward in content and backward in content:
            return _ordered(path, forward, content[forward], backward, content[backward])
    pairs = " or ".join(f"{forward} and {backward}" for forward, backward in _PAIRS)
    raise DataError(f"{path}: a vocabulary pickle must be a dict with {pairs}; it is not")


def _ordered(path: Path, forward: str, ids: Any, backward: str, words: Any) -> tuple[str, ...]:
    if not (isinstance(ids, Mapping) and isinstance(words, Mapping)):
        raise DataError(f"{path}: {forward} and {backward} must be dicts; they are not")
    faults = [
        f"{path}: {forward} must map words to ids from 0; got {_short(word)} to {_short(index)}"
        for word, index in ids.items()
        if not (isinstance(word, str) and type(index) is int and 0 <= index < _MAX_ID)
    ]
    faults += [
        f"{path}: {backward} must map {index} back to {_short(word)}; got {_short(words.get(index))}"
        for word, index in ids.items()
        if not faults and words.get(index) != word
    ]
    if not faults and len(words) != len(ids):
        faults = [f"{path}: {forward} and {backward} must have one size; got {len(ids)} and {len(words)}"]
    if not faults and not ids:
        faults = [f"{path}: must hold at least one word; it holds none"]
    if faults:
        raise DataError(faults[:10])
    return tuple(sorted(ids, key=ids.__getitem__))


def _short(value: object) -> str:
    """A value in a message; of a container only its kind, since it may repeat itself without end."""
    if isinstance(value, (str, bytes)):
        return repr(value[:60])
    if isinstance(value, float) or value is None or (isinstance(value, int) and abs(value) < _MAX_ID):
        return repr(value)
    return f"a {type(value).__name__}"


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise DataError(f"{path}: a list of words must have at most {MAX_BYTES:,} bytes; has more")
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(_unreadable(path, error)) from None


def _unreadable(path: Path, error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return f"{path}: file not found"
    return f"{path}: cannot be read as text ({error})"
