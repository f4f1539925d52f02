"""`emotionnet extract`: result, faults, exit status."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from emotionnet.apps.cli import main
from emotionnet.inference.extract import Extracted
from tests.apps.conftest import Command
from tests.conftest import MakeExported


def test_what_was_left_out_is_named_after_the_rest_is_written(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []

    def extract(*given: Any, **how: Any) -> Extracted:
        asked.append((given, how))
        return Extracted(Path("f.parquet"), count=2, size=3, faults=("bad.png: must be a picture",))

    monkeypatch.setattr("emotionnet.inference.extract.extract_features", extract)
    with pytest.raises(SystemExit) as end:
        main(["extract", "runs/x", "a.png", "folder", "--out", "f.parquet", "--overwrite"])
    captured = capsys.readouterr()
    assert end.value.code == 2
    assert captured.err == "error: bad.png: must be a picture\n"
    assert json.loads(captured.out) == {"features": "f.parquet", "pictures": 2, "size": 3}
    assert asked == [
        (
            ("runs/x", ("a.png", "folder"), Path("f.parquet")),
            {"backend": "auto", "engine": "local", "overwrite": True},
        )
    ]


@pytest.mark.parametrize(
    ("tokens", "text"),
    [
        (["extract", "runs/x", "a.png"], "--out"),
        (["extract", "runs/x", "--out", "f.parquet"], "at least one picture, folder or pattern"),
        (["extract", "runs/x", "no.png", "--out", "f.parquet"], "no.png: must name a picture"),
    ],
)
def test_faults_are_one_line(capsys: pytest.CaptureFixture[str], tokens: list[str], text: str) -> None:
    with pytest.raises(SystemExit) as end:
        main(tokens)
    lines = capsys.readouterr().err.splitlines()
    assert end.value.code == 2
    assert len(lines) == 1
    assert text in lines[0]


def test_a_shard_goes_into_a_folder(
    capsys: pytest.CaptureFixture[str], make_exported: MakeExported, tmp_path: Path
) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    main(["extract", str(make_exported()), str(tmp_path / "a.png"), "--out", str(tmp_path), "--shard", "1/2"])
    path = tmp_path / "features-00001-of-00002.parquet"
    assert json.loads(capsys.readouterr().out) == {"features": str(path), "pictures": 0, "size": 3}
    assert path.is_file()


def test_a_process_that_failed_is_one_line_and_nothing_is_written(
    command: Command, make_exported: MakeExported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def died(*_: object, **__: object) -> Iterator[None]:
        raise ChildProcessError("3 processes of Ray died")
        yield

    monkeypatch.setattr("emotionnet.inference.predictor.run_files", died)
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    model = make_exported("onnx")
    for more in ((), ("--shard", "0/1")):
        asked = ("extract", model, tmp_path / "a.png", "--out", tmp_path / "out", *more)
        assert command(*asked) == (1, "", ["error: 3 processes of Ray died"])
    assert [path.name for path in (tmp_path / "out").glob("*")] == []
