from pathlib import Path

import pytest

from emotionnet.data.picture_files import content_sha256, picture_sizes
from emotionnet.records import DataError


def test_only_files_inside_the_folder_have_a_size(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "a").mkdir(parents=True)
    (root / "a" / "one.png").write_bytes(b"123")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "two.png").write_bytes(b"1")
    (root / "linked").symlink_to(tmp_path / "outside")
    (root / "a" / "out.png").symlink_to(tmp_path / "outside" / "two.png")
    (root / "a" / "in.png").symlink_to(root / "a" / "one.png")
    (root / "inner").symlink_to(root / "a")
    paths = [
        *("a/one.png", "a/in.png", "inner/one.png"),
        *("a", "a/none.png", "../outside/two.png", "linked/two.png", "a/out.png", "a/\0", "x" * 5000),
    ]
    assert picture_sizes(root, paths) == {"a/one.png": 3, "a/in.png": 3, "inner/one.png": 3}


def test_a_folder_that_is_a_link_itself_is_no_way_out(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "one.png").write_bytes(b"12")
    (tmp_path / "root").symlink_to(tmp_path / "real")
    assert picture_sizes(tmp_path / "root", ["one.png"]) == {"one.png": 2}


@pytest.mark.parametrize("path", ["/etc/passwd", "../root2/one.png"])
def test_a_name_that_begins_like_the_folder_is_outside(tmp_path: Path, path: str) -> None:
    for name in ("root", "root2"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "one.png").write_bytes(b"12")
    assert picture_sizes(tmp_path / "root", [path]) == {}


def test_the_hash_of_a_file_and_what_has_none(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"abc")
    assert content_sha256(tmp_path / "a.png").startswith("ba7816bf8f01cfea")  # FIPS 180-2, appendix B.1
    with pytest.raises(DataError, match=r"none\.png: file not found"):
        content_sha256(tmp_path / "none.png")
    for path in (tmp_path, tmp_path / "a\0.png", tmp_path / ("x" * 300)):
        with pytest.raises(DataError, match="picture cannot be read"):
            content_sha256(path)
