"""How long a search takes, and how much approximate search finds, over pictures that do not exist.

Shape letters: N = pictures, Q = queries, D = embedding size, J = clusters, L = directions of their spread.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from emotionnet.apps.bench.empty_index import empty_index
from emotionnet.apps.bench.teach import teach
from emotionnet.inference.label_points import unit_rows
from emotionnet.inference.outputs import Array
from emotionnet.progress import message, track
from emotionnet.search.ann import NEAREST, exact_nearest, update
from emotionnet.search.layout import IndexInfo, picture_rows
from emotionnet.search.query import parse_query
from emotionnet.search.searcher import Searcher
from emotionnet.search.store import Index
from emotionnet.text.vectors import WordVectors, write_vectors

MILLION, SMALL = 1_000_000, 5_000  # pictures
SIZE = 384  # of features and projection: that of the words of `emotionnet demo`
EMOTIONS = ("joy", "fear", "sadness", "anger")
WARM, ASKED = 10, 200  # words that are asked for: first to warm up, then timed
COMPARED = 100  # queries of each kind whose nearest are compared
AT_ONCE = 20_000  # rows
SEED = 0


def search(work: Path) -> dict[str, float]:
    """Times of a search for one word, from text to 24 pictures, over 5,000 and over a million; and recall.

    Args:
        work: An empty folder.

    Returns:
        Milliseconds, seconds, and shares from 0 to 1.
    """
    found = teach(work)
    for name, count in (("small", SMALL), ("million", MILLION)):
        message(f"{count:,} pictures")
        found |= {f"search.{name}.{key}": value for key, value in measure(work / name, count).items()}
    return found


def measure(folder: Path, count: int) -> dict[str, float]:
    """The same over one index of `count` pictures, which is made in `folder`."""
    cloud = Cloud.of(count)
    started = time.perf_counter()
    write_index(folder, cloud, count)
    update(Index.open(folder))
    built = time.perf_counter() - started
    index = Index.open(folder)
    times = _times(Searcher(index))
    return {
        "p50_ms": 1e3 * float(np.quantile(times, 0.5)),
        "p95_ms": 1e3 * float(np.quantile(times, 0.95)),
        "recall_at_10": _recall(index, cloud),
        "build_seconds": built,
    }


@dataclass(frozen=True, eq=False)
class Cloud:
    """Where made-up vectors lie: in clusters of different sizes, spread most in a few directions.

    Pictures have a cosine of about 0.7 with the nearest others, as a network gives, and words one of 0.4
    with the pictures nearest to them, as word vectors have with projections.
    """

    centres_JD: Array
    spread_LD: Array
    shares_J: npt.NDArray[np.float64]

    @classmethod
    def of(cls, count: int) -> Cloud:
        """Clusters for so many pictures; the same each time."""
        rng, clusters = np.random.default_rng(SEED), max(50, count // 500)
        shares_J = np.arange(1, clusters + 1) ** -0.7
        spread_LD = rng.standard_normal((32, SIZE), dtype=np.float32) / np.float32(np.sqrt(32 * SIZE))
        centres_JD = unit_rows(rng.standard_normal((clusters, SIZE), dtype=np.float32))
        return cls(centres_JD, spread_LD, shares_J / shares_J.sum())

    def pictures(self, count: int, seed: int) -> Array:
        """Vectors of pictures; float32, shape (N, D), of length 1."""
        rng = np.random.default_rng([SEED, seed])
        centres_ND = self.centres_JD[rng.choice(len(self.centres_JD), count, p=self.shares_J)]
        within_ND = 0.8 * rng.standard_normal((count, 32), dtype=np.float32) @ self.spread_LD
        return unit_rows(centres_ND + within_ND + 0.3 * _noise(rng, count))

    def words(self, count: int, seed: int) -> Array:
        """Vectors of words; float32, shape (N, D), of length 1."""
        rng = np.random.default_rng([SEED, seed])
        return unit_rows(self.pictures(count, seed) + 1.8 * _noise(rng, count))


def _noise(rng: np.random.Generator, count: int) -> Array:
    """Rows of length 1 or about."""
    rows_ND: Array = rng.standard_normal((count, SIZE), dtype=np.float32) / np.float32(np.sqrt(SIZE))
    return rows_ND


def write_index(folder: Path, cloud: Cloud, count: int) -> None:
    """An INDEX of pictures that do not exist, without thumbnails; never more than `AT_ONCE` in memory."""
    info, table = empty_index(folder, emotions=EMOTIONS, features=SIZE, embedding=SIZE)
    words = (*EMOTIONS, *(f"word{number}" for number in range(WARM + ASKED)))
    write_vectors(WordVectors(words, cloud.words(len(words), seed=1)), folder, info={})
    for start in track(range(0, count, AT_ONCE), "writing pictures"):
        table.add(_rows(info, cloud, start, min(count, start + AT_ONCE)))


def _rows(info: IndexInfo, cloud: Cloud, start: int, end: int) -> pa.Table:
    numbers, rng = range(start, end), np.random.default_rng([SEED, start])
    columns = {
        "sha256": [f"{number:064x}" for number in numbers],
        "look": [rng.bytes(32) for _ in numbers],
        "features": cloud.pictures(len(numbers), seed=2 * start + 10),
        "projection": cloud.pictures(len(numbers), seed=2 * start + 11),
        "probabilities": rng.dirichlet(np.ones(len(EMOTIONS)), len(numbers)),
    }
    return picture_rows(info, [f"/pictures/{number:07}.jpg" for number in numbers], columns)


def _times(searcher: Searcher) -> list[float]:
    """Seconds of each search, once files and caches are warm."""
    times = []
    for number in range(WARM + ASKED):
        started = time.perf_counter()
        searcher.search(parse_query(f"word{number}"))
        times.append(time.perf_counter() - started)
    return times[WARM:]


def _recall(index: Index, cloud: Cloud) -> float:
    """The share of the 10 nearest that are found, for pictures and words of which none is in the index."""
    queries_QD = np.concatenate([cloud.pictures(COMPARED, seed=3), cloud.words(COMPARED, seed=5)])
    exact = exact_nearest(index, "projection", queries_QD, NEAREST)
    found = [index.nearest("projection", query_D, NEAREST)[0] for query_D in queries_QD]
    shares = [len({*some} & {*best}) / len(best) for some, best in zip(found, exact, strict=True)]
    return float(np.mean(shares))
