"""`emotionnet text coverage` and `text projector`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from emotionnet.apps.cli import main


def test_coverage_and_projector(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "v.txt").write_text("2 2\nsea 1 2\nice_cream 3 4\n")
    (tmp_path / "words.txt").write_text("sea\ntree\n")
    main(["text", "coverage", str(tmp_path / "words.txt"), str(tmp_path / "v.txt")])
    found = json.loads(capsys.readouterr().out)
    assert found == {"words": 2, "covered": 1, "share": 0.5, "missing": ["tree"]}

    tokens = ["text", "projector", str(tmp_path / "v.txt"), "--out", str(tmp_path / "out")]
    main(tokens)
    assert json.loads(capsys.readouterr().out) == {"projector": str(tmp_path / "out"), "words": 2}
    assert (tmp_path / "out" / "vectors.tsv").read_text() == "1.0\t2.0\n3.0\t4.0\n"
    with pytest.raises(SystemExit) as end:
        main(tokens)
    assert end.value.code == 2
    assert "exists already" in capsys.readouterr().err
    main([*tokens, "--overwrite"])
