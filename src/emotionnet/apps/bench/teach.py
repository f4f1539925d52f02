"""How long it takes to teach an index a word.

Shape letters: N = pictures, F = features, D = embedding size.
"""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np

from emotionnet.data.images import Preprocessing
from emotionnet.inference.outputs import Array
from emotionnet.inference.words import open_words
from emotionnet.models.description import Domain, ImageModel, write_description
from emotionnet.search.layout import IndexInfo, create_pictures, picture_rows, write_info
from emotionnet.search.store import Index
from emotionnet.search.teaching import teach as teach_word
from emotionnet.text.vectors import WordVectors, write_vectors

PICTURES, FEATURES, EMBEDDING = 5_000, 1_280, 384
MARKS = 5  # yes, and as many no
WORD = "serene"
SEED = 0


def teach(work: Path) -> dict[str, float]:
    """Seconds to open an index of 5,000 random pictures and teach it a word that has a vector, score and all.

    Args:
        work: A folder.
    """
    folder = random_index(work / "taught")
    started = time.perf_counter()
    index = Index.open(folder)
    yes, no = index.ids[:MARKS], index.ids[MARKS : 2 * MARKS]
    teach_word(index, WORD, yes, no, words=open_words(folder))
    return {"search.teach.seconds": time.perf_counter() - started}


def random_index(folder: Path) -> Path:
    """An INDEX of pictures that do not exist, with random vectors."""
    folder.mkdir(parents=True)
    preprocessing = Preprocessing(128, 1.0, (0.5,) * 3, (0.5,) * 3)
    domain = Domain(dataset="random", data_hash="", licences={}, unseen=())
    model = ImageModel(
        trunk="none",
        weights="none",
        shape="2branch",
        emotions=("joy", "fear"),
        embedding_size=EMBEDDING,
        aux_emotions=None,
        preprocessing=preprocessing,
        domain=domain,
    )
    info = IndexInfo(
        model="none",
        identity="0" * 64,
        trained_on=domain.dataset,
        emotions=model.emotions,
        activation=model.activation,
        n_features=FEATURES,
        embedding_size=EMBEDDING,
        backend="none",
    )
    count, rng = PICTURES, np.random.default_rng(SEED)
    write_description(folder, model)
    write_info(folder, info)
    write_vectors(WordVectors((WORD,), _random(rng, 1, EMBEDDING)), folder, info={})
    columns = {"features": abs(_random(rng, count, FEATURES)), "projection": _random(rng, count, EMBEDDING)}
    shares = np.full((count, len(info.emotions)), 0.5, dtype=np.float32)
    paths = [f"/pictures/{number:05}.jpg" for number in range(count)]
    hashes = {"sha256": [f"{number:064x}" for number in range(count)]}
    looks = {"look": [rng.bytes(32) for _ in range(count)]}
    create_pictures(folder, info).add(
        picture_rows(info, paths, {**hashes, **looks, **columns, "probabilities": shares})
    )
    return folder


def _random(rng: np.random.Generator, count: int, size: int) -> Array:
    return rng.standard_normal((count, size), dtype=np.float32)
