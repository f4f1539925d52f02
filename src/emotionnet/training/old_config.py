"""A 2020 config file runs as it is: its files are converted into the RUN, then it is trained."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from emotionnet import runs
from emotionnet.config import TrainConfig
from emotionnet.config_2020.keys import Old
from emotionnet.config_2020.plan import DATASET, TEACHER, Plan, plan_training
from emotionnet.config_2020.translation import TEXT_LOADERS
from emotionnet.config_files import checked
from emotionnet.data import store
from emotionnet.data.conversion import convert_annotations
from emotionnet.data.pickles import read_pickle
from emotionnet.data.vocabularies import read_vocabulary
from emotionnet.files import refuse_existing
from emotionnet.inference.conversion import convert_checkpoint
from emotionnet.models.description import TextModel, read_description
from emotionnet.progress import message
from emotionnet.records import ConfigError, DataError
from emotionnet.text.vectors import read_info
from emotionnet.training.joining import launched
from emotionnet.training.run import train

TEACHER_PARTS = (runs.MODEL, *(part for part in runs.PARTS if part != runs.MODEL))


def train_2020(
    file: Path,
    options: Mapping[str, Any] | None = None,
    *,
    recipe: str | None = None,
    overwrite: bool = False,
    resume: bool = False,
) -> Path:
    """Train what a 2020 config asks for.

    Its annotation files become `dataset`, its text checkpoint `teacher` inside the RUN folder. A run that is
    resumed has both already, and keeps them.

    Args:
        file: The config; relative paths in it start from its folder.
        options: Our own dotted keys over it, such as `{"epochs": 2}`.
        recipe: Names of `config_2020.plan.RECIPES`, split at commas.
        overwrite: Replace an earlier run, with what was converted for it.
        resume: Go on from the last checkpoint; a finished run is left as it is.

    Returns:
        The RUN folder.

    Raises:
        DataError: A file of it cannot be used; nothing is written then.
        TrainingError: As `train`.
    """
    if launched().world > 1:
        raise ConfigError(
            f"{file}: a 2020 config must have one process; several take its RUN's {runs.CONFIG}"
        )
    plan = plan_training(file, recipe, options)
    checked(TrainConfig, _standing_in(plan, file.parent), str(file))
    if overwrite and resume:
        raise ConfigError("--resume goes on with a run and --overwrite replaces it; give one of them")
    runs.refuse_run(plan.run, overwrite=overwrite, resume=resume)
    if plan.unused:
        message(plan.remark(file))
    with _converted(plan, str(file), overwrite=overwrite, resume=resume):
        config = checked(TrainConfig, plan.values, str(file))
        return train(config, overwrite=overwrite, resume=resume)


def _standing_in(plan: Plan, folder: Path) -> dict[str, Any]:
    """The plan's values with a folder that exists in place of those yet to be made."""
    values = {**plan.values, "data": {**plan.values["data"]}, "text": {**plan.values["text"]}}
    if plan.converts_data:
        values["data"]["root"] = str(folder.absolute())
    if plan.converts_teacher:
        values["text"]["teacher"] = str(folder.absolute())
    return values


@contextlib.contextmanager
def _converted(plan: Plan, where: str, *, overwrite: bool, resume: bool) -> Iterator[None]:
    """Data set and teacher in their places inside the RUN; without a run, what was there before is back."""
    run = plan.run
    parts = {DATASET: store.PARTS} if plan.converts_data else {}
    parts |= {TEACHER: TEACHER_PARTS} if plan.converts_teacher else {}
    parts = {name: kept for name, kept in parts.items() if not (resume and (run / name).is_dir())}
    for name, kept in parts.items():
        refuse_existing(run / name, parts=kept, overwrite=overwrite)
    with _workplace(run) as beside:
        fresh, old = beside / "new", beside / "old"
        _convert(plan, parts, fresh, where)
        before = _identity(run / runs.CHECKPOINT)
        try:
            _put(run, parts, fresh, old)
            yield
        except BaseException:
            if _identity(run / runs.CHECKPOINT) in (before, None):
                _put_back(run, parts, fresh, old)
            raise


@contextlib.contextmanager
def _workplace(run: Path) -> Iterator[Path]:
    """A folder beside the RUN, on the same disk; it goes in the end, and so does every empty folder above."""
    above = [folder for folder in (run, *run.parents) if not folder.exists()]
    try:
        run.parent.mkdir(parents=True, exist_ok=True)
        beside = Path(tempfile.mkdtemp(dir=run.parent, prefix=f".{run.name}."))
    except OSError as error:
        raise DataError(f"{run}: cannot be written ({error.strerror})") from None
    try:
        (beside / "new").mkdir()
        (beside / "old").mkdir()
        yield beside
    finally:
        shutil.rmtree(beside, ignore_errors=True)
        for folder in above:
            with contextlib.suppress(OSError):  # not empty: it holds the run
                folder.rmdir()


def _put(run: Path, names: Iterable[str], fresh: Path, old: Path) -> None:
    """Put the fresh folders into the RUN, and those that were there aside."""
    run.mkdir(exist_ok=True)
    for name in names:
        if (run / name).exists():
            (run / name).replace(old / name)
        (fresh / name).replace(run / name)


def _put_back(run: Path, names: Iterable[str], fresh: Path, old: Path) -> None:
    """Undo `_put`, wherever it was stopped."""
    for name in names:
        if not (fresh / name).exists():
            (run / name).replace(fresh / name)
        if (old / name).exists():
            (old / name).replace(run / name)


def _identity(path: Path) -> tuple[int, int] | None:
    """What tells one file from another that takes its place."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns


def _convert(plan: Plan, names: Collection[str], folder: Path, where: str) -> None:
    """Make what is to be made, inside `folder`; the text model first, since the rows may use its tags."""
    old, teacher = plan.old, plan.values["text"]["teacher"]
    if TEACHER in names:
        assert old.text_ckpt is not None  # the plan makes a teacher of it
        key = plan.max_tags_key
        max_tags = None if key is None else getattr(old, key)
        made = convert_checkpoint(old.text_ckpt, folder / TEACHER, max_tags=max_tags)
        if made["kind"] != "text":
            raise DataError(f"{old.text_ckpt}: must be a text model; it is an {made['kind']} network")
        teacher = folder / TEACHER
    model = None if teacher is None else read_description(Path(teacher), TextModel)
    faults = [f"{where}: {fault}" for fault in _size_faults(plan, model)]
    if faults:
        raise ConfigError(faults)
    if DATASET in names:
        assert old.images is not None  # the plan saw to it
        convert_annotations(
            _annotation_files(old),
            old.images,
            folder / DATASET,
            labels=old.num_classes,
            vocabulary=_tag_names(plan, model),
            unlabelled=plan.values["objective"]["classification"] == "cross_entropy",
        )


def _annotation_files(old: Old) -> dict[str, Path]:
    """Those of training and validation, and of the test split where there is one."""
    named = {split: path for split, path in old.annotation_files.items() if path is not None}
    return {split: path for split, path in named.items() if split != "test" or path.is_file()}


def _size_faults(plan: Plan, model: TextModel | None) -> Iterator[str]:
    """Sizes that the config gives and the files have otherwise."""
    old, key = plan.old, plan.max_tags_key
    if model is not None:
        found = {"word_dim": model.word_dim, "filter_dim": model.width}
        found |= {key: model.max_tags} if key is not None else {}
        for name, size in found.items():
            if getattr(old, name) not in (None, size):
                yield f"{name}: must be that of the text model, {size}; got {getattr(old, name)}"
    vectors = plan.values["text"]["vectors"]
    known = None if vectors is None else _vector_size(Path(vectors))
    if old.word_dim is not None and known not in (None, old.word_dim):
        yield f"word_dim: must be that of {vectors}, {known}; got {old.word_dim}"


def _vector_size(path: Path) -> Any:
    """Size of word vectors without reading them; None where it cannot be told."""
    if path.is_dir():
        return read_info(path).get("size")
    with path.open("rb") as file:
        numbers = file.readline(100).split()
    return int(numbers[1]) if len(numbers) == 2 and numbers[1].isdigit() else None


def _tag_names(plan: Plan, model: TextModel | None) -> tuple[str, ...] | None:
    """Names of the rows' tag ids; None where the rows have none, or nothing asks for their names."""
    if plan.old.loader not in TEXT_LOADERS:
        return None
    if plan.tags_by_teacher and model is not None:
        return model.tags
    return read_tag_names(plan.old)


def read_tag_names(old: Old) -> tuple[str, ...] | None:
    """Tags by id, of `tag2idx` or else `idx2tag`: a vocabulary file, or a pickled dict of one direction.

    Raises:
        DataError: The file is another one, or its ids are not 0, 1, 2, ...
    """
    path = old.tag2idx or old.idx2tag
    if path is None:
        return None
    content = _pickled(path)
    pair = {"tag2idx", "key2idx"} & content.keys() if isinstance(content, dict) else None
    if pair != set():
        names = read_vocabulary(path)
        if pair and max(content[pair.pop()].values()) >= len(names):
            raise DataError(f"{path}: must map tags to ids 0, 1, 2, ...; some are left out")
        return names
    pairs = content.items() if path != old.tag2idx else [(index, tag) for tag, index in content.items()]
    words = dict(sorted((index, tag) for index, tag in pairs if type(index) is int and isinstance(tag, str)))
    if list(words) != list(range(len(content))) or not words:
        raise DataError(f"{path}: must map tags to ids 0, 1, 2, ..., or back; it does not")
    return tuple(words.values())


def _pickled(path: Path) -> Any:
    """What a pickle holds; None for a file of another kind."""
    try:
        with path.open("rb") as file:
            start = file.read(1)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from None
    return read_pickle(path) if start == b"\x80" else None
