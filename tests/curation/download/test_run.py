"""A download from beginning to end, and on."""

from __future__ import annotations

import io
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from emotionnet.apps.cli import main
from emotionnet.apps.data_output import print_download
from emotionnet.config import DownloadConfig
from emotionnet.curation.download import crawl
from emotionnet.curation.download.ledger import Ledger
from emotionnet.curation.download.run import download
from emotionnet.curation.sources import read_source
from emotionnet.data.looks import look
from emotionnet.files import made_alone, read_json
from emotionnet.records import DataError
from tests.curation.download.conftest import Site, WriteList, ledger_rows


def picture(seed: int, side: int = 40) -> bytes:
    """A PNG."""
    coarse_HW3 = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(coarse_HW3).resize((side, side), Image.Resampling.BICUBIC).save(buffer, "PNG")
    return buffer.getvalue()


def settings(source: Path, out: Path, **others: Any) -> DownloadConfig:
    quick: dict[str, Any] = {"attempts": 2, "backoff": 1e-3, "allow": ("127.0.0.1",)}
    return DownloadConfig(source=source, out=out, **{**quick, **others})


def test_what_came_is_a_table_that_curation_reads(site: Site, write_list: WriteList, tmp_path: Path) -> None:
    first, second = site.picture("/1", picture(1)), site.picture("/2", picture(1))
    out = tmp_path / "out"
    summary = download(settings(write_list([first, f"{site.origin}/none", second, first]), out))
    rows = pq.read_table(out / "records.parquet").to_pylist()
    assert [row["id"] for row in rows] == ["r0", "r2", "r3"]
    assert [row["url"] for row in rows] == [first, second, first]
    assert len({row["image"] for row in rows}) == 1
    assert (out / rows[0]["image"]).read_bytes() == picture(1)
    size = len(picture(1))
    found = [rows[0][name] for name in ("tags", "source", "width", "height", "bytes", "type", "look")]
    assert found == [["tag0"], "list", 40, 40, size, "image/png", look(picture(1))]
    for source in (out, out / "records.parquet"):
        records = read_source(source).records
        assert records["sha256"].to_list() == [row["sha256"] for row in rows]
    assert summary.to_dict()["urls"] == {"stored": 1, "duplicate": 1, "failed": 1, "refused": 0, "waiting": 0}
    assert summary.lost == ({"state": "failed", "reason": "status 404", "urls": 1},)
    assert summary.records == {"with_picture": 3, "without": 1}
    assert (summary.bytes, summary.fetched) == (size, 2)
    assert [one["lost"] for one in summary.hosts] == [1]
    assert read_json(out / "summary.json") == json.loads(json.dumps(summary.to_dict()))


def test_what_is_done_is_not_asked_for_again_unless_it_failed_and_is_to_be_tried(
    site: Site, write_list: WriteList, tmp_path: Path
) -> None:
    site.answers["/busy"] = (503, {"Retry-After": "0"}, b"")
    site.answers["/noai"] = (200, {"X-Robots-Tag": "noai"}, picture(2))
    source = write_list(
        [site.picture("/1", picture(1)), f"{site.origin}/busy", f"{site.origin}/noai", "no/url"]
    )
    out = tmp_path / "out"
    once = download(settings(source, out))
    asked = {"/robots.txt": 1, "/1": 1, "/busy": 2, "/noai": 1}
    assert site.asked == asked
    again = download(settings(source, out))
    assert (again.urls, again.fetched, site.asked) == (once.urls, 0, asked)
    site.picture("/busy", picture(3))
    last = download(settings(source, out, retry="failed"))
    assert site.asked == {**asked, "/busy": 3}
    assert last.urls == {"stored": 2, "duplicate": 0, "failed": 1, "refused": 1, "waiting": 0}
    assert len(list((out / "images").rglob("*.png"))) == 2


def test_pictures_are_shrunk_where_that_is_wanted(site: Site, write_list: WriteList, tmp_path: Path) -> None:
    source = write_list([site.picture("/1", picture(1, 300))])
    download(settings(source, tmp_path / "out", store="short_side_256"))
    (row,) = ledger_rows(tmp_path / "out").values()
    assert (row["width"], row["height"], row["type"]) == (256, 256, "image/jpeg")
    with Image.open(tmp_path / "out" / row["path"]) as image:
        assert (image.size, image.format) == ((256, 256), "JPEG")


def test_robots_may_be_left_unread(site: Site, write_list: WriteList, tmp_path: Path) -> None:
    site.answers["/1"] = (200, {"X-Robots-Tag": "noai"}, picture(1))
    summary = download(settings(write_list([f"{site.origin}/1"]), tmp_path / "out", robots=False))
    assert summary.urls["stored"] == 1
    assert site.asked == {"/1": 1}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_told_to_stop_it_writes_down_what_came_and_goes_on_later(
    site: Site,
    write_list: WriteList,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    number: signal.Signals,
) -> None:
    source = write_list([site.picture(f"/{n}", picture(n)) for n in range(4)])
    site.answers["/2"] = (503, {"Retry-After": "100"}, b"")  # nothing more is asked meanwhile
    monkeypatch.setattr(crawl, "COMMIT_EVERY", 0.02)
    commit = Ledger.commit

    def committed(*args: Any) -> None:
        commit(*args)
        if args[2]:  # attempts that failed
            os.kill(os.getpid(), number)

    monkeypatch.setattr(Ledger, "commit", committed)
    out = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        download(settings(source, out, per_host=1))
    states = [row["state"] for row in ledger_rows(out).values()]
    assert states == ["stored", "stored", "waiting", "waiting"]
    assert "Stopped; 2 URLs wait. The same command goes on from here" in capsys.readouterr().err
    assert pq.read_table(out / "records.parquet").num_rows == 2
    assert read_json(out / "summary.json")["urls"]["waiting"] == 2
    monkeypatch.undo()
    site.picture("/2", picture(2))
    assert download(settings(source, out)).urls["stored"] == 4
    assert site.asked["/0"] == site.asked["/1"] == 1


def test_the_command_prints_the_summary(
    site: Site, write_list: WriteList, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, out = write_list([site.picture("/1", picture(1))]), tmp_path / "out"
    main(["data", "download", str(source), "--out", str(out), "--allow", '["127.0.0.1"]', "--per_host", "2"])
    printed = json.loads(capsys.readouterr().out)
    assert (printed["download"], printed["urls"]["stored"]) == (str(out), 1)


def test_a_person_gets_tables(
    site: Site,
    write_list: WriteList,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    source = write_list([site.picture("/1", picture(1)), f"{site.origin}/none"])
    summary = download(settings(source, tmp_path / "out"))
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    print_download(summary)
    words = " ".join(capsys.readouterr().out.split())
    assert "stored │ 1" in words
    assert "failed │ status 404 │ 1" in words
    assert f"{site.origin.removeprefix('http://').replace(':', ' ')} │ 2 │ 1" in words


def test_another_list_or_form_needs_another_folder(site: Site, write_list: WriteList, tmp_path: Path) -> None:
    out = tmp_path / "out"
    source = write_list([site.picture("/1", picture(1))])
    download(settings(source, out))
    fault = "out: must go on with the same download; store as_it_came is now short_side_256: choose another"
    with pytest.raises(DataError, match=fault):
        download(settings(source, out, store="short_side_256"))
    with pytest.raises(DataError, match="shard None is now 0/2"):
        download(settings(source, out, shard="0/2"))
    with pytest.raises(DataError, match=r"source [0-9a-f]{16} is now [0-9a-f]{16}"):
        download(settings(write_list([f"{site.origin}/2"]), out))


def test_a_list_that_is_broken_can_be_put_right(site: Site, write_list: WriteList, tmp_path: Path) -> None:
    out = tmp_path / "out"
    source = tmp_path / "list.jsonl"
    source.write_text("{")
    with pytest.raises(DataError, match="must be a JSON object"):
        download(settings(source, out))
    assert download(settings(write_list([site.picture("/1", picture(1))]), out)).urls["stored"] == 1


def test_a_folder_with_other_files_is_left_alone(write_list: WriteList, tmp_path: Path) -> None:
    (out := tmp_path / "out").mkdir()
    (out / "notes.txt").write_text("mine")
    with pytest.raises(DataError, match=r"out: holds other files and no ledger\.sqlite; choose"):
        download(settings(write_list(["http://a.org/1"]), out))
    assert [path.name for path in out.iterdir()] == ["notes.txt"]


def test_what_a_killed_run_left_of_its_tables_goes(site: Site, write_list: WriteList, tmp_path: Path) -> None:
    source, out = write_list([site.picture("/1", picture(1))]), tmp_path / "out"
    download(settings(source, out))
    (out / ".records.parquet.abc").write_text("half")
    (out / ".dataset.abc").mkdir()
    (out / ".DS_Store").write_text("another's")
    download(settings(source, out))
    assert [path.name for path in out.glob(".*")] == [".DS_Store"]


def test_one_process_at_a_time(write_list: WriteList, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with (
        made_alone(out / "ledger.sqlite"),
        pytest.raises(DataError, match="another process downloads into it; let it end, or stop it, first"),
    ):
        download(settings(write_list(["http://a.org/1"]), out))


def test_a_package_that_is_missing_is_named_with_its_extra(
    write_list: WriteList, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "protego", None)
    with pytest.raises(DataError, match=r"the package protego must be installed; .*'emotionnet\[scale\]'"):
        download(settings(write_list(["http://a.org/1"]), tmp_path / "out"))
    assert not (tmp_path / "out").exists()
