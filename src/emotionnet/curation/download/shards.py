"""Pictures straight into shards, split by split: SHARDS without a folder of pictures before them.

A batch of pictures is appended to the shards, then the ledger tells where they lie. What a killed run
appended and the ledger does not tell of is cut off.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any

from emotionnet.curation.download.ledger import Ledger, Outcome
from emotionnet.curation.download.pictures import Kept
from emotionnet.data.shards.index import ShardInfo
from emotionnet.data.shards.making import BYTES, SAMPLES
from emotionnet.data.shards.writer import BLOCK, ShardWriter
from emotionnet.records import SPLITS, DataError

_NOTE = "shard "  # what the ledger's notes on shards begin with
_LAST = (
    "SELECT shard, max(start), bytes, count(*) FROM urls WHERE state = 'stored' AND shard LIKE ? "
    "GROUP BY shard ORDER BY shard DESC LIMIT 1"
)  # with max(), SQLite takes the other columns from the same row


@dataclass
class _Open:
    writer: ShardWriter
    split: str
    number: int
    samples: int


class Shards:
    """Keeps pictures in shards; see `Keeper`. A content is kept once, in the split that it came for first.

    Args:
        out: The SHARDS folder.
        ledger: Tells what is there.
    """

    def __init__(self, out: Path, ledger: Ledger) -> None:
        self._out, self._ledger = out, ledger
        self._held: dict[int, bytes] = {}
        self._open = {split: self._last(split) for split in SPLITS}

    def take(self, number: int, kept: Kept) -> None:
        self._held[number] = kept.content

    def place(self, outcomes: Sequence[Outcome]) -> list[Outcome]:
        here: dict[bytes, Outcome] = {}
        placed = []
        for one in outcomes:
            if one.sha256 is None:
                placed.append(one)
                continue
            content = self._held.pop(one.id)
            known = here.get(one.sha256) or self._ledger.stored(one.sha256) or self._appended(one, content)
            here[one.sha256] = known
            placed.append(replace(one, shard=known.shard, member=known.member, start=known.start))
        for shard in self._open.values():
            if shard is not None:
                shard.writer.flush()
        return placed

    def show(self, outcomes: Sequence[Outcome]) -> None:
        """They are seen when the shards are listed."""

    def __enter__(self) -> Shards:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for shard in self._open.values():
            if shard is not None and kind is None:
                self._end(shard)
            elif shard is not None:
                shard.writer.__exit__(kind, error, trace)

    def _last(self, split: str) -> _Open | None:
        """The shard to go on with; what the ledger does not tell of is cut off, or deleted."""
        found = next(self._ledger.select(_LAST, (f"{split}-%",)), None)
        name, start, size, samples = found or ("", 0, 0, 0)
        for path in self._out.glob(f"{split}-*.tar"):
            if path.name > name:
                path.unlink()
        ended = [one.name for one in ended_shards(self._ledger, split)]
        self._ledger.forget(f"{_NOTE}{one}" for one in ended if one >= name)
        if not name:
            return None
        if not (numbered := re.fullmatch(rf"{split}-([0-9]+)\.tar", name)):
            raise DataError(
                f"{self._ledger.path}: a shard must be named {split}-000000.tar; got {name!r:.80}"
            )
        return self._opened(split, int(numbered[1]), samples, at=start + size + -size % BLOCK)

    def _opened(self, split: str, number: int, samples: int = 0, *, at: int = 0) -> _Open:
        return _Open(ShardWriter(self._out / f"{split}-{number:06d}.tar", at=at), split, number, samples)

    def _appended(self, one: Outcome, content: bytes) -> Outcome:
        split, about = self._ledger.split_of(one.id), self._about(one)
        shard = self._open[split] or self._opened(split, 0)
        is_full = shard.samples == SAMPLES or shard.writer.end_with(content, about) > BYTES
        if shard.samples and is_full:  # one with a single picture may be larger
            self._end(shard)
            shard = self._opened(split, shard.number + 1)
        self._open[split] = shard
        key, ending = f"{split}-{one.id:012d}", str(one.path).rpartition(".")[2]
        start = shard.writer.add(key, ending, content, about)
        shard.samples += 1
        return replace(one, shard=shard.writer.path.name, member=f"{key}.{ending}", start=start)

    def _about(self, one: Outcome) -> dict[str, Any]:
        """What KEY.json says: the record; of several that share a picture each under `persons`."""
        assert one.sha256 is not None
        records = self._ledger.records_of(one.id)
        shared = {"sha256": one.sha256.hex(), "path": one.path}
        return {**records[0], **shared} if len(records) == 1 else {**shared, "persons": records}

    def _end(self, shard: _Open) -> None:
        size, digest = shard.writer.finish()
        info = {"name": shard.writer.path.name, "split": shard.split, "samples": shard.samples}
        noted = ShardInfo.model_validate({**info, "bytes": size, "sha256": digest})
        self._ledger.say({f"{_NOTE}{noted.name}": noted.model_dump_json()})


def ended_shards(ledger: Ledger, split: str) -> list[ShardInfo]:
    """The shards of a split that are ended, in order."""
    about = sorted(ledger.about().items())
    ours = [value for key, value in about if key.startswith(f"{_NOTE}{split}-")]
    return [ShardInfo.model_validate_json(value) for value in ours]
