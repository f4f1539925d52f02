"""The ledger of a download: what became of every URL, in one SQLite file.

A URL stands once, however many records name it. It is waiting until one of the other states is
committed: stored, duplicate (its content is that of an earlier URL), failed or refused, each with a reason.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from emotionnet.curation.download.ledger_schema import opened_ledger
from emotionnet.records import DataError, first_line

NAME = "ledger.sqlite"
PAGE = 10_000


class Waiting(NamedTuple):
    """A URL that is to be fetched."""

    id: int
    url: str
    attempts: int


@dataclass(frozen=True, slots=True)
class Listed:
    """A record as it goes into the ledger.

    Args:
        record: What is kept of it, JSON.
        url: What it names.
        host: Who is asked for it, see `Place.queue`; empty where nobody can be.
        state: waiting, or why it will never be fetched: failed or refused.
        reason: One of few phrases.
        split: Of the DATASET that it comes from.
    """

    record: str
    url: str
    host: str
    state: str = "waiting"
    reason: str = ""
    split: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a URL, as a row of the ledger has it."""

    id: int
    state: str
    reason: str = ""
    detail: str = ""
    attempts: int = 0
    final_url: str | None = None
    status: int | None = None
    sha256: bytes | None = None
    look: bytes | None = None
    path: str | None = None
    shard: str | None = None
    member: str | None = None
    start: int | None = None
    bytes: int | None = None
    width: int | None = None
    height: int | None = None
    type: str | None = None
    began: float | None = None
    ended: float | None = None


_COLUMNS = tuple(name for name in Outcome.__slots__ if name != "id")
_UPDATE = f"UPDATE urls SET {', '.join(f'{name} = :{name}' for name in _COLUMNS)} WHERE id = :id"
_OWNER = "SELECT id FROM urls WHERE sha256 = ? AND state = 'stored'"


class Ledger:
    """An open ledger. One thread at a time may use it.

    Raises:
        DataError: The file is no ledger, or it is broken or full: from the constructor and every method.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / NAME
        self._connection = opened_ledger(self.path)

    def close(self) -> None:
        self._connection.close()

    def discard(self) -> None:
        """Close it and delete it."""
        self.close()  # what SQLite keeps beside it goes with that
        self.path.unlink()

    def about(self) -> dict[str, str]:
        """What the ledger says of the download as a whole."""
        return dict(self._rows("SELECT key, value FROM about"))

    def say(self, values: Mapping[str, str]) -> None:
        """Write down something of the download as a whole."""
        with self._transaction() as connection:
            connection.executemany("INSERT OR REPLACE INTO about VALUES (?, ?)", values.items())

    def forget(self, keys: Iterable[str]) -> None:
        """Cross out what `say` wrote down."""
        with self._transaction() as connection:
            connection.executemany("DELETE FROM about WHERE key = ?", ((key,) for key in keys))

    def add(self, rows: Sequence[Listed], *, seen: int) -> None:
        """Take records in, and that `seen` of the list's were read so far."""
        with self._transaction() as connection:
            connection.executemany(
                "INSERT INTO urls (url, host, split, state, reason) VALUES (?, ?, ?, ?, ?) "
                "ON CONFLICT DO NOTHING",
                ((row.url, row.host, row.split, row.state, row.reason) for row in rows),
            )
            connection.executemany(
                "INSERT INTO records (url, record) SELECT id, ? FROM urls WHERE url = ?",
                ((row.record, row.url) for row in rows),
            )
            connection.execute("INSERT OR REPLACE INTO about VALUES ('seen', ?)", (str(seen),))

    def next_host(self, after: str) -> str | None:
        """The next host, in order of names, that a URL waits for; None: no more."""
        query = "SELECT min(host) FROM urls WHERE state = 'waiting' AND host > ?"
        (host,) = next(self._rows(query, (after,)))
        return None if host is None else str(host)

    def waiting(self, host: str, after: int, count: int) -> list[Waiting]:
        """The next URLs of a host, in the order of the list."""
        query = "SELECT id, url, attempts FROM urls WHERE state = 'waiting' AND host = ? AND id > ?"
        return [Waiting(*row) for row in self._rows(f"{query} ORDER BY id LIMIT ?", (host, after, count))]

    def commit(self, outcomes: Iterable[Outcome], attempts: Mapping[int, int]) -> None:
        """Write down what became of many URLs, and how often others were tried that still wait.

        Of URLs with one content the first of the list is stored and the others are duplicates,
        in whatever order they come.
        """
        with self._transaction() as connection:
            connection.executemany(
                "UPDATE urls SET attempts = ? WHERE id = ?", ((n, i) for i, n in attempts.items())
            )
            for outcome in outcomes:
                values = {name: getattr(outcome, name) for name in Outcome.__slots__}
                if outcome.state == "stored":
                    owner = connection.execute(_OWNER, (outcome.sha256,)).fetchone()
                    if owner and owner[0] < outcome.id:
                        values["state"] = "duplicate"
                    elif owner:
                        connection.execute("UPDATE urls SET state = 'duplicate' WHERE id = ?", owner)
                connection.execute(_UPDATE, values)

    def name_the_first(self) -> None:
        """Put the URL that is stored into the detail of each of its duplicates."""
        with self._transaction() as connection:
            connection.execute(
                "UPDATE urls SET detail = (SELECT url FROM urls AS first WHERE first.sha256 = urls.sha256 "
                "AND first.state = 'stored'), reason = 'content of another' WHERE state = 'duplicate'"
            )

    def retry_failed(self) -> int:
        """Let what failed wait again, but what is no URL; how many."""
        with self._transaction() as connection:
            return connection.execute(
                "UPDATE urls SET state = 'waiting', reason = '', detail = '', attempts = 0 "
                "WHERE state = 'failed' AND host <> ''"
            ).rowcount

    def stored(self, sha256: bytes) -> Outcome | None:
        """The URL whose picture of this content is stored; None: there is none."""
        query = f"SELECT {', '.join(Outcome.__slots__)} FROM urls WHERE sha256 = ? AND state = 'stored'"
        row = next(self._rows(query, (sha256,)), None)
        return None if row is None else Outcome(*row)

    def records_of(self, url: int) -> list[dict[str, Any]]:
        """The records that name a URL, in order."""
        rows = self._rows("SELECT record FROM records WHERE url = ? ORDER BY row", (url,))
        return [json.loads(record) for (record,) in rows]

    def split_of(self, url: int) -> str:
        """The split of a DATASET that a URL comes from."""
        (split,) = next(self._rows("SELECT split FROM urls WHERE id = ?", (url,)))
        return str(split)

    def robots(self, origin: str) -> tuple[bytes, float] | None:
        """The robots.txt of an origin, and when it was fetched (seconds since 1970)."""
        row = next(self._rows("SELECT content, fetched FROM robots WHERE origin = ?", (origin,)), None)
        return None if row is None else (bytes(row[0]), float(row[1]))

    def keep_robots(self, origin: str, content: bytes, fetched: float) -> None:
        with self._transaction() as connection:
            connection.execute("INSERT OR REPLACE INTO robots VALUES (?, ?, ?)", (origin, content, fetched))

    def counts(self) -> dict[tuple[str, str], int]:
        """How many URLs are in each state for each reason."""
        rows = self._rows("SELECT state, reason, count(*) FROM urls GROUP BY state, reason")
        return {(state, reason): count for state, reason, count in rows}

    def select(self, query: str, values: Sequence[Any] = ()) -> Iterator[tuple[Any, ...]]:
        """Rows of a query of our own; see `ledger_schema` for the columns."""
        return self._rows(query, values)

    def _rows(self, query: str, values: Sequence[Any] = ()) -> Iterator[tuple[Any, ...]]:
        with self._faults():
            yield from self._connection.execute(query, values)

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._faults():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    @contextlib.contextmanager
    def _faults(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise DataError(f"{self.path}: ledger cannot be read or written; {first_line(error)}") from None
