"""The keys of a 2020 config file, with the values that were seen, and how such a file is read.

Older files hold a nested `dataset` in place of loader names, image folder and annotation files.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, NonNegativeFloat, NonNegativeInt, PositiveInt

from emotionnet.config import Section, Seed
from emotionnet.config_files import absolute_path, checked
from emotionnet.records import ConfigError

DEPTHS = (18, 34, 50, 101, 152)
SHAPES = ("2branch", "joint", "3branch")
ARCHS: Mapping[str, tuple[int, str]] = {  # depth and shape of each name
    **{f"resnet{depth}": (depth, "plain") for depth in DEPTHS},
    **{f"resnet_{shape}_{depth}": (depth, shape) for shape in SHAPES for depth in DEPTHS},
    "resnet_custom_50": (50, "2branch"),
}
EPOCHS = 30  # where a file does not say
LOADERS = (
    *("multilabel_v2", "multilabel_idxcount_v2", "simple_multilabel", "singlelabel_v2"),
    *("image_text", "image_textembed", "image_cls_text_textembed"),
)
SPLIT_LOADERS = tuple(f"{name}_{split}" for name in LOADERS for split in ("train", "val"))
MEANINGLESS = (
    *("paramname", "print_freq", "world_size", "dist_url", "dist_backend"),
    *("gpu", "ID", "device"),
)


def _one_of(names: Iterable[str]) -> AfterValidator:
    known = tuple(names)

    def check(value: str) -> str:
        if value not in known:
            near = difflib.get_close_matches(value, known, n=1, cutoff=0.7)
            hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}"
            raise ValueError(f"must be one of {len(known)} names; got {value!r}; {hint}")
        return value

    return AfterValidator(check)


def _epochs(value: Any) -> Any:
    """Epochs as the files spell them: "10, 20, 30"; an empty text is none."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    parts = value.split(",") if isinstance(value, str) else ["?"]
    if not all(re.fullmatch(r"\s*[1-9][0-9]{0,8}\s*", part) for part in parts):
        raise ValueError(f'must be null or epochs from 1 such as "10, 20, 30"; got {value!r}')
    return tuple(int(part) for part in parts)


def _path_or_nothing(value: Any) -> Any:
    if value is not None and not isinstance(value, str):
        raise ValueError(f"must be a path or null; got {value!r}")
    return value or None


def _yes_no_or_path(value: Any) -> Any:
    if value is not None and not isinstance(value, bool | str):
        raise ValueError(f"must be true, false, null or a path; got {value!r}")
    return None if value == "" else value


Arch = Annotated[str, _one_of(ARCHS)]
Loader = Annotated[str, _one_of(SPLIT_LOADERS)]
Length = Annotated[int, Field(gt=0, le=2**16)]
PathOrNothing = Annotated[Path | None, BeforeValidator(_path_or_nothing)]


class OldDatasetArgs(Section):
    data_dir: Path = Field(description="folder that the rows' paths are relative to")
    annotation_file: str = Field(description="annotation file, with {} for train, val or test")


class OldDataset(Section):
    """Where the oldest files say what is read."""

    name: Literal["multilabel", "multilabel_BCE", "singlelabel"] = Field(description="which kind of labels")
    args: OldDatasetArgs


class Old(Section):
    """A 2020 config file, as it stands; paths are absolute."""

    name: str | None = None
    arch: Arch
    paramname: Any = None
    workers: Annotated[int, Field(ge=0, le=2**10)] | None = None
    epochs: Annotated[int, Field(gt=0, le=10**6)] | None = None
    start_epoch: NonNegativeInt | None = None
    batch_size: Annotated[int, Field(ge=2, le=2**20)] | None = None
    lr: Annotated[float, Field(gt=0)] | None = None
    lr_schedule: Annotated[tuple[int, ...] | None, BeforeValidator(_epochs)] = None
    lr_patience: NonNegativeInt | None = None
    momentum: Annotated[float, Field(ge=0, lt=1)] | None = None
    weight_decay: NonNegativeFloat | None = None
    print_freq: Any = None
    resume: PathOrNothing = None
    evaluate: bool | None = None
    pretrained: Annotated[bool | Path | None, BeforeValidator(_yes_no_or_path)] = None
    num_classes: Annotated[int, Field(ge=2, le=2**16)] | None = None  # a name is made for each
    freeze: bool | None = None
    world_size: Any = None
    dist_url: Any = None
    dist_backend: Any = None
    seed: Seed | None = None
    gpu: Any = None
    ID: Any = None
    device: Any = None
    save_directory: PathOrNothing = None
    save_best_only: bool | None = None
    alpha: NonNegativeFloat | None = None
    beta: NonNegativeFloat | None = None
    sent_len: Length | None = None
    max_length: Length | None = None
    word_dim: PositiveInt | None = None
    filter_dim: PositiveInt | None = None
    text_ckpt: PathOrNothing = None
    text_embed: PathOrNothing = None
    tag_embeddings: PathOrNothing = None
    tag2idx: PathOrNothing = None
    idx2tag: PathOrNothing = None
    trainloader: Loader | None = None
    valloader: Loader | None = None
    dataloader: Annotated[str, _one_of(LOADERS)] | None = None
    data_dir: PathOrNothing = None
    train_file: PathOrNothing = None
    val_file: PathOrNothing = None
    visual_model: PathOrNothing = None
    dataset: OldDataset | None = None

    @property
    def depth(self) -> int:
        return ARCHS[self.arch][0]

    @property
    def shape(self) -> str:
        return ARCHS[self.arch][1]

    @property
    def loader(self) -> str:
        """Name of what read the training rows, without the split; `read_2020` saw to one."""
        if self.dataset is not None:
            return self.dataset.name
        given = self.trainloader or self.dataloader or self.valloader or ""
        return given.removesuffix("_train").removesuffix("_val")

    @property
    def images(self) -> Path | None:
        """The folder that the rows' paths are relative to."""
        return self.dataset.args.data_dir if self.dataset is not None else self.data_dir

    @property
    def annotation_files(self) -> dict[str, Path | None]:
        """The annotation file of each split that the config speaks of."""
        if self.dataset is None:
            return {"train": self.train_file, "val": self.val_file}
        pattern = self.dataset.args.annotation_file
        return {split: Path(pattern.replace("{}", split)) for split in ("train", "val", "test")}

    def given(self, names: Iterable[str]) -> tuple[str, ...]:
        """Those of the keys that the file gives a value."""
        return tuple(name for name in names if getattr(self, name) is not None)


PATHS = tuple(name for name, field in Old.model_fields.items() if "Path" in str(field.annotation))
REPLACED_BY_DATASET = ("trainloader", "valloader", "dataloader", "data_dir", "train_file", "val_file")


def is_2020(values: Mapping[str, Any]) -> bool:
    """Whether a JSON object is a config of the 2020 system: ours have neither of these keys."""
    return "arch" in values or isinstance(values.get("dataset"), Mapping)


def read_2020(values: Mapping[str, Any], base: Path, where: str) -> Old:
    """Check a 2020 config.

    Args:
        values: What the file holds.
        base: The folder that relative paths start from: the file's own.
        where: What faults begin with: the file's name.

    Raises:
        ConfigError: One line for each fault.
    """
    faults: list[str] = []
    placed = _with_absolute_paths(values, base, faults)
    try:
        old = checked(Old, placed, where)
    except ConfigError as error:
        raise ConfigError([*error.faults, *(f"{where}: {fault}" for fault in faults)]) from None
    faults += _contradictions(old)
    if faults:
        raise ConfigError(f"{where}: {fault}" for fault in faults)
    return old


def _contradictions(old: Old) -> Iterator[str]:
    twice = old.given(REPLACED_BY_DATASET) if old.dataset is not None else ()
    if twice:
        yield f"dataset: must stand in place of {', '.join(twice)}; both are given"
    if old.dataset is not None and "{}" not in old.dataset.args.annotation_file:
        found = old.dataset.args.annotation_file
        yield f"dataset.args.annotation_file: must have {{}} in place of the split; got {found}"
    if not old.loader:
        yield "trainloader: must be given, or dataloader or dataset; it tells what the rows hold"
    named = (old.trainloader or "").rpartition("_")[0]
    if named and old.dataloader and named != old.dataloader:
        yield f"dataloader: must name the loader that trainloader names; got {old.dataloader} and {named}"
    if old.resume is not None and old.visual_model is not None and old.resume != old.visual_model:
        yield "resume: must be null where visual_model is given; weights come from one file"
    if not old.evaluate and (old.start_epoch or 0) >= (old.epochs or EPOCHS):
        yield f"start_epoch: must be below epochs; got {old.start_epoch} and {old.epochs or EPOCHS}"


def _with_absolute_paths(values: Mapping[str, Any], base: Path, faults: list[str]) -> dict[str, Any]:
    placed = _placed(values, PATHS, base, lambda key, fault: faults.append(f"{key}: {fault}"))
    inner = placed.get("dataset")
    if isinstance(inner, Mapping) and isinstance(inner.get("args"), Mapping):
        names = tuple(OldDatasetArgs.model_fields)
        args = _placed(
            inner["args"], names, base, lambda key, fault: faults.append(f"dataset.args.{key}: {fault}")
        )
        placed["dataset"] = {**inner, "args": args}
    return placed


def _placed(
    values: Mapping[str, Any], names: Iterable[str], base: Path, report: Callable[[str, str], None]
) -> dict[str, Any]:
    placed = dict(values)
    for name in names:
        text = placed.get(name)
        if isinstance(text, str) and text:
            try:
                placed[name] = absolute_path(text, base)
            except ConfigError as error:
                report(name, error.faults[0])
    return placed
