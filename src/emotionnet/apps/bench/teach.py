"""How long it takes to teach an index a word.

Shape letters: N = pictures, F = features, D = embedding size.
"""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np

from emotionnet.apps.bench.empty_index import empty_index
from emotionnet.inference.outputs import Array
from emotionnet.search.layout import picture_rows
from emotionnet.search.searcher import Searcher
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
    searcher = Searcher(Index.open(folder))
    ids = searcher.index.ids
    teach_word(searcher, WORD, ids[:MARKS], ids[MARKS : 2 * MARKS])
    return {"search.teach.seconds": time.perf_counter() - started}


def random_index(folder: Path) -> Path:
    """An INDEX of pictures that do not exist, with random vectors."""
    info, table = empty_index(folder, emotions=("joy", "fear"), features=FEATURES, embedding=EMBEDDING)
    rng, numbers = np.random.default_rng(SEED), range(PICTURES)
    write_vectors(WordVectors((WORD,), _random(rng, 1, EMBEDDING)), folder, info={})
    columns = {
        "sha256": [f"{number:064x}" for number in numbers],
        "look": [rng.bytes(32) for _ in numbers],
        "features": abs(_random(rng, PICTURES, FEATURES)),
        "projection": _random(rng, PICTURES, EMBEDDING),
        "probabilities": np.full((PICTURES, 2), 0.5),
    }
    table.add(picture_rows(info, [f"/pictures/{number:05}.jpg" for number in numbers], columns))
    return folder


def _random(rng: np.random.Generator, count: int, size: int) -> Array:
    return rng.standard_normal((count, size), dtype=np.float32)
