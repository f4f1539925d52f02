from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from emotionnet.apps.bench import demo_int8 as module
from emotionnet.apps.bench.demo_int8 import demo_int8, is_demo
from emotionnet.runs import CONFIG, MODEL, WEIGHTS

SCORES = {"val.macro_map": 0.5, "drop": 0.01, "cosine.same": 0.98, "cosine.different": -0.02}
PARTS = (CONFIG, MODEL, WEIGHTS, "dataset/dataset.json", "vectors/words.json", "teacher/model.json")


@pytest.fixture
def exported(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The runs that were exported."""
    runs: list[Path] = []

    def export(run: Path, out: Path, *, int8: Any) -> Any:
        runs.append(run)
        assert int8.max_drop == 1.0
        return SimpleNamespace(scores=SCORES)

    monkeypatch.setattr(module, "export", export)
    return runs


def _make(run: Path, *, without: str = "") -> Path:
    for name in PARTS:
        if not name.startswith(without or "-"):
            (run / name).parent.mkdir(parents=True, exist_ok=True)
            (run / name).touch()
    return run


def test_the_demo_of_the_folder_is_taken_where_it_is_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, exported: list[Path]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(module, "run_demo", lambda _: pytest.fail("there is one"))
    _make(Path("runs/demo"))
    assert demo_int8(tmp_path / "work") == {
        "infer.demo.int8.map_drop": 0.01,
        "infer.demo.int8.centred_cosine": 0.98,
        "infer.demo.int8.cosine_between_pictures": -0.02,
    }
    assert exported == [Path("runs/demo")]


def test_without_one_the_demo_is_run(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    exported: list[Path],
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    ran: list[Path] = []
    remember: Callable[[Path], None] = ran.append
    monkeypatch.setattr(module, "run_demo", remember)
    demo_int8(tmp_path / "work")
    assert ran == exported == [tmp_path / "work" / "demo"]
    assert "runs/demo: no finished demo; it is run now" in capsys.readouterr().err


@pytest.mark.parametrize("missing", [WEIGHTS, "dataset", "teacher"])
def test_a_run_that_is_not_finished_or_no_demo_is_none(missing: str, tmp_path: Path) -> None:
    assert is_demo(_make(tmp_path / "whole"))
    assert not is_demo(_make(tmp_path / "part", without=missing))
