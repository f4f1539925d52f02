"""A picture inside a shard: a plain tar file, of which only the bytes of that picture are read."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from emotionnet.data.shards.remote import LIMIT, cached_shard, is_url
from emotionnet.records import DataError

MAX_PICTURE = 2**30  # bytes
RACES = 5  # attempts to open a shard before another process deletes it
MOST_OPEN = 64  # shards in a process, each with one descriptor


@dataclass(frozen=True, slots=True)
class Shard:
    """A tar file as its index lists it: its path or URL, its size, and its SHA-256 in hexadecimal."""

    place: str
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class ShardMember:
    """A picture in a shard: its name there, and where its bytes begin and how many they are."""

    shard: Shard
    name: str
    offset: int
    size: int

    def __str__(self) -> str:
        return f"{self.shard.place}/{self.name}"

    def read(self) -> bytes:
        """Its bytes; a shard that lies elsewhere is fetched whole, once.

        Safe in threads, and in processes that were forked: nothing seeks.

        Raises:
            DataError: The shard is missing, or not of the size that its index lists; names it.
        """
        shard = self.shard
        try:
            file = _opened(shard)
            content = os.pread(file.descriptor, self.size, self.offset)
        except DataError:
            raise
        except FileNotFoundError:
            raise DataError(f"{shard.place}: shard not found") from None
        except (OSError, ValueError) as error:  # a ValueError: a name that no file can have
            reason = (isinstance(error, OSError) and error.strerror) or error
            raise DataError(f"{shard.place}: shard cannot be read ({reason})") from None
        if len(content) != self.size:
            raise DataError(f"{shard.place}: must hold {self.size:,} bytes of {self.name}; it was cut off")
        return content


PictureFile = Path | ShardMember


class _Descriptor:
    """An open file, closed when the last thread that reads it lets it go."""

    def __init__(self, path: Path, shard: Shard) -> None:
        self.descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        found = os.fstat(self.descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_size != shard.bytes:
            size = f"{found.st_size:,} bytes" if stat.S_ISREG(found.st_mode) else "no plain file"
            raise DataError(
                f"{shard.place}: must have {shard.bytes:,} bytes, as its index lists; found {size}"
            )

    def __del__(self) -> None:
        if hasattr(self, "descriptor"):
            os.close(self.descriptor)


@lru_cache(maxsize=MOST_OPEN)
def _opened(shard: Shard) -> _Descriptor:
    if not is_url(shard.place):
        return _Descriptor(Path(shard.place), shard)
    for _ in range(RACES):
        path = cached_shard(shard.place, shard.bytes, shard.sha256)
        with suppress(FileNotFoundError):  # another process, for one that it needed, took its room meanwhile
            return _Descriptor(path, shard)
    raise DataError(
        f"{shard.place}: must stay on this machine's disk until it is opened; other shards took its room: "
        f"raise ${LIMIT}"
    )
