import os
import random
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest

from emotionnet.records import DataError
from emotionnet.text.skipgram import train_word2vec
from emotionnet.text.vectors import WordVectors

SENTENCES = [["joy", "smile", "sun"], ["tears", "grief", "rain"]] * 60
PRINT_VECTORS = """
import hashlib
from emotionnet.text.skipgram import train_word2vec
made = train_word2vec([["joy", "smile", "sun"], ["tears", "rain"]] * 5, size=8, min_count=1, epochs=2, seed=3)
print(made.words, hashlib.sha256(made.vectors_VD.tobytes()).hexdigest())
"""


def _train(seed: int = 0, **changes: int) -> WordVectors:
    pytest.importorskip("gensim")
    settings = {"size": 16, "min_count": 1, "epochs": 10} | changes
    return train_word2vec(SENTENCES, seed=seed, **settings)


def test_tags_that_occur_together_end_up_together() -> None:
    pytest.importorskip("gensim")
    clusters = [[f"{letter}{number}" for number in range(10)] for letter in "ab"]
    rng = random.Random(0)
    sentences = [rng.sample(clusters[number % 2], 5) for number in range(400)]
    made = train_word2vec(sentences, size=16, min_count=1, epochs=10, seed=0)
    rows, known = made.matrix(clusters[0] + clusters[1])
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    cosines = unit @ unit.T
    within = min(cosines[:10, :10].min(), cosines[10:, 10:].min())
    assert all(known)
    assert within > cosines[:10, 10:].max() + 0.1


def test_same_seed_same_numbers() -> None:
    first, again, other = _train(seed=7), _train(seed=7), _train(seed=8)
    assert first.words == again.words
    assert np.array_equal(first.vectors_VD, again.vectors_VD)
    assert not np.array_equal(first.subset(other.words).vectors_VD, other.vectors_VD)
    assert first.size == 16
    assert first.vectors_VD.dtype == np.float32


@pytest.mark.parametrize("seed", [-1, 2**40])
def test_any_seed_will_do(seed: int) -> None:
    assert len(_train(seed=seed, epochs=1)) == 6


def test_hash_seed_of_python_changes_nothing() -> None:
    pytest.importorskip("gensim")
    outputs = [
        subprocess.run(
            [sys.executable, "-c", PRINT_VECTORS],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for hash_seed in ("1", "2")
    ]
    assert outputs[0] == outputs[1] != ""


def test_gensim_gets_the_papers_settings_and_copies(monkeypatch: pytest.MonkeyPatch) -> None:
    models = pytest.importorskip("gensim.models")
    calls = []

    plain = models.Word2Vec

    def record(corpus: list[list[str]], **settings: object) -> object:
        calls.append((corpus, dict(settings)))
        return plain(corpus, **settings)

    monkeypatch.setattr(models, "Word2Vec", record)
    sentence = [f"tag{number}" for number in range(100)]
    train_word2vec([sentence, ["a", "b"]], size=300, min_count=1, epochs=1, seed=0)
    ((corpus, settings),) = calls
    del settings["hashfxn"]
    assert settings == {
        "vector_size": 300,
        "window": 50,
        "min_count": 1,
        "sg": 1,
        "hs": 0,
        "negative": 15,
        "alpha": 0.025,
        "epochs": 1,
        "seed": 0,
        "workers": 1,
    }
    assert len(corpus) == 12
    assert (corpus[0], corpus[6]) == (sentence, ["a", "b"])
    copies = corpus[1:6]
    assert all(copy != sorted(copy, key=sentence.index) for copy in copies)
    assert all(Counter(copy) <= Counter(sentence) for copy in copies)
    assert 420 <= sum(map(len, copies)) <= 480  # 450 expected, within 4.5 standard deviations


def test_window_spans_the_longest_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    models = pytest.importorskip("gensim.models")
    windows = []
    plain = models.Word2Vec

    def record(corpus: list[list[str]], **settings: object) -> object:
        windows.append(settings["window"])
        return plain(corpus, **settings)

    monkeypatch.setattr(models, "Word2Vec", record)
    train_word2vec([["a", "b", "c"], ["a"]], size=4, min_count=1, epochs=1, seed=0)
    assert windows == [3]


def test_min_count_that_keeps_no_word_names_the_largest_count() -> None:
    with pytest.raises(DataError) as error:
        train_word2vec([["rare"]] + [["joy"]] * 3, size=4, min_count=100, epochs=1, seed=0)
    text = str(error.value)
    assert text.startswith("min_count must be at most ")
    assert text.endswith("occurs 'joy', the most frequent tag; got 100, which keeps no word")
    largest = int(text.split()[5].rstrip(","))
    assert 3 <= largest <= 18


def test_least_frequent_tags_are_dropped() -> None:
    pytest.importorskip("gensim")
    made = train_word2vec([["joy", "sun"]] * 20 + [["rare"]], size=4, min_count=10, epochs=1, seed=0)
    assert sorted(made.words) == ["joy", "sun"]


@pytest.mark.parametrize("sentences", [[], [[]]])
def test_no_tags_are_an_error(sentences: list[list[str]]) -> None:
    with pytest.raises(DataError, match="word2vec needs sentences with tags; got none"):
        train_word2vec(sentences, size=4, min_count=1, epochs=1, seed=0)


def test_missing_gensim_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gensim.models", None)
    with pytest.raises(DataError, match=r"not installed; pip install 'emotionnet\[word2vec\]'"):
        train_word2vec(SENTENCES, size=4, min_count=1, epochs=1, seed=0)
