"""Where the sidecar of a picture lies."""

from __future__ import annotations

from pathlib import Path

import pytest

from emotionnet.data import sidecars as room
from emotionnet.data.sidecar_tags import with_tags
from emotionnet.data.sidecars import Sidecars, read_sidecar
from emotionnet.data.xmp import NAMESPACE
from emotionnet.records import DataError


def put(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).touch()


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (["a.jpg"], "a.jpg.xmp"),
        (["a.jpg", "a.jpg.xmp", "a.xmp"], "a.jpg.xmp"),
        (["a.jpg", "a.xmp"], "a.xmp"),
        (["a.jpg", "a.xmp", "a.dng"], "a.jpg.xmp"),  # whose is a.xmp?
        (["a.jpg", "a.xmp", "b.dng", "a.b.jpg"], "a.xmp"),
    ],
)
def test_the_sidecar_of_a_picture(tmp_path: Path, files: list[str], expected: str) -> None:
    put(tmp_path, *files)
    assert Sidecars().of(tmp_path / "a.jpg") == tmp_path / expected


def test_a_picture_is_not_its_own_sidecar(tmp_path: Path) -> None:
    put(tmp_path, "a.xmp")
    assert Sidecars().all_of(tmp_path / "a.xmp") == [tmp_path / "a.xmp.xmp"]


def test_a_folder_is_listed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, *[f"{number}{suffix}" for number in range(5) for suffix in (".jpg", ".xmp")])
    lists = 0
    of_a_path = Path.iterdir

    def counted(path: Path) -> object:
        nonlocal lists
        lists += 1
        return of_a_path(path)

    monkeypatch.setattr(Path, "iterdir", counted)
    sidecars = Sidecars()
    for number in range(5):
        assert sidecars.of(tmp_path / f"{number}.jpg").name == f"{number}.xmp"
    assert lists == 1


def test_one_that_was_written_for_the_picture_counts_too(tmp_path: Path) -> None:
    put(tmp_path, "a.jpg", "a.dng")
    picture = tmp_path / "a.jpg"
    for name, wanted in (("a.jpg", ["a.jpg.xmp", "a.xmp"]), ("a.dng", ["a.jpg.xmp"])):
        content = with_tags(None, ["joy"], name, "x")
        assert content is not None
        (tmp_path / "a.xmp").write_bytes(content)
        assert [path.name for path in Sidecars().all_of(picture)] == wanted
    (tmp_path / "a.xmp").write_bytes(f"broken < {NAMESPACE}".encode())
    assert [path.name for path in Sidecars().all_of(picture)] == ["a.jpg.xmp"]


def test_reading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sidecar = tmp_path / "a.jpg.xmp"
    assert read_sidecar(sidecar) is None
    sidecar.write_bytes(b"abc")
    assert read_sidecar(sidecar) == b"abc"
    monkeypatch.setattr(room, "MAX_BYTES", 2)
    with pytest.raises(DataError, match=r"a\.jpg\.xmp: XMP must have at most 2 bytes; has more"):
        read_sidecar(sidecar)


@pytest.mark.parametrize("kind", ["link", "dangling", "folder"])
def test_a_sidecar_is_a_file(tmp_path: Path, kind: str) -> None:
    sidecar, other = tmp_path / "a.jpg.xmp", tmp_path / "other"
    if kind == "folder":
        sidecar.mkdir()
    else:
        sidecar.symlink_to(other)
        other.touch() if kind == "link" else None
    assert Sidecars().of(tmp_path / "a.jpg") == sidecar
    with pytest.raises(DataError, match=r"a\.jpg\.xmp: a sidecar must be a file; it is a link or something"):
        read_sidecar(sidecar)
