from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from emotionnet.curation.download.ledger import NAME, Ledger, Listed, Outcome
from emotionnet.curation.download.ledger_schema import MARK, STATEMENTS
from emotionnet.records import DataError

_MARKED = f"PRAGMA application_id = {MARK}"


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = Ledger(tmp_path)
    yield opened
    opened.close()


def _listed(*urls: str, host: str = "a.org") -> list[Listed]:
    return [Listed(f'{{"id": "{url}"}}', url, host) for url in urls]


def test_a_url_stands_once_and_each_record_that_names_it(ledger: Ledger) -> None:
    ledger.add(_listed("u", "v", "u"), seen=3)
    assert [one.url for one in ledger.waiting("a.org", 0, 10)] == ["u", "v"]
    assert ledger.records_of(1) == [{"id": "u"}, {"id": "u"}]
    assert ledger.about() == {"seen": "3"}


def test_hosts_and_their_urls_come_in_pages_and_in_order(ledger: Ledger) -> None:
    ledger.add([*_listed("b1", "b2", "b3", host="b.org"), *_listed("a1", host="a.org")], seen=4)
    ledger.add([Listed("{}", "ftp://x", "", "refused", "scheme")], seen=5)
    assert [ledger.next_host(last) for last in ("", "a.org", "b.org")] == ["a.org", "b.org", None]
    assert [one.url for one in ledger.waiting("b.org", 0, 2)] == ["b1", "b2"]
    assert [one.url for one in ledger.waiting("b.org", 2, 2)] == ["b3"]


def test_what_has_a_state_waits_no_more(ledger: Ledger) -> None:
    ledger.add(_listed("u", "v"), seen=2)
    ledger.commit([Outcome(1, "failed", "status 404", attempts=1, status=404)], {2: 3})
    assert [tuple(one) for one in ledger.waiting("a.org", 0, 9)] == [(2, "v", 3)]
    assert ledger.counts() == {("failed", "status 404"): 1, ("waiting", ""): 1}


@pytest.mark.parametrize("order", list(itertools.permutations((1, 2, 3))))
def test_of_one_content_the_first_of_the_list_is_stored_whatever_comes_first(
    ledger: Ledger, order: tuple[int, ...]
) -> None:
    ledger.add(_listed("u", "v", "w"), seen=3)
    for number in order:
        ledger.commit([Outcome(number, "stored", sha256=b"same", path="images/same.jpg")], {})
    ledger.name_the_first()
    rows = ledger.select("SELECT state, reason, detail FROM urls ORDER BY id")
    assert list(rows) == [("stored", "", ""), *[("duplicate", "content of another", "u")] * 2]
    stored = ledger.stored(b"same")
    assert stored is not None
    assert (stored.id, stored.path) == (1, "images/same.jpg")
    assert ledger.stored(b"other") is None


def test_only_what_failed_is_tried_again(ledger: Ledger) -> None:
    ledger.add([*_listed("u", "v"), Listed("{}", "no url", "", "failed", "not a URL")], seen=3)
    ledger.commit([Outcome(1, "failed", "time-out", attempts=4), Outcome(2, "refused", "robots.txt")], {})
    assert ledger.retry_failed() == 1
    assert [tuple(one) for one in ledger.waiting("a.org", 0, 9)] == [(1, "u", 0)]
    assert ledger.counts()[("refused", "robots.txt")] == 1


def test_robots_are_kept(ledger: Ledger) -> None:
    assert ledger.robots("http://a.org:80") is None
    ledger.keep_robots("http://a.org:80", b"User-agent: *", 12.5)
    assert ledger.robots("http://a.org:80") == (b"User-agent: *", 12.5)


def test_a_batch_is_committed_whole_or_not_at_all(ledger: Ledger) -> None:
    ledger.add(_listed("u", "v"), seen=2)
    with pytest.raises(DataError, match="cannot be read or written; CHECK constraint failed"):
        ledger.commit([Outcome(1, "failed", "time-out"), Outcome(2, "unheard of")], {})
    assert ledger.counts() == {("waiting", ""): 2}


def test_a_ledger_is_opened_again(tmp_path: Path) -> None:
    for expected in (0, 1):
        ledger = Ledger(tmp_path)
        assert ledger.counts() == ({("waiting", ""): 1} if expected else {})
        ledger.add(_listed("u"), seen=1)
        ledger.close()


def test_an_empty_file_was_killed_before_anything_was_in_it(tmp_path: Path) -> None:
    (tmp_path / NAME).touch()
    ledger = Ledger(tmp_path)
    assert ledger.counts() == {}
    ledger.close()


def _foreign(path: Path, *statements: str) -> None:
    connection = sqlite3.connect(path)
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()


@pytest.mark.parametrize(
    ("statements", "fault"),
    [
        (["CREATE TABLE urls (id)"], "it is another SQLite file"),
        ([_MARKED, "PRAGMA user_version = 2"], "of version 1; got version 2"),
        (
            [
                *STATEMENTS,
                "CREATE TRIGGER t AFTER UPDATE ON urls BEGIN DELETE FROM urls; END",
                _MARKED,
                "PRAGMA user_version = 1",
            ],
            "tables of a ledger and no others; differs at 'CREATE TRIGGER t",
        ),
        (
            [*STATEMENTS[1:], _MARKED, "PRAGMA user_version = 1"],
            "differs at 'CREATE TABLE about",
        ),
    ],
)
def test_what_is_no_ledger_of_ours_is_refused(tmp_path: Path, statements: list[str], fault: str) -> None:
    _foreign(tmp_path / NAME, *statements)
    with pytest.raises(DataError) as caught:
        Ledger(tmp_path)
    assert str(caught.value).startswith(f"{tmp_path / NAME}: must ")
    assert fault in str(caught.value)


def test_a_broken_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(b"no database at all" * 100)
    with pytest.raises(DataError, match="must be a ledger of 'data download'; file is not a database"):
        Ledger(tmp_path)


def test_a_link_is_no_ledger(tmp_path: Path) -> None:
    (tmp_path / NAME).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(DataError, match="it is no plain file"):
        Ledger(tmp_path)
