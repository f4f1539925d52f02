"""An index of pictures, for search, tags and the page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from emotionnet.apps.commands.base import app
from emotionnet.apps.commands.pictures import BackendName, EngineName
from emotionnet.records import DataError

if TYPE_CHECKING:
    from emotionnet.data.shares import Share
    from emotionnet.inference.opening import Opening


@app.command
def index(
    model: str,
    /,
    *paths: str,
    out: Path,
    backend: BackendName = "auto",
    engine: EngineName = "local",
    shard: str | None = None,
    parts: Path | None = None,
    overwrite: bool = False,
) -> None:
    """Make an INDEX of pictures, or bring one up to date: only new and changed files are computed.

    Pictures that are gone from the given folders leave the index; those elsewhere stay. It may be stopped at
    any time; the same command goes on.

    Args:
        model: The RUN folder, a MODEL, hf:USER/NAME, or open_clip:ARCH@WEIGHTS.
        paths: Pictures, folders and patterns.
        out: The INDEX folder; with --shard the folder PARTS.
        backend: As for 'predict'.
        engine: As for 'predict'.
        shard: As for 'predict': writes the rows of the pictures as PARTS/rows-0000i-of-0000n.parquet.
        parts: PARTS, whose rows the INDEX takes; only what they lack is computed.
        overwrite: Begin anew where there is an index, such as one of another model.
    """
    if not paths:
        raise DataError("PATHS: at least one picture, folder or pattern must be given; got none")
    if shard is not None:
        if parts is not None:
            raise DataError("--parts must be left out with --shard, which writes them; got both")
        from emotionnet.data.shares import Share
        from emotionnet.inference.opening import Opening
        from emotionnet.search.making import model_name

        opening = Opening(model_name(model), backend, engine)
        _index_share(opening, paths, out, Share.parse(shard), overwrite=overwrite)
        return
    from emotionnet.apps.output import print_result
    from emotionnet.apps.threads import one_product_thread
    from emotionnet.search.build import build_index

    with one_product_thread():
        made = build_index(
            model, paths, out, backend=backend, engine=engine, parts=parts, overwrite=overwrite
        )
    counts = {name: getattr(made, name) for name in ("pictures", "added", "changed", "removed", "unchanged")}
    print_result({"index": str(out), **counts, "unreadable": len(made.unreadable)})
    if made.unknown or made.unreadable:
        raise DataError([*made.unknown, *made.unreadable])


def _index_share(model: Opening, paths: Sequence[str], out: Path, share: Share, *, overwrite: bool) -> None:
    from emotionnet.apps.output import print_result
    from emotionnet.apps.threads import one_product_thread
    from emotionnet.search.parts import index_share

    with one_product_thread():
        made = index_share(model, paths, out, share, overwrite=overwrite)
    print_result({"rows": str(made.path), "pictures": made.pictures})
    if made.faults:
        raise DataError(made.faults)
