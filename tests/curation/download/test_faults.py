"""Every way in which a download can go wrong, and the one state that each URL ends in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from emotionnet.apps.bench.fault_server import DOWN, HOSTS, ROBOTS_PATH, TRAPS, Running
from emotionnet.apps.bench.faults import KINDS
from emotionnet.config import DownloadConfig
from emotionnet.curation.download.run import download
from tests.curation.download.conftest import Rows, WriteList, ledger_rows, require_whole

ATTEMPTS = 3
LIMITS: dict[str, Any] = {
    "attempts": ATTEMPTS,
    "per_host": 6,
    "backoff": 0.05,
    "longest_wait": 1.0,
    "timeout": 5.0,
    "min_rate": 5_000.0,
    "rate_window": 0.2,
    "max_bytes": 2_000_000,
    "max_pixels": 1_000_000,
    "allow": (*HOSTS, DOWN),
}
STORED = ("stored", "", 1)
# What becomes of a URL of each kind: its state, the reason, and how often it is asked for.
EXPECTED: Mapping[str, tuple[str, str, int]] = {
    **dict.fromkeys(("fine", "late", "chunked", "mislabelled", "chain", "otherbot", "noindex"), STORED),
    **dict.fromkeys(("again", "busy", "limited"), ("stored", "", 3)),
    "duplicate": ("duplicate", "content of another", 1),
    "missing": ("failed", "status 404", 1),
    "gone": ("failed", "status 410", 1),
    "forbidden": ("failed", "status 403", 1),
    "always500": ("failed", "status 500", ATTEMPTS),
    "always429": ("failed", "status 429", ATTEMPTS),
    "silent": ("failed", "time-out", ATTEMPTS),
    "drip": ("failed", "too slow", ATTEMPTS),
    "cut": ("failed", "cut off", ATTEMPTS),
    "cutchunks": ("failed", "cut off", ATTEMPTS),
    "pdf": ("failed", "not a picture", 1),
    "html": ("failed", "not a picture", 1),
    "empty": ("failed", "empty body", 1),
    "truncated": ("failed", "broken picture", 1),
    "huge": ("failed", "too large", 1),
    "hugechunks": ("failed", "too large", 1),
    "gzipbomb": ("failed", "packed body", 1),
    "pixelbomb": ("failed", "too many pixels", 1),
    "loop": ("failed", "redirect loop", 1),
    "endless": ("failed", "too many redirects", 1),
    **dict.fromkeys(("noai", "noimageai"), ("refused", "X-Robots-Tag", 1)),
    "disallowed": ("refused", "robots.txt", 0),
    **dict.fromkeys(
        ("toaddress", "tomapped", "tonumber", "tooctal", "toname"), ("refused", "private address", 1)
    ),
    **dict.fromkeys(("tofile", "toftp"), ("refused", "scheme", 1)),
}


def test_every_kind_is_expected_to_end_somewhere() -> None:
    assert set(EXPECTED) == set(KINDS)


def _odd(server: Running) -> dict[str, tuple[str, str]]:
    """URLs of which nothing is ever asked, and what becomes of them."""
    trap = server.traps[TRAPS[1]]
    refused = ("refused", "private address")
    return {
        f"http://127.0.0.2:{trap}/a.jpg": refused,
        f"http://127.2:{trap}/b.jpg": refused,
        f"http://0x7f000002:{trap}/c.jpg": refused,
        f"http://[::ffff:7f00:2]:{trap}/d.jpg": refused,
        f"http://localhost:{server.traps[TRAPS[0]]}/e.jpg": refused,
        f"http://LOCALHOST.:{server.traps[TRAPS[0]]}/f.jpg": refused,
        f"http://{HOSTS[0]}:pass@127.0.0.2:{trap}/g.jpg": ("refused", "user name in the URL"),
        "ftp://127.0.0.2/h.jpg": ("refused", "scheme"),
        "file:///etc/passwd": ("refused", "scheme"),
        f"http://\u2460\u2461\u2466.\u24ea.\u24ea.\u2461:{trap}/digits.jpg": refused,
        f"http://127\u30020\u30020\u30022:{trap}/stops.jpg": refused,
        f"http://[::127.0.0.2]:{trap}/compatible.jpg": refused,
        "http://169.254.169.254/latest/meta-data": refused,
        "http://a..b/name.jpg": ("failed", "host not found"),
        f"http://{'a' * 300}/name.jpg": ("failed", "host not found"),
        "pictures/i.jpg": ("failed", "not a URL"),
        "http://": ("failed", "not a URL"),
        "http://[::1/j.jpg": ("failed", "not a URL"),
    }


def _by_kind(server: Running, kinds: Sequence[str], count: int) -> dict[str, str]:
    """`count` URLs of each kind, over all hosts, and their kinds; no number stands twice."""
    return {
        server.url(kind, 100 * count * place + number, HOSTS[number % len(HOSTS)]): kind
        for place, kind in enumerate(kinds)
        for number in range(count)
    }


def _expected(kinds: Mapping[str, str], server: Running) -> dict[str, tuple[str, str]]:
    """States and reasons by URL; of pictures with one content the first is stored."""
    found = {url: EXPECTED[kind][:2] for url, kind in kinds.items()} | _odd(server)
    for url, kind in kinds.items():
        if kind == "disallowed" and HOSTS[1] in url:  # has no robots.txt
            found[url] = STORED[:2]
    first = next(url for url, kind in kinds.items() if kind == "duplicate")
    return found | {first: STORED[:2]}


def _check(server: Running, kinds: Mapping[str, str], source: Path, out: Path) -> Rows:
    """Download, and hold what came of it against what had to."""
    summary = download(DownloadConfig(source=source, out=out, **LIMITS))
    rows, counts = ledger_rows(out), server.counts()["hosts"]
    expected = _expected(kinds, server)
    assert {url: (row["state"], row["reason"]) for url, row in rows.items()} == expected
    assert dict(summary.urls) == {"waiting": 0, **Counter(state for state, _ in expected.values())}
    for address in HOSTS:
        assert counts[address]["requests"][ROBOTS_PATH] == 1
    assert [counts[address]["connections"] for address in TRAPS] == [0, 0]
    require_whole(out, rows)
    return rows


def test_every_url_ends_in_its_one_right_state(
    server: Running, write_list: WriteList, tmp_path: Path
) -> None:
    kinds = _by_kind(server, ["fine"] * 20 + [kind for kind in KINDS if kind != "silent"], 4)
    source = write_list([*kinds, *_odd(server)])
    rows = _check(server, kinds, source, tmp_path / "out")
    counts = server.counts()["hosts"]
    for url, kind in kinds.items():
        address, port = url[len("http://") :].split("/")[0].split(":")
        path = url.split(port, 1)[1]
        wanted = 1 if kind == "disallowed" and address == HOSTS[1] else EXPECTED[kind][2]
        assert counts[address]["requests"].get(path, 0) == wanted, url
        assert rows[url]["attempts"] == max(wanted, 1), url


@pytest.mark.slow
def test_every_one_of_10_000_urls_ends_in_its_one_right_state(
    server: Running, write_list: WriteList, tmp_path: Path
) -> None:
    kinds = _by_kind(server, ["fine"] * (100 - len(KINDS)) + list(KINDS), 100)
    source = write_list([*kinds, *_odd(server)])
    assert len(kinds) == 10_000
    _check(server, kinds, source, tmp_path / "out")


def test_a_url_of_many_records_is_fetched_once(
    server: Running, write_list: WriteList, tmp_path: Path
) -> None:
    odd = server.url("fine", 1) + "?a=b%20c&d=[1]&e=\u00e4 \u732b#part"
    same = server.url("duplicate", 2)
    source = write_list([odd, server.url("fine", 2), odd, same, server.url("duplicate", 3), "none"])
    summary = download(DownloadConfig(source=source, out=tmp_path / "out", **LIMITS))
    requests = server.counts()["hosts"][HOSTS[0]]["requests"]
    assert sorted(requests.values()) == [1, 1, 1, 1, 1]
    records = pl.read_parquet(tmp_path / "out" / "records.parquet")
    assert records["id"].to_list() == ["r0", "r1", "r2", "r3", "r4"]
    assert records["image"][0] == records["image"][2]
    assert records["image"][3] == records["image"][4]
    assert dict(summary.records) == {"with_picture": 5, "without": 1}


def test_starts_of_requests_to_a_host_lie_apart(
    server: Running, write_list: WriteList, tmp_path: Path
) -> None:
    urls = [server.url("fine", number, HOSTS[number % 2]) for number in range(12)]
    download(DownloadConfig(source=write_list(urls), out=tmp_path / "out", delay=0.1, **LIMITS))
    for address in HOSTS[:2]:
        seen = server.counts()["hosts"][address]
        assert sum(seen["requests"].values()) == 7  # robots.txt is one
        assert seen["span"] > 0.5  # and not 0.6: the first may have come late


def test_proxies_of_the_environment_are_not_asked(
    server: Running, write_list: WriteList, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write_list([server.url("fine", 1)])
    with monkeypatch.context() as patch:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
            patch.setenv(name, f"http://{TRAPS[1]}:{server.traps[TRAPS[1]]}")
        summary = download(DownloadConfig(source=source, out=tmp_path / "out", **LIMITS))
    assert summary.urls["stored"] == 1
    assert server.counts()["hosts"][TRAPS[1]]["connections"] == 0


@pytest.mark.parametrize("per_host", [1, 4])
def test_so_many_requests_to_a_host_at_once_and_no_more(
    server: Running, write_list: WriteList, tmp_path: Path, per_host: int
) -> None:
    source = write_list([server.url("late", number, HOSTS[number % 2]) for number in range(12)])
    download(DownloadConfig(source=source, out=tmp_path / "out", **LIMITS | {"per_host": per_host}))
    counts = server.counts()["hosts"]
    assert [counts[address]["at_once"] for address in HOSTS[:2]] == [per_host, per_host]


def test_a_host_that_never_answers(server: Running, write_list: WriteList, tmp_path: Path) -> None:
    url = server.url("silent", 1)
    limits = LIMITS | {"timeout": 0.5}
    download(DownloadConfig(source=write_list([url]), out=tmp_path / "out", **limits))
    row = ledger_rows(tmp_path / "out")[url]
    assert (row["state"], row["reason"], row["attempts"]) == EXPECTED["silent"]
    assert server.counts()["hosts"][HOSTS[0]]["requests"]["/silent/1.jpg"] == ATTEMPTS


def test_a_host_whose_robots_txt_cannot_be_had_is_left_alone(
    server: Running, write_list: WriteList, tmp_path: Path
) -> None:
    url = server.url("fine", 1, DOWN)
    download(DownloadConfig(source=write_list([url]), out=tmp_path / "out", **LIMITS))
    row = ledger_rows(tmp_path / "out")[url]
    assert (row["state"], row["reason"]) == ("failed", "robots.txt unreachable")
    assert set(server.counts()["hosts"][DOWN]["requests"]) == {ROBOTS_PATH}


def test_a_host_that_answers_no_more_holds_nobody_up(
    server: Running, write_list: WriteList, tmp_path: Path
) -> None:
    silent = [server.url("silent", number) for number in range(200)]
    fine = [server.url("fine", number, HOSTS[1]) for number in range(5)]
    limits: dict[str, Any] = LIMITS | {"attempts": 1, "timeout": 0.2, "down_after": 0.5}
    settings = {"source": write_list([*silent, *fine]), "out": tmp_path / "out", **limits}
    summary = download(DownloadConfig(**settings))
    reasons = {one["reason"]: one["urls"] for one in summary.lost}
    assert summary.urls["stored"] == 5
    assert set(reasons) == {"time-out", "host down"}
    assert reasons["host down"] > 100
    asked = Counter(server.counts()["hosts"][HOSTS[0]]["requests"])
    assert asked.total() - asked[ROBOTS_PATH] == reasons["time-out"] == 200 - reasons["host down"]
    download(DownloadConfig(**settings, retry="failed"))
    asked_again = Counter(server.counts()["hosts"][HOSTS[0]]["requests"])
    assert asked_again.total() > asked.total()
