"""What rows say by word vectors and by a guard: the nearest tags, and whether a picture is outside."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from emotionnet.inference.outputs import Outputs
from emotionnet.inference.predictor import Predictor
from emotionnet.progress import track
from emotionnet.search.layout import IndexInfo, lance_faults, row_schema
from emotionnet.search.store import vectors_of

if TYPE_CHECKING:
    from lancedb.table import LanceTable

TAGS = 10  # of each picture
_AT_ONCE = 4096  # rows


def told_columns(predictor: Predictor, outputs: Outputs) -> dict[str, list[Any]]:
    """The columns of the table that hang on more than the network: tags, outside and distance."""
    domains = predictor.domains(outputs)
    return {
        "tags": [[tag.name for tag in some] for some in predictor.nearest_tags(outputs, TAGS)],
        "outside": [None if one is None else one.outside for one in domains],
        "distance": [None if one is None else one.distance for one in domains],
    }


def retell(predictor: Predictor, folder: Path, info: IndexInfo, pictures: LanceTable) -> None:
    """Tell these columns anew for all pictures of an INDEX, from the vectors that it holds."""
    steps = -(-pictures.count_rows() // _AT_ONCE)
    with lance_faults(folder):
        for batch in track(_batches(pictures, info), "tell again", steps):
            rows = _told(predictor, batch, info)
            pictures.merge_insert("id").when_matched_update_all().execute(rows)


def _batches(pictures: LanceTable, info: IndexInfo) -> Iterator[pa.RecordBatch]:
    columns = ["id", "features", *([] if info.embedding_size is None else ["projection"])]
    yield from pictures.search().select(columns).to_batches(batch_size=_AT_ONCE)


def _told(predictor: Predictor, batch: pa.RecordBatch, info: IndexInfo) -> pa.Table:
    size = info.embedding_size
    outputs = Outputs(
        features=vectors_of(batch["features"], info.n_features),
        scores=np.zeros((len(batch), len(info.emotions)), dtype=np.float32),
        projection=None if size is None else vectors_of(batch["projection"], size),
    )
    columns = {"id": batch["id"], **told_columns(predictor, outputs)}
    kinds = row_schema(info)
    return pa.table(columns, schema=pa.schema([kinds.field(name) for name in columns]))
