"""Tags of many pictures into their XMP sidecars, and out again; no picture is ever opened for writing."""

from __future__ import annotations

import stat
from collections import Counter
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from emotionnet.data.sidecar_tags import Base, require_xml, with_tags, without_tags
from emotionnet.data.sidecars import Sidecars, read_sidecar
from emotionnet.files import write_bytes
from emotionnet.inference.results import SCHEMA_VERSION
from emotionnet.progress import message, track
from emotionnet.records import DataError
from emotionnet.search.tagging import TaggedPicture

Action = Literal["created", "changed", "deleted", "unchanged", "none"]
PREFIX = "emotion/"


@dataclass(frozen=True)
class SidecarChange:
    """What became of a sidecar, or would become; 'none': there is none, and none is needed.

    `words` are those that it has of us, `outside` whether the picture is unlike those of training.
    """

    image: str
    sidecar: str
    action: Action
    words: tuple[str, ...]
    outside: bool = False

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return {
            "schema_version": SCHEMA_VERSION,
            "image": self.image,
            "sidecar": self.sidecar,
            "action": self.action,
            "tags": list(self.words),
        }


def write_sidecars(
    pictures: Iterable[TaggedPicture | DataError], *, prefix: str = PREFIX, dry_run: bool = False
) -> Generator[SidecarChange | DataError]:
    """Write the tags of pictures as they come.

    The same tags twice: nothing is written the second time. Other tags: they replace ours, and nobody else's.

    Args:
        pictures: With their tags; an error is passed on.
        prefix: What stands before each tag; '/' parts the levels of a hierarchy.
        dry_run: Write nothing.

    Yields:
        What became of each sidecar; an error for each that cannot be written or is broken, which is left as
        it is.

    Raises:
        DataError: The prefix has characters that XML cannot hold.
    """
    require_xml([prefix], "the prefix of tags")
    writer = _Writer(dry_run)
    for one in pictures:
        if isinstance(one, DataError):
            yield one
            continue
        words = tuple(sorted(f"{prefix}{tag.name}" for tag in one.tags))
        yield from writer.visit(Path(one.image), words, outside=one.outside)
    yield from map(DataError, writer.refused())


def undo_sidecars(
    paths: Sequence[Path], *, dry_run: bool = False, progress: str = ""
) -> Generator[SidecarChange | DataError]:
    """Take our tags out of the sidecars of pictures: byte for byte as they were.

    A sidecar that another program has changed since loses our tags and nothing else; a line on standard error
    says so.

    Args:
        paths: The pictures.
        dry_run: Write nothing.
        progress: What a progress bar on standard error says; empty: no bar.

    Yields:
        As `write_sidecars`.
    """
    writer = _Writer(dry_run)
    for path in track(paths, progress) if progress else paths:
        yield from writer.visit(path, ())
    yield from map(DataError, writer.refused())


class _Writer:
    """Visits pictures, and counts the sidecars of each folder that cannot be written."""

    def __init__(self, dry_run: bool) -> None:
        self.dry_run = dry_run
        self._sidecars = Sidecars()
        self._refused: Counter[tuple[Path, str]] = Counter()

    def visit(
        self, picture: Path, words: tuple[str, ...], *, outside: bool = False
    ) -> Generator[SidecarChange | DataError]:
        try:
            first, *others = self._sidecars.all_of(picture)
        except DataError as error:
            yield error
            return
        except OSError as error:
            yield DataError(f"{picture}: its sidecar cannot be found ({error.strerror})")
            return
        for sidecar, wanted in [(first, words), *((other, ()) for other in others)]:
            try:
                action = self._change(sidecar, wanted, picture.name)
            except DataError as error:
                yield error
            except OSError as error:
                self._refused[sidecar.parent, error.strerror or str(error)] += 1
            else:
                yield SidecarChange(str(picture), str(sidecar), action, wanted, outside)

    def refused(self) -> list[str]:
        """One line for each folder."""
        return [
            f"{folder}: cannot be written ({why}): {count:,} sidecar{'s' * (count != 1)} left as they are"
            for (folder, why), count in self._refused.items()
        ]

    def _change(self, sidecar: Path, words: Sequence[str], picture: str) -> Action:
        name = str(sidecar)
        before = read_sidecar(sidecar)
        base = Base(None) if before is None else without_tags(before, name)
        after = with_tags(base.content, words, picture, name) if words else base.content
        if after == before:
            return "none" if before is None else "unchanged"
        if not base.intact and not words:
            message(f"{name}: another program has changed it since; our tags go out of it, and nothing else")
        if not self.dry_run:
            _write(sidecar, after)
        return "created" if before is None else "deleted" if after is None else "changed"


def _write(sidecar: Path, content: bytes | None) -> None:
    if content is None:
        sidecar.unlink()
        return
    mode = stat.S_IMODE(sidecar.stat().st_mode) if sidecar.exists() else 0o644
    write_bytes(sidecar, content, mode=mode)
