"""The XMP sidecars of pictures: where they lie."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from emotionnet.data.sidecar_tags import written_for
from emotionnet.data.xmp import MAX_BYTES
from emotionnet.records import DataError


class Sidecars:
    """Where the sidecars of pictures lie; lists a folder at most once."""

    def __init__(self) -> None:
        self._stems: dict[Path, Counter[str]] = {}

    def of(self, picture: Path) -> Path:
        """That of a picture: name.ext.xmp; name.xmp where only this is there, and no other file so named."""
        whole, short = _names(picture)
        if whole.exists() or whole.is_symlink() or short == picture or not short.exists():
            return whole
        return short if self._alone(picture) else whole

    def all_of(self, picture: Path) -> list[Path]:
        """`of`, and the other one if it was written for the picture."""
        first = self.of(picture)
        others = [path for path in _names(picture) if path != first and _is_written_for(path, picture.name)]
        return [first, *others]

    def _alone(self, picture: Path) -> bool:
        folder = picture.parent
        if folder not in self._stems:
            names = (path for path in folder.iterdir() if path.suffix.lower() != ".xmp")
            self._stems[folder] = Counter(path.stem for path in names)
        return self._stems[folder][picture.stem] <= 1


def read_sidecar(path: Path) -> bytes | None:
    """The content of a sidecar, None where there is none.

    Raises:
        DataError: It is no plain file, too large, or cannot be read.
    """
    if path.is_symlink() or (path.exists() and not path.is_file()):
        raise DataError(f"{path}: a sidecar must be a file; it is a link or something else")
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from None
    if len(content) > MAX_BYTES:
        raise DataError(f"{path}: XMP must have at most {MAX_BYTES:,} bytes; has more")
    return content


def _names(picture: Path) -> tuple[Path, Path]:
    return picture.with_name(f"{picture.name}.xmp"), picture.with_suffix(".xmp")


def _is_written_for(path: Path, picture: str) -> bool:
    if path.is_symlink() or not path.is_file():
        return False
    try:
        content = read_sidecar(path)
        return content is not None and written_for(content, picture, str(path))
    except DataError:  # it is another picture's, or nobody's
        return False
