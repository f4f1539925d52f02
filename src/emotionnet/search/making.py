"""A new INDEX, and whether one was made with the model that is given."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from emotionnet import __version__
from emotionnet.files import new_folder, write_bytes
from emotionnet.inference.exported import BESIDE
from emotionnet.inference.hub import is_hub
from emotionnet.inference.names import is_clip
from emotionnet.inference.opening import Opening
from emotionnet.models.description import ImageModel, read_description, write_description
from emotionnet.progress import message
from emotionnet.records import DataError, as_text
from emotionnet.search.layout import (
    INFO,
    PARTS,
    TAUGHT,
    IndexInfo,
    create_pictures,
    import_lancedb,
    read_info,
    write_info,
)
from emotionnet.search.retelling import retell
from emotionnet.search.scan import absolute
from emotionnet.search.unreadable import write_unreadable

if TYPE_CHECKING:
    from lancedb.table import LanceTable


def model_name(model: Path | str) -> str:
    """A model as an index names it: a path from the root, so that the index can be used from anywhere."""
    name = str(model)
    if is_hub(name):
        return name
    if is_clip(name):
        arch, sign, weights = name.partition("@")
        return f"{arch}@{absolute(Path(weights))}" if sign and Path(weights).is_file() else name
    return str(absolute(Path(name).expanduser()))


def index_info(model: Opening) -> IndexInfo:
    """What `index.json` has to say of a model before there are pictures; opens it."""
    predictor = model.predictor
    return IndexInfo(
        model=as_text(model.name),
        identity=model.identity,
        stamp=model.stamp,
        trained_on=predictor.trained_on,
        emotions=predictor.emotions,
        activation=predictor.model.activation,
        n_features=predictor.backend.n_features,
        embedding_size=predictor.model.embedding_size,
        backend=predictor.backend.name,
        versions={"emotionnet": __version__},
    )


def begin_index(model: Opening, out: Path, *, overwrite: bool) -> None:
    """Make an INDEX without pictures; words that an earlier one of the same model was taught stay.

    Raises:
        DataError: The model cannot be opened, or `out` may not be written, see `files.new_folder`.
    """
    lancedb, info = import_lancedb(), index_info(model)
    info = info.model_copy(update={"versions": info.versions | {"lancedb": str(lancedb.__version__)}})
    with new_folder(out, parts=PARTS, overwrite=overwrite) as folder:
        _describe(model, folder)
        create_pictures(folder, info)
        write_unreadable(folder, {})
        _keep_taught(out, folder, info)
        write_info(folder, info)


def follow_model(model: Opening, out: Path, info: IndexInfo, pictures: LanceTable) -> IndexInfo:
    """Check that an INDEX was made with a model, and take over what is new beside the model's weights.

    Returns:
        What `index.json` has to say, once all has gone well.

    Raises:
        DataError: It was made with another model, or the model cannot be read.
    """
    if info.stamp == model.stamp:
        return info
    if info.identity != model.identity:
        raise DataError(
            f"{out}: must be an index that {model.name} made; {info.model} made it: choose another --out or "
            "add --overwrite"
        )
    if not model.is_clip and _tells_other(model.folder, out):
        retell(model.predictor, out, info, pictures)
    _describe(model, out)
    return info.model_copy(update={"model": as_text(model.name), "stamp": model.stamp})


def _tells_other(source: Path, out: Path) -> bool:
    """Whether word vectors or guard are others than those that an INDEX holds."""
    guards = [read_description(folder, ImageModel).guard for folder in (source, out)]
    return guards[0] != guards[1] or any(_content(source / part) != _content(out / part) for part in BESIDE)


def _content(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


def _describe(model: Opening, folder: Path) -> None:
    """Put into an INDEX what it needs of its model to be searched without it."""
    for part in () if model.is_clip else BESIDE:
        content = _content(model.folder / part)
        if content is None:
            (folder / part).unlink(missing_ok=True)
        else:
            write_bytes(folder / part, content)
    described = model.predictor.model if model.is_clip else read_description(model.folder, ImageModel)
    write_description(folder, described)


def _keep_taught(old: Path, new: Path, info: IndexInfo) -> None:
    if not (old / TAUGHT).is_dir():
        return
    try:
        same = read_info(old).identity == info.identity
    except DataError:
        same = False
    if same:
        shutil.copytree(old / TAUGHT, new / TAUGHT)
    else:
        message(f"{old / INFO}: is of another model; the words that it was taught are gone")
