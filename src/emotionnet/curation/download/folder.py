"""Pictures as files, by their content.

A picture first lies in `.incoming/`, then the ledger tells of it, then it is shown under its name: so that
whatever is seen in `images/` is whole and in the ledger, whenever the process is killed.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType

from emotionnet.curation.download.ledger import Ledger, Outcome
from emotionnet.curation.download.pictures import Kept
from emotionnet.files import sha256

INCOMING = ".incoming"
_AT_ONCE = 8  # files that are waited for
_DIGEST = re.compile("[0-9a-f]{64}")


class Folder:
    """Keeps pictures as files; see `Keeper`.

    What a killed run left unseen is shown where the ledger tells of it and it is whole; the rest is deleted.

    Args:
        out: The folder.
        ledger: Tells what is there.
    """

    def __init__(self, out: Path, ledger: Ledger) -> None:
        self._out, self._ledger, self._incoming = out, ledger, out / INCOMING
        self._disk = ThreadPoolExecutor(_AT_ONCE, "disk")
        self._incoming.mkdir(exist_ok=True)
        self._settle()

    def take(self, number: int, kept: Kept) -> None:
        (self._incoming / f"{kept.sha256.hex()}.{number}").write_bytes(kept.content)

    def place(self, outcomes: Sequence[Outcome]) -> list[Outcome]:
        """Return when all of them lie on the disk; many at once, since each waits for it."""
        files = [f"{one.sha256.hex()}.{one.id}" for one in outcomes if one.sha256 is not None]
        list(self._disk.map(self._sync, files))
        return list(outcomes)

    def show(self, outcomes: Sequence[Outcome]) -> None:
        for one in outcomes:
            if one.sha256 is not None and one.path is not None:
                self._show(self._incoming / f"{one.sha256.hex()}.{one.id}", self._out / one.path)

    def __enter__(self) -> Folder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._disk.shutdown()
        if kind is None:
            self._settle()
            self._incoming.rmdir()

    def _sync(self, name: str) -> None:
        with (self._incoming / name).open("rb") as file:
            os.fsync(file.fileno())

    def _show(self, beside: Path, place: Path) -> None:
        if place.exists():
            beside.unlink()
            return
        place.parent.mkdir(parents=True, exist_ok=True)
        beside.replace(place)

    def _settle(self) -> None:
        for beside in sorted(self._incoming.iterdir()):
            name = beside.name.partition(".")[0]
            known = self._ledger.stored(bytes.fromhex(name)) if _DIGEST.fullmatch(name) else None
            path = None if known is None else known.path
            is_ours = path is not None and re.fullmatch(rf"images/{name[:2]}/{name}\.[a-z]+", path)
            if path is not None and is_ours and sha256(beside) == name:
                self._show(beside, self._out / path)
            else:
                beside.unlink()
