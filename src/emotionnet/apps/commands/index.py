"""An index of pictures, for search, tags and the page."""

from __future__ import annotations

from pathlib import Path

from emotionnet.apps.commands.base import app
from emotionnet.apps.commands.pictures import BackendName
from emotionnet.records import DataError


@app.command
def index(
    model: str, /, *paths: str, out: Path, backend: BackendName = "auto", overwrite: bool = False
) -> None:
    """Make an INDEX of pictures, or bring one up to date: only new and changed files are computed.

    Pictures that are gone from the given folders leave the index; those elsewhere stay. It may be stopped at
    any time; the same command goes on.

    Args:
        model: The RUN folder, a MODEL, hf:USER/NAME, or open_clip:ARCH@WEIGHTS.
        paths: Pictures, folders and patterns.
        out: The INDEX folder.
        backend: As for 'predict'.
        overwrite: Begin anew where there is an index, such as one of another model.
    """
    if not paths:
        raise DataError("PATHS: at least one picture, folder or pattern must be given; got none")
    from emotionnet.apps.output import print_result
    from emotionnet.apps.threads import one_product_thread
    from emotionnet.search.build import build_index

    with one_product_thread():
        made = build_index(model, paths, out, backend=backend, overwrite=overwrite)
    counts = {name: getattr(made, name) for name in ("pictures", "added", "changed", "removed", "unchanged")}
    print_result({"index": str(out), **counts, "unreadable": len(made.unreadable)})
    if made.unknown or made.unreadable:
        raise DataError([*made.unknown, *made.unreadable])
