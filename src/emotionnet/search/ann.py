"""Approximate search in an INDEX of many pictures, and how much of the exact answer it finds.

IVF_SQ of LanceDB: partitions by k-means, vectors in bytes; what is found is compared again exactly. For a
million pictures it is built in a minute, where IVF_PQ and IVF_HNSW_SQ take many. How many partitions are
looked at is measured, and grows until 0.95 of the nearest are found.

Shape letters: Q = queries, K = pictures asked for, V = size of a vector, B = pictures in a batch.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from emotionnet.inference.label_points import unit_rows
from emotionnet.inference.outputs import Array
from emotionnet.inference.words import open_words
from emotionnet.progress import message, track
from emotionnet.search.layout import Ann, IndexInfo, lance_faults, write_info
from emotionnet.search.store import EXACT_LIMIT, ROW_ID, Index, VectorColumn, vectors_of

KIND = "IVF_SQ"
RECALL = 0.95  # of the 10 nearest, that must be found
FIRST_PROBES = 16  # partitions that are looked at, and more until the recall is reached
STEP = 1.5  # times as many, each time
REFINED = 64  # candidates that are compared exactly, at least
GROWN = 1.5  # times as many pictures as partitions were made for: they are made again
QUERIES = 100  # that recall is measured with
NEAREST = 10  # pictures of each
_SAMPLE_RATE, _STEPS = 64, 20  # vectors of each partition that k-means sees, and how often it goes over them
_AT_ONCE = 8_192  # rows


def nearest(
    index: Index, column: VectorColumn, vector: Array, k: int, *, where: str | None = None
) -> tuple[tuple[str, ...], Array]:
    """As `Index.nearest`; approximate where `update` has made that possible."""
    return _nearest(index, column, vector, k, where, _probes(index, column))


def candidates(
    index: Index, column: VectorColumn, vector: Array, k: int, *, where: str | None = None
) -> list[str]:
    """The ids of pictures among which the `k` nearest are, or nearly all of them; in no order."""
    rows, _ = _found(index, column, vector, max(k, REFINED), where, _probes(index, column))
    return [index.ids[row] for row in rows]


def _probes(index: Index, column: VectorColumn) -> int | None:
    """Partitions that are looked at; None where there are none."""
    found = (index.info.ann or {}).get(column)
    return found.probes if found else None


def update(index: Index, *, more_than: int = EXACT_LIMIT) -> IndexInfo:
    """Make approximate search, or bring it up to date, where there are too many pictures to compare them all.

    Writes into `index.json` what it came to.

    Args:
        index: As it is now.
        more_than: Pictures up to which nothing is done.

    Returns:
        What `index.json` says now.

    Raises:
        DataError: The table cannot be read or written.
    """
    if len(index) <= more_than:
        return index.info
    columns: list[VectorColumn] = ["features"]
    if index.info.embedding_size is not None:
        columns.append("projection")
    anns = dict(index.info.ann or {})
    for column in track(columns, "approximate search"):
        with lance_faults(index.folder):
            if not _train(index, column, anns.get(column)) and column in anns:
                continue
        anns[column] = _measured(index, column, anns.get(column))
        index.info = index.info.model_copy(update={"ann": anns})
        write_info(index.folder, index.info)
    return index.info


def _train(index: Index, column: VectorColumn, old: Ann | None) -> bool:
    """Make the partitions, or put new pictures into them; whether anything was done."""
    from lancedb.index import IvfSq

    made = {made.columns[0]: made.name for made in index.pictures.list_indices()}
    if old is not None and column in made and len(index) <= GROWN * old.trained_on:
        stats = index.pictures.index_stats(made[column])
        if stats is None or stats.num_unindexed_rows == 0:
            return False
        index.pictures.optimize()
        return True
    config = IvfSq(
        distance_type="cosine",
        num_partitions=_partitions(len(index)),
        sample_rate=_SAMPLE_RATE,
        max_iterations=_STEPS,
    )
    index.pictures.create_index(column, config=config, replace=True)
    return True


def _partitions(count: int) -> int:
    return max(1, round(math.sqrt(count)))


def _measured(index: Index, column: VectorColumn, old: Ann | None) -> Ann:
    """As many partitions are looked at as the recall asks for."""
    trained_on = len(index)
    if old is not None and trained_on <= GROWN * old.trained_on:
        trained_on = old.trained_on
    most = _partitions(trained_on)
    queries_QV = _queries(index, column)
    exact = exact_nearest(index, column, queries_QV, NEAREST)
    probes = min(FIRST_PROBES, most)
    while (recall := _recall(index, column, queries_QV, exact, probes)) < RECALL and probes < most:
        probes = min(math.ceil(STEP * probes), most)
    if recall < RECALL:
        message(f"{index.folder}: approximate search by {column} finds {recall:.0%} of the {NEAREST} nearest")
    return Ann(
        kind=KIND,
        partitions=most,
        probes=probes,
        refined=REFINED,
        trained_on=trained_on,
        recall=round(recall, 4),
        rows=len(index),
    )


def _recall(
    index: Index, column: VectorColumn, queries_QV: Array, exact: Sequence[Sequence[str]], probes: int
) -> float:
    shares = [
        len({*_nearest(index, column, vector, NEAREST, None, probes)[0]} & {*names}) / len(names)
        for vector, names in zip(queries_QV, exact, strict=True)
    ]
    return float(np.mean(shares))


def _queries(index: Index, column: VectorColumn) -> Array:
    """What is going to be asked: between two pictures, and, of the projection, words; by a fixed seed.

    Not the pictures themselves, which are found too easily.
    """
    rng = np.random.default_rng(0)
    drawn = [index.ids[row] for row in rng.choice(len(index), 2 * QUERIES)]
    pairs_QV = index.vectors(column, drawn).reshape(QUERIES, 2, -1)
    mixed_QV = unit_rows(0.75 * pairs_QV[:, 0] + 0.25 * pairs_QV[:, 1])
    words = open_words(index.folder) if column == "projection" else None
    if words is None:
        return mixed_QV
    half = min(QUERIES // 2, len(words.known))
    chosen = [words.known[place] for place in rng.choice(len(words.known), half, replace=False)]
    return np.concatenate([words.points(chosen), mixed_QV[half:]])


def exact_nearest(index: Index, column: VectorColumn, queries_QV: Array, k: int) -> list[tuple[str, ...]]:
    """The pictures nearest to each query, by comparing all, in one pass that keeps no vectors.

    Returns:
        Their ids, the nearest first, for each query.
    """
    unit_QV = unit_rows(queries_QV.astype(np.float32))
    best_QK = np.full((len(unit_QV), k), -np.inf, dtype=np.float32)
    names_QK = np.full((len(unit_QV), k), "", dtype=object)
    with lance_faults(index.folder):
        for batch in index.pictures.search().select(["id", column]).to_batches(batch_size=_AT_ONCE):
            rows_BV = unit_rows(vectors_of(batch[column], unit_QV.shape[1]))
            all_Q = np.concatenate([best_QK, unit_QV @ rows_BV.T], axis=1)
            ids_B = np.broadcast_to(
                np.array(batch["id"].to_pylist(), dtype=object), (len(unit_QV), len(batch))
            )
            names_Q = np.concatenate([names_QK, ids_B], axis=1)
            order_QK = np.argsort(-all_Q, axis=1, kind="stable")[:, :k]
            best_QK = np.take_along_axis(all_Q, order_QK, axis=1)
            names_QK = np.take_along_axis(names_Q, order_QK, axis=1)
    return [tuple(name for name in row if name) for row in names_QK.tolist()]


def _nearest(
    index: Index, column: VectorColumn, vector: Array, k: int, where: str | None, probes: int | None
) -> tuple[tuple[str, ...], Array]:
    """Without `probes` all are compared."""
    rows, cosines = _found(index, column, vector, k if probes is None else max(k, REFINED), where, probes)
    ids = [index.ids[row] for row in rows]
    if probes is not None and ids:  # what partitions hold is rounded
        cosines = index.vectors(column, ids) @ unit_rows(vector.astype(np.float32)[None])[0]
    order = np.lexsort((rows, -cosines))[:k]
    return tuple(ids[place] for place in order), cosines[order]


def _found(
    index: Index, column: VectorColumn, vector: Array, k: int, where: str | None, probes: int | None
) -> tuple[npt.NDArray[np.intp], Array]:
    """Rows of an index and their cosines, as LanceDB tells them."""
    if not vector.any():
        return np.zeros(0, dtype=np.intp), np.zeros(0, dtype=np.float32)
    with lance_faults(index.folder):
        query = index.pictures.search(vector, vector_column_name=column, query_type="vector")
        query = query.distance_type("cosine").limit(k)
        if probes is None:
            query = query.bypass_vector_index()
        elif where is None:
            query = query.nprobes(probes)
        else:  # and more, where the condition leaves too few in these; that takes longer
            query = query.minimum_nprobes(probes).maximum_nprobes(0)
        query = query if where is None else query.where(where, prefilter=True)
        found = query.with_row_id(True).select(["_distance"]).to_arrow()  # ids would take ten times as long
    cosines_K: Array = 1 - found["_distance"].to_numpy().astype(np.float32)
    return index.rows_of(found[ROW_ID].to_numpy()), cosines_K
