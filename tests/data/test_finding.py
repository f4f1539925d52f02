"""Pictures by name."""

from __future__ import annotations

from pathlib import Path

from emotionnet.data.finding import find_images


def test_find_images_reads_files_folders_and_patterns_in_order(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    for name in ("b.png", "a.JPG", "sub/c.webp", "notes.txt"):
        (tmp_path / name).touch()
    found, faults = find_images([tmp_path, str(tmp_path / "*.png")])
    assert [str(path.relative_to(tmp_path)) for path in found] == ["a.JPG", "b.png", "sub/c.webp", "b.png"]
    assert faults == []


def test_find_images_names_all_that_stand_for_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.png").touch()
    names: list[str | Path] = [
        tmp_path / "no.png",
        str(tmp_path / "*.gif"),
        "",
        "***/",
        "~nobody-of-that-name/x",
        "x" * 5000,
        tmp_path,
    ]
    found, faults = find_images(names)
    assert found == [tmp_path / "a.png"]
    assert len(faults) == len(names) - 1
    assert all("must name a picture" in fault and len(fault) <= 400 for fault in faults)
