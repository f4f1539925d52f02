from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from emotionnet.apps.bench import train
from emotionnet.apps.bench.machine import Measured
from emotionnet.apps.bench.notes import read_notes
from emotionnet.apps.bench.rounds import Contender

RaceAtOnce = Callable[[str], dict[str, Contender]]


@pytest.fixture
def _tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = {"TRUNK": "test_resnet", "SIDE": 32, "BATCH": 2, "FILES": 3, "PICTURES": 4, "EPOCHS": 1}
    for name, value in {**sizes, "WIDTH": 68, "HEIGHT": 51, "STEPS": {"2020": 1, "timm": 1}}.items():
        monkeypatch.setattr(train, name, value)
    monkeypatch.setattr(train, "measured", lambda: Measured(float32=100.0, bfloat16=820.0, copy=1e9))


@pytest.mark.usefixtures("_tiny", "no_workers")
def test_keys_and_notes(tmp_path: Path, race_at_once: RaceAtOnce) -> None:
    seen = race_at_once("train")
    found = train.train(tmp_path)
    assert list(seen) == ["ours", "2020", "timm"]
    key, ours = "train.resnet50", found["train.resnet50.ours.per_second"]
    assert found[f"{key}.speedup_vs_2020"] == ours / found[f"{key}.2020.per_second"]
    assert found[f"{key}.speedup_vs_timm"] == ours / found[f"{key}.timm.per_second"]
    assert found[f"{key}.images_per_second"] == ours
    assert found[f"{key}.share_of_floor"] == pytest.approx(ours * 3 * 8.2 / 820)
    assert read_notes(tmp_path) == {f"{key}.chosen": "float32 channels_last"}
    assert not list(tmp_path.glob("tmp*"))  # nothing of a round stays
