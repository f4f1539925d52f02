from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from emotionnet.apps.bench import start
from emotionnet.apps.bench.rounds import Contender, Rates


def test_seconds_and_ratio_of_cold_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    raced: list[Contender] = []

    def race(contenders: Sequence[Contender]) -> Rates:
        raced.extend(contenders)
        return Rates({"help": [4.0, 5.0, 4.0], "exported": [0.5, 1.0, 2.0], "torch": [0.25, 0.2, 0.25]})

    monkeypatch.setattr(start, "race", race)
    monkeypatch.setattr(start, "fresh_run", lambda folder, **_: folder / "run")
    monkeypatch.setattr(start, "export_run", lambda *_, **__: None)
    found = start.start(tmp_path)
    assert found["start.help_seconds"] == 0.25
    assert found["start.predict.seconds"] == 1.0
    assert found["start.predict.torch_seconds"] == 4.0
    assert found["start.predict.speedup_vs_torch"] == 5.0  # of 2, 5 and 8
    assert found["start.torch.spread"] == pytest.approx(0.2)
    commands = {one.name: one.arguments["arguments"] for one in raced}
    picture = str(tmp_path / "pictures" / "00000.jpg")
    assert commands == {
        "help": ["--help"],
        "exported": ["predict", str(tmp_path / "model"), picture],
        "torch": ["predict", str(tmp_path / "fresh" / "run"), picture, "--backend", "torch"],
    }
