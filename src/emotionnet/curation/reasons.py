"""Why each record that is out is out, in words."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import polars as pl

from emotionnet.config import CurateConfig
from emotionnet.curation.pool import STEPS, Pool
from emotionnet.curation.work_files import Rejects


def add_reasons(rejects: Rejects, pool: Pool, held_out: Collection[str], config: CurateConfig) -> None:
    """Give the records that are out after they were gathered to the rejects.

    Args:
        rejects: Takes them.
        pool: Who is in after the splits, and who went where.
        held_out: The held-out words.
        config: What the reasons tell of.
    """
    firsts = _ids_of_firsts(pool)
    held_N = pool.emotions.having(np.array([word in held_out for word in pool.emotion_words], dtype=np.bool_))
    columns = pl.DataFrame({"step": pool.fates.step_N, "twin": pool.twins_N, "held": held_N})
    id_of_twin = pl.col("twin").replace_strict(
        firsts["row"], firsts["id"], default=None, return_dtype=pl.String
    )
    texts = {
        "share": pl.format(f"more than {config.group_pictures} pictures of {{}}", "group"),
        "fault": pl.col("fault"),
        "picture": pl.format("same picture as {}", id_of_twin),
        "tags": pl.format("same tags as {}", id_of_twin),
        "label": pl.when("held")
        .then(pl.lit("no emotion label (only held-out words)"))
        .otherwise(pl.lit(_no_label(config))),
        "splits": pl.lit("left over by the split sizes"),
    }
    for (place, part), (_, seen) in zip(pool.files.read("id", "group"), pool.seen.read("fault"), strict=True):
        both = pl.concat([part, seen, columns[place]], how="horizontal")
        for step, reason in texts.items():
            out = both.filter(pl.col("step") == STEPS.index(step))
            rejects.add(step, out.select("id", reason=reason))


def _no_label(config: CurateConfig) -> str:
    few = f"fewer than {config.min_emotion_groups} groups carry its words"
    if config.max_emotions is not None:
        few += f", or they are not among the {config.max_emotions} most frequent"
    return f"no emotion label ({few})"


def _ids_of_firsts(pool: Pool) -> pl.DataFrame:
    """Columns row and id of the records that others are twins of."""
    rows = np.unique(pool.twins_N[pool.twins_N < np.arange(len(pool.twins_N))])
    found = [pl.DataFrame(schema={"row": pl.Int64, "id": pl.String})]
    for place, part in pool.files.read("id"):
        ours = rows[np.searchsorted(rows, place.start) : np.searchsorted(rows, place.stop)]
        found.append(pl.DataFrame({"row": ours, "id": part["id"].gather(ours - place.start)}))
    return pl.concat(found)
