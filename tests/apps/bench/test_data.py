from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from emotionnet.apps.bench import data
from emotionnet.apps.bench.rounds import Contender
from emotionnet.records import TrainingError

RaceAtOnce = Callable[[str], dict[str, Contender]]
KEYS = {
    *(f"data.{name}.speedup_vs_2020" for name in ("train", "cached", "large")),
    *(f"data.{name}.difference" for name in ("train", "large")),
    "data.shards.speed_vs_folder",
    *(
        f"data.train.{name}.{what}"
        for name in ("ours", "cached", "shards", "2020")
        for what in ("per_second", "spread")
    ),
    *(f"data.large.{name}.{what}" for name in ("ours", "2020") for what in ("per_second", "spread")),
}


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(data, "PICTURES", {data.SMALL: 4, data.LARGE: 2})
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)  # a contender uses one


def test_keys_and_agreement(tmp_path: Path, race_at_once: RaceAtOnce) -> None:
    seen = race_at_once("data")
    found = data.data(tmp_path)
    assert set(found) == KEYS
    assert max(found["data.train.difference"], found["data.large.difference"]) < 2
    assert min(found.values()) >= 0
    assert set(seen) == {"ours", "cached", "shards", "2020"}


def test_other_pictures_than_those_of_2020_are_an_error(
    tmp_path: Path, race_at_once: RaceAtOnce, monkeypatch: pytest.MonkeyPatch
) -> None:
    race_at_once("data")
    monkeypatch.setattr(data, "training_difference", lambda *_: 3.0)
    said = "data.train: pictures must differ by at most 2.0 of 255; got 3.00"
    with pytest.raises(TrainingError, match=said):
        data.data(tmp_path)
