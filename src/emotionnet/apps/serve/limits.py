"""What a server takes on: sizes, numbers, seconds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Bounds of one server; whatever lies beyond them is refused before it costs much.

    `batch` is how many pictures go through the network together at most; None: as many as it wants.
    """

    files: int = 16  # in one request
    file_bytes: int = 32 * 2**20
    request_bytes: int = 64 * 2**20
    bytes_at_once: int = 256 * 2**20  # of all requests that are read or wait
    fields: int = 64
    field_bytes: int = 2**16
    json_bytes: int = 2**20
    pixels: int = 32_000_000  # of a picture that is decoded whole, and of all that are decoded at once
    jpeg_pixels: int = 64_000_000  # of a JPEG that is decoded at a part of its size
    scans: int = 100  # of one JPEG picture, each of which may cost as much as all its pixels
    pieces: int = 10_000  # of a picture's file: see `pieces`
    waiting: int = 128  # pictures
    explanations: int = 4  # at work or waiting
    searches: int = 64  # at work or waiting
    body_seconds: float = 30.0
    request_seconds: float = 30.0
    batch: int | None = None


LIMITS = Limits()
