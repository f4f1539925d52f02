"""ONNX files that hold all their numbers: one that names other files could make anything its weights."""

from __future__ import annotations

import re
from pathlib import Path

from emotionnet.files import write_bytes
from emotionnet.records import DataError

_KEY = b"location"  # of an external tensor's entry: a text of 8 bytes, the first field of its message
# Protobuf's numbers, here field and length, may be written in up to 10 bytes; bits above 32 are dropped.
_BEFORE_KEY = re.compile(rb"(\x0a|\x8a[\x80-\xff]{0,8}[\x00-\x7f])(\x08|\x88[\x80-\xff]{0,8}[\x00-\x7f])\Z")
_LONGEST = 20  # bytes of the two


def read_onnx(file: Path) -> bytes:
    """Content of an ONNX file.

    Raises:
        DataError: It names other files.
    """
    content = file.read_bytes()
    if _names_others(content):
        raise DataError(f"{file}: must hold all its weights; it names other files, export the run again")
    return content


def write_onnx(file: Path, content: bytes) -> None:
    """Write an ONNX file that `read_onnx` takes.

    Raises:
        ValueError: It names other files, or has a tensor of the name that stands for them.
    """
    if _names_others(content):
        raise ValueError("it names other files, or something in it has the name 'location'")
    write_bytes(file, content)


def _names_others(content: bytes) -> bool:
    place = content.find(_KEY)
    while place >= 0:
        if _BEFORE_KEY.search(content[max(0, place - _LONGEST) : place]):
            return True
        place = content.find(_KEY, place + 1)
    return False
