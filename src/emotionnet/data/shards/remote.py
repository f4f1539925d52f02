"""Shards that lie in some storage: fetched whole, checked, and kept on this machine's disk.

shards/<sha256>.tar    in `files.cache_folder()`; those used longest ago go first

fsspec reads the storage: s3://, gs://, https:// and whatever else it has a package for.
"""

from __future__ import annotations

import hashlib
import math
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from emotionnet.files import cache_folder, made_alone, make_room, new_file
from emotionnet.records import DataError, first_line

LIMIT = "EMOTIONNET_SHARD_CACHE"  # a variable of the environment, gigabytes
DEFAULT = 100  # gigabytes
ATTEMPTS, PAUSE = 3, 0.5  # where a storage fails; seconds, doubled each time
REST = 60.0  # seconds before a shard that could not be had is asked for again
PIECE = 2**20  # bytes
MOST_LISTED = 2**30  # bytes of a description: those of 100 million pictures have less
MOST_KEPT = 2**40  # bytes of any file

Read = TypeVar("Read")
_failed: dict[tuple[str, str], tuple[float, tuple[str, ...]]] = {}  # by URL and sum: until when, and why


def is_url(name: object) -> bool:
    """Whether a name is a URL, as of object storage, and no path.

    Example:
        >>> is_url("s3://bucket/shards"), is_url("C:/shards"), is_url("hf:user/name")
        (True, False, False)
    """
    scheme, sign, rest = str(name).partition("://")
    return bool(sign and rest) and scheme.replace("+", "").replace(":", "").isalnum()


def read_remote(url: str) -> bytes:
    """All bytes of a description.

    Raises:
        DataError: It cannot be read, or the package that reads such URLs is missing.
    """
    content = _read(url, lambda source: source.read(MOST_LISTED + 1))
    if len(content) > MOST_LISTED:
        raise DataError(f"{url}: must have at most {MOST_LISTED:,} bytes; has more")
    return content


def fetch(url: str, place: Path, sha256: str, size: int | None = None) -> None:
    """Copy a file from some storage.

    Args:
        url: The file.
        place: Where its copy goes; the folder must be there.
        sha256: What it must have, in hexadecimal.
        size: Bytes that it must have; None: nobody knows.

    Raises:
        DataError: It cannot be fetched, or is another file; nothing is kept of it.
    """
    _read(url, lambda source: _keep(source, url, place, sha256, size))


def cached_shard(url: str, size: int, sha256: str, *, anew: bool = False) -> Path:
    """A shard on this machine's disk; fetched, and held against its size and sum, where it is not there yet.

    Processes that want the same one wait for the first. One that could not be had is not asked for again at
    once: each of its thousands of pictures would fetch it whole.

    Args:
        url: The shard.
        size: Bytes that it must have.
        sha256: What it must have, in hexadecimal.
        anew: Fetch it even where it is there, to see what lies at the URL now.

    Raises:
        DataError: It cannot be fetched, or is not what its index lists; nothing is kept of it.
    """
    place, limit = cache_folder() / "shards" / f"{sha256}.tar", _limit()
    if size > limit:
        raise DataError(f"{url}: must fit into {limit:,} bytes (${LIMIT}, in gigabytes); has {size:,}")
    if anew or not _is_kept(place, size):
        with made_alone(place):
            if anew or not _is_kept(place, size):
                _fetch_now_and_then(url, place, sha256, size)
                make_room(place, limit)
    return place


def _fetch_now_and_then(url: str, place: Path, sha256: str, size: int) -> None:
    """As `fetch`; what failed is a fault for some time, without being tried."""
    until, faults = _failed.get((url, sha256), (0.0, ()))
    if time.monotonic() < until:
        raise DataError(faults)
    try:
        fetch(url, place, sha256, size)
    except DataError as error:
        _failed[url, sha256] = time.monotonic() + REST, error.faults
        raise


def _is_kept(place: Path, size: int) -> bool:
    try:
        os.utime(place)  # it was used now
        return place.stat().st_size == size
    except OSError:
        return False


def _limit() -> int:
    """Bytes that all kept shards may take."""
    text = os.environ.get(LIMIT, str(DEFAULT))
    try:
        gigabytes = float(text)
    except ValueError:
        gigabytes = math.nan
    if not 0 < gigabytes < math.inf:
        raise DataError(f"${LIMIT} must be gigabytes, a number above 0; got {text!r:.40}")
    return int(gigabytes * 1e9)


def _keep(source: BinaryIO, url: str, place: Path, sha256: str, size: int | None) -> None:
    """Write down what comes, at most a piece more than was listed; what is something else is not kept."""
    count, found, most = 0, hashlib.sha256(), MOST_KEPT if size is None else size
    with new_file(place) as file:
        while count <= most and (piece := source.read(PIECE)):
            count += len(piece)
            found.update(piece)
            file.write(piece)
        if size not in (None, count):
            raise DataError(f"{url}: must have {size:,} bytes, as is listed; got {_amount(count, most)}")
        if found.hexdigest() != sha256:
            raise DataError(f"{url}: must have the sha256 {sha256}, as is listed; got {found.hexdigest()}")


def _amount(count: int, most: int) -> str:
    return f"{count:,}" if count <= most else "more"


def _read(url: str, read: Callable[[BinaryIO], Read]) -> Read:
    """What a function makes of a file in some storage; a storage that fails is asked again.

    Raises:
        DataError: The file is missing, the storage went on to fail, or no package knows such a URL.
    """
    system, path = _storage(url)
    fault = ""
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(PAUSE * 2 ** (attempt - 1))
        try:
            with system.open(path, "rb") as source:
                return read(source)
        except DataError:
            raise
        except FileNotFoundError:
            raise DataError(f"{url}: not found") from None
        except Exception as error:  # each storage has errors of its own
            fault = first_line(error)
    raise DataError(f"{url}: cannot be fetched ({fault}); {ATTEMPTS} attempts were made")


def _storage(url: str) -> tuple[Any, str]:
    from fsspec.core import url_to_fs  # takes longer than to open a local folder

    if "::" in url:  # fsspec would read from a place that a file at another place names
        raise DataError(f"{url}: must be one URL, not a chain of them")
    try:
        system, path = url_to_fs(url)
    except ImportError as error:  # fsspec names the package
        raise DataError(f"{url}: a package that reads such URLs is missing; {first_line(error)}") from None
    except Exception as error:  # each storage has errors of its own
        raise DataError(f"{url}: must be a URL that fsspec knows; {first_line(error)}") from None
    return system, str(path)
