"""Words of the user's own, for an INDEX."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from emotionnet.apps.commands.base import app
from emotionnet.records import DataError

if TYPE_CHECKING:
    from emotionnet.search.taught import Taught

Marked = Annotated[list[str] | None, Parameter(negative="", consume_multiple=True)]
HEADER = ("word", "yes", "no", "score", "chance", "note")


@app.command
def teach(
    index: Path,
    word: str | None = None,
    /,
    *,
    yes: Marked = None,
    no: Marked = None,
    forget: bool = False,
) -> None:
    """Teach an INDEX a word by a handful of pictures; it works in 'search' and 'tag --index' at once.

    Without a word, the taught words are listed. A word's score is the average precision of pictures marked
    yes, each told by what was learned without it, among those that nobody marked; chance is what random
    scores reach. More marks may follow: the earlier ones stay.

    Args:
        index: The INDEX folder, which 'index' writes.
        word: Any, a phrase too; capitals do not matter.
        yes: Pictures of the index that deserve the word, by path or id.
        no: Pictures of it that do not, best those that a search for the word brought wrongly.
        forget: Delete the word and its marks.
    """
    _require_sense(word, [*(yes or ()), *(no or ())], forget=forget)
    from emotionnet.apps.output import print_each, print_result
    from emotionnet.search import taught
    from emotionnet.search.marks import marked_pictures
    from emotionnet.search.searcher import Searcher
    from emotionnet.search.store import Index
    from emotionnet.search.teaching import teach as teach_word

    if word is None:
        print_each(taught.taught_words(index).values(), "auto", HEADER, _row)
        return
    if forget:
        taught.forget(index, word)
        print_result({"forgotten": taught.folded(word)})
        return
    searcher = Searcher(Index.open(index))
    ids = marked_pictures(searcher.index, [*(yes or ()), *(no or ())])
    count = len(yes or ())
    print_result(teach_word(searcher, word, ids[:count], ids[count:]).to_dict())


def _require_sense(word: str | None, marked: list[str], *, forget: bool) -> None:
    if word is None and (marked or forget):
        raise DataError("WORD: must be given with --yes, --no and --forget; got none")
    if forget and marked:
        raise DataError("--forget: deletes the word with its marks; leave out --yes and --no")
    if word is not None and not marked and not forget:
        raise DataError(
            f"{word}: needs pictures to learn from, --yes PICTURE... and --no PICTURE...; got none"
        )


def _row(word: Taught) -> tuple[str, ...]:
    scores = ("" if value is None else f"{value:.3f}" for value in (word.score, word.chance))
    return (word.word, str(len(word.yes)), str(len(word.no)), *scores, word.why)
