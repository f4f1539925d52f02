"""Tags of many pictures into sidecars: once, again, changed, undone."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from emotionnet.data.sidecar_tags import with_tags
from emotionnet.data.xmp import SUBJECT, parse_xmp
from emotionnet.inference.results import Score
from emotionnet.records import DataError
from emotionnet.search import sidecars as room
from emotionnet.search.sidecars import SidecarChange, undo_sidecars, write_sidecars
from emotionnet.search.tagging import TaggedPicture
from tests.data.test_xmp import bag, document

OWN = document(bag("dc:subject", "sea"))


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """Pictures without a sidecar, with each kind of sidecar, and with one that two could own."""
    folder = tmp_path / "archive"
    folder.mkdir()
    for name in ("new.jpg", "long.jpg", "short.jpg", "two.jpg", "two.dng"):
        (folder / name).write_bytes(name.encode())
    for name in ("long.jpg.xmp", "short.xmp", "two.xmp"):
        (folder / name).write_bytes(OWN)
    return folder


def tree(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def pictures(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.jpg"))


def tagged(folder: Path, *words: str) -> list[TaggedPicture]:
    tags = tuple(Score(word, 0.9) for word in words)
    return [TaggedPicture(str(path), tags, outside=False) for path in pictures(folder)]


def actions(results: Iterable[SidecarChange | DataError]) -> dict[str, str]:
    changes = list(results)
    assert not [one for one in changes if isinstance(one, DataError)]
    return {Path(one.sidecar).name: one.action for one in changes if isinstance(one, SidecarChange)}


def words(path: Path) -> list[str]:
    return parse_xmp(path.read_bytes(), "x").values(SUBJECT)


def test_once_again_and_undone(archive: Path) -> None:
    before = tree(archive)
    made = actions(write_sidecars(tagged(archive, "joy", "awe")))
    assert made == {
        "long.jpg.xmp": "changed", "new.jpg.xmp": "created", "short.xmp": "changed", "two.jpg.xmp": "created"
    }  # fmt: skip
    assert words(archive / "new.jpg.xmp") == ["emotion/awe", "emotion/joy"]
    assert words(archive / "short.xmp") == ["sea", "emotion/awe", "emotion/joy"]
    once = tree(archive)
    assert {name: once[name] for name in before if name not in made} == {
        name: before[name] for name in before if name not in made
    }
    times = [path.stat().st_mtime_ns for path in sorted(archive.iterdir())]
    assert set(actions(write_sidecars(tagged(archive, "awe", "joy"))).values()) == {"unchanged"}
    assert tree(archive) == once
    assert [path.stat().st_mtime_ns for path in sorted(archive.iterdir())] == times
    undone = actions(undo_sidecars(pictures(archive)))
    assert undone == {name: "deleted" if action == "created" else "changed" for name, action in made.items()}
    assert tree(archive) == before
    assert set(actions(undo_sidecars(pictures(archive))).values()) == {"none", "unchanged"}


def test_other_tags_replace_ours(archive: Path) -> None:
    before = tree(archive)
    list(write_sidecars(tagged(archive, "joy")))
    list(write_sidecars(tagged(archive, "awe"), prefix="mood/"))
    assert words(archive / "new.jpg.xmp") == ["mood/awe"]
    assert words(archive / "long.jpg.xmp") == ["sea", "mood/awe"]
    assert actions(write_sidecars(tagged(archive))) == {
        "long.jpg.xmp": "changed", "new.jpg.xmp": "deleted", "short.xmp": "changed", "two.jpg.xmp": "deleted"
    }  # fmt: skip
    assert tree(archive) == before


def test_a_dry_run_tells_the_same_and_writes_nothing(archive: Path) -> None:
    before = tree(archive)
    told = list(write_sidecars(tagged(archive, "joy"), dry_run=True))
    assert tree(archive) == before
    done = list(write_sidecars(tagged(archive, "joy")))
    assert told == done
    after = tree(archive)
    told = list(undo_sidecars(pictures(archive), dry_run=True))
    assert tree(archive) == after
    assert told == list(undo_sidecars(pictures(archive)))


def test_what_a_change_tells(archive: Path) -> None:
    picture = archive / "new.jpg"
    (change,) = write_sidecars([TaggedPicture(str(picture), (Score("joy", 0.9),), outside=False)])
    assert isinstance(change, SidecarChange)
    assert change.to_dict() == {
        "schema_version": 1,
        "image": str(picture),
        "sidecar": f"{picture}.xmp",
        "action": "created",
        "tags": ["emotion/joy"],
    }


def test_permissions_stay(archive: Path) -> None:
    sidecar = archive / "long.jpg.xmp"
    sidecar.chmod(0o600)
    list(write_sidecars(tagged(archive, "joy")))
    assert sidecar.stat().st_mode & 0o777 == 0o600
    list(undo_sidecars(pictures(archive)))
    assert (sidecar.stat().st_mode & 0o777, sidecar.read_bytes()) == (0o600, OWN)


def test_what_another_program_changed_since_stays(archive: Path, capsys: pytest.CaptureFixture[str]) -> None:
    list(write_sidecars(tagged(archive, "joy")))
    sidecar = archive / "long.jpg.xmp"
    sidecar.write_bytes(sidecar.read_bytes().replace(b"<rdf:li>sea<", b"<rdf:li>sea</rdf:li><rdf:li>sun<"))
    list(undo_sidecars(pictures(archive)))
    assert words(sidecar) == ["sea", "sun"]
    assert b"emotionnet" not in sidecar.read_bytes()
    note = f"{sidecar}: another program has changed it since; our tags go out of it, and nothing else\n"
    assert capsys.readouterr().err == note
    assert (archive / "short.xmp").read_bytes() == OWN


def test_a_sidecar_that_is_no_longer_the_pictures_is_cleaned(archive: Path) -> None:
    """short.xmp was taken for short.jpg; then a raw file of that name came."""
    list(write_sidecars(tagged(archive, "joy")))
    (archive / "short.dng").touch()
    assert actions(write_sidecars(tagged(archive, "joy")))["short.xmp"] == "changed"
    assert (archive / "short.xmp").read_bytes() == OWN
    assert words(archive / "short.jpg.xmp") == ["emotion/joy"]
    list(undo_sidecars(pictures(archive)))
    assert not (archive / "short.jpg.xmp").exists()


def test_broken_and_hostile_sidecars_are_left_as_they_are(archive: Path, tmp_path: Path) -> None:
    (archive / "long.jpg.xmp").write_bytes(b'<!DOCTYPE r [<!ENTITY a "ha">]><r>&a;</r>')
    (archive / "short.xmp").write_bytes(b"broken <")
    target = tmp_path / "elsewhere"
    target.write_bytes(OWN)
    (archive / "new.jpg.xmp").symlink_to(target)
    before = tree(archive)
    faults = [str(one) for one in write_sidecars(tagged(archive, "joy")) if isinstance(one, DataError)]
    assert [fault.replace(str(archive), "")[:40] for fault in faults] == [
        "/long.jpg.xmp: XMP must have no DOCTYPE;",
        "/new.jpg.xmp: a sidecar must be a file; ",
        "/short.xmp: must be XMP; syntax error: l",
    ]
    after = tree(archive)
    assert {name: after[name] for name in before} == before
    assert target.read_bytes() == OWN
    assert (archive / "new.jpg.xmp").is_symlink()


def test_a_sidecar_that_claims_to_be_ours_changes_itself_alone(archive: Path) -> None:
    content = with_tags(OWN, ["emotion/joy"], "../../etc/passwd", "x")
    assert content is not None
    (archive / "long.jpg.xmp").write_bytes(content)
    before = tree(archive)
    list(undo_sidecars(pictures(archive)))
    assert tree(archive) == before | {"long.jpg.xmp": OWN}


def test_a_folder_that_cannot_be_written_is_one_line(archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(room, "write_bytes", refuse)
    before = tree(archive)
    results = list(write_sidecars([*tagged(archive, "joy"), DataError("a.jpg: unreadable")]))
    assert [str(one) for one in results] == [
        "a.jpg: unreadable",
        f"{archive}: cannot be written (Permission denied): 4 sidecars left as they are",
    ]
    assert tree(archive) == before


def test_a_name_that_is_too_long(tmp_path: Path) -> None:
    picture = tmp_path / f"{'x' * 250}.jpg"
    picture.touch()
    results = list(write_sidecars([TaggedPicture(str(picture), (Score("joy", 0.9),), outside=False)]))
    assert [str(one) for one in results] == [f"{picture}: its sidecar cannot be found (File name too long)"]


def test_a_prefix_that_xml_cannot_hold(archive: Path) -> None:
    with pytest.raises(
        DataError, match=r"the prefix of tags: must be of characters that XML can hold; got 'a\\x00'"
    ):
        list(write_sidecars(tagged(archive, "joy"), prefix="a\0"))


def test_originals_are_not_opened_for_writing(archive: Path) -> None:
    def state() -> list[tuple[bytes, int]]:
        return [(path.read_bytes(), path.stat().st_mtime_ns) for path in pictures(archive)]

    before = state()
    list(write_sidecars(tagged(archive, "joy")))
    list(undo_sidecars(pictures(archive)))
    assert state() == before
