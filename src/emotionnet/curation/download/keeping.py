"""What both ways to keep pictures have in common: files in a folder, and samples in shards."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Protocol

from emotionnet.curation.download.ledger import Outcome
from emotionnet.curation.download.pictures import Kept


class Keeper(Protocol):
    """Where pictures go; a context. Each is taken, placed, told of in the ledger, and then shown."""

    def take(self, number: int, kept: Kept) -> None:
        """Take what came of the URL of this number. Several threads do so at once."""

    def place(self, outcomes: Sequence[Outcome]) -> list[Outcome]:
        """The outcomes of a batch, with where the pictures lie once they are shown."""

    def show(self, outcomes: Sequence[Outcome]) -> None:
        """Let the pictures of a batch be seen, now that the ledger tells of them."""

    def __enter__(self) -> object: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave nothing but what the ledger tells of; after a fault the next run does."""
