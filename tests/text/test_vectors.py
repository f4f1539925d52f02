import json
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given
from hypothesis import strategies as st

from emotionnet.files import write_json
from emotionnet.records import DataError
from emotionnet.text.vectors import WordVectors, read_info, read_vectors, write_vectors

WORDS = ("joy", "new_york", "happy face", "sad", "zero")
ROWS = np.array([[1, 0], [0, 2], [3, 3], [-1, 0], [0, 0]], dtype=np.float32)


@pytest.fixture
def vectors() -> WordVectors:
    return WordVectors(WORDS, ROWS)


@pytest.mark.parametrize(
    ("asked", "row"),
    [("joy", 0), ("new york", 1), ("new_york", 1), ("happy_face", 2), ("happy face", 2), ("Joy", None)],
)
def test_phrases_are_found_with_space_and_underscore(
    vectors: WordVectors, asked: str, row: int | None
) -> None:
    found = vectors.get(asked)
    assert (asked in vectors) == (row is not None)
    assert (found is None) if row is None else (found is not None and found.tolist() == ROWS[row].tolist())
    if row is not None:
        assert vectors.index(asked) == row


def test_exact_spelling_wins() -> None:
    vectors = WordVectors(("a b", "a_b"), np.eye(2, dtype=np.float32))
    assert [vectors.index("a b"), vectors.index("a_b")] == [0, 1]


def test_what_is_no_word_is_not_contained(vectors: WordVectors) -> None:
    assert 3 not in vectors
    assert (vectors.size, len(vectors)) == (2, 5)


def test_unknown_word_gets_a_hint(vectors: WordVectors) -> None:
    with pytest.raises(DataError) as error:
        vectors.index("hapy face")
    assert str(error.value) == (
        "'hapy face' must be one of the 5 words that have a vector; did you mean happy face?"
    )


def test_matrix_has_a_row_for_each_word_zero_where_unknown(vectors: WordVectors) -> None:
    rows, known = vectors.matrix(["sad", "what", "new york", "zero"])
    assert rows.tolist() == [[-1, 0], [0, 0], [0, 2], [0, 0]]
    assert known == (True, False, True, True)
    assert rows.dtype == np.float32


def test_mean_runs_over_known_words_repeats_included(vectors: WordVectors) -> None:
    means = vectors.mean_vectors([["joy", "new york"], ["joy", "joy", "what", "new york"], ["what"], []])
    expected = np.array([[0.5, 1], [2 / 3, 2 / 3], [0, 0], [0, 0]])
    np.testing.assert_allclose(means, expected, rtol=1e-6)
    assert means.dtype == np.float32


def test_subset_keeps_the_order_and_spelling_asked_for(vectors: WordVectors) -> None:
    part = vectors.subset(["sad", "what", "new york"])
    assert part.words == ("sad", "new york")
    assert part.vectors_VD.tolist() == [[-1, 0], [0, 2]]
    with pytest.raises(DataError, match="at least one of 2 words must have a vector; none has"):
        vectors.subset(["what", "who"])


def test_nearest_by_hand(vectors: WordVectors) -> None:
    indices, cosines = vectors.nearest(np.array([[5, 0], [0, 0]], dtype=np.float32), 3)
    assert indices.tolist() == [[0, 2, 1], [0, 1, 2]]  # equal cosines by row
    np.testing.assert_allclose(cosines, [[1, 0.5**0.5, 0], [0, 0, 0]], rtol=1e-6)
    assert vectors.nearest(np.ones((1, 2), dtype=np.float32), 99)[0].shape == (1, 5)


@given(seed=st.integers(0, 2**32 - 1), k=st.integers(1, 12))
def test_nearest_agrees_with_sorting_everything(seed: int, k: int) -> None:
    rng = np.random.default_rng(seed)
    rows = rng.integers(-2, 3, size=(10, 2)).astype(np.float32)  # many ties
    queries = rng.integers(-2, 3, size=(4, 2)).astype(np.float32)
    vectors = WordVectors(tuple("abcdefghij"), rows)
    indices, cosines = vectors.nearest(queries, k)
    every, of_all = vectors.nearest(queries, 10)
    assert np.array_equal(indices, every[:, :k])
    assert np.array_equal(cosines, of_all[:, :k])
    for query, order, values in zip(queries, every, of_all, strict=True):
        lengths = np.linalg.norm(rows, axis=1) * np.linalg.norm(query)
        expected = (rows @ query) / np.where(lengths > 0, lengths, 1)
        np.testing.assert_allclose(values, expected[order], atol=1e-6)
        assert sorted(order) == list(range(10))
        pairs = list(zip(-values, order, strict=True))
        assert pairs == sorted(pairs)


def test_nearest_in_blocks_is_the_same(vectors: WordVectors, monkeypatch: pytest.MonkeyPatch) -> None:
    queries = np.random.default_rng(0).normal(size=(7, 2)).astype(np.float32)
    whole = vectors.nearest(queries, 2)
    monkeypatch.setattr("emotionnet.text.vectors.COSINES_AT_ONCE", 11)  # two queries at once
    parts = vectors.nearest(queries, 2)
    assert np.array_equal(whole[0], parts[0])
    np.testing.assert_allclose(whole[1], parts[1], rtol=1e-6)


@pytest.mark.parametrize("shape", [(3,), (1, 3)])
def test_queries_of_another_size_are_refused(vectors: WordVectors, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"queries must have the shape \(N, 2\); got"):
        vectors.nearest(np.zeros(shape, dtype=np.float32), 1)


def test_k_must_be_positive(vectors: WordVectors) -> None:
    with pytest.raises(ValueError, match="k must be at least 1; got 0"):
        vectors.nearest(np.zeros((1, 2), dtype=np.float32), 0)


@pytest.mark.parametrize(
    ("words", "rows", "text"),
    [
        (("a",), np.zeros((2, 3), np.float32), "shape (1, D), with at least one word and D at least 1"),
        ((), np.zeros((0, 3), np.float32), "at least one word"),
        (("a",), np.zeros((1, 0), np.float32), "D at least 1; got (1, 0)"),
        (("a",), np.zeros(1, np.float32), "got (1,)"),
        (("a",), np.zeros((1, 2)), "word vectors must be float32; got float64"),
        (("a", "b", "a"), np.zeros((3, 2), np.float32), "every word must stand once; 'a' stands twice"),
        (
            ("a", "b"),
            np.array([[0, 0], [0, np.inf]], np.float32),
            "word vectors must be finite; that of 'b' is not",
        ),
    ],
)
def test_vectors_must_fit_their_words(words: tuple[str, ...], rows: np.ndarray, text: str) -> None:
    with pytest.raises(DataError) as error:
        WordVectors(words, rows)
    assert text in str(error.value)


def test_folder_round_trip(vectors: WordVectors, tmp_path: Path) -> None:
    write_vectors(vectors, tmp_path, info={"method": "by hand"})
    read = read_vectors(tmp_path)
    assert read.words == WORDS
    assert np.array_equal(read.vectors_VD, ROWS)
    assert json.loads((tmp_path / "vectors.json").read_text()) == {"method": "by hand", "size": 2, "words": 5}


def test_folder_of_transposed_rows_round_trip(tmp_path: Path) -> None:
    rows = np.arange(6, dtype=np.float32).reshape(2, 3).T
    write_vectors(WordVectors(("a", "b", "c"), rows), tmp_path, info={})
    assert np.array_equal(read_vectors(tmp_path).vectors_VD, rows)


def test_only_restricts_a_folder(vectors: WordVectors, tmp_path: Path) -> None:
    write_vectors(vectors, tmp_path, info={})
    part = read_vectors(tmp_path, only=["new york", "joy", "what"])
    assert part.words == ("joy", "new_york")
    assert part.vectors_VD.tolist() == [[1, 0], [0, 2]]
    with pytest.raises(DataError, match="must hold at least one of the 1 words asked for; holds none"):
        read_vectors(tmp_path, only=["what"])


def test_missing_path_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="none: must be a VECTORS folder or a word2vec file; it does not"):
        read_vectors(tmp_path / "none")


def test_word2vec_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "vectors.txt"
    path.write_text("2 2\njoy 1 0\nsad -1 0.5\n")
    read = read_vectors(path, only=["sad"])
    assert (read.words, read.vectors_VD.tolist()) == (("sad",), [[-1, 0.5]])


@pytest.mark.parametrize(
    ("words", "arrays", "text"),
    [
        ({"a": 1}, {"vectors": ROWS}, "words.json: must be a list of words"),
        (["a", 3], {"vectors": ROWS}, "words.json: must be a list of words"),
        (["a"], {"vectors": ROWS}, "vectors.safetensors: word vectors must have the shape (1, D)"),
        (list(WORDS), {"other": ROWS}, "vectors.safetensors: must hold one array, 'vectors'; got other"),
        (list(WORDS), {"vectors": ROWS * np.nan}, "must be finite; that of 'joy' is not"),
        (list(WORDS), {"vectors": ROWS.astype(np.int64)}, "must be float32; got int64"),
        (list(WORDS), None, "vectors.safetensors: file not found"),
        (list(WORDS), b"no such file", "vectors.safetensors: must be a safetensors file; "),
    ],
)
def test_broken_folders_are_refused(
    tmp_path: Path, words: object, arrays: dict[str, np.ndarray] | bytes | None, text: str
) -> None:
    write_json(tmp_path / "words.json", words)
    if isinstance(arrays, bytes):
        (tmp_path / "vectors.safetensors").write_bytes(arrays)
    elif arrays is not None:
        (tmp_path / "vectors.safetensors").write_bytes(safetensors.numpy.save(arrays))
    with pytest.raises(DataError) as error:
        read_vectors(tmp_path)
    assert text in str(error.value)
    assert str(error.value).startswith(str(tmp_path))


def test_folder_without_words_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"words\.json: file not found"):
        read_vectors(tmp_path)


def test_how_vectors_were_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    assert read_info(tmp_path / "folder") == {}
    write_vectors(
        WordVectors(("a",), np.ones((1, 2), dtype=np.float32)), tmp_path / "folder", info={"method": "x"}
    )
    assert read_info(tmp_path / "folder") == {"method": "x", "words": 1, "size": 2}
    (tmp_path / "google.bin").touch()
    assert read_info(tmp_path / "google.bin") == {"method": "word2vec file", "file": "google.bin"}
