from __future__ import annotations

import os
from pathlib import Path

import pytest

from emotionnet.records import as_text
from emotionnet.search.scan import absolute, scan_pictures
from tests.search.conftest import save_squares


def test_files_by_path_with_their_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_squares(tmp_path / "b", {"2.png": (0, 0, 0), "1.png": (0, 0, 0)})
    (tmp_path / "a").symlink_to(tmp_path / "b")
    monkeypatch.chdir(tmp_path)
    scan = scan_pictures(["b", "b/1.png", "a/1.png"])
    wanted = [tmp_path / "a" / "1.png", tmp_path / "b" / "1.png", tmp_path / "b" / "2.png"]
    assert list(scan.files) == [str(path) for path in wanted]
    for path, file in zip(wanted, scan.files.values(), strict=True):
        state = path.stat()
        assert (file.path, file.bytes, file.modified_ns) == (path, state.st_size, state.st_mtime_ns)
    assert scan.folders == (str(tmp_path / "b"),)
    assert scan.unknown == ()


def test_gone_is_what_lay_in_a_searched_folder_and_is_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_squares(tmp_path, {"b/1.png": (0, 0, 0), "bb/1.png": (0, 0, 0)})
    (tmp_path / "b" / "here.odd").write_bytes(b"")
    scan = scan_pictures([tmp_path / "b", tmp_path / "none", str(tmp_path / "bb" / "1.png")])
    kept = [
        tmp_path / "b" / "1.png",
        tmp_path / "b" / "here.odd",
        tmp_path / "bb" / "2.png",
        tmp_path / "x.png",
    ]
    lost = [tmp_path / "b" / "2.png", tmp_path / "b" / "1.png" / "3.png"]
    assert list(scan.gone(map(str, [*kept, *lost]))) == [str(path) for path in lost]
    assert len(scan.unknown) == 1

    def forbidden(path: str) -> os.stat_result:
        raise PermissionError(13, "no", path)

    monkeypatch.setattr(os, "stat", forbidden)
    assert list(scan.gone(map(str, lost))) == []


def test_patterns_search_the_folder_before_their_signs(tmp_path: Path) -> None:
    save_squares(tmp_path, {"b/1.png": (0, 0, 0)})
    assert scan_pictures([str(tmp_path / "[ab]" / "*.png")]).folders == (str(tmp_path),)
    scan = scan_pictures([str(tmp_path / "[ab]" / ".." / "b" / "1.png")])
    assert (list(scan.files), scan.folders) == ([str(tmp_path / "b" / "1.png")], (str(tmp_path / "b"),))


def test_links_stay_unless_dots_stand_behind_them(tmp_path: Path) -> None:
    (tmp_path / "real" / "deep").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "real" / "deep")
    assert absolute(tmp_path / "link" / "a.png") == tmp_path / "link" / "a.png"
    assert absolute(tmp_path / "link" / ".." / "a.png") == tmp_path / "real" / "a.png"


def test_as_text() -> None:
    assert as_text(Path(os.fsdecode(b"/\xff\xc3\xa9"))) == "/\\udcffé"
