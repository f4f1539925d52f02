from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from emotionnet.apps.bench import memory


def test_growth_is_the_peak_over_many_less_that_over_few(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    per_picture = {"predict": 2.0, "extract": -1.0}

    def peak_memory(arguments: Sequence[str], cache: Path) -> float:
        files = list(Path(arguments[2]).iterdir())
        assert all(file.read_bytes().startswith(b"\xff\xd8") for file in files)
        assert (arguments[0] == "extract") == ("--out" in arguments)
        assert cache == tmp_path / "cache"
        return 100 + per_picture[arguments[0]] * len(files)

    monkeypatch.setattr(memory, "peak_memory", peak_memory)
    monkeypatch.setattr(memory, "fresh_run", lambda folder, **_: folder / "run")
    monkeypatch.setattr(memory, "export_run", lambda *_, **__: None)
    for name, value in {"FEW": 2, "MANY": 5, "DIFFERENT": 3}.items():
        monkeypatch.setattr(memory, name, value)
    assert memory.memory(tmp_path) == {
        "infer.memory.predict_mb": 110.0,
        "infer.memory.predict_growth_mb": 6.0,
        "infer.memory.extract_mb": 95.0,
        "infer.memory.extract_growth_mb": -3.0,
        "infer.memory_growth_mb": 6.0,
    }
