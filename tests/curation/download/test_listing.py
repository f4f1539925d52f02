from __future__ import annotations

import json
from pathlib import Path

import pytest

from emotionnet.curation.download import listing
from emotionnet.curation.download.ledger import Ledger, Listed
from emotionnet.curation.download.listing import fingerprint, list_into
from emotionnet.data.shares import Share
from emotionnet.records import DataError
from tests.conftest import MakeDataset


def _write(path: Path, *images: str | None) -> Path:
    rows = [
        {"id": f"r{n}", "image": image, "tags": [f"t{n}"], "licence": "MIT"} for n, image in enumerate(images)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def _listed(
    folder: Path, source: Path, share: Share | None = None
) -> tuple[list[tuple[object, ...]], list[str]]:
    """URLs with host, state and reason; ids of the records."""
    ledger = Ledger(folder)
    list_into(ledger, source, share)
    urls = list(ledger.select("SELECT url, host, state, reason FROM urls ORDER BY id"))
    records = [json.loads(one)["id"] for (one,) in ledger.select("SELECT record FROM records ORDER BY row")]
    ledger.close()
    return urls, records


def test_records_of_a_list_and_what_they_name(tmp_path: Path) -> None:
    source = _write(
        tmp_path / "l.jsonl", "http://a.org/1", "here.jpg", "http://a.org/1", None, "ftp://a.org/2"
    )
    urls, records = _listed(tmp_path, source)
    assert urls == [
        ("http://a.org/1", "a.org", "waiting", ""),
        ("here.jpg", "", "failed", "not a URL"),
        ("", "", "failed", "not a URL"),
        ("ftp://a.org/2", "", "refused", "scheme"),
    ]
    assert records == ["r0", "r1", "r2", "r3", "r4"]


def test_what_is_kept_of_a_record(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    list_into(ledger, _write(tmp_path / "flickr.jsonl", "http://a.org/1"), None)
    kept = {"id": "r0", "tags": ["t0"], "group": None, "source": "flickr", "licence": "MIT"}
    assert ledger.records_of(1) == [kept]
    ledger.close()


def test_a_record_that_stands_in_two_files_of_a_folder_is_fetched_once(tmp_path: Path) -> None:
    folder = tmp_path / "lists"
    folder.mkdir()
    _write(folder / "happy.jsonl", "http://a.org/1", "http://a.org/2")
    _write(folder / "sad.jsonl", "http://b.org/1", "http://b.org/2", "http://b.org/3")
    urls, records = _listed(tmp_path, folder)
    assert [url for url, *_ in urls] == ["http://a.org/1", "http://a.org/2", "http://b.org/3"]
    assert records == ["r0", "r1", "r2"]


def test_shares_hold_every_record_once_and_each_host_whole(tmp_path: Path) -> None:
    images = [f"http://host{n % 7}.org:{80 + n % 2}/{n}" for n in range(50)]
    source = _write(tmp_path / "l.jsonl", *images)
    found, hosts = [], []
    for number in range(3):
        (folder := tmp_path / str(number)).mkdir()
        urls, records = _listed(folder, source, Share(number, 3))
        found += records
        hosts.append({str(url[1]).split()[0] for url in urls})
    assert sorted(found) == sorted(f"r{n}" for n in range(50))
    assert sorted(host for share in hosts for host in share) == [f"host{n}.org" for n in range(7)]


def test_a_list_is_read_on_where_it_was_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images = [f"http://a.org/{n}" for n in range(7)]
    source = _write(tmp_path / "l.jsonl", *images)
    (whole := tmp_path / "whole").mkdir()
    expected = _listed(whole, source)
    monkeypatch.setattr(listing, "_EVERY", 3)

    def killed(self: Ledger, rows: list[Listed], *, seen: int) -> None:
        add(self, rows, seen=seen)
        if seen == 6:
            raise KeyboardInterrupt

    add = Ledger.add
    ledger = Ledger(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(Ledger, "add", killed)
        with pytest.raises(KeyboardInterrupt):
            list_into(ledger, source, None)
    assert len(list(ledger.select("SELECT row FROM records"))) == 6
    ledger.close()
    assert _listed(tmp_path, source) == expected
    assert _listed(tmp_path, source) == expected  # and only once


def test_a_folder_of_tables_is_a_list(tmp_path: Path) -> None:
    (folder := tmp_path / "lists").mkdir()
    for name in ("joy", "anger"):
        row = {"id": name, "image": f"http://a.org/{name}", "tags": [name]}
        (folder / f"{name}.jsonl").write_text(json.dumps(row) + "\n")
    assert _listed(tmp_path, folder)[1] == ["anger", "joy"]


def test_a_fingerprint_changes_with_any_content(tmp_path: Path, make_dataset: MakeDataset) -> None:
    source = _write(tmp_path / "l.jsonl", "http://a.org/1")
    first = fingerprint(source)
    assert fingerprint(_write(tmp_path / "m.jsonl", "http://a.org/1")) == first
    assert fingerprint(_write(source, "http://a.org/2")) != first
    dataset = make_dataset()
    assert fingerprint(dataset.root) == dataset.content_hash


def test_a_broken_list_says_where(tmp_path: Path) -> None:
    source = tmp_path / "l.jsonl"
    source.write_text('{"id": "a", "image": "http://a.org/1", "tags": []}\n{"id": "a"\n')
    with pytest.raises(DataError, match=r"l\.jsonl:2: must be a JSON object"):
        _listed(tmp_path, source)
