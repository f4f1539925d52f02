"""What became of a download, counted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emotionnet.curation.download.ledger import Ledger

WORST = 10
_LOST = "state IN ('failed', 'refused')"


@dataclass(frozen=True)
class Summary:
    """What became of a download.

    Args:
        out: The folder.
        urls: URLs by state; their sum is the number of distinct URLs.
        lost: State, reason and number of URLs, most first.
        hosts: The hosts that lost most: host, urls, lost.
        records: Records with a picture, and without.
        bytes: Of all that is stored.
        fetched: Good pictures that came in this run.
        seconds: That this run took.
    """

    out: Path
    urls: Mapping[str, int]
    lost: tuple[Mapping[str, Any], ...]
    hosts: tuple[Mapping[str, Any], ...]
    records: Mapping[str, int]
    bytes: int
    fetched: int
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return {
            "download": str(self.out),
            "urls": dict(self.urls),
            "lost": [dict(one) for one in self.lost],
            "hosts": [dict(one) for one in self.hosts],
            "records": dict(self.records),
            "bytes": self.bytes,
            "fetched": self.fetched,
            "seconds": round(self.seconds, 3),
            "pictures_per_second": round(self.fetched / self.seconds, 1) if self.seconds else 0.0,
        }


def summarise(ledger: Ledger, out: Path, *, fetched: int, seconds: float) -> Summary:
    """Count what the ledger holds."""
    urls: dict[str, int] = dict.fromkeys(("stored", "duplicate", "failed", "refused", "waiting"), 0)
    lost = []
    for (state, reason), count in sorted(ledger.counts().items(), key=lambda one: (-one[1], one[0])):
        urls[state] += count
        if state in ("failed", "refused"):
            lost.append({"state": state, "reason": reason, "urls": count})
    worst = ledger.select(
        f"SELECT host, count(*), sum({_LOST}) AS lost FROM urls GROUP BY host HAVING lost > 0 "
        f"ORDER BY lost DESC, host LIMIT {WORST}"
    )
    hosts = [{"host": host, "urls": count, "lost": gone} for host, count, gone in worst]
    (size,) = next(ledger.select("SELECT coalesce(sum(bytes), 0) FROM urls WHERE state = 'stored'"))
    kept = ledger.select(
        "SELECT coalesce(sum(urls.state IN ('stored', 'duplicate')), 0), count(*) "
        "FROM records JOIN urls ON records.url = urls.id"
    )
    with_picture, records = next(kept)
    return Summary(
        out,
        urls,
        tuple(lost),
        tuple(hosts),
        {"with_picture": with_picture, "without": records - with_picture},
        size,
        fetched,
        seconds,
    )
