"""Models of open_clip by name: an architecture that the package knows, and where its weights come from."""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NoReturn, cast

from torch import nn

from emotionnet.data.images import Preprocessing
from emotionnet.data.seeding import torch_seed
from emotionnet.inference.names import CLIP
from emotionnet.models.weights import put_tensors, read_tensors
from emotionnet.progress import message
from emotionnet.records import DataError, did_you_mean, first_line

RANDOM = "none"


@dataclass(frozen=True)
class ClipName:
    """`open_clip:ARCH@WEIGHTS`: an architecture of open_clip, and a tag of its weights, a file, or none."""

    arch: str
    weights: str

    def __str__(self) -> str:
        return f"{CLIP}{self.arch}@{self.weights}"


def clip_name(name: str) -> ClipName:
    """Read `open_clip:ARCH` or `open_clip:ARCH@WEIGHTS`.

    WEIGHTS are a tag of open_clip's, the path of a file, or `none` for random ones. Without it they are the
    first that open_clip lists, which is told.

    Raises:
        DataError: open_clip is not installed, or does not know the architecture, or no weights of it.
    """
    open_clip = _open_clip()
    arch, given, weights = name.removeprefix(CLIP).partition("@")
    known = open_clip.list_models()
    if arch not in known:
        hint = did_you_mean(arch, known)
        raise DataError(f"{name}: must be {CLIP}ARCH, one that open_clip knows; got {arch!r}{hint}")
    if not given:
        tags = open_clip.list_pretrained_tags_by_model(arch)
        if not tags:
            raise DataError(f"{name}: open_clip has no weights for it; name a file, {CLIP}{arch}@PATH")
        weights = tags[0]
        message(f"{name}: weights {weights!r}; others: {', '.join(tags[1:]) or 'none'}")
    if not weights:
        raise DataError(f"{name}: after '@' must stand a tag, a file or 'none'; got nothing")
    return ClipName(arch, weights)


def build_clip(name: ClipName, *, seed: int = 0) -> tuple[nn.Module, Preprocessing, Any]:
    """The model on the CPU, its preprocessing of pictures, and its tokenizer, as open_clip makes them.

    Args:
        name: As `clip_name` gives it.
        seed: Of random weights.

    Raises:
        DataError: open_clip is not installed, the weights cannot be had or do not fit, or pictures would have
            to be prepared in a way that we have not.
    """
    open_clip = _open_clip()
    tags = open_clip.list_pretrained_tags_by_model(name.arch)
    with _quiet(), torch_seed(seed):
        if name.weights in tags:
            model: Any = _from_hub(open_clip, name)
        else:
            model = _built(open_clip, name)
            _fill(model, name, tags)
        tokenize = _tried(name, "tokenizer", lambda: open_clip.get_tokenizer(name.arch))
        how = _preprocessing(name, open_clip.transform.PreprocessCfg(**model.visual.preprocess_cfg))
    return model, how, tokenize


def _preprocessing(name: ClipName, how: Any) -> Preprocessing:
    sides = {how.size} if isinstance(how.size, int) else set(how.size)
    if len(sides) != 1 or how.resize_mode not in ("shortest", "squash"):
        found = f"{how.size}, {how.resize_mode}"
        raise DataError(f"{name}: must take square pictures, cropped or squashed; it takes {found}")
    interpolation: Literal["bilinear", "bicubic"] = "bilinear"
    if how.interpolation != "bilinear":  # open_clip reads 'random' as bicubic, too
        interpolation = "bicubic"
    mean, std = tuple(how.mean), tuple(how.std)
    return Preprocessing(sides.pop(), 1.0, mean, std, interpolation, how.resize_mode == "squash")


def _open_clip() -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # deprecations inside the package
            import open_clip
    except ImportError:
        raise DataError(
            f"{CLIP}… needs the package open_clip_torch, which is not installed; "
            "pip install 'emotionnet[clip]'"
        ) from None
    return open_clip


def _from_hub(open_clip: Any, name: ClipName) -> nn.Module:
    quick = bool(open_clip.get_pretrained_cfg(name.arch, name.weights).get("quick_gelu"))
    how = {"pretrained": name.weights, "force_quick_gelu": quick, "require_pretrained": True}
    return cast(nn.Module, _tried(name, "weights", lambda: open_clip.create_model(name.arch, **how)))


def _built(open_clip: Any, name: ClipName) -> nn.Module:
    build = lambda: open_clip.create_model(name.arch, pretrained_text=False)  # noqa: E731
    return cast(nn.Module, _tried(name, "text model", build))


def _fill(model: nn.Module, name: ClipName, tags: Sequence[str]) -> None:
    if name.weights == RANDOM:
        message(f"{name}: random weights, whose scores say nothing")
        return
    path = Path(name.weights).expanduser()
    if not path.is_file():
        raise DataError(
            f"{name}: weights must be one of open_clip's ({', '.join(tags) or 'none for this model'}), "
            f"a file, or 'none'; got {name.weights!r}"
        )
    put_tensors(model, read_tensors(path), str(path))


def _tried(name: ClipName, part: str, make: Any) -> Any:
    try:
        return make()
    except Exception as error:  # hub, network and cache each have errors of their own
        _refuse(name, part, error)


def _refuse(name: ClipName, part: str, error: Exception) -> NoReturn:
    advice = f"; give a file instead, {CLIP}{name.arch}@PATH" if part == "weights" else ""
    raise DataError(
        f"{name}: its {part} must come from a model hub, which gave none "
        f"({type(error).__name__}: {first_line(error)[:200]}){advice}"
    ) from None


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without open_clip's remarks: it logs by the root logger, which it would set up, and warns."""
    root, handler = logging.getLogger(), logging.NullHandler()
    disabled = root.manager.disable
    root.addHandler(handler)
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(disabled)
        root.removeHandler(handler)
