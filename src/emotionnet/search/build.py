"""From pictures to an INDEX, and to the same index once pictures have come, changed or gone.

Whatever an interrupted run has written stays, whole pictures at a time; the same command goes on from there.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import pyarrow as pa

from emotionnet.data.shards.member import PictureFile
from emotionnet.files import cache_folder, made_alone
from emotionnet.inference.choice import BackendName
from emotionnet.inference.engine import Told
from emotionnet.inference.opening import EngineName, Opening
from emotionnet.inference.predictor import Predictor
from emotionnet.records import DataError, as_text
from emotionnet.search.known import read_known, table_states, write_known
from emotionnet.search.layout import (
    INFO,
    IndexInfo,
    lance_faults,
    open_pictures,
    picture_rows,
    read_info,
    write_info,
)
from emotionnet.search.making import begin_index, follow_model, model_name
from emotionnet.search.picture_facts import read_with_facts
from emotionnet.search.plan import make_plan, same_content
from emotionnet.search.retelling import told_columns
from emotionnet.search.scan import File, Scan, scan_pictures
from emotionnet.search.store import EXACT_LIMIT, Index
from emotionnet.search.unreadable import Unreadable, read_unreadable
from emotionnet.search.writer import RowWriter

MANY_PARTS = 16  # of the table on disk, above which they are put together
KEPT = timedelta(minutes=10)  # old versions of the table, for those who read them


@dataclass(frozen=True)
class Built:
    """What became of an index: how many pictures it holds, and how it came to them.

    `unreadable` has a line for each file that is no picture, `unknown` one for each name that stands for
    nothing.
    """

    pictures: int
    added: int
    changed: int
    removed: int
    unchanged: int
    unreadable: tuple[str, ...]
    unknown: tuple[str, ...]


def build_index(
    model: Path | str,
    names: Sequence[str | Path],
    out: Path,
    *,
    backend: BackendName = "auto",
    engine: EngineName = "local",
    overwrite: bool = False,
) -> Built:
    """Make an INDEX, or bring one up to date: only new and changed files are computed.

    Pictures of the index that lie outside of `names` stay as they are.

    Args:
        model: A RUN, a MODEL, `hf:user/model` or `open_clip:ARCH@WEIGHTS`.
        names: Pictures, folders (searched to any depth, through links) and patterns, see `find_pictures`.
        out: The INDEX folder.
        backend: What computes it, see `load_predictor`.
        engine: Where, see `Opening`.
        overwrite: Begin anew where there is an index.

    Raises:
        DataError: No picture is found, the model cannot be opened or is not the index's, `out` may not be
            written, or another process is writing it.
    """
    scan = scan_pictures(names)
    if not scan.files:
        raise DataError(scan.unknown or "at least one picture, folder or pattern must be given; got none")
    place = sha256(as_text(out.resolve()).encode()).hexdigest()
    busy = f"{out}: another process is writing this index; wait until it has ended"
    with made_alone(cache_folder() / "locks" / place, busy=busy):
        try:
            return _build(Opening(model_name(model), backend, engine), scan, out, overwrite=overwrite)
        except OSError as error:
            raise DataError(f"{out}: cannot be written ({error.strerror or error})") from None


def _build(model: Opening, scan: Scan, out: Path, *, overwrite: bool) -> Built:
    is_new = overwrite or not (out / INFO).is_file()
    if is_new:
        begin_index(model, out, overwrite=overwrite)
    elif (made := _unchanged(model, scan, out)) is not None:
        return made
    info = read_info(out)
    pictures = open_pictures(out, info)
    info = follow_model(model, out, info, pictures)
    with lance_faults(out):
        plan = make_plan(scan, table_states(pictures), read_unreadable(out))
        touched = same_content(plan.other, pictures)
    changed = {path: file for path, file in plan.other.items() if path not in touched}
    writer = RowWriter(out, pictures, changed)
    writer.touch(touched)
    writer.delete(plan.gone)
    if files := plan.new | changed:
        _compute(model.predictor, info, files, writer)
        info = info.model_copy(update={"backend": model.predictor.backend.name})
    writer.commit()
    count = _finish(out, info, writer, kept=timedelta(milliseconds=1) if is_new else KEPT)
    return Built(
        pictures=count,
        added=writer.added,
        changed=writer.changed,
        removed=writer.removed,
        unchanged=plan.unchanged + len(touched),
        unreadable=_reasons(scan, writer.unreadable),
        unknown=scan.unknown,
    )


def _unchanged(model: Opening, scan: Scan, out: Path) -> Built | None:
    """What to say where all is as it was, without opening table or model; None where it is not."""
    known = read_known(out)
    if known is None or read_info(out).stamp != model.stamp:
        return None
    unreadable = read_unreadable(out)
    plan = make_plan(scan, known, unreadable)
    if not plan.is_empty:
        return None
    return Built(len(known), 0, 0, 0, plan.unchanged, _reasons(scan, unreadable), scan.unknown)


def _reasons(scan: Scan, unreadable: Mapping[str, Unreadable]) -> tuple[str, ...]:
    return tuple(one.reason for path, one in sorted(unreadable.items()) if path in scan.files)


def _compute(predictor: Predictor, info: IndexInfo, files: Mapping[str, File], writer: RowWriter) -> None:
    """Put files through the network and give their rows to the writer, those that cannot be read too."""
    left = iter(files.items())
    paths = [file.path for file in files.values()]
    with closing(predictor.told_files(paths, progress="index", read=read_with_facts)) as steps:
        for told in steps:
            some = dict(itertools.islice(left, len(told.pictures) + len(told.faults)))
            good = {path: file for path, file in some.items() if file.path in set(told.pictures)}
            bad = [path for path in some if path not in good]
            for path, reason in zip(bad, told.faults, strict=True):
                writer.add_unreadable(path, some[path], as_text(reason))
            if good:
                writer.add(_rows(predictor, info, told, good))
            writer.commit_some()


def _rows(
    predictor: Predictor, info: IndexInfo, told: Told[PictureFile], files: Mapping[str, File]
) -> pa.Table:
    assert told.outputs is not None
    columns = {
        name: [getattr(one, name) for one in told.facts]
        for name in ("sha256", "width", "height", "taken", "look", "thumbnail")
    }
    return picture_rows(
        info,
        list(files),
        {
            **columns,
            "bytes": [file.bytes for file in files.values()],
            "modified_ns": [file.modified_ns for file in files.values()],
            **told_columns(predictor, told.outputs),
            "features": told.outputs.features,
            "projection": told.outputs.projection,
            "probabilities": predictor.probabilities(told.outputs),
        },
    )


def _finish(out: Path, info: IndexInfo, writer: RowWriter, *, kept: timedelta) -> int:
    """Put the table in order and write `index.json`, where anything changed; gives the number of pictures."""
    pictures = writer.pictures
    with lance_faults(out):
        count = pictures.count_rows()
        told = info.model_copy(update={"counts": {"pictures": count, "unreadable": len(writer.unreadable)}})
        if told == read_info(out) and told.table_version == pictures.version and read_known(out) is not None:
            return int(count)
        if pictures.stats()["fragment_stats"]["num_fragments"] > MANY_PARTS:
            pictures.optimize(cleanup_older_than=kept)
        write_info(out, told.model_copy(update={"table_version": pictures.version}))
    if count > EXACT_LIMIT:
        from emotionnet.search.ann import update

        update(Index.open(out))
        pictures = open_pictures(out, info)
        write_info(out, read_info(out).model_copy(update={"table_version": pictures.version}))
    write_known(out, pictures)
    return int(count)
