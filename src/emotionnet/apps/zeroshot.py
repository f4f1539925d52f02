"""What `emotionnet zeroshot` does with RUNs and with CLIP models, with pictures and with data sets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from emotionnet.apps.output import print_ranked
from emotionnet.config import SourceConfig
from emotionnet.config_files import checked
from emotionnet.data.opening import open_data
from emotionnet.data.shards.naming import find_pictures
from emotionnet.evaluation.zeroshot_clip import score_clip
from emotionnet.evaluation.zeroshot_labels import zeroshot
from emotionnet.evaluation.zeroshot_pictures import rank_files
from emotionnet.evaluation.zeroshot_spaces import PLAIN, Reading
from emotionnet.evaluation.zeroshot_words import WordSets
from emotionnet.inference.clip import load_clip
from emotionnet.inference.names import is_clip
from emotionnet.inference.results import domains_note
from emotionnet.progress import message
from emotionnet.records import DataError


@dataclass(frozen=True)
class Asking:
    """What is asked for: the options of the command, see there."""

    words: WordSets | None = None
    on: Literal["unseen", "labels"] | None = None
    split: str = "test"
    data: str | None = None
    format: str = "auto"
    vectors: Path | None = None
    reading: Reading = PLAIN
    out: Path | None = None


def score(name: str, asking: Asking) -> dict[str, float]:
    """Score a RUN or a CLIP model on a data set.

    Raises:
        DataError: An option does not fit, or as `zeroshot` and `score_clip`.
    """
    if is_clip(name):
        return _score_clip(name, asking)
    if asking.out is not None:
        raise DataError("--out: is for open_clip models; the scores of a RUN go into the RUN")
    return zeroshot(
        Path(name),
        on=asking.on,
        words=asking.words,
        split=asking.split,
        data=asking.data,
        format=asking.format,
        vectors=asking.vectors,
        reading=asking.reading,
    )


def rank(name: str, pictures: Sequence[str], asking: Asking) -> None:
    """Print how near pictures are to labels.

    Raises:
        DataError: There are no labels, an option is for data sets, or some pictures cannot be read, whose
            lines come after the predictions of the others.
    """
    if asking.words is None:
        raise DataError("--labels: must be given with pictures; got none")
    if (asking.on, asking.data, asking.out) != (None, None, None):
        raise DataError("--on, --data and --out are for data sets; leave them out with pictures")
    if is_clip(name):
        _require_plain(asking)
    images, unknown = find_pictures(pictures)
    if not images:
        raise DataError(unknown)
    predictions, unreadable = rank_files(
        name, images, asking.words, vectors=asking.vectors, reading=asking.reading
    )
    print_ranked(predictions)
    if note := domains_note([prediction.domain for prediction in predictions], name):
        message(note)
    if unknown or unreadable:
        raise DataError([*unknown, *unreadable])


def _score_clip(name: str, asking: Asking) -> dict[str, float]:
    _require_plain(asking)
    if asking.data is None:
        raise DataError(f"--data: must be given for {name}; it has no data set of its own")
    source = checked(SourceConfig, {"root": str(asking.data), "format": asking.format}, "--data")
    dataset = open_data(source)
    return score_clip(load_clip(name), dataset, split=asking.split, words=asking.words, out=asking.out)


def _require_plain(asking: Asking) -> None:
    if asking.vectors is not None or asking.reading != PLAIN or asking.on == "unseen":
        raise DataError(
            "--vectors, --space, --pool, --teacher and --on unseen are for RUNs; "
            "leave them out with an open_clip model"
        )
