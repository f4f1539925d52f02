"""WebDataset tar files, written: equal samples make equal bytes, whoever writes them and when.

A sample is two files of one name, KEY.json and KEY.EXT, one after the other.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import tarfile
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from emotionnet.data.shards.member import MAX_PICTURE
from emotionnet.records import DataError

BLOCK = tarfile.BLOCKSIZE
END = bytes(2 * BLOCK)  # of a tar file
_NAME = re.compile(r"[0-9A-Za-z_-]+\.[0-9a-z]+")  # WebDataset takes what follows the first dot for an ending


class ShardWriter:
    """One shard that grows sample by sample; `finish` ends it.

    Args:
        path: The tar file.
        at: The size in bytes up to which it stands already, as `size` told then: what lies behind, as where
            a process was killed, is cut off. 0: a new one.

    Raises:
        DataError: It is smaller than that, or cannot be written.
    """

    def __init__(self, path: Path, *, at: int = 0) -> None:
        self.path, self.size = path, at
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            self._file = os.fdopen(descriptor, "r+b")
        except OSError as error:
            raise DataError(f"{path}: cannot be written ({error.strerror})") from None
        found = os.fstat(descriptor).st_size
        if found < at:
            self._file.close()
            raise DataError(f"{path}: must have {at:,} bytes to go on from; has {found:,}")
        self._file.truncate(at)
        self._file.seek(at)

    def __enter__(self) -> ShardWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def add(self, key: str, ending: str, picture: bytes, about: Mapping[str, Any]) -> int:
        """Append a sample.

        Args:
            key: Of letters, digits, '_' and '-'; once in a data set.
            ending: Of the picture's file, without the dot, such as jpg.
            picture: Its bytes, as they are.
            about: What KEY.json says.

        Returns:
            Where the picture's bytes begin in the shard.
        """
        if len(picture) > MAX_PICTURE:
            raise DataError(
                f"{self.path}: a picture must have at most {MAX_PICTURE:,} bytes; {key} has {len(picture):,}"
            )
        self._append(f"{key}.json", _text(about))
        return self._append(f"{key}.{ending}", picture)

    def end_with(self, picture: bytes, about: Mapping[str, Any]) -> int:
        """The size in bytes of the whole shard, were it to end with this sample."""
        parts = (len(_text(about)), len(picture))
        return self.size + sum(BLOCK + size + -size % BLOCK for size in parts) + len(END)

    def flush(self) -> None:
        """Return when all that was added lies on the disk."""
        self._file.flush()
        os.fsync(self._file.fileno())

    def finish(self) -> tuple[int, str]:
        """End the tar file and close it.

        Returns:
            Its size in bytes and its SHA-256 in hexadecimal.
        """
        self._file.write(END)
        self.size += len(END)
        self.flush()
        self._file.seek(0)
        digest = hashlib.file_digest(self._file, "sha256").hexdigest()
        self._file.close()
        return self.size, digest

    def _append(self, name: str, content: bytes) -> int:
        assert _NAME.fullmatch(name), name
        head = tarfile.TarInfo(name)
        head.size, head.mode = len(content), 0o644  # owner, group and time of change are 0
        padding = -len(content) % BLOCK
        self._file.write(head.tobuf(tarfile.USTAR_FORMAT) + content + bytes(padding))
        start = self.size + BLOCK
        self.size = start + len(content) + padding
        return start


def _text(about: Mapping[str, Any]) -> bytes:
    return json.dumps(about, sort_keys=True, ensure_ascii=False).encode()
