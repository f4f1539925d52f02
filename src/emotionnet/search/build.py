"""From pictures to an INDEX, and to the same index once pictures have come, changed or gone.

Whatever an interrupted run has written stays, whole pictures at a time; the same command goes on from there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

from emotionnet.files import cache_folder, made_alone
from emotionnet.inference.choice import BackendName
from emotionnet.inference.opening import EngineName, Opening
from emotionnet.records import DataError, as_text
from emotionnet.search.known import read_known, table_states, write_known
from emotionnet.search.layout import (
    INFO,
    IndexInfo,
    lance_faults,
    open_pictures,
    read_info,
    write_info,
)
from emotionnet.search.making import begin_index, follow_model, model_name
from emotionnet.search.parts import Finished, open_parts, rows_of_parts
from emotionnet.search.plan import make_plan, same_content
from emotionnet.search.rows import compute_rows
from emotionnet.search.scan import File, Scan, require_files, scan_pictures
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
    parts: Path | None = None,
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
        parts: Rows that `parts.index_share` wrote; only what they lack is computed.
        overwrite: Begin anew where there is an index.

    Raises:
        DataError: No picture is found, the model cannot be opened or is not the index's, `out` may not be
            written, or another process is writing it.
    """
    scan = scan_pictures(names)
    require_files(scan)
    place = sha256(as_text(out.resolve()).encode()).hexdigest()
    busy = f"{out}: another process is writing this index; wait until it has ended"
    with made_alone(cache_folder() / "locks" / place, busy=busy):
        try:
            opening = Opening(model_name(model), backend, engine)
            return _build(opening, scan, out, parts, overwrite=overwrite)
        except ChildProcessError:
            raise
        except OSError as error:
            raise DataError(f"{out}: cannot be written ({error.strerror or error})") from None


def _build(model: Opening, scan: Scan, out: Path, parts: Path | None, *, overwrite: bool) -> Built:
    is_new = overwrite or not (out / INFO).is_file()
    held = [] if parts is None else open_parts(parts, model)
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
    info = _fill(model, info, plan.new | changed, writer, held)
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


def _fill(
    model: Opening, info: IndexInfo, files: dict[str, File], writer: RowWriter, parts: Sequence[Finished]
) -> IndexInfo:
    """Give the writer the rows of files: those that parts hold, and the rest computed."""
    if files:
        for rows in rows_of_parts(parts, info, files):
            writer.add(rows)
            for path in rows.paths:
                files.pop(path, None)
    if not files:
        return info
    with closing(compute_rows(model.predictor, info, files)) as steps:
        for rows in steps:
            writer.add(rows)
    return info.model_copy(update={"backend": model.predictor.backend.name})


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
