"""Pictures by name, wherever they lie: in files, folders and patterns, or in shards."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import lru_cache
from pathlib import Path

from emotionnet.data.finding import find_images
from emotionnet.data.shards.index import SHARDS
from emotionnet.data.shards.member import PictureFile, ShardMember
from emotionnet.data.shards.remote import is_url
from emotionnet.records import DataError, as_text, first_line

_INSIDE = ".tar/"


def is_shards(root: str | Path) -> bool:
    """Whether a name is that of SHARDS: a URL, or a folder with `shards.json`."""
    return is_url(root) or (Path(root) / SHARDS).is_file()


def find_pictures(names: Sequence[str | Path]) -> tuple[list[PictureFile], list[str]]:
    """As `find_images`; a folder or URL of SHARDS stands for the pictures in them.

    Returns:
        The pictures, and one line for each fault: a name that stands for none, or shards that are broken.
    """
    found: list[PictureFile] = []
    faults: list[str] = []
    for name in names:
        try:
            some, unknown = (members(name), []) if _names_shards(name) else find_images([name])
        except DataError as error:
            some, unknown = (), list(error.faults)
        found += some
        faults += unknown
    return found, faults


def members(root: str | Path) -> tuple[ShardMember, ...]:
    """Every picture of SHARDS once, shard by shard, as it lies there.

    Raises:
        DataError: They are broken, or do not lie there.
    """
    from emotionnet.data.shards.dataset import open_shards  # imports Polars, which other pictures do not need

    return open_shards(root if is_url(root) else Path(root).expanduser()).pictures()


def picture_at(text: str, *, urls: Collection[str] = ()) -> PictureFile:
    """The picture that a path as text stands for, such as that of an INDEX.

    `SHARDS/train-000000.tar/KEY.jpg` is one in a shard.

    Args:
        text: It may come from a stranger, with the INDEX.
        urls: Of SHARDS that may be asked; no other URL is.

    Raises:
        DataError: The shards are broken, do not lie there, or do not hold it; or the URL is another one.
    """
    root = shards_of(text)
    if is_url(text) and root not in urls:
        raise DataError(f"{as_text(text)}: must lie in files or in shards that may be asked; it is a URL")
    try:
        if root is None or Path(text).is_file() or not is_shards(root):
            return Path(text)
        stamp = 0 if is_url(root) else (Path(root) / SHARDS).stat().st_mtime_ns
    except (OSError, ValueError) as error:  # such as a name that no file can have
        raise DataError(f"{as_text(text)[:200]}: picture cannot be read ({first_line(error)})") from None
    found = _by_text(root, stamp).get(text)
    if found is None:
        raise DataError(f"{as_text(text)}: must lie in the shards of {root}; none holds it")
    return found


def shards_of(text: str) -> str | None:
    """The SHARDS that a picture's path as text would lie in; None: by its name it lies in none."""
    folder, inside, _ = text.rpartition(_INSIDE)
    return folder.rpartition("/")[0] if inside else None


def _names_shards(name: str | Path) -> bool:
    try:
        return is_shards(name if is_url(name) else Path(name).expanduser())
    except (OSError, ValueError, RuntimeError):  # a name that no file can have; `find_images` says so
        return False


@lru_cache(maxsize=2)
def _by_text(root: str, stamp: int) -> dict[str, ShardMember]:  # noqa: ARG001  # others once it is another
    return {str(member): member for member in members(root)}
