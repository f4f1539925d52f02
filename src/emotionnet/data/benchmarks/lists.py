"""What readers of benchmark files share: splits, folders inside a download, pictures that lists name once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from emotionnet.data.benchmarks.text_tables import Faults
from emotionnet.data.row_checks import RowError, shown
from emotionnet.progress import message
from emotionnet.records import DataError, ImageRecord


class Listed:
    """The pictures of a list in its order; a row that says the same once more is left out and counted."""

    def __init__(self, source: Path) -> None:
        self.source = source
        self.by_path: dict[str, ImageRecord] = {}
        self.repeated = 0

    def add(self, record: ImageRecord) -> None:
        """Take a picture.

        Raises:
            RowError: It stood before with another label.
        """
        before = self.by_path.setdefault(record.path, record)
        if before is not record:
            if before != record:
                raise RowError(
                    f"a picture must have one label; {shown(record.path)} stood before with another"
                )
            self.repeated += 1

    def finish(self, faults: Faults) -> tuple[ImageRecord, ...]:
        """All pictures, once every row was looked at.

        Raises:
            DataError: There were faults, or there is no picture.
        """
        faults.raise_any()
        if not self.by_path:
            raise DataError(f"{self.source}: must list a picture; it lists none")
        if self.repeated:
            message(f"{self.source}: {self.repeated} rows repeat an earlier one and are left out")
        return tuple(self.by_path.values())


def require_split(split: str, splits: Sequence[str]) -> None:
    """Check that the files give a split.

    Raises:
        DataError: They do not.
    """
    if split not in splits:
        raise DataError(f"split must be one of {', '.join(splits)}; got {split!r}")


def folder_inside(root: Path, *names: str) -> str:
    """The first of these folders that the data set's folder holds, or '' where it is that folder itself."""
    return next((name for name in names if (root / name).is_dir()), "")


def joined(*parts: str) -> str:
    """A path with forward slashes of the parts that are not empty."""
    return "/".join(part for part in parts if part)
