from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from emotionnet.apps.bench import download
from emotionnet.apps.bench.fault_server import HOSTS
from emotionnet.apps.bench.rounds import Contender
from emotionnet.curation.download import run
from emotionnet.records import TrainingError

RaceAtOnce = Callable[[str], dict[str, Contender]]
KEYS = {
    *(f"download.{name}" for name in ("images_per_second", "ratio_vs_plain", "cpu_ms_per_image")),
    *(f"download.{name}" for name in ("cores", "server_cores")),
    *(f"download.{name}.{what}" for name in ("ours", "plain") for what in ("per_second", "spread")),
}


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("aiohttp")
    pytest.importorskip("protego")
    monkeypatch.setattr(download, "PICTURES", 12)


def test_keys_and_what_is_left(tmp_path: Path, race_at_once: RaceAtOnce) -> None:
    seen = race_at_once("download")
    found = download.download(tmp_path)
    assert set(found) == KEYS
    assert found["download.images_per_second"] == found["download.ours.per_second"]
    spreads = {key for key in KEYS if key.endswith(".spread")}
    assert min(value for key, value in found.items() if key not in spreads) > 0
    assert set(seen) == {"ours", "plain"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["list.jsonl", "plain", "spent.jsonl"]


def test_a_picture_that_is_lost_is_an_error(
    tmp_path: Path, race_at_once: RaceAtOnce, monkeypatch: pytest.MonkeyPatch
) -> None:
    race_at_once("download")
    fetch = run.download
    monkeypatch.setattr(
        download, "fetch", lambda config: fetch(config.model_copy(update={"allow": HOSTS[:3]}))
    )
    with pytest.raises(TrainingError, match=r"download: 12 pictures must be stored; got \{.*'stored': 9"):
        download.download(tmp_path)
