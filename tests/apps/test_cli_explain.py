"""`emotionnet explain`: a PNG and a line of JSON, or one line of error and nothing written."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from emotionnet.apps.cli import main
from tests.conftest import MakeExported

Explain = Callable[..., tuple[int, str, list[str]]]


@pytest.fixture
def explain(capsys: pytest.CaptureFixture[str], make_exported: MakeExported, tmp_path: Path) -> Explain:
    """Runs the command on a MODEL and a red picture: exit status, output, lines of standard error."""
    pytest.importorskip("onnxruntime")
    model, picture = make_exported("onnx"), tmp_path / "red.png"
    Image.new("RGB", (40, 20), "red").save(picture)

    def call(*tokens: object, picture: Path = picture) -> tuple[int, str, list[str]]:
        status = 0
        try:
            main(["explain", *map(str, (model, picture, "--backend", "onnxruntime", *tokens))])
        except SystemExit as end:
            status = int(end.code or 0)
        captured = capsys.readouterr()
        return status, captured.out, captured.err.splitlines()

    return call


def test_map_is_written_and_told(explain: Explain, tmp_path: Path) -> None:
    out = tmp_path / "maps" / "map.png"
    status, told, _ = explain("--out", out)
    assert status == 0
    values = json.loads(told)
    assert list(values) == ["out", "emotion", "probability", "method"]
    assert (values["out"], values["emotion"], values["method"]) == (str(out), "anger", "occlusion")
    with Image.open(out) as picture:
        assert picture.format == "PNG"
    _, told, lines = explain("--out", out, "--overwrite", "--emotion", "green")
    assert list(json.loads(told)) == ["out", "emotion", "cosine", "method"]
    assert lines == ["'green' is none of the run's emotions, so it is explained as a word"]


def test_a_word_spelled_like_an_emotion_is_asked_about(explain: Explain, tmp_path: Path) -> None:
    status, _, lines = explain("--out", tmp_path / "map.png", "--emotion", "Angr")
    assert (status, len(lines)) == (2, 1)
    assert lines[0].startswith("error: 'angr' must be one of the 3 words that have a vector")
    assert lines[0].endswith("; nor is it one of the run's emotions; did you mean anger?")


def test_nothing_is_replaced_unasked(explain: Explain, tmp_path: Path) -> None:
    out = tmp_path / "mine.png"
    out.write_bytes(b"mine")
    assert explain("--out", out)[::2] == (
        2,
        [f"error: {out}: exists already; choose another --out or add --overwrite"],
    )
    assert out.read_bytes() == b"mine"


@pytest.mark.parametrize("name", ["map.jpg", "map"])
def test_map_is_a_png(explain: Explain, tmp_path: Path, name: str) -> None:
    out = tmp_path / name
    assert explain("--out", out)[::2] == (2, [f"error: {out}: --out must be named *.png"])


def test_no_picture_no_map(explain: Explain, tmp_path: Path) -> None:
    out, text = tmp_path / "map.png", tmp_path / "text.png"
    text.write_text("no picture")
    status, _, lines = explain("--out", out, picture=text)
    assert status == 2
    assert len(lines) == 1
    assert lines[0].startswith(f"error: {text}: must be a picture")
    assert not out.exists()
