from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from emotionnet.curation.download import shards
from emotionnet.curation.download.ledger import Ledger, Listed, Outcome
from emotionnet.curation.download.pictures import Kept
from emotionnet.curation.download.shards import Shards, ended_shards


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = Ledger(tmp_path)
    opened.add([Listed("{}", f"u{n}", "a.org", split="train") for n in range(3)], seen=3)
    yield opened
    opened.close()


def _take(keeper: Shards, number: int) -> Outcome:
    content = f"picture {number}".encode()
    digest = hashlib.sha256(content).digest()
    path = f"images/{digest.hex()[:2]}/{digest.hex()}.jpg"
    keeper.take(number, Kept(digest, None, path, content, 1, 1, "image/jpeg"))
    return Outcome(number, "stored", sha256=digest, path=path, bytes=len(content))


def test_shards_that_the_ledger_does_not_tell_of_are_gone(
    tmp_path: Path, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed between `place`, which ended two shards and began a third, and the ledger."""
    monkeypatch.setattr(shards, "SAMPLES", 1)
    killed = Shards(tmp_path, ledger)
    ledger.commit(killed.place([_take(killed, 1)]), {})
    whole = (tmp_path / "train-000000.tar").read_bytes()
    killed.place([_take(killed, 2), _take(killed, 3)])
    killed.__exit__(KeyboardInterrupt, KeyboardInterrupt(), None)
    assert [one.name for one in ended_shards(ledger, "train")] == ["train-000000.tar", "train-000001.tar"]
    with Shards(tmp_path, ledger):
        assert (tmp_path / "train-000000.tar").read_bytes() == whole
        assert ended_shards(ledger, "train") == []
    assert [path.name for path in tmp_path.glob("*.tar")] == ["train-000000.tar"]
    assert [(one.name, one.samples) for one in ended_shards(ledger, "train")] == [("train-000000.tar", 1)]
