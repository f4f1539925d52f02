"""Questions to an INDEX."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from emotionnet.apps.commands.base import Count, app

if TYPE_CHECKING:
    from emotionnet.search.searcher import Hit, Results

Form = Literal["auto", "json", "csv", "table"]
Several = Annotated[list[str] | None, Parameter(negative="")]
_ID = re.compile("[0-9a-f]{16}")
HEADER = ("picture", "score", "domain", "emotions", "tags", "taken", "copies")


@app.command
def search(  # noqa: PLR0913
    index: Path,
    /,
    *words: str,
    like: Several = None,
    not_: Annotated[list[str] | None, Parameter(name="--not", negative="")] = None,
    emotion: Several = None,
    folder: str | None = None,
    from_: Annotated[str | None, Parameter(name="--from")] = None,
    to: str | None = None,
    k: Count = 24,
    output: Annotated[Form, Parameter(name="--format")] = "auto",
    html: Path | None = None,
) -> None:
    """Find pictures of an INDEX by words, by pictures like them, and by emotions; the best first.

    Args:
        index: The INDEX folder, which 'index' writes.
        words: Such as serene or lonely:2, which counts twice; a phrase stands in double quotes within the
            shell's own: '"broken heart"'.
        like: A picture that results are to be like: a file, or an id of the index; can be given again.
        not_: Words that are not wanted; can be given again.
        emotion: Only pictures with such a probability, as in 'joy>0.3' or 'fear<0.1'; can be given again.
        folder: Only pictures below this folder; where it is not to be found from here, some folders in a row
            that their paths must hold, such as holidays/2020.
        from_: Only pictures taken on this day or later, as in 2020-01-31; those without a date are left out.
        to: Only pictures taken on this day or earlier.
        k: How many pictures.
        output: auto is a table on a terminal and JSON elsewhere.
        html: A contact sheet to write as well: one file, thumbnails and all.
    """
    from emotionnet.progress import message
    from emotionnet.search.query import parse_query
    from emotionnet.search.scan import absolute
    from emotionnet.search.searcher import Searcher
    from emotionnet.search.sheet import require_sheet, write_sheet
    from emotionnet.search.store import Index

    if html is not None:
        require_sheet(html)
    query = parse_query(
        " ".join(words),
        not_=not_ or (),
        emotion=emotion or (),
        like=[_picture(name) for name in like or ()],
        folder=folder if folder is None or not Path(folder).is_dir() else str(absolute(Path(folder))),
        taken=(from_, to),
        k=k,
    )
    opened = Index.open(index)
    results = Searcher(opened).search(query)
    if html is not None:
        write_sheet(results, opened, html)
        message(f"open {html}")
    for note in results.notes:
        message(note)
    _print(results, output)


def _picture(name: str) -> str | Path:
    """A picture of the index by its id, or a file."""
    return name if _ID.fullmatch(name) and not Path(name).exists() else Path(name).expanduser()


def _print(results: Results, form: Form) -> None:
    from emotionnet.apps.output import chosen_form, print_each, print_json

    if chosen_form(form) == "json":
        print_json(results.to_dict())
    else:
        print_each(results.hits, form, HEADER, _row)


def _row(hit: Hit) -> tuple[str, ...]:
    from emotionnet.apps.output import named_scores

    picture = hit.picture
    domain = {True: "outside", False: "inside", None: ""}[picture.outside]
    taken = picture.taken.isoformat(sep=" ") if picture.taken else ""
    cells = (picture.path, f"{hit.score:.3f}", domain, named_scores(hit.emotions), "; ".join(picture.tags))
    return (*cells, taken, "; ".join(hit.duplicates))
