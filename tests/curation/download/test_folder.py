"""A process killed at any moment leaves whole pictures that the ledger knows, once the next one starts."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from emotionnet.curation.download.folder import INCOMING, Folder
from emotionnet.curation.download.ledger import Ledger, Listed, Outcome
from emotionnet.curation.download.pictures import Kept

DIGEST = hashlib.sha256(b"picture").digest()
KEPT = Kept(DIGEST, None, f"images/{DIGEST.hex()[:2]}/{DIGEST.hex()}.jpg", b"picture", 1, 1, "image/jpeg")


def stored_files(out: Path) -> dict[str, str]:
    """SHA-256 of every file among the pictures, by its path."""
    files = [path for path in (out / "images").rglob("*") if path.is_file()]
    return {str(path.relative_to(out)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = Ledger(tmp_path)
    opened.add([Listed("{}", "u", "a.org"), Listed("{}", "v", "a.org")], seen=2)
    yield opened
    opened.close()


def _outcome(number: int = 1) -> Outcome:
    return Outcome(number, "stored", sha256=KEPT.sha256, path=KEPT.path)


def test_a_picture_is_seen_only_when_it_is_shown(tmp_path: Path, ledger: Ledger) -> None:
    folder = Folder(tmp_path, ledger)
    folder.take(1, KEPT)
    assert stored_files(tmp_path) == {}
    placed = folder.place([_outcome(), Outcome(2, "failed")])
    ledger.commit(placed, {})
    folder.show(placed)
    with folder:
        pass
    assert stored_files(tmp_path) == {KEPT.path: DIGEST.hex()}
    assert not (tmp_path / INCOMING).exists()


def test_one_content_of_two_urls_is_one_file(tmp_path: Path, ledger: Ledger) -> None:
    folder = Folder(tmp_path, ledger)
    folder.take(1, KEPT)
    folder.take(2, KEPT)
    outcomes = [_outcome(2), _outcome(1)]
    ledger.commit(outcomes, {})
    folder.show(outcomes)
    assert stored_files(tmp_path) == {KEPT.path: DIGEST.hex()}
    with folder:
        pass


def test_killed_before_the_ledger_told_of_it(tmp_path: Path, ledger: Ledger) -> None:
    Folder(tmp_path, ledger).take(1, KEPT)
    with Folder(tmp_path, ledger):
        pass
    assert stored_files(tmp_path) == {}
    assert not (tmp_path / INCOMING).exists()


def test_killed_after_the_ledger_told_of_it(tmp_path: Path, ledger: Ledger) -> None:
    Folder(tmp_path, ledger).take(1, KEPT)
    ledger.commit([_outcome()], {})
    with Folder(tmp_path, ledger):
        pass
    assert stored_files(tmp_path) == {KEPT.path: DIGEST.hex()}


def test_killed_while_another_copy_of_it_was_written(tmp_path: Path, ledger: Ledger) -> None:
    Folder(tmp_path, ledger).take(1, KEPT)
    ledger.commit([_outcome()], {})
    (tmp_path / INCOMING / f"{DIGEST.hex()}.0").write_bytes(b"pict")  # comes before it, and is not whole
    with Folder(tmp_path, ledger):
        pass
    assert stored_files(tmp_path) == {KEPT.path: DIGEST.hex()}


def test_what_lies_there_by_another_name_goes(tmp_path: Path, ledger: Ledger) -> None:
    (tmp_path / INCOMING).mkdir()
    (tmp_path / INCOMING / "notes.txt").write_text("foreign")
    with Folder(tmp_path, ledger):
        pass
    assert not (tmp_path / INCOMING).exists()
