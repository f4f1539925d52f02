"""Teaching an index a word by a handful of examples."""

from __future__ import annotations

from collections.abc import Sequence

from emotionnet.progress import message
from emotionnet.records import DataError
from emotionnet.search.examples import gather
from emotionnet.search.marks import merged_marks
from emotionnet.search.ranking import Measure
from emotionnet.search.searcher import Searcher
from emotionnet.search.taught import MAX_WORDS, Taught, keep_word, plain_word, taught_words


def teach(searcher: Searcher, word: str, yes: Sequence[str], no: Sequence[str] = ()) -> Taught:
    """Train a probe for a word from marked pictures, and keep it in the INDEX.

    What was marked for the word before stays, unless it is marked otherwise now.

    Args:
        searcher: Over the index.
        word: Any; capitals do not matter. It may be one that the model knows.
        yes: Ids of pictures that deserve the word.
        no: Ids of pictures that do not.

    Raises:
        DataError: An id is unknown or on both sides, no picture deserves the word, all do, or there are too
            many marks or words.
    """
    from emotionnet.search.word_probe import learn  # with scikit-learn, which only who teaches waits for

    index = searcher.index
    word, before = plain_word(word), taught_words(index.folder)
    if word not in before and len(before) >= MAX_WORDS:
        raise DataError(f"{index.folder}: must have at most {MAX_WORDS} taught words; forget one first")
    earlier = before[word].marks if word in before else {}
    marks = merged_marks(index, earlier, yes, no)
    examples = gather(searcher.retrieval, marks)
    learned = learn(examples, _known(searcher, word))
    directions, intercept = learned.probe.measure.directions, learned.probe.intercept
    weights = {column: tuple(direction.tolist()) for column, direction in directions.items()}
    taught = Taught(
        word=word,
        identity=index.info.identity,
        yes=tuple(name for name, value in marks.items() if value),
        no=tuple(name for name, value in marks.items() if not value),
        n_background=examples.n_background,
        score=learned.score,
        chance=learned.chance,
        why=learned.why,
        weights=weights["features"],
        word_weights=weights.get("projection"),
        emotion_weights=weights.get("log_probabilities"),
        intercept=intercept,
    )
    keep_word(index.folder, taught)
    return taught


def _known(searcher: Searcher, word: str) -> tuple[Measure, ...]:
    """What a search for a word goes by before it is taught; empty for a word of the user's own."""
    try:
        return tuple(measure for _, measure in searcher.reader(message).measures(word))
    except DataError:
        return ()
