"""Local pictures of a source: can they be read, and what do they look like."""

from __future__ import annotations

import hashlib
import io
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import polars as pl
from PIL import Image

from emotionnet.data.images import decode
from emotionnet.data.looks import look
from emotionnet.data.picture import shrunk_size
from emotionnet.files import sha256
from emotionnet.progress import track
from emotionnet.records import DataError

_SEEN_SCHEMA = pl.Schema({"sha256": pl.String(), "look": pl.Binary(), "fault": pl.String()})


class _Seen(NamedTuple):
    sha256: str = ""
    look: bytes | None = None
    fault: str | None = None


def look_at(records: pl.DataFrame, root: Path, short_side: int | None = None) -> pl.DataFrame:
    """Decode every local picture once; but where its sha256 is given, what is given is believed.

    Args:
        records: With the columns image (a path relative to `root`, or a URL), sha256 and look (both null
            where they are not known).
        root: The folder that no path may leave.
        short_side: See `stored_content`. Where it is set, every local picture is decoded.

    Returns:
        Columns sha256 (of what will be stored; of a URL what was given, else empty), look (the PDQ hash, 256
        bits in 32 bytes, or null) and fault (why the picture cannot be used; null when it can), in order.
    """
    folder = root.resolve()
    numbered = records.select("image", "sha256", "look").with_row_index("place")
    is_url = pl.col("image").str.contains("://", literal=True).fill_null(value=False)
    local = numbered.filter(~is_url)
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        rows = local.select("image", "sha256", "look").iter_rows()
        found = pool.map(lambda row: _look(row, folder, short_side), rows)
        seen = list(track(found, "Looking at pictures", local.height))
    columns = pl.DataFrame(seen, schema=list(_Seen._fields), orient="row", infer_schema_length=None)
    urls = numbered.filter(is_url).with_columns(pl.col("sha256").fill_null(""), fault=None)
    both = [columns.with_columns(local["place"]), urls]
    parts = [part.select("place", *_SEEN_SCHEMA).cast(_SEEN_SCHEMA | {"place": pl.UInt32()}) for part in both]
    return pl.concat(parts).sort("place").drop("place")


def stored_content(path: Path, short_side: int | None) -> bytes:
    """What a DATASET stores of a picture: the file itself, or a PNG of it, 8-bit RGB on white.

    Args:
        path: The picture.
        short_side: A longer short side is shrunk to so many pixels; None: the file itself.

    Raises:
        DataError: The picture cannot be decoded.
        OSError: It cannot be read.
    """
    if short_side is None:
        return path.read_bytes()
    image = decode(path)
    size = shrunk_size(image.size, short_side)
    if size != image.size:
        image = image.resize(size, Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def _look(given: tuple[str | None, str | None, bytes | None], folder: Path, short_side: int | None) -> _Seen:
    """What is seen of a picture, of which image, sha256 and look are given."""
    image, known_sha256, known_look = given
    if not image:
        return _Seen(fault="the record names no picture")
    try:
        path = _inside(folder, image)
        if known_sha256 and short_side is None:
            return _Seen(known_sha256, known_look)
        if short_side is None:
            return _Seen(sha256(path), look(path))
        content = stored_content(path, short_side)
        return _Seen(hashlib.sha256(content).hexdigest(), look(content))
    except DataError as error:
        return _Seen(fault=str(error).replace(str(folder / image), image))
    except (OSError, ValueError) as error:  # such as a name that is too long or has a null byte
        reason = (isinstance(error, OSError) and error.strerror) or error
        return _Seen(fault=f"picture {image!r:.80} cannot be read ({reason})")


def _inside(folder: Path, image: str) -> Path:
    path = folder / image
    if not path.resolve().is_relative_to(folder):
        raise DataError(f"the path {image} leaves the table's folder")
    if not path.is_file():
        raise DataError(f"picture {image} not found")
    return path
