from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from emotionnet.records import DataError
from emotionnet.text.coverage import vocabulary_coverage
from emotionnet.text.vectors import WordVectors, write_vectors


@pytest.fixture
def vectors(tmp_path: Path) -> Path:
    words = ("joy", "ice_cream", "hot dog", "sea")
    folder = tmp_path / "vectors"
    folder.mkdir()
    write_vectors(WordVectors(words, np.ones((4, 2), dtype=np.float32)), folder, info={})
    return folder


def test_words_and_phrases_are_counted(vectors: Path, tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text("# mine\njoy\nfear\nice cream\nhot_dog\nJoy\n")
    found = vocabulary_coverage(tmp_path / "words.txt", vectors)
    assert found.to_dict() == {"words": 5, "covered": 3, "share": 0.6, "missing": ["fear", "Joy"]}


def test_a_word2vec_file_and_a_vocabulary_of_2020(tmp_path: Path) -> None:
    (tmp_path / "v.txt").write_text("3 2\nsea 1 2\nice_cream 3 4\nrest 5 6\n")
    ids = {"sea": 1, "tree": 0, "ice cream": 2}
    with (tmp_path / "v.pkl").open("wb") as file:
        pickle.dump({"tag2idx": ids, "idx2tag": {index: tag for tag, index in ids.items()}}, file)
    found = vocabulary_coverage(tmp_path / "v.pkl", tmp_path / "v.txt")
    assert (found.words, found.covered, found.missing) == (3, 2, ("tree",))


def test_everything_and_nothing(vectors: Path, tmp_path: Path) -> None:
    (tmp_path / "all.txt").write_text("sea\njoy\n")
    assert vocabulary_coverage(tmp_path / "all.txt", vectors).to_dict()["share"] == 1
    (tmp_path / "none.txt").write_text("fear\nawe\n")
    with pytest.raises(DataError, match="must hold at least one of the 2 words asked for; holds none"):
        vocabulary_coverage(tmp_path / "none.txt", vectors)


def test_files_that_are_not_there(vectors: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.txt: file not found"):
        vocabulary_coverage(tmp_path / "none.txt", vectors)
    (tmp_path / "words.txt").write_text("joy\n")
    with pytest.raises(DataError, match="must be a VECTORS folder or a word2vec file; it does not exist"):
        vocabulary_coverage(tmp_path / "words.txt", tmp_path / "none")
