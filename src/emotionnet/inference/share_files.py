"""One share of a job as one file, so that any scheduler can start the shares: whole or not at all.

DIR/features-00003-of-00016.parquet   what was made
DIR/features-00003-of-00016.json      of what and how it was made, its SHA-256, and what could not be read

A share that is started again is left as it is where it is finished, and made anew where it is not.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from pydantic import BaseModel, ValidationError

from emotionnet.config_files import description_error
from emotionnet.data.shards.member import PictureFile, ShardMember
from emotionnet.data.shards.naming import find_pictures
from emotionnet.data.shares import Share
from emotionnet.files import new_file, read_object, require_folder_or_nothing, sha256, write_json
from emotionnet.inference.opening import Opening
from emotionnet.progress import message
from emotionnet.records import DataError, as_text

SCHEMA_VERSION = 1

Found = TypeVar("Found", bound=BaseModel)


def pictures_of(names: Sequence[str | Path], share: Share) -> tuple[list[PictureFile], list[str]]:
    """A share of the pictures that names stand for, each once, in the order of their names.

    Returns:
        The pictures, which may be none, and one line for each name that stands for none.

    Raises:
        DataError: No name stands for a picture.
    """
    found, unknown = find_pictures(names)
    if not found:
        raise DataError(unknown or "at least one picture, folder or pattern must be given; got none")
    return share.of_pictures(sorted(dict.fromkeys(found), key=str)), unknown


def how_made(model: Opening, pictures: Iterable[PictureFile], **settings: Any) -> dict[str, Any]:
    """What a share's file hangs on: model, back end, pictures and their states, settings."""
    states = hashlib.sha256()
    for picture in pictures:
        states.update(f"{as_text(picture)}\0{_state(picture)}\0".encode())
    return {
        "schema_version": SCHEMA_VERSION,
        "model": model.content,
        "backend": model.backend or "torch",
        "pictures_sha256": states.hexdigest(),
        **settings,
    }


def _state(picture: PictureFile) -> tuple[int | str, ...]:
    if isinstance(picture, ShardMember):
        return picture.size, picture.shard.sha256
    try:
        found = picture.stat()
    except OSError:  # gone since
        return ()
    return found.st_size, found.st_mtime_ns


@dataclass(frozen=True)
class ShareFile:
    """The file of a share in a folder.

    Args:
        folder: Where the files of all shares lie.
        kind: What it holds; its name begins so.
        suffix: Of its name.
        share: Which.
        how: As `how_made`.
    """

    folder: Path
    kind: str
    suffix: str
    share: Share
    how: Mapping[str, Any]

    @property
    def path(self) -> Path:
        return self.folder / f"{self.kind}-{self.share.number:05d}-of-{self.share.count:05d}{self.suffix}"

    @property
    def told(self) -> Path:
        """The file beside it that says how it was made."""
        return self.path.with_suffix(".json")

    def earlier(self, kind: type[Found], *, overwrite: bool) -> Found | None:
        """What was told of the file where it is finished; None where it is to be made.

        Args:
            kind: What was found besides, as it was given to `written`.
            overwrite: Whether a file that was made otherwise may be replaced.

        Raises:
            DataError: It was made otherwise and must not be replaced, or what is told of it is broken, or
                files of another number of shares lie there.
        """
        require_folder_or_nothing(self.folder)
        self._refuse_other_counts()
        told = self._told(overwrite=overwrite)
        if told.get("how") != dict(self.how):
            if overwrite or not (told or self.path.exists()):
                return None
            raise DataError(
                f"{self.path}: must be of this model, these pictures and these settings, as {self.told.name} "
                "tells; it is of others: choose another --out or add --overwrite"
            )
        if not self.path.is_file() or sha256(self.path) != told.get("sha256"):
            return None  # a process was killed between the two files
        try:
            made = kind.model_validate(told)
        except ValidationError as error:
            if overwrite:
                return None
            raise description_error(self.told, error) from None
        message(f"{self.path}: done already")
        return made

    def _told(self, *, overwrite: bool) -> dict[str, Any]:
        try:
            return read_object(self.told) if self.told.exists() else {}
        except DataError:
            if overwrite:
                return {}
            raise

    def _refuse_other_counts(self) -> None:
        ours = f"-of-{self.share.count:05d}{self.suffix}"
        for other in sorted(self.folder.glob(f"{self.kind}-*-of-*{self.suffix}")):
            if not other.name.endswith(ours):
                raise DataError(
                    f"{self.folder}: must hold files of {self.share.count} shards only, else pictures stand "
                    f"there twice; it holds {other.name}: choose another --out"
                )

    @contextmanager
    def written(self, found: Mapping[str, Any]) -> Iterator[BinaryIO]:
        """Give the file to fill; when all went well it stands there, and beside it how it was made.

        Args:
            found: What else is told of it, complete when the block ends.
        """
        with new_file(self.path) as file:
            yield file
            file.flush()
            write_json(self.told, {"how": dict(self.how), "sha256": _sha256(file), **found})


def _sha256(file: BinaryIO) -> str:
    """Of all that was written to a file that is still open."""
    with os.fdopen(os.dup(file.fileno()), "rb") as again:
        again.seek(0)
        return hashlib.file_digest(again, "sha256").hexdigest()
