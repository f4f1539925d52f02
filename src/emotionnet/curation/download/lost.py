"""Why a URL gave no picture."""

from __future__ import annotations


class Lost(Exception):  # noqa: N818 - what happened to a URL, no fault of ours
    """A URL that gave no picture.

    Args:
        reason: One of few phrases, so that they can be counted.
        detail: What was found.
        refused: We do not ask, or do not keep what came: it is against the rules, and stays so.
        passing: Another attempt may go well.
        wait: Seconds that the host asked us to wait before it; None: it said nothing.
        status: Of the last response.
    """

    def __init__(
        self,
        reason: str,
        detail: str = "",
        *,
        refused: bool = False,
        passing: bool = False,
        wait: float | None = None,
        status: int | None = None,
    ) -> None:
        super().__init__(reason, detail)
        self.reason, self.detail = reason, _one_line(detail)
        self.refused, self.passing, self.wait, self.status = refused, passing, wait, status
        self.url: str | None = None

    def at(self, url: str) -> Lost:
        """The same, of one URL: several may share what is lost with a connection."""
        lost = Lost(
            self.reason,
            self.detail,
            refused=self.refused,
            passing=self.passing,
            wait=self.wait,
            status=self.status,
        )
        lost.url = url
        return lost

    @property
    def state(self) -> str:
        return "refused" if self.refused else "failed"


def _one_line(text: str) -> str:
    """What a host or a package said: one short line that can be written down, whatever bytes were in it."""
    return " ".join(text.encode("utf-8", "backslashreplace").decode().split())[:200]
