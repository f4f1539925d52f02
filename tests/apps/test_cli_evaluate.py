"""`emotionnet evaluate` and `report`: what their options become."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from emotionnet.apps.cli import main
from emotionnet.evaluation import report, scoring


def test_a_source_and_its_format_reach_the_evaluation(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[Any] = []

    def answer(*given: Any, **options: Any) -> dict[str, float]:
        asked.append((given, options))
        return {"test.accuracy": 0.5}

    monkeypatch.setattr(scoring, "evaluate_run", answer)
    main(["evaluate", "runs/x", "--data", "sets/fi", "--format", "fi", "--split", "val"])
    options = {"split": "val", "data": "sets/fi", "format": "fi"}
    assert asked == [((Path("runs/x"),), options)]
    assert json.loads(capsys.readouterr().out) == {"test.accuracy": 0.5}


def test_a_source_and_its_format_reach_the_report(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[Any] = []

    def answer(*given: Any, **options: Any) -> tuple[Path, Path]:
        asked.append((given, options))
        return Path("report.html"), Path("README.md")

    monkeypatch.setattr(report, "report_run", answer)
    main(["report", "runs/x", "--data", "sets/fi", "--format", "fi"])
    assert asked == [((Path("runs/x"),), {"data": "sets/fi", "format": "fi"})]
    assert json.loads(capsys.readouterr().out) == {"report": "report.html", "card": "README.md"}
