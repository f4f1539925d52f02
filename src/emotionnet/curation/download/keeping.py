"""What both ways to keep pictures have in common: files in a folder, and samples in shards."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from emotionnet.curation.download.ledger import Outcome
from emotionnet.curation.download.pictures import Kept


class Keeper(Protocol):
    """Where pictures go. A picture is taken, then placed, then the ledger tells of it, then it is shown."""

    def take(self, number: int, kept: Kept) -> None:
        """Take what came of the URL of this number. Several threads do so at once."""

    def place(self, outcomes: Sequence[Outcome]) -> list[Outcome]:
        """The outcomes of a batch, with where the pictures lie once they are shown."""

    def show(self, outcomes: Sequence[Outcome]) -> None:
        """Let the pictures of a batch be seen, now that the ledger tells of them."""

    def close(self) -> None:
        """Leave nothing but what the ledger tells of."""
