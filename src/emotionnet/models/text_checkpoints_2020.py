"""Checkpoints of the 2020 code's text models: NLT, NLT-DAN and Avg, with the vocabulary that they read.

A file is a dict with `state_dict`, by the names of `TextTeacher`, and two Namespaces: `args_data` (vocab,
tag2idx, idx2tag, classes) and `args_model` (max_len, word_dim, filter_num, vocab_size, num_classes,
dropout_prob, static, in_channel).
"""

from __future__ import annotations

from argparse import Namespace
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from emotionnet.models.checkpoints_2020 import WORDS, require_held
from emotionnet.models.description import MAX_SIZE, TextModel
from emotionnet.models.weights import named_tensors, put_tensors
from emotionnet.records import DataError, is_name
from emotionnet.text.teacher import TextTeacher

MAX_LENGTH = 100  # positions, where a file does not say
DROPOUT = 0.5


@dataclass(frozen=True)
class TextSizes:
    """What a text model is; `classes` are names, or None where the file has numbers only."""

    architecture: str
    tags: tuple[str, ...]
    classes: tuple[str, ...] | None
    n_classes: int
    word_dim: int
    width: int
    max_tags: int
    dropout: float
    static: bool


def is_text(content: object) -> bool:
    """Whether what a file holds is a text model."""
    if not isinstance(content, Mapping):
        return False
    state = content.get("state_dict", content)
    return "args_model" in content or (
        isinstance(state, Mapping) and any(isinstance(name, str) and name.endswith(WORDS) for name in state)
    )


def read_text_checkpoint(content: Any, path: Path) -> tuple[TextTeacher, TextSizes]:
    """Make a text teacher of what a file of the 2020 code holds.

    Args:
        content: As `weights.read_content` gives it.
        path: The file that errors name.

    Raises:
        DataError: Tensors, vocabulary and sizes do not fit each other; one line.
    """
    tensors = named_tensors(content, path)
    require_held(tensors, path)
    try:
        sizes = _sizes(content, tensors)
        teacher = TextTeacher(
            vocab_size=len(sizes.tags),
            word_dim=sizes.word_dim,
            n_classes=sizes.n_classes,
            architecture=sizes.architecture,
            width=sizes.width,
            max_tags=sizes.max_tags,
            dropout=sizes.dropout,
            static=sizes.static,
        )
        put_tensors(teacher, tensors, sizes.architecture)
        if bool(teacher.embedding.weight[-1].any()):
            raise DataError(f"the last row of {WORDS}, that of padding, must be zero; it is not")
    except DataError as error:
        raise DataError(f"{path}: must be a text model of 2020; {'; '.join(error.faults)}") from None
    return teacher, sizes


def text_checkpoint(teacher: TextTeacher, model: TextModel) -> dict[str, Any]:
    """A text teacher as the dict that the 2020 code saves; ids of tags are their places."""
    state = OrderedDict(
        (name, one.detach().cpu().contiguous().clone()) for name, one in teacher.state_dict().items()
    )
    return {
        "state_dict": state,
        "args_data": Namespace(
            vocab=list(model.tags),
            tag2idx={tag: index for index, tag in enumerate(model.tags)},
            idx2tag=dict(enumerate(model.tags)),
            classes=list(model.emotions),
        ),
        "args_model": Namespace(
            max_len=model.max_tags,
            word_dim=model.word_dim,
            filter_num=model.width,
            vocab_size=len(model.tags),
            num_classes=len(model.emotions),
            dropout_prob=model.dropout,
            static=model.static,
            in_channel=1,
        ),
    }


def _sizes(content: Mapping[Any, Any], tensors: Mapping[str, Tensor]) -> TextSizes:
    data, model = (_namespace(content, name) for name in ("args_data", "args_model"))
    rows, word_dim = _sides(tensors, WORDS)
    n_classes, width = _sides(tensors, "fc.weight")
    tags = _tags(data, rows - 2)
    architecture = "avg" if "conv.weight" not in tensors else "nlt"
    if "fc_m.weight" in tensors:
        architecture = "nlt-dan"
    max_tags, dropout = model.get("max_len", MAX_LENGTH), model.get("dropout_prob", DROPOUT)
    if type(max_tags) is not int or not 1 <= max_tags <= MAX_SIZE:
        raise DataError(f"args_model.max_len must be a number from 1 to {MAX_SIZE}; got {max_tags!r:.60}")
    if type(dropout) not in (int, float) or not 0 <= dropout <= 1:
        raise DataError(f"args_model.dropout_prob must be a number from 0 to 1; got {dropout!r:.60}")
    return TextSizes(
        architecture=architecture,
        tags=tags,
        classes=_classes(data.get("classes"), n_classes),
        n_classes=n_classes,
        word_dim=word_dim,
        width=width,
        max_tags=max_tags,
        dropout=float(dropout),
        static=bool(model.get("static", True)),
    )


def _namespace(content: Mapping[Any, Any], name: str) -> dict[str, Any]:
    found = content.get(name)
    if not isinstance(found, Namespace | dict):
        raise DataError(f"{name} must be a Namespace; got {type(found).__name__}")
    return dict(found if isinstance(found, dict) else vars(found))


def _sides(tensors: Mapping[str, Tensor], name: str) -> tuple[int, int]:
    shape = tuple(tensors[name].shape) if name in tensors else ()
    if len(shape) != 2 or not all(1 <= size <= MAX_SIZE for size in shape):
        raise DataError(f"{name} must have two sides from 1 to {MAX_SIZE}; got {shape!s:.60}")
    return shape[0], shape[1]


def _tags(data: Mapping[str, Any], count: int) -> tuple[str, ...]:
    """The V tags by their ids, which must be those of all rows but the last two."""
    by_id = data.get("idx2tag", data.get("vocab"))
    if isinstance(by_id, dict):
        by_id = [by_id.get(index) for index in range(len(by_id))]
    if not isinstance(by_id, Sequence) or isinstance(by_id, str) or len(by_id) != count or count < 1:
        found = len(by_id) if isinstance(by_id, Sequence) else type(by_id).__name__
        raise DataError(f"args_data.idx2tag must name {count} tags, two fewer than rows; got {found}")
    odd = next((index for index, tag in enumerate(by_id) if not is_name(tag)), None)
    if odd is not None:
        raise DataError(f"args_data.idx2tag must name a tag for every id; that of {odd} is none")
    if len(set(by_id)) != count:
        raise DataError("args_data.idx2tag must name every tag once; some stand twice")
    ids = data.get("tag2idx")
    if isinstance(ids, dict) and any(ids.get(tag, index) != index for index, tag in enumerate(by_id)):
        raise DataError("args_data.tag2idx and idx2tag must agree; they do not")
    return tuple(by_id)


def _classes(found: Any, count: int) -> tuple[str, ...] | None:
    """The classes' names, in order, or None."""
    names = [*found] if isinstance(found, list | tuple | dict) else []
    if isinstance(found, dict) and all(type(place) is int for place in found.values()):
        names = sorted(found, key=found.__getitem__)
    usable = len(names) == count == len(set(names)) and all(is_name(name) for name in names)
    return tuple(names) if usable else None
