from __future__ import annotations

from pathlib import Path

import pytest

from emotionnet.apps.bench import teach
from emotionnet.search.taught import taught_words

pytest.importorskip("lancedb")


def test_a_word_is_taught_with_a_score(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(teach, "PICTURES", 60)
    monkeypatch.setattr(teach, "FEATURES", 8)
    found = teach.teach(tmp_path)
    assert list(found) == ["search.teach.seconds"]
    assert found["search.teach.seconds"] > 0
    (taught,) = taught_words(tmp_path / "taught").values()
    assert (len(taught.yes), len(taught.no), taught.n_background) == (5, 5, 50)
    assert taught.score is not None
    assert taught.word_weights is not None
    assert taught.emotion_weights is None  # the emotions have no vector
