"""The program is killed while it downloads, and started again, until it is done."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl
import pytest

from emotionnet.apps.bench.fault_server import HOSTS, Running
from emotionnet.config import DownloadConfig
from emotionnet.curation.download.run import download
from emotionnet.data.shards.dataset import open_shards
from emotionnet.data.store import read_dataset
from emotionnet.records import SPLITS
from tests.conftest import MakeDataset
from tests.curation.download.conftest import Rows, WriteList, ledger_rows, require_whole

KINDS = (*["fine"] * 8, "chunked", "duplicate", "again", "limited", "chain", "missing", "cut", "html", "noai")
KEPT = ("stored", "duplicate")
LIMITS: dict[str, Any] = {"attempts": 3, "backoff": 0.05, "allow": HOSTS}
PATIENCE = 100.0  # seconds


class Moment(NamedTuple):
    """When it is killed: so many seconds after so many URLs have a picture."""

    kept: int
    later: float


def _urls(server: Running, count: int) -> list[str]:
    return [
        server.url(KINDS[number % len(KINDS)], number, HOSTS[number % len(HOSTS)]) for number in range(count)
    ]


def _requests(server: Running) -> dict[str, int]:
    """How often each URL was asked for."""
    hosts = server.counts()["hosts"]
    return {
        f"http://{address}:{port}{path}": count
        for address, port in server.ports.items()
        for path, count in hosts[address]["requests"].items()
    }


def _start(source: Path, out: Path, **others: Any) -> subprocess.Popen[bytes]:
    options = {"out": out, **LIMITS, "allow": json.dumps(LIMITS["allow"]), **others}
    words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    command = [sys.executable, "-m", "emotionnet", "data", "download", str(source), *words]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _kept(out: Path) -> int:
    """How many URLs have a picture, as the ledger of a download under way has it."""
    with (
        contextlib.suppress(sqlite3.OperationalError),  # it is being made
        contextlib.closing(sqlite3.connect(f"file:{out}/ledger.sqlite?mode=ro", uri=True)) as ledger,
    ):
        query = "SELECT count(*) FROM urls WHERE state IN ('stored', 'duplicate')"
        return int(ledger.execute(query).fetchone()[0])
    return 0


def _killed(process: subprocess.Popen[bytes], out: Path, moment: Moment) -> None:
    until = time.monotonic() + PATIENCE
    try:
        while _kept(out) < moment.kept:
            assert process.poll() is None, "it must be killed before it ends"
            assert time.monotonic() < until
            time.sleep(0.003)
        time.sleep(moment.later)
    finally:
        process.kill()
        assert process.wait() == -signal.SIGKILL


def _held(out: Path) -> Rows:
    """What the ledger holds; a copy of it is opened, so that nothing is put right before the program does."""
    with tempfile.TemporaryDirectory() as copy:
        for path in out.glob("ledger.sqlite*"):
            shutil.copy(path, copy)
        return ledger_rows(Path(copy))


def _require_there(out: Path, rows: Rows) -> None:
    """What the ledger says is stored lies on the disk: in a shard, or in a file, seen already or not."""
    files = {hashlib.sha256(path.read_bytes()).digest() for path in out.rglob("*") if path.is_file()}
    for row in rows.values():
        if row["state"] == "stored" and row["shard"] is not None:
            content = (out / row["shard"]).read_bytes()[row["start"] : row["start"] + row["bytes"]]
            files.add(hashlib.sha256(content).digest())
    assert {row["sha256"] for row in rows.values() if row["state"] == "stored"} <= files


def _kill_and_go_on(
    server: Running, source: Path, out: Path, moments: Sequence[Moment], **others: Any
) -> None:
    """Kill it at each moment, and start it again; then let it end."""
    done: list[dict[str, int]] = []  # at each kill, how often URLs were asked for that we keep
    for moment in moments:
        _killed(_start(source, out, **others), out, moment)
        held, asked = _held(out), _requests(server)
        _require_there(out, held)
        done.append({url: asked[url] for url, row in held.items() if row["state"] in KEPT})
        assert len(done[-1]) >= moment.kept
    assert _start(source, out, **others).wait(PATIENCE) == 0
    asked = _requests(server)
    for before in done:
        assert {url: asked[url] for url in before} == before


def _moments(count: int, kills: int) -> list[Moment]:
    """When a download of so many URLs is killed."""
    rng = random.Random(7)
    kept = sorted(rng.sample(range(count // 20, count // 2), kills))
    return [Moment(one, rng.uniform(0, 0.3)) for one in kept]


def _check(server: Running, source: Path, folder: Path, *, count: int, kills: int, delay: float) -> None:
    _kill_and_go_on(server, source, folder / "killed", _moments(count, kills), delay=delay)
    download(DownloadConfig(source=source, out=folder / "whole", **LIMITS))
    killed, whole = ledger_rows(folder / "killed"), ledger_rows(folder / "whole")
    assert len(whole) == count

    def told(rows: Rows) -> set[tuple[Any, ...]]:
        return {
            (url, row["state"], row["reason"], row["detail"], row["sha256"], row["path"])
            for url, row in rows.items()
        }

    assert told(killed) == told(whole)
    require_whole(folder / "killed", killed)
    require_whole(folder / "whole", whole)
    records = [folder / name / "records.parquet" for name in ("killed", "whole")]
    assert records[0].read_bytes() == records[1].read_bytes()


def test_a_killed_run_goes_on_where_it_was(server: Running, write_list: WriteList, tmp_path: Path) -> None:
    source = write_list(_urls(server, 300))
    _check(server, source, tmp_path, count=300, kills=2, delay=0.02)


@pytest.mark.slow
def test_a_killed_run_of_10_000_urls(server: Running, write_list: WriteList, tmp_path: Path) -> None:
    source = write_list(_urls(server, 10_000))
    _check(server, source, tmp_path, count=10_000, kills=3, delay=0.001)


@pytest.mark.slow
def test_a_killed_run_goes_on_in_its_shards(
    server: Running, make_dataset: MakeDataset, tmp_path: Path
) -> None:
    dataset, out = make_dataset({"train": 300, "val": 60, "test": 60}), tmp_path / "out"
    numbers = itertools.count()
    for split in SPLITS:
        table = dataset.table(split)
        urls = [
            server.url("again" if n % 5 else "fine", n, HOSTS[n % 4]) for n in islice(numbers, table.height)
        ]
        table = table.with_columns(path=pl.Series(urls), sha256=pl.lit(""))
        table.write_parquet(dataset.root / f"{split}.parquet")
    count = next(numbers)
    _kill_and_go_on(server, dataset.root, out, _moments(count, 3), delay=0.01, store="shards")
    rows, shards = ledger_rows(out), open_shards(out)
    assert {row["state"] for row in rows.values()} == {"stored"}
    assert len(rows) == count
    _require_there(out, rows)
    assert not list(shards.faults())
    ids = [record.id for split in SPLITS for record in shards.records(split)]
    assert ids == [record.id for split in SPLITS for record in read_dataset(dataset.root).records(split)]
    assert {path.name for path in out.glob("*.tar*")} == {shard.name for shard in shards.index.shards}
