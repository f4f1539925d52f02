"""`emotionnet zeroshot`: what its options ask for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from emotionnet.apps.cli import main
from emotionnet.evaluation.zeroshot_spaces import Reading


def test_options_say_what_is_asked(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []

    def zeroshot(run: Path, **how: Any) -> dict[str, float]:
        asked.append((run, how))
        return {"zero_shot.labels.accuracy": 0.5}

    monkeypatch.setattr("emotionnet.apps.zeroshot.zeroshot", zeroshot)
    main(["zeroshot", "runs/x"])
    assert json.loads(capsys.readouterr().out) == {"zero_shot.labels.accuracy": 0.5}
    options = "--split val --data d --format fi --on labels --vectors v --pool max --teacher t"
    main(["zeroshot", "runs/x", *options.split()])
    plain: dict[str, Any] = {
        "on": None,
        "words": None,
        "split": "test",
        "data": None,
        "format": "auto",
        "vectors": None,
    }
    plain |= {"reading": Reading()}
    full = {
        "on": "labels",
        "words": None,
        "split": "val",
        "data": "d",
        "format": "fi",
        "vectors": Path("v"),
        "reading": Reading(pool="max", teacher=Path("t")),
    }
    assert asked == [(Path("runs/x"), plain), (Path("runs/x"), full)]


@pytest.mark.parametrize("tokens", [["--pool", "sum"], ["--on", "words"], ["--space", "tags"]])
def test_other_values_are_refused(capsys: pytest.CaptureFixture[str], tokens: list[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["zeroshot", "runs/x", *tokens])
    assert end.value.code == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
