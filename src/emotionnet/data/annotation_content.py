"""What a DATASET made of annotation files holds: which names, which rows in which split."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from emotionnet.data.annotation_rows import Row
from emotionnet.data.annotations import Annotations
from emotionnet.data.se30k8 import Se30k8, VotedImage, agreement, count_votes, split_images
from emotionnet.emotions import LABEL_SETS
from emotionnet.files import sha256
from emotionnet.records import DataError

_OWN_NAMES = {"emotic": "emotic26", "se30k8": "se30k8"}


@dataclass(frozen=True)
class Content:
    """What goes into the DATASET: rows by split, words, what was left out, and what `dataset.json` says."""

    rows: Mapping[str, Sequence[Row]]
    emotions: tuple[str, ...]
    tags: tuple[str, ...]
    rejects: tuple[tuple[str, str], ...]
    info: Mapping[str, Any]


def content_of(
    files: Mapping[str, Path],
    read: Mapping[str, Annotations | Se30k8],
    labels: Sequence[str] | int | None,
    vocabulary: Sequence[str] | None,
    holdout: int,
) -> Content:
    """Names for the classes and tags of files that were read, and their rows by split.

    Args:
        files: Split to file.
        read: Split to what was read of it.
        labels: As for `conversion.convert_annotations`.
        vocabulary: As there.
        holdout: As there.

    Raises:
        DataError: The names do not fit the form, or the splits not the files.
    """
    voted = {split: part for split, part in read.items() if isinstance(part, Se30k8)}
    lists = {split: part for split, part in read.items() if isinstance(part, Annotations)}
    forms = {split: part.form for split, part in read.items()}
    emotions, origin = _class_names(set(forms.values()), list(lists.values()), labels, vocabulary)
    described: dict[str, Any] = {
        "form": forms if len(set(forms.values())) > 1 else next(iter(forms.values())),
        "files": {split: {"name": files[split].name, "sha256": sha256(files[split])} for split in read},
        "class_names": origin,
    }
    info = {
        "source": "annotation files of the 2020 form",
        "label_space": f"{len(emotions)} classes; names: {origin}",
        "unit": "group",
        "annotations": described,
        "versions": {"emotionnet": metadata.version("emotionnet")},
    }
    if voted:
        return _voted_content(voted, emotions, vocabulary, info, holdout)
    rows: dict[str, Sequence[Row]] = {split: part.rows for split, part in lists.items()}
    if holdout:
        if "train" not in rows or "val" in rows:
            raise DataError(
                "--holdout takes val out of train; a file of train must be given, and none of val"
            )
        rows["train"], rows["val"] = held_out(rows["train"], holdout)
        described["holdout"] = holdout
    tags: tuple[str, ...] = ()
    if "labels_tags" in forms.values():
        count = max(part.tags for part in lists.values())
        tags = tuple(vocabulary) if vocabulary is not None else tuple(f"tag_{n}" for n in range(count))
        described["tag_names"] = "numbered" if vocabulary is None else "vocabulary"
    rejects = tuple(reject for part in lists.values() for reject in part.rejects)
    return Content(rows, emotions, tags, rejects, info)


def _class_names(
    forms: set[str],
    parts: Sequence[Annotations],
    labels: Sequence[str] | int | None,
    vocabulary: Sequence[str] | None,
) -> tuple[tuple[str, ...], str]:
    """The names, and where they come from."""
    given = labels
    if given is None and forms.isdisjoint({"labels_tags", "se30k8"}):
        given = vocabulary
    form = min(forms)
    own = LABEL_SETS[_OWN_NAMES[form]] if form in _OWN_NAMES else None
    if own is not None:  # such a form stands alone
        found = given if isinstance(given, int) or given is None else tuple(given)
        if found not in (None, len(own), own):
            raise DataError(f"labels of {form} must be its own {len(own)} in their order; leave --labels out")
        return own, _OWN_NAMES[form]
    if given is not None and not isinstance(given, int):
        return tuple(given), "vocabulary" if labels is None else "labels"
    count = given if given is not None else max(part.classes for part in parts)
    shares = {part.classes for part in parts if part.form == "soft"}
    if given is None and shares and {*shares, count} != {count}:
        raise DataError(
            "all files must have as many classes as soft labels have shares; they have several numbers"
        )
    return tuple(f"class_{number}" for number in range(count)), "numbered"


def _voted_content(
    voted: Mapping[str, Se30k8],
    emotions: tuple[str, ...],
    vocabulary: Sequence[str] | None,
    info: dict[str, Any],
    holdout: int,
) -> Content:
    if list(voted) != ["train"] or holdout:
        raise DataError(
            "SE30K8 is one file that is split by its own rule; leave --split, --val, --test and --holdout out"
        )
    part = voted["train"]
    train, val, dropped = split_images(part.images, vocabulary)
    tags = tuple(vocabulary or dict.fromkeys(tag for image in part.images for tag in image.tags))
    ids = {tag: index for index, tag in enumerate(tags)}
    info["annotations"] |= {
        "tag_names": "seen" if vocabulary is None else "vocabulary",
        "without_known_tag": len(dropped),
        "agreement": agreement(part.images),
    }
    left = tuple((image.path, "no tag of the vocabulary") for image in dropped)
    rows = {
        "train": [_voted_row(image, ids) for image in train],
        "val": [_voted_row(image, ids) for image in val],
    }
    return Content(rows, emotions, tags, (*part.rejects, *left), info)


def _voted_row(image: VotedImage, ids: Mapping[str, int]) -> Row:
    votes = count_votes(image.votes)
    tags = tuple(ids[tag] for tag in image.tags if tag in ids)
    return Row(image.path, tuple(votes), tags, tuple(votes.values()), keywords=image.emotion_tags)


def held_out(rows: Sequence[Row], count: int) -> tuple[list[Row], list[Row]]:
    """Train and val: the first `count` rows after a shuffle with seed 0, as for the text models of 2020.

    Raises:
        DataError: Nothing would be left to train on.
    """
    if not 0 <= count < len(rows):
        raise DataError(f"--holdout must be less than the {len(rows)} rows of train; got {count}")
    shuffled = list(rows)
    random.Random(0).shuffle(shuffled)
    return shuffled[count:], shuffled[:count]
