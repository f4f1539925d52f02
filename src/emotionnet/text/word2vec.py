"""Our own reader of the word2vec format, text and binary.

First line: the number of words and the vector size. Then, for each word, text: the word,
a space, and D decimal numbers on one line; binary: the word, a space, and D little-endian
float32 numbers, with or without a line break behind them.

Files come from outside: both sizes are checked against the file's length before anything
is allocated, and lines and words are bounded. Shape letters: V = words, D = vector size.
"""

from __future__ import annotations

import mmap
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from emotionnet.records import DataError

HEADER_BYTES = 100  # more than any two numbers need
WORD_BYTES = 1024  # the longest word, shorter than the sample, which thus reaches into the numbers
NUMBER_BYTES = 64  # the longest number in text
SAMPLE_BYTES = 4096  # what tells text from binary

Floats = npt.NDArray[np.float32]


def spellings(word: str) -> tuple[str, str, str]:
    """A phrase as it is, with '_' for ' ', and the reverse."""
    return word, word.replace(" ", "_"), word.replace("_", " ")


def read_word2vec(path: Path, *, only: Collection[str] | None = None) -> tuple[tuple[str, ...], Floats]:
    """Read words and vectors, in file order.

    The content tells text from binary: binary numbers hold bytes that no text has.

    Args:
        path: The file.
        only: Words to keep, in any of their `spellings`; None keeps all.

    Returns:
        V words, as the file spells them, and float32 vectors, shape (V, D).

    Raises:
        DataError: Not such a file, truncated, a word twice, a number that is not finite,
            or none of the words is there; says where.
    """
    try:
        with path.open("rb") as file:
            source = _open(path, file)
            return _collect(
                source, _text_entries(source) if source.is_text else _binary_entries(source), only
            )
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error})") from None


@dataclass(frozen=True)
class _Source:
    """A file whose first line has been checked, read up to the first word."""

    path: Path
    file: BinaryIO
    n_words: int
    size: int
    is_text: bool

    def fault(self, number: int, text: str) -> DataError:
        """About the word with this 0-based number."""
        where = f"{self.path}:{number + 2}" if self.is_text else f"{self.path}: word {number + 1}"
        return DataError(f"{where}: {text}")


def _open(path: Path, file: BinaryIO) -> _Source:
    n_words, size = _header(path, file.readline(HEADER_BYTES))
    start = file.tell()
    is_text = _is_text(file.read(SAMPLE_BYTES))
    needed = n_words * (size * (2 if is_text else 4) + 2) - 1  # the last line break may be missing
    left = file.seek(0, 2) - start
    if left < needed:
        raise DataError(f"{path}: its first line promises at least {needed} bytes; {left} follow")
    file.seek(start)
    return _Source(path, file, n_words, size, is_text)


def _header(path: Path, line: bytes) -> tuple[int, int]:
    parts = line.split()
    if len(parts) != 2 or not line.endswith(b"\n") or not all(part.isdigit() for part in parts):
        found = line[:40].decode("utf-8", "replace").rstrip("\n")
        raise DataError(f"{path}:1: must be the number of words and the vector size; got {found!r}")
    n_words, size = int(parts[0]), int(parts[1])
    if n_words < 1 or size < 1:
        raise DataError(f"{path}:1: must name at least one word and one dimension; got {n_words} and {size}")
    return n_words, size


def _is_text(sample: bytes) -> bool:
    try:
        text = sample.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.end < len(sample):  # not just a character that the sample's end cuts
            return False
        text = sample[: error.start].decode("utf-8")
    return all(character >= " " or character in "\t\r\n" for character in text)


def _collect(
    source: _Source, entries: Iterator[tuple[int, bytes, bytes]], only: Collection[str] | None
) -> tuple[tuple[str, ...], Floats]:
    """Parse those of (number, word, numbers) that are wanted."""
    wanted = (
        None
        if only is None
        else {name.encode(errors="surrogatepass") for word in only for name in spellings(word)}
    )
    capacity = source.n_words if wanted is None else min(source.n_words, len(wanted))
    vectors_VD = np.empty((capacity, source.size), dtype=np.float32)
    parse = _parse_text if source.is_text else _parse_binary
    rows: dict[bytes, str] = {}
    for number, word, numbers in entries:
        if wanted is not None and word not in wanted:
            continue
        name = _decode(source, number, word)
        if word in rows:
            raise source.fault(number, f"every word must stand once; {name!r} stands twice")
        vectors_VD[len(rows)] = _vector(source, number, numbers, parse)
        rows[word] = name
    if not rows:
        asked = f"the {len(only)} words asked for" if only is not None else "its words"
        raise DataError(f"{source.path}: must hold at least one of {asked}; holds none")
    return tuple(rows.values()), vectors_VD[: len(rows)]


def _decode(source: _Source, number: int, word: bytes) -> str:
    try:
        name = word.decode("utf-8")
    except UnicodeDecodeError:
        raise source.fault(number, f"a word must be UTF-8; got {word[:40]!r}") from None
    if not name:
        raise source.fault(number, "a word must have at least one character; got none")
    return name


def _vector(source: _Source, number: int, numbers: bytes, parse: Callable[[bytes], Floats]) -> Floats:
    try:
        vector_D = parse(numbers)
    except ValueError as error:
        raise source.fault(number, f"must be {source.size} numbers behind the word; {error}") from None
    if len(vector_D) != source.size:
        raise source.fault(number, f"must be {source.size} numbers behind the word; got {len(vector_D)}")
    if not np.isfinite(vector_D).all():
        raise source.fault(number, "numbers must be finite float32; got NaN or infinity")
    return vector_D


def _parse_binary(numbers: bytes) -> Floats:
    return np.frombuffer(numbers, dtype="<f4").astype(np.float32)


def _parse_text(numbers: bytes) -> Floats:
    with np.errstate(over="ignore"):  # too large becomes infinity, which is refused
        return np.array([float(part) for part in numbers.split()]).astype(np.float32)


def _text_entries(source: _Source) -> Iterator[tuple[int, bytes, bytes]]:
    """One line each; the word may hold spaces, since the numbers are counted from the right."""
    longest = WORD_BYTES + source.size * NUMBER_BYTES
    for number in range(source.n_words):
        line = source.file.readline(longest)
        if not line.strip():
            raise source.fault(number, f"must be word {number + 1} of {source.n_words}; got no line")
        if len(line) == longest and not line.endswith(b"\n"):
            raise source.fault(number, f"a line must be shorter than {longest} bytes; it is longer")
        word, *numbers = line.rstrip().rsplit(b" ", source.size)
        yield number, word, b" ".join(numbers)
    if source.file.readline(longest).strip():
        raise source.fault(source.n_words, f"must be the end, after {source.n_words} words; got more")


def _binary_entries(source: _Source) -> Iterator[tuple[int, bytes, bytes]]:
    with mmap.mmap(source.file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        place, length = source.file.tell(), 4 * source.size
        for number in range(source.n_words):
            if content[place : place + 1] == b"\n":
                place += 1
            space = content.find(b" ", place, place + WORD_BYTES)
            if space < 0:
                raise source.fault(
                    number, f"must be a word of less than {WORD_BYTES} bytes and a space; got none"
                )
            end = space + 1 + length
            if end > len(content):
                raise source.fault(number, f"a word must have {length} bytes behind it; the file ends before")
            yield number, content[place:space], content[space + 1 : end]
            place = end
        if content[place : place + 2].strip(b"\n"):
            raise source.fault(source.n_words, f"must be the end, after {source.n_words} words; got more")
