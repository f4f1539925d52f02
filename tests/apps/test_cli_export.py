"""`emotionnet export`: what it asks for, what it prints, exit status."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from emotionnet.apps.cli import main
from emotionnet.evaluation.exporting import Int8
from emotionnet.inference.exported import Exported
from emotionnet.records import TrainingError


def test_options_reach_the_function_and_the_result_is_json(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []

    def export(*given: Any, **how: Any) -> Exported:
        asked.append((given, how))
        return Exported(
            form="onnx",
            int8=True,
            outputs=("features", "scores"),
            weights_sha256="",
            files={},
            checks={"scores.batch_1": 1e-6},
            scores={"val.macro_map": 0.5, "drop": 0.01},
        )

    monkeypatch.setattr("emotionnet.evaluation.exporting.export", export)
    main(["export", "runs/x", "--out", "m"])
    assert asked.pop() == (
        ("runs/x", Path("m")),
        {"form": "openvino", "int8": False, "batch": None, "overwrite": False},
    )
    capsys.readouterr()
    options = ["--max-drop", "0.1", "--pictures", "9", "--data", "d", "--batch", "2", "--overwrite"]
    main(["export", "runs/x", "--format", "onnx", "--int8", *options, "--out", "m"])
    assert asked == [
        (
            ("runs/x", Path("m")),
            {"form": "onnx", "int8": Int8(0.1, 9, "d"), "batch": 2, "overwrite": True},
        )
    ]
    assert json.loads(capsys.readouterr().out) == {
        "model": "m",
        "form": "onnx",
        "int8": True,
        "batch": None,
        "checks": {"scores.batch_1": 1e-6},
        "scores": {"val.macro_map": 0.5, "drop": 0.01},
    }


def test_a_drop_that_is_too_large_is_status_1(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise TrainingError("it loses 0.5")

    monkeypatch.setattr("emotionnet.evaluation.exporting.export", refuse)
    with pytest.raises(SystemExit) as end:
        main(["export", "runs/x", "--out", "m", "--int8"])
    assert (end.value.code, capsys.readouterr().err) == (1, "error: it loses 0.5\n")


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ([], "--out"),
        (["--out", "m", "--max-drop", "0.1"], "are for --int8"),
        (["--out", "m", "--data", "d"], "are for --int8"),
        (["--out", "m", "--batch", "0"], "--batch"),
        (["--out", "m", "--int8", "--max-drop", "-1"], "--max-drop"),
        (["--out", "m", "--format", "tf"], "--format"),
        (["--out", "m"], "runs/x: must be a RUN folder; it does not exist"),
        (["--out", "m", "--int8"], "runs/x: must be a RUN folder; it does not exist"),
    ],
)
def test_faults_are_one_line(capsys: pytest.CaptureFixture[str], options: list[str], text: str) -> None:
    with pytest.raises(SystemExit) as end:
        main(["export", "runs/x", *options])
    lines = capsys.readouterr().err.splitlines()
    assert end.value.code == 2
    assert len(lines) == 1
    assert text in lines[0]
