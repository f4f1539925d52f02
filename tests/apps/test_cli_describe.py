"""`emotionnet data describe`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from emotionnet.apps.cli import main


def test_describe_counts_and_keeps_what_is_there(
    capsys: pytest.CaptureFixture[str], make_dataset: Any, tmp_path: Path
) -> None:
    tokens = ["data", "describe", str(make_dataset().root), "--out", str(tmp_path / "out")]
    main(tokens)
    found = json.loads(capsys.readouterr().out)
    assert found["description"] == str(tmp_path / "out")
    assert (found["emotions"], found["tags"], found["emotion_tags"]) == (3, 8, 3)
    assert (tmp_path / "out" / "report.html").is_file()
    with pytest.raises(SystemExit) as end:
        main(tokens)
    assert end.value.code == 2
    assert "exists already" in capsys.readouterr().err
    main([*tokens, "--overwrite"])
