"""A server that goes wrong in every way, lists of its URLs, and what a download made of them."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from emotionnet.apps.bench.fault_server import Running, fault_server

pytest.importorskip("aiohttp")
pytest.importorskip("protego")

Rows = dict[str, dict[str, Any]]
OWN = ("ledger.sqlite", "ledger.sqlite.lock", "records.parquet", "summary.json")
WriteList = Callable[[Sequence[str]], Path]


@pytest.fixture
def server() -> Iterator[Running]:
    """Its counts begin at zero."""
    with fault_server() as running:
        yield running


@pytest.fixture
def write_list(tmp_path: Path) -> WriteList:
    """A factory: `write_list(urls)` gives a table with a record for each, tagged with its number."""

    def write(urls: Sequence[str]) -> Path:
        path = tmp_path / "list.jsonl"
        records = ({"id": f"r{row}", "image": url, "tags": [f"tag{row}"]} for row, url in enumerate(urls))
        path.write_text("".join(json.dumps(record) + "\n" for record in records))
        return path

    return write


def ledger_rows(out: Path) -> Rows:
    """What the ledger says of each URL."""
    connection = sqlite3.connect(out / "ledger.sqlite")
    connection.row_factory = sqlite3.Row
    with connection:
        rows = {row["url"]: dict(row) for row in connection.execute("SELECT * FROM urls")}
    connection.close()
    return rows


def require_whole(out: Path, rows: Rows) -> None:
    """The pictures are those of the ledger, each under the hash of its content, and nothing else is there."""
    expected = {row["path"]: row["sha256"].hex() for row in rows.values() if row["state"] == "stored"}
    files = {str(path.relative_to(out)): path for path in out.rglob("*") if path.is_file()}
    assert set(files) - set(expected) == {*OWN}
    assert {path: hashlib.sha256(files[path].read_bytes()).hexdigest() for path in expected} == expected
    assert all(Path(path).stem == sha256 for path, sha256 in expected.items())


@dataclass
class Site:
    """A host of this machine: what it answers by path (status, headers, body), and how often it was asked."""

    origin: str
    answers: dict[str, tuple[int, dict[str, str], bytes]]
    asked: Counter[str]

    def picture(self, path: str, content: bytes) -> str:
        """Put a picture at a path; its URL."""
        self.answers[path] = (200, {}, content)
        return self.origin + path


@pytest.fixture
def site() -> Iterator[Site]:
    """An empty host without a robots.txt."""
    answers: dict[str, tuple[int, dict[str, str], bytes]] = {}
    asked: Counter[str] = Counter()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            asked[self.path] += 1
            status, headers, body = answers.get(self.path, (404, {}, b""))
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Nobody reads it."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as host:
        host.daemon_threads = True
        thread = threading.Thread(target=host.serve_forever, args=(0.01,))
        thread.start()
        yield Site(f"http://127.0.0.1:{host.server_address[1]}", answers, asked)
        host.shutdown()
        thread.join()
