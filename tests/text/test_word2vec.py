import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotionnet.records import DataError
from emotionnet.text.word2vec import read_word2vec

ROWS = np.array([[1, -0.5, 3e-7], [0.1, 2, 1e8], [0, 0, -0.0]], dtype=np.float32)
WORDS = ("joy", "Größe_笑", "</s>")


def _text(words: tuple[str, ...] = WORDS, rows: np.ndarray = ROWS, end: str = "\n") -> bytes:
    lines = [f"{len(rows)} {rows.shape[1]}"]
    lines += [f"{word} {' '.join(map(str, row))}" for word, row in zip(words, rows, strict=True)]
    return end.join([*lines, ""]).encode()


def _binary(words: tuple[str, ...] = WORDS, rows: np.ndarray = ROWS, end: bytes = b"") -> bytes:
    entries = (word.encode() + b" " + row.tobytes() + end for word, row in zip(words, rows, strict=True))
    return f"{len(rows)} {rows.shape[1]}\n".encode() + b"".join(entries)


def _read(
    folder: Path, content: bytes, only: list[str] | None = None
) -> tuple[tuple[str, ...], npt.NDArray[np.float32]]:
    (folder / "vectors").write_bytes(content)
    words, rows = read_word2vec(folder / "vectors", only=only)
    return words, rows


@pytest.mark.parametrize(
    "content",
    [
        _text(),
        _text().rstrip(),
        _text(end=" \n"),
        _text(end="\r\n"),
        _binary(),
        _binary(end=b"\n"),
    ],
    ids=["text", "no last break", "trailing space", "windows", "gensim's binary", "the C tool's binary"],
)
def test_each_form_gives_the_same_words_and_vectors(tmp_path: Path, content: bytes) -> None:
    words, rows = _read(tmp_path, content)
    assert words == WORDS
    assert rows.dtype == np.float32
    assert np.array_equal(rows, ROWS)


@pytest.mark.parametrize("binary", [False, True])
def test_what_gensim_writes_is_read(tmp_path: Path, *, binary: bool) -> None:
    keyed = pytest.importorskip("gensim.models").KeyedVectors(20)
    rng = np.random.default_rng(0)
    words = [f"word{number}" for number in range(200)]
    keyed.add_vectors(words, rng.normal(size=(200, 20)).astype(np.float32))
    keyed.save_word2vec_format(str(tmp_path / "vectors"), binary=binary)
    found, rows = read_word2vec(tmp_path / "vectors")
    assert list(found) == keyed.index_to_key
    assert np.array_equal(rows, keyed.vectors)


@given(
    words=st.lists(st.from_regex(r"[^\s\x00-\x20\x7f]{1,5}", fullmatch=True), min_size=1, unique=True),
    size=st.integers(12, 20),  # below some 10, bytes of random numbers may happen to be text
    seed=st.integers(0, 2**32 - 1),
)
def test_round_trip_of_any_words(
    tmp_path_factory: pytest.TempPathFactory, words: list[str], size: int, seed: int
) -> None:
    folder = tmp_path_factory.mktemp("any")
    rows = np.random.default_rng(seed).normal(size=(len(words), size)).astype(np.float32)
    for content in (_text(tuple(words), rows), _binary(tuple(words), rows)):
        found, vectors = _read(folder, content)
        assert found == tuple(words)
        assert np.array_equal(vectors, rows)


@pytest.mark.parametrize("shift", [0, 1])
def test_sample_may_end_inside_a_character(tmp_path: Path, shift: int) -> None:
    words = tuple("a" * shift + "é" * 300 + str(number) for number in range(10, 30))
    rows = np.ones((20, 2), dtype=np.float32)
    content = "20 2\n" + "".join(f"{word} 1 1\n" for word in words)
    found, vectors = _read(tmp_path, content.encode())
    assert found == words
    assert np.array_equal(vectors, rows)


def test_words_of_a_text_file_may_hold_spaces(tmp_path: Path) -> None:
    words, rows = _read(tmp_path, b"2 2\nhappy face 1 2\nsad 3 4\n")
    assert words == ("happy face", "sad")
    assert rows.tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize("make", [_text, _binary])
def test_only_keeps_wanted_words_in_file_order(tmp_path: Path, make: Callable[..., bytes]) -> None:
    content = make(("new_york", "joy", "what"), ROWS)
    words, rows = _read(tmp_path, content, only=["joy", "new york", "absent"])
    assert words == ("new_york", "joy")
    assert np.array_equal(rows, ROWS[:2])


def test_unwanted_words_may_be_odd(tmp_path: Path) -> None:
    content = _binary(("joy", "sad", "sad"), ROWS).replace(b"sad", b"\xff\xfea")
    assert _read(tmp_path, content, only=["joy"])[0] == ("joy",)


NAN = struct.pack("<f", float("nan"))
HUGE = b"4000000000 300\n"


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", ":1: must be the number of words and the vector size; got ''"),
        (b"2 2", ":1: must be the number of words and the vector size; got '2 2'"),
        (b"hello world\n", ":1: must be the number of words and the vector size; got 'hello world'"),
        (b"joy 1 2\nsad 3 4\n", ":1: must be the number of words and the vector size; got 'joy 1 2'"),
        (b"-1 2\n", ":1: must be the number of words and the vector size; got '-1 2'"),
        (b"9" * 200 + b" 2\n", ":1: must be the number of words and the vector size; got '999"),
        (b"0 2\n", ":1: must name at least one word and one dimension; got 0 and 2"),
        (b"1 0\na\n", ":1: must name at least one word and one dimension; got 1 and 0"),
        (HUGE + b"joy 1 2 3\n", ": its first line promises at least 2407999999999 bytes; 10 follow"),
        (HUGE + b"joy " + bytes(1200), ": its first line promises at least 4807999999999 bytes; 1204 follow"),
        (b"9" * 45 + b" " + b"9" * 45 + b"\njoy 1\n", ": its first line promises at least "),
        (b"2 2\na 1 2\na 3 4\n", ":3: every word must stand once; 'a' stands twice"),
        (_binary(("a", "b", "a")), ": word 3: every word must stand once; 'a' stands twice"),
        (b"2 2\na 1 2\nb 3 x\n", ":3: must be 2 numbers behind the word; could not convert string"),
        (b"2 2\na 1.25 2.25\nb 3\n", ":3: must be 2 numbers behind the word; got 1"),
        (b"1 2\n 1 2\n", ":2: a word must have at least one character; got none"),
        (b"2 2\na 1 2\nb nan 4\n", ":3: numbers must be finite float32; got NaN or infinity"),
        (b"2 2\na 1 2\nb 3 -inf\n", ":3: numbers must be finite float32"),
        (b"2 2\na 1 2\nb 3 1e39\n", ":3: numbers must be finite float32"),
        (b"1 2\na " + NAN + NAN, ": word 1: numbers must be finite float32"),
        (b"2 2\na 1.25 2.25\n\n", ":3: must be word 2 of 2; got no line"),
        (b"1 2\na 1 2\nb 3 4\n", ":3: must be the end, after 1 words; got more"),
        (b"1 2\na " + bytes(8) + b"b " + bytes(8), ": word 2: must be the end, after 1 words; got more"),
        (b"2 2\nlonger " + bytes(8) + b"b " + bytes(4), ": word 2: a word must have 8 bytes behind it; the"),
        (b"2 2\nlonger " + bytes(8) + b"second", ": word 2: must be a word of less than 1024 bytes and a sp"),
        (b"1 2\n" + bytes(5000) + b" " + bytes(8), ": word 1: must be a word of less than 1024 bytes and a "),
        (b"1 2\n" + b"a" * 9000 + b" 1 2\n", ":2: a line must be shorter than 1152 bytes; it is longer"),
        (b"1 2\n\xff\xfe " + bytes(8), r": word 1: a word must be UTF-8; got b'\xff\xfe'"),
    ],
)
def test_broken_files_are_refused_in_one_line(tmp_path: Path, content: bytes, text: str) -> None:
    with pytest.raises(DataError) as error:
        _read(tmp_path, content)
    assert str(error.value).startswith(f"{tmp_path / 'vectors'}{text}")
    assert len(str(error.value).splitlines()) == 1


@given(content=st.binary(max_size=300), header=st.sampled_from([b"", b"2 3\n", b"1 1\n", b"3 2\n"]))
def test_any_bytes_are_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, header: bytes
) -> None:
    try:
        words, rows = _read(tmp_path_factory.mktemp("any"), header + content)
    except DataError:
        return
    assert rows.shape[0] == len(words) == len(set(words))
    assert np.isfinite(rows).all()


def test_no_wanted_word_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="must hold at least one of the 2 words asked for; holds none"):
        _read(tmp_path, _text(), only=["x", "y"])


def test_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="none: cannot be read"):
        read_word2vec(tmp_path / "none")
