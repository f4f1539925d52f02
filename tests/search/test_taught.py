"""Words that an index was taught: what is kept of them, and what is no word."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.special import expit

from emotionnet.files import write_json
from emotionnet.inference.outputs import Array
from emotionnet.records import DataError
from emotionnet.search import taught as room
from emotionnet.search.build import build_index
from emotionnet.search.query import parse_query
from emotionnet.search.ranking import Column
from emotionnet.search.searcher import Searcher
from emotionnet.search.store import Index
from emotionnet.search.taught import Taught, forget, plain_word, taught_words
from emotionnet.search.teaching import teach
from tests.search.conftest import RANGE, MakeIndex, ids_of

pytestmark = pytest.mark.usefixtures("no_sentence_model")


@pytest.fixture
def index(make_index: MakeIndex) -> Index:
    return make_index(RANGE)


def test_probabilities_are_those_of_its_numbers(index: Index) -> None:
    taught = Taught(
        word="w", identity="i", yes=("a",), no=(), n_background=1, score=None, chance=None, why="few",
        weights=(1.0, -2.0, 0.5), word_weights=(0.0, 3.0, 1.0), emotion_weights=(2.0, 0.0), intercept=-0.25,
    )  # fmt: skip
    vectors: dict[Column, Array] = {
        "features": np.array([[0.6, 0.0, 0.8], [0.0, 1.0, 0.0]], dtype=np.float32),
        "projection": np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]], dtype=np.float32),
        "log_probabilities": np.array([[-3.0, -1.0], [-0.5, -2.0]], dtype=np.float32),
    }
    logits_N = [0.6 + 0.5 * 0.8 + 3 - 2 * 3 - 0.25, -2 - 2 * 0.5 - 0.25]
    told_N = taught.probabilities(vectors.__getitem__)
    assert told_N.dtype == np.float32
    np.testing.assert_allclose(told_N, expit(logits_N), rtol=1e-6)
    np.testing.assert_allclose(taught.measure.of(vectors.__getitem__), np.add(logits_N, 0.25), rtol=1e-6)
    assert taught.to_dict()["why"] == "few"
    alone = taught.model_copy(update={"word_weights": None, "emotion_weights": None})
    assert set(alone.measure.directions) == {"features"}


def test_words_are_read_once_and_again_when_they_change(
    index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    teach(Searcher(index), "warm", ids_of(index, "red-190"))
    teach(Searcher(index), "cold", ids_of(index, "blue-190"))
    reads: list[str] = []
    real = Path.read_bytes

    def read_bytes(path: Path) -> bytes:
        reads.append(path.name)
        return real(path)

    monkeypatch.setattr(Path, "read_bytes", read_bytes)
    assert list(taught_words(index.folder)) == ["cold", "warm"]
    first = len(reads)
    assert taught_words(index.folder) == taught_words(index.folder)
    assert len(reads) == first
    teach(Searcher(index), "warm", ids_of(index, "red-240"))
    assert len(taught_words(index.folder)["warm"].yes) == 2
    assert len([name for name in reads[first:] if name.endswith(".json") and len(name) == 21]) == 1


def test_words_outlive_their_pictures_and_the_index_being_brought_up_to_date(
    index: Index, tmp_path: Path
) -> None:
    taught = teach(Searcher(index), "warm", ids_of(index, "red-190", "red-240"))
    (tmp_path / "pictures" / "red-190.png").unlink()
    build_index(tmp_path / "model", [tmp_path / "pictures"], index.folder)
    later = Index.open(index.folder)
    assert len(later) == len(RANGE) - 1
    assert taught_words(index.folder) == {"warm": taught}
    assert len(Searcher(later).search(parse_query("warm", k=3)).hits) == 3
    assert len(teach(Searcher(later), "warm", ids_of(later, "red-140")).yes) == 2
    build_index(tmp_path / "model", [tmp_path / "pictures"], index.folder, overwrite=True)
    assert list(taught_words(index.folder)) == ["warm"]


def test_a_word_is_forgotten(index: Index) -> None:
    teach(Searcher(index), "warm", ids_of(index, "red-190"))
    with pytest.raises(DataError, match=r"'warn' must be a word that was taught to .*index; those are warm"):
        forget(index.folder, "Warn")
    forget(index.folder, " WARM ")
    assert taught_words(index.folder) == {}
    assert list((index.folder / "taught").iterdir()) == []
    with pytest.raises(DataError, match=r"'warm' must be a word .*; there is none"):
        forget(index.folder, "warm")


@pytest.mark.parametrize("word", ["", "  ", "a" * 65, "a\x00b", "a\u202eb", "\ud800"])
def test_words_that_cannot_be(word: str) -> None:
    with pytest.raises(DataError, match="a word must have 1 to 64 characters that can be seen; got '"):
        plain_word(word)


def test_words_differ_by_neither_capitals_nor_spaces_nor_spelling() -> None:
    assert plain_word("  Straße\t am  Meer ") == "strasse am meer"
    assert plain_word("cafe\u0301") == plain_word("CAF\u00c9") == "caf\u00e9"
    assert plain_word("a" * 64) == "a" * 64


def broken(file: Path, values: dict[str, Any]) -> None:
    file.write_text("{" * 100)


def missing(file: Path, values: dict[str, Any]) -> None:
    write_json(file, {key: value for key, value in values.items() if key != "weights"})


def more(file: Path, values: dict[str, Any]) -> None:
    write_json(file, values | {"run": "rm"})


def no_number(file: Path, values: dict[str, Any]) -> None:
    file.write_text(json.dumps(values | {"intercept": float("nan")}))


def short(file: Path, values: dict[str, Any]) -> None:
    write_json(file, values | {"weights": [1.0]})


def long_point(file: Path, values: dict[str, Any]) -> None:
    write_json(file, values | {"word_weights": [1.0]})


def more_emotions(file: Path, values: dict[str, Any]) -> None:
    write_json(file, values | {"emotion_weights": [1.0] * 9})


def other_model(file: Path, values: dict[str, Any]) -> None:
    write_json(file, values | {"identity": "f" * 64})


def other_word(file: Path, values: dict[str, Any]) -> None:
    write_json(file, values | {"word": "cold"})


def huge(file: Path, values: dict[str, Any]) -> None:
    file.write_bytes(b" " * (room.MAX_BYTES + 1))


def folder(file: Path, values: dict[str, Any]) -> None:
    file.unlink()
    file.mkdir()


def pipe(file: Path, values: dict[str, Any]) -> None:
    file.unlink()
    os.mkfifo(file)


OF_ANOTHER = "must be of the index's model and named after its word; it is of another: delete it"
NO_FILE = "must be a file of at most 4194304 bytes; delete it and teach the word again"


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (broken, "Invalid JSON"),
        (missing, "weights: Field required"),
        (more, "run: Extra inputs are not permitted"),
        (no_number, "intercept: "),
        (short, OF_ANOTHER),
        (long_point, OF_ANOTHER),
        (more_emotions, OF_ANOTHER),
        (other_model, OF_ANOTHER),
        (other_word, OF_ANOTHER),
        (huge, NO_FILE),
        (folder, NO_FILE),
        (pipe, NO_FILE),
    ],
)
def test_a_spoiled_word_is_a_line_with_its_file(index: Index, spoil: Any, told: str) -> None:
    taught = teach(Searcher(index), "warm", ids_of(index, "red-190"))
    (file,) = (index.folder / "taught").iterdir()
    spoil(file, taught.model_dump(mode="json"))
    with pytest.raises(DataError) as caught:
        taught_words(index.folder)
    assert str(caught.value).startswith(f"{file}: ")
    assert told in str(caught.value)


def test_other_files_beside_the_words_are_left_alone(index: Index) -> None:
    teach(Searcher(index), "warm", ids_of(index, "red-190"))
    (index.folder / "taught" / ".0123456789abcdef.json.tmp").write_text("half")
    (index.folder / "taught" / "notes.txt").write_text("mine")
    assert list(taught_words(index.folder)) == ["warm"]


def test_no_index(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="must be an INDEX folder"):
        taught_words(tmp_path / "none")


def test_a_place_that_cannot_be_read(index: Index) -> None:
    (index.folder / "taught").write_text("no folder")
    with pytest.raises(DataError, match="taught: cannot be read"):
        taught_words(index.folder)
