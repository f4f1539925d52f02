"""From a RUN to a MODEL: its network as ONNX or OpenVINO, compared with torch before it counts."""

from __future__ import annotations

import contextlib
import math
import shutil
from pathlib import Path

import torch

from emotionnet.files import clear_place, made_alone, new_folder, refuse_existing, sha256
from emotionnet.inference.export_forms import differences, named, save_onnx, save_openvino
from emotionnet.inference.exported import (
    BESIDE,
    EXPORT,
    FILES,
    MAX_BATCH,
    PARTS,
    Exported,
    Form,
    cached_place,
    is_exported,
    maker_versions,
    mark_used,
    read_exported,
    write_exported,
)
from emotionnet.inference.networks import read_network
from emotionnet.inference.packages import quiet, reason
from emotionnet.models.description import write_description
from emotionnet.progress import message
from emotionnet.records import DataError
from emotionnet.runs import WEIGHTS

LIMIT = 1e-3  # of a difference to torch, as a share of the output's largest value; seen: below 1e-5
SAVERS = {"onnx": save_onnx, "openvino": save_openvino}
KEPT = 16  # MODELs in the cache; those used longest ago go first


def export_run(
    run: Path, out: Path, *, form: Form, batch: int | None = None, overwrite: bool = False
) -> Exported:
    """Write the network of a RUN as a MODEL that needs no torch.

    Args:
        run: A finished RUN of an image network.
        out: The MODEL folder.
        form: What runs it: `openvino` is OpenVINO alone, `onnx` is OpenVINO, ONNX Runtime and many others.
        batch: How many pictures it takes at once; None: any number.
        overwrite: Replace an earlier MODEL.

    Returns:
        What `export.json` says; its `checks` are those of `export_forms.differences`.

    Raises:
        DataError: There is no such run, a package is missing, `out` may not be written, or the network cannot
            be exported or tells other numbers than in torch; nothing is written.
    """
    require_batch(batch)
    refuse_existing(out, parts=PARTS, overwrite=overwrite)
    versions = maker_versions(form)
    network, model = read_network(run)
    module, size = named(network), model.preprocessing.image_size
    message(f"{run}: the network is exported as {form}")
    with new_folder(out, parts=PARTS, overwrite=overwrite) as folder:
        try:
            with quiet(), torch.no_grad():
                SAVERS[form](module, size, batch, folder)
                checks = differences(module, size, batch, folder / FILES[form][0])
        except DataError:  # a package is missing
            raise
        except Exception as error:  # each exporter has errors of its own
            raise DataError(
                f"{run}: the trunk {model.trunk} cannot be exported as {form} ({reason(error)})"
            ) from None
        _require_close(run, form, checks)
        write_description(folder, model)
        copy_beside(run, folder)
        exported = Exported(
            form=form,
            batch=batch,
            outputs=module.names,
            weights_sha256=sha256(run / WEIGHTS),
            files={name: sha256(folder / name) for name in FILES[form]},
            checks=checks,
            versions=versions,
        )
        write_exported(folder, exported)
    return exported


def cached_export(run: Path, form: Form) -> Path:
    """The MODEL of a RUN in the cache, any batch size; made now where it is not there yet, or is broken.

    Raises:
        DataError: As `export_run`, or nothing can be written into the cache.
    """
    place = cached_place(run, form)
    with made_alone(place):
        if not _is_whole(place):
            clear_place(place)
            export_run(run, place, form=form)
            _make_room(place)
    mark_used(place)
    return place


def _is_whole(place: Path) -> bool:
    try:
        return is_exported(place) and bool(read_exported(place))
    except DataError:
        return False


def _make_room(newest: Path) -> None:
    """Delete MODELs that were used longest ago, so that `KEPT` are left; what was just made stays."""
    used: dict[Path, float] = {}
    for path in newest.parent.glob(f"*/{EXPORT}"):
        with contextlib.suppress(OSError):  # another process deleted it
            used[path] = path.stat().st_mtime if path.parent != newest else math.inf
    for path in sorted(used, key=lambda path: used[path])[:-KEPT]:
        shutil.rmtree(path.parent, ignore_errors=True)
        path.parent.with_name(f"{path.parent.name}.lock").unlink(missing_ok=True)


def _require_close(run: Path, form: Form, checks: dict[str, float]) -> None:
    far = {name: value for name, value in checks.items() if not value <= LIMIT}  # NaN is far
    if far:
        found = ", ".join(f"{name} {value:.1e}" for name, value in far.items())
        raise DataError(
            f"{run}: the network must tell the same as {form} and in torch, up to {LIMIT} of the largest "
            f"value; got {found}; nothing is written"
        )


def require_batch(batch: int | None) -> None:
    """Check a batch size that someone gave; None is any."""
    if batch is not None and batch < 1:
        raise DataError(f"batch must be at least 1; got {batch}")
    if batch is not None and batch > MAX_BATCH:
        raise DataError(f"batch must be at most {MAX_BATCH}; got {batch}")


def copy_beside(run: Path, folder: Path) -> None:
    """Put word vectors and guard of a RUN, where it has them, into a MODEL."""
    for name in BESIDE:
        if (run / name).is_file():
            shutil.copyfile(run / name, folder / name)
