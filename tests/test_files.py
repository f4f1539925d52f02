"""Writing whole or not at all."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from emotionnet.files import clear_place, made_alone, new_folder, read_json, write_bytes, write_json
from emotionnet.records import DataError


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def fill(target: Path, content: str, *, overwrite: bool = False) -> None:
    with new_folder(target, parts=("mark.json",), overwrite=overwrite) as folder:
        (folder / "mark.json").write_text(content)


def test_equal_values_are_equal_files(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"b": 1, "a": "é"})
    write_json(tmp_path / "b.json", {"a": "é", "b": 1})
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()
    assert read_json(tmp_path / "a.json") == {"a": "é", "b": 1}


def test_a_write_that_fails_leaves_the_old_file_and_nothing_beside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_bytes(tmp_path / "x", b"old")

    def fail(_: int) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("emotionnet.files.os.fsync", fail)
    with pytest.raises(OSError, match="disk full"):
        write_bytes(tmp_path / "x", b"new")
    assert names(tmp_path) == ["x"]
    assert (tmp_path / "x").read_bytes() == b"old"


def test_permissions_of_a_written_file(tmp_path: Path) -> None:
    write_bytes(tmp_path / "open", b"")
    write_bytes(tmp_path / "closed", b"", mode=0o600)
    assert [(tmp_path / name).stat().st_mode & 0o777 for name in ("open", "closed")] == [0o644, 0o600]


def test_a_folder_appears_when_it_is_complete(tmp_path: Path) -> None:
    with new_folder(tmp_path / "deep" / "out", parts=("mark.json",), overwrite=False) as folder:
        (folder / "mark.json").touch()
        assert not (tmp_path / "deep" / "out").exists()
    assert names(tmp_path / "deep") == ["out"]


def test_a_folder_that_fails_leaves_nothing(tmp_path: Path) -> None:
    def fail_half_way() -> None:
        with new_folder(tmp_path / "out", parts=("mark.json",), overwrite=False) as folder:
            (folder / "mark.json").touch()
            raise RuntimeError("half way")

    with pytest.raises(RuntimeError, match="half way"):
        fail_half_way()
    assert names(tmp_path) == []


def test_an_earlier_result_stays_unless_overwritten(tmp_path: Path) -> None:
    fill(tmp_path / "out", "1")
    with pytest.raises(DataError, match=r"out: exists already; .* --overwrite"):
        fill(tmp_path / "out", "2")
    assert (tmp_path / "out" / "mark.json").read_text() == "1"
    fill(tmp_path / "out", "2", overwrite=True)
    assert (tmp_path / "out" / "mark.json").read_text() == "2"
    assert names(tmp_path) == ["out"]


def test_a_foreign_folder_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.txt").touch()
    with pytest.raises(DataError, match=r"thesis: holds other files and no mark\.json"):
        fill(tmp_path / "thesis", "1", overwrite=True)
    assert names(tmp_path / "thesis") == ["chapter.txt"]


def test_an_empty_folder_may_be_filled_and_a_file_not(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    fill(tmp_path / "empty", "1")
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="it is a file"):
        fill(tmp_path / "file", "1")


@pytest.mark.parametrize("content", ["{", "[" * 100_000, "\x00", "1" * 5000])
def test_a_broken_json_file_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "x.json").write_text(content)
    with pytest.raises(DataError, match=r"x\.json: must be JSON"):
        read_json(tmp_path / "x.json")


def test_a_missing_or_binary_json_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"x\.json: file not found"):
        read_json(tmp_path / "x.json")
    (tmp_path / "x.json").write_bytes(b"\xff\xfe\x00\x80")
    with pytest.raises(DataError, match=r"x\.json: cannot be read as text"):
        read_json(tmp_path / "x.json")


def test_a_result_with_something_beside_it_is_never_overwritten(tmp_path: Path) -> None:
    fill(tmp_path / "out", "1")
    (tmp_path / "out" / "notes.txt").touch()
    with pytest.raises(DataError, match=r"out: holds more than was made there \(notes\.txt\)"):
        fill(tmp_path / "out", "2", overwrite=True)
    assert names(tmp_path / "out") == ["mark.json", "notes.txt"]


def test_what_a_killed_process_left_in_a_result_goes_with_it(tmp_path: Path) -> None:
    fill(tmp_path / "out", "1")
    (tmp_path / "out" / ".mark.json.x1y2z3").touch()
    fill(tmp_path / "out", "2", overwrite=True)
    assert names(tmp_path / "out") == ["mark.json"]


def test_the_old_folder_comes_back_when_the_new_one_cannot_be_moved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path / "out", "1")
    replace = Path.replace

    def fail(self: Path, target: Path) -> Path:
        if self.name == "new":
            raise OSError("no space left")
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OSError, match="no space left"):
        fill(tmp_path / "out", "2", overwrite=True)
    assert (tmp_path / "out" / "mark.json").read_text() == "1"
    assert names(tmp_path) == ["out"]


def test_a_byte_order_mark_is_no_fault(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_bytes(b"\xef\xbb\xbf[1]")
    assert read_json(tmp_path / "x.json") == [1]


def test_a_place_of_the_cache_is_made_by_one_at_a_time(tmp_path: Path) -> None:
    """A block that another one enters too would read an empty file, and write 1 over it."""
    place = tmp_path / "below" / "counts"

    def add(_: int) -> None:
        with made_alone(place):
            count = int(place.read_text()) if place.exists() else 0
            place.write_text("")
            place.write_text(str(count + 1))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(add, range(20)))
    assert place.read_text() == "20"


def test_a_cache_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(DataError, match=r"file/x: must be a place to write to; got .*\$EMOTIONNET_CACHE$"),
        made_alone(tmp_path / "file" / "x"),
    ):
        raise AssertionError


def test_a_place_is_cleared_with_what_lies_beside_it_for_it_alone(tmp_path: Path) -> None:
    for name in ("x", ".x.abc", ".y.abc", "y"):
        (tmp_path / name / "new").mkdir(parents=True)
    clear_place(tmp_path / "x")
    assert names(tmp_path) == [".y.abc", "y"]
