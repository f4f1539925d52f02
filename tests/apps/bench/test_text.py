from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from emotionnet.apps.bench import text
from emotionnet.apps.bench.rounds import Contender
from emotionnet.training.loop import fit


@pytest.fixture
def _tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = {"N_TAGS": 40, "N_DIMENSIONS": 8, "N_EMOTIONS": 5, "SENTENCES": 60, "TO_VALIDATE": 10}
    for name, value in sizes.items():
        monkeypatch.setattr(text, name, value)


@pytest.mark.usefixtures("_tiny")
def test_keys_and_what_contenders_read(
    tmp_path: Path, race_at_once: Callable[[str], dict[str, Contender]]
) -> None:
    seen = race_at_once("text")
    found = text.text(tmp_path)
    assert list(seen) == ["ours", "2020"]
    for tags in (12, 30):
        key = f"text.teacher.{tags}_tags"
        rates = [found[f"{key}.{name}.per_second"] for name in ("ours", "2020")]
        assert found[f"{key}.speedup_vs_2020"] == rates[0] / rates[1]
    assert found["text.teacher.speedup_vs_2020"] == found["text.teacher.30_tags.speedup_vs_2020"]
    data = np.load(tmp_path / "30_tags.npz")
    assert data["vectors"].shape == (42, 8)
    assert not data["vectors"][-1].any()
    assert data["tags"].shape == (60, 30)
    assert 0 <= data["tags"].min() <= data["tags"].max() < 40
    assert all(len(set(row)) == 3 for row in data["labels"].tolist())
    assert not list(tmp_path.glob("tmp*"))  # nothing of a round stays


@pytest.mark.usefixtures("_tiny")
def test_ours_learns_from_the_files_labels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text._write_sentences(tmp_path / "a.npz", 6)
    states = []

    def kept(*arguments: object) -> object:
        states.append(fit(*arguments))  # type: ignore[arg-type]
        return states[-1]

    monkeypatch.setattr(text, "fit", kept)
    one_round = text.make_ours(tmp_path / "a.npz", classes=5)
    rates = [one_round() for _ in range(8)]
    assert min(rates) > 0
    losses = [state.history[-1]["train.loss"] for state in states]
    assert losses[-1] < losses[0]
