"""An INDEX of a model that does not exist, for pictures that do not exist either."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from emotionnet.data.images import Preprocessing
from emotionnet.models.description import Domain, ImageModel, write_description
from emotionnet.search.layout import IndexInfo, create_pictures, write_info

if TYPE_CHECKING:
    from lancedb.table import LanceTable


def empty_index(
    folder: Path, *, emotions: Sequence[str], features: int, embedding: int
) -> tuple[IndexInfo, LanceTable]:
    """Make one.

    Args:
        folder: A new folder.
        emotions: Of the model.
        features: How many numbers the features are.
        embedding: How many numbers the projection is.

    Returns:
        What its `index.json` says, and its table, to add rows to.
    """
    folder.mkdir(parents=True)
    model = ImageModel(
        trunk="none",
        weights="none",
        shape="2branch",
        emotions=tuple(emotions),
        embedding_size=embedding,
        aux_emotions=None,
        preprocessing=Preprocessing(128, 1.0, (0.5,) * 3, (0.5,) * 3),
        domain=Domain(dataset="none", data_hash="", licences={}, unseen=()),
    )
    info = IndexInfo(
        model="none",
        identity="0" * 64,
        trained_on="none",
        emotions=model.emotions,
        activation=model.activation,
        n_features=features,
        embedding_size=embedding,
        backend="none",
    )
    write_description(folder, model)
    write_info(folder, info)
    return info, create_pictures(folder, info)
