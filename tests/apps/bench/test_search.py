from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from emotionnet.apps.bench import search as room
from emotionnet.apps.bench.search import Cloud, measure, search

pytest.importorskip("lancedb")


def test_pictures_lie_in_clusters_and_words_beside_them() -> None:
    cloud = Cloud.of(2_000)
    pictures_ND, words_ND = cloud.pictures(2_000, seed=1), cloud.words(20, seed=2)
    assert np.linalg.norm(pictures_ND, axis=1) == pytest.approx(np.ones(2_000), abs=1e-5)
    cosines_NN = pictures_ND[:200] @ pictures_ND.T
    np.fill_diagonal(cosines_NN, -1)
    assert 0.6 < np.median(cosines_NN.max(axis=1)) < 0.85
    assert np.median(cosines_NN) < 0.1  # of other clusters
    assert 0.3 < np.median((words_ND @ pictures_ND.T).max(axis=1)) < 0.5
    assert (cloud.pictures(5, seed=1) == Cloud.of(2_000).pictures(5, seed=1)).all()


def test_few_pictures_are_all_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "ASKED", 5)
    found = measure(tmp_path / "index", 300)
    assert set(found) == {"p50_ms", "p95_ms", "recall_at_10", "build_seconds"}
    assert found["recall_at_10"] == 1
    assert 0 < found["p50_ms"] <= found["p95_ms"]


def test_all_figures_have_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "measure", lambda _, count: {"p95_ms": float(count)})
    monkeypatch.setattr(room, "teach", lambda _: {"search.teach.seconds": 1.0})
    assert search(tmp_path) == {
        "search.teach.seconds": 1.0,
        "search.small.p95_ms": 5_000.0,
        "search.million.p95_ms": 1_000_000.0,
    }
