"""Tags for a picture archive, into sidecars that other programs read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from emotionnet.apps.commands.base import Count, app
from emotionnet.apps.commands.pictures import BackendName
from emotionnet.records import DataError

if TYPE_CHECKING:
    from emotionnet.data.shards.member import PictureFile
    from emotionnet.search.sidecars import SidecarChange
    from emotionnet.search.tagging import TaggedPicture, Tagger

Form = Literal["auto", "json", "csv", "table"]
IDLE = ("unchanged", "none")


@app.command
def tag(  # noqa: PLR0913
    run: str,
    /,
    *paths: str,
    xmp: bool = False,
    prefix: str = "emotion/",
    threshold: Annotated[list[str] | None, Parameter(negative="")] = None,
    top: Count = 5,
    index: Path | None = None,
    dry_run: bool = False,
    undo: bool = False,
    output: Annotated[Form, Parameter(name="--format")] = "auto",
    backend: BackendName = "auto",
) -> None:
    """Give pictures tags: the emotions whose probability reaches a threshold.

    Pictures are never touched. With --xmp, the tags go into XMP sidecars, as digiKam, darktable and Lightroom
    read them; what else a sidecar holds stays.

    Args:
        run: The RUN folder, a MODEL, hf:USER/NAME, or open_clip:ARCH@WEIGHTS, which needs --index.
        paths: Pictures, folders and patterns.
        xmp: Write sidecars: name.ext.xmp, or name.xmp where only that is there.
        prefix: What stands before each tag in a sidecar.
        threshold: From which probability an emotion is a tag: 0.3 for all, joy=0.5 for one; can be given
            again. Without it, what was fitted on the run's validation pictures: the best F1, which gives many
            tags; a higher one gives fewer and surer ones.
        top: The most tags of a picture.
        index: An INDEX of the same run: the words that were taught to it are tags too.
        dry_run: Tell what --xmp or --undo would do to each sidecar, and do nothing.
        undo: Take the tags out of the sidecars again, byte for byte as they were; RUN is not opened.
        output: auto is a table on a terminal and JSON elsewhere.
        backend: As for 'predict'.
    """
    if dry_run and not (xmp or undo):
        raise DataError("--dry-run: must come with --xmp or --undo; else nothing is written")
    if not paths:
        raise DataError("PATHS: at least one picture, folder or pattern must be given; got none")
    from emotionnet.apps.output import is_watched
    from emotionnet.data.shards.naming import find_pictures
    from emotionnet.search.sidecars import undo_sidecars, write_sidecars

    found, unknown = find_pictures(paths)
    if not found:
        raise DataError(unknown)
    images, bar = list(dict.fromkeys(found)), "" if is_watched(output) else "tag"
    if undo:
        faults = _told(undo_sidecars(_files(images), dry_run=dry_run, progress=bar), output, dry_run=dry_run)
    else:
        from emotionnet.apps.threads import one_product_thread
        from emotionnet.search.tagging import open_tagger

        tagger = open_tagger(run, thresholds=threshold or (), top=top, index=index, backend=backend)
        _note_silent(tagger)
        images = [*_files(images)] if xmp else images
        with one_product_thread(), closing(tagger.tag_files(images, progress=bar)) as tagged:
            if xmp:
                changes = write_sidecars(_noted(tagged, tagger), prefix=prefix, dry_run=dry_run)
                faults = _told(changes, output, dry_run=dry_run)
            else:
                faults = _print_tags(_noted(tagged, tagger), output)
    if unknown or faults:
        raise DataError([*unknown, *faults])


def _files(pictures: Sequence[PictureFile]) -> list[Path]:
    """Pictures that are files of their own, beside which a sidecar can lie."""
    files = [picture for picture in pictures if isinstance(picture, Path)]
    inside = [str(picture) for picture in pictures if not isinstance(picture, Path)]
    if inside:
        raise DataError(f"--xmp and --undo are for picture files; {inside[0]} lies in a shard")
    return files


def _note_silent(tagger: Tagger) -> None:
    from emotionnet.progress import message

    if silent := tagger.silent:
        message(f"never given, since they have no threshold (--threshold NAME=0.3): {', '.join(silent)}")


def _noted(
    pictures: Iterable[TaggedPicture | DataError], tagger: Tagger
) -> Iterator[TaggedPicture | DataError]:
    """The pictures as they come; behind them, a line on those that are unlike those of training."""
    from emotionnet.inference.results import domain_note
    from emotionnet.progress import message

    outside = 0
    for picture in pictures:
        outside += not isinstance(picture, DataError) and picture.outside
        yield picture
    if outside:
        note = domain_note(tagger.predictor.trained_on)
        but = ", but for taught words," if tagger.taught else ""
        message(f"no tags{but} for {outside:,} picture{'s' * (outside != 1)}: each is {note}")


def _print_tags(pictures: Iterable[TaggedPicture | DataError], output: Form) -> list[str]:
    from emotionnet.apps.output import named_scores, print_each

    return print_each(pictures, output, ("image", "tags"), lambda one: (one.image, named_scores(one.tags)))


def _told(changes: Iterable[SidecarChange | DataError], output: Form, *, dry_run: bool) -> list[str]:
    """What would become of each sidecar; or, once it is done, how many of what; and the faults."""
    from emotionnet.apps.output import print_each, print_result

    if dry_run:
        wanted = (one for one in changes if isinstance(one, DataError) or one.action not in IDLE)
        return print_each(
            wanted,
            output,
            ("image", "sidecar", "action", "tags"),
            lambda one: (one.image, one.sidecar, one.action, "; ".join(one.words)),
        )
    counts: Counter[str] = Counter()
    faults: list[str] = []
    for one in changes:
        if isinstance(one, DataError):
            faults += one.faults
        else:
            counts[one.action] += 1
    kinds = ("created", "changed", "deleted", "unchanged")
    print_result({f"sidecars_{kind}": counts[kind] for kind in kinds})
    return faults
