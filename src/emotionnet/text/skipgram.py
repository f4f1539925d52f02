"""Word vectors trained on the tags of a data set: skip-gram (Wei et al., CVPR 2020, section 4)."""

from __future__ import annotations

import random
import zlib
from collections import Counter
from collections.abc import Sequence

import numpy as np

from emotionnet.records import DataError
from emotionnet.text.vectors import WordVectors

SHUFFLED_COPIES = 5
TAG_DROPOUT = 0.1
LARGEST_WINDOW = 50
NEGATIVE = 15
ALPHA = 0.025


def train_word2vec(
    sentences: Sequence[Sequence[str]], *, size: int, min_count: int, epochs: int, seed: int
) -> WordVectors:
    """Train skip-gram with negative sampling (Mikolov et al., NeurIPS 2013), on one core.

    The order of tags carries nothing: the window spans the longest sentence, up to 50, and
    each sentence enters once as it is and five times shuffled, each tag then dropped with
    probability 0.1. Frequent tags are thinned out by gensim's default, 1e-3. Same sentences
    and seed, same vectors, whatever PYTHONHASHSEED.

    Args:
        sentences: One list of tags for each image.
        size: Dimensions of the vectors.
        min_count: A tag needs so many occurrences, copies included: up to 6 for each image.
        epochs: Passes over sentences and copies.
        seed: Of the copies and of the training; any integer.

    Returns:
        Vectors of any length, most frequent tag first.

    Raises:
        DataError: No tag occurs `min_count` times, or gensim is not installed.
    """
    corpus = _with_copies(sentences, random.Random(seed))
    counts = Counter(tag for sentence in corpus for tag in sentence)
    if not counts:
        raise DataError("word2vec needs sentences with tags; got none")
    word, largest = min(counts.items(), key=lambda item: (-item[1], item[0]))
    if largest < min_count:
        raise DataError(
            f"min_count must be at most {largest}, so often (copies included) occurs {word!r}, "
            f"the most frequent tag; got {min_count}, which keeps no word"
        )
    try:
        from gensim.models import Word2Vec
    except ImportError:
        raise DataError(
            "method 'word2vec' needs gensim, which is not installed; pip install 'emotionnet[word2vec]'"
        ) from None
    model = Word2Vec(
        corpus,
        vector_size=size,
        window=min(max(map(len, sentences)), LARGEST_WINDOW),
        min_count=min_count,
        sg=1,
        hs=0,
        negative=NEGATIVE,
        alpha=ALPHA,
        epochs=epochs,
        seed=seed % 2**32,
        workers=1,
        hashfxn=_stable_hash,
    )
    return WordVectors(tuple(model.wv.index_to_key), np.array(model.wv.vectors, dtype=np.float32))


def _with_copies(sentences: Sequence[Sequence[str]], rng: random.Random) -> list[list[str]]:
    corpus = []
    for sentence in sentences:
        corpus.append(list(sentence))
        for _ in range(SHUFFLED_COPIES):
            shuffled = rng.sample(sentence, len(sentence))
            corpus.append([tag for tag in shuffled if rng.random() >= TAG_DROPOUT])
    return corpus


def _stable_hash(text: str) -> int:
    return zlib.crc32(text.encode())
