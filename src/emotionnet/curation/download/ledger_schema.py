"""The form of the ledger: its tables, and how a file is known to be one."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from emotionnet.records import DataError, first_line

MARK, VERSION = 0x454D4E44, 1  # "EMND"; the file says both of itself
STATEMENTS = (
    "CREATE TABLE about (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID",
    "CREATE TABLE urls (id INTEGER PRIMARY KEY, url TEXT NOT NULL UNIQUE, host TEXT NOT NULL, "
    "split TEXT NOT NULL, "
    "state TEXT NOT NULL CHECK (state IN ('waiting', 'stored', 'duplicate', 'failed', 'refused')), "
    "reason TEXT NOT NULL DEFAULT '', detail TEXT NOT NULL DEFAULT '', "
    "attempts INTEGER NOT NULL DEFAULT 0, final_url TEXT, status INTEGER, sha256 BLOB, look BLOB, "
    "path TEXT, shard TEXT, member TEXT, start INTEGER, "
    "bytes INTEGER, width INTEGER, height INTEGER, type TEXT, began REAL, ended REAL) STRICT",
    "CREATE TABLE records (row INTEGER PRIMARY KEY, url INTEGER NOT NULL REFERENCES urls, "
    "record TEXT NOT NULL) STRICT",
    "CREATE TABLE robots (origin TEXT PRIMARY KEY, content BLOB NOT NULL, fetched REAL NOT NULL) "
    "STRICT, WITHOUT ROWID",
    "CREATE INDEX naming ON records (url)",
    "CREATE INDEX waiting ON urls (host, id) WHERE state = 'waiting'",
    "CREATE UNIQUE INDEX contents ON urls (sha256) WHERE state = 'stored'",
)


def opened_ledger(path: Path) -> sqlite3.Connection:
    """Open a ledger, or make one; what is in it was looked at before anything in it is used.

    Raises:
        DataError: The file is something else, of another version, or broken.
    """
    if path.is_symlink() or (path.exists() and not path.is_file()):
        raise DataError(f"{path}: must be a ledger of 'data download'; it is no plain file")
    is_new = not path.exists() or path.stat().st_size == 0  # empty: killed before anything was in it
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA trusted_schema = OFF")
        if is_new:
            _make(connection)
        _require_ours(connection, path)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")  # a power cut may take the last commits, no more
    except sqlite3.Error as error:
        connection.close()
        raise DataError(f"{path}: must be a ledger of 'data download'; {first_line(error)}") from None
    except DataError:
        connection.close()
        raise
    return connection


def _make(connection: sqlite3.Connection) -> None:
    connection.execute("BEGIN IMMEDIATE")
    for statement in STATEMENTS:
        connection.execute(statement)
    connection.execute(f"PRAGMA application_id = {MARK}")
    connection.execute(f"PRAGMA user_version = {VERSION}")
    connection.execute("COMMIT")


def _require_ours(connection: sqlite3.Connection, path: Path) -> None:
    """The marks, and exactly our tables: a trigger or a view of another's making would run with ours."""
    if connection.execute("PRAGMA application_id").fetchone()[0] != MARK:
        raise DataError(f"{path}: must be a ledger of 'data download'; it is another SQLite file")
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version != VERSION:
        raise DataError(f"{path}: must be a ledger of version {VERSION}; got version {version}")
    found = {row[0] for row in connection.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL")}
    if found != set(STATEMENTS):
        odd = sorted(found ^ set(STATEMENTS))[0]
        raise DataError(f"{path}: must have the tables of a ledger and no others; differs at {odd[:60]!r}")
