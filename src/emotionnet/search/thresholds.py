"""From which probability a word is a tag: what the user says of it, else what validation said of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from emotionnet.records import DataError, did_you_mean

OF_TAUGHT = 0.5  # a probe's own border


def tag_thresholds(
    given: Sequence[str], emotions: Sequence[str], fitted: Mapping[str, float], taught: Iterable[str]
) -> dict[str, float]:
    """The threshold of each emotion and taught word that has one.

    Args:
        given: The user's: `0.3` for all, or `joy=0.5` for one.
        emotions: Those of the network.
        fitted: What was fitted on validation, by emotion.
        taught: Words that the user taught an index; they have `OF_TAUGHT` unless another is given.

    Raises:
        DataError: One line for each that cannot be used; or no word has a threshold.
    """
    names = list(dict.fromkeys([*emotions, *taught]))
    faults: list[str] = []
    of_all: list[float] = []
    of_one: dict[str, float] = {}
    for text in given:
        name, equals, number = text.rpartition("=")
        value = _probability(number)
        if value is None:
            faults.append(f"--threshold {text}: must be a number from 0 to 1, such as 0.3 or joy=0.3")
        elif equals and name not in names:
            hint = did_you_mean(name, names)
            faults.append(f"--threshold {text}: must name an emotion of the model or a taught word{hint}")
        elif equals:
            of_one[name] = value
        else:
            of_all.append(value)
    if len(of_all) > 1:
        faults.append(f"--threshold: one may hold for all words; got {len(of_all)}")
    if faults:
        raise DataError(faults)
    usual = {**fitted, **dict.fromkeys(taught, OF_TAUGHT)}
    if of_all:
        usual = dict.fromkeys(names, of_all[0])
    usual |= of_one
    if not names:
        raise DataError("the model has no emotions: add --index, an INDEX that was taught words")
    if not usual:
        raise DataError(
            "no word has a threshold: the model has none that were fitted on validation; add --threshold 0.3"
        )
    return {name: usual[name] for name in names if name in usual}


def _probability(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if 0 <= value <= 1 else None
