"""The command line: results, faults, exit status."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from emotionnet import __version__
from emotionnet.apps.cli import STAGES, main
from emotionnet.config_files import keys


def run(capsys: pytest.CaptureFixture[str], *tokens: str) -> tuple[int, str, list[str]]:
    """Exit status, standard output, and the lines of standard error."""
    status = 0
    try:
        main(tokens)
    except SystemExit as end:
        status = int(end.code or 0)
    captured = capsys.readouterr()
    return status, captured.out, captured.err.splitlines()


def faults(lines: list[str]) -> list[str]:
    return [line for line in lines if line.startswith("error: ")]


def test_help_and_version_do_not_import_torch() -> None:
    code = (
        "import sys; from emotionnet.apps.cli import main\ntry: main(sys.argv[1:])\nexcept SystemExit: pass\n"
    )
    code += "heavy = {'torch', 'polars', 'sklearn', 'timm', 'lightning', 'PIL'} & set(sys.modules)\n"
    code += "sys.exit(f'imported: {heavy}' if heavy else 0)"
    for tokens in (["--help"], ["train", "--help"], ["--version"], ["train", "--epochs", "x"], ["predictt"]):
        result = subprocess.run(
            [sys.executable, "-c", code, *tokens], capture_output=True, text=True, timeout=60, check=False
        )
        assert result.returncode == 0, (tokens, result.stderr)


def test_importing_the_package_is_light() -> None:
    code = "import sys, emotionnet; dir(emotionnet); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=60, check=False).returncode == 0


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "--version")[:2] == (0, f"{__version__}\n")


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(capsys, "--help")
    assert status == 0
    for name in ("data", "text", "train", "evaluate", "zeroshot", "predict", "report", "demo", "benchmark"):
        assert f" {name} " in out


@pytest.mark.parametrize("stage", STAGES)
def test_help_of_a_stage_lists_its_keys(capsys: pytest.CaptureFixture[str], stage: tuple[str, ...]) -> None:
    status, out, _ = run(capsys, *stage, "--help")
    assert status == 0
    for name, _, _ in keys(STAGES[stage]):
        assert f"--{name}  " in out


def test_three_faults_of_a_config_are_three_lines(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "c.json").write_text(json.dumps({"data": {"root": "none"}, "epochs": "ten", "batch": 3}))
    status, out, lines = run(capsys, "train", str(tmp_path / "c.json"))
    assert (status, out) == (2, "")
    assert len(lines) == 3
    assert all(line.startswith("error: ") for line in lines)


@pytest.mark.parametrize(
    ("tokens", "text"),
    [
        (["predictt"], "predict"),
        (["predict"], "RUN"),
        (["predict", "runs/x"], "PATHS: at least one picture"),
        (["predict", "runs/x", "no.png"], "no.png: must name a picture"),
        (["evaluate", "runs/x", "--split", "all"], "split"),
        (["evaluate", "runs/none"], "runs/none: must be a RUN folder; it does not exist"),
        (["report", "runs/none"], "runs/none"),
        (["data", "check", "no/folder"], "no/folder: must be a DATASET folder"),
        (["train", "--epochs", "3"], "data.root: must be given"),
        (["train", "a.json", "b.json"], "b.json"),
        (["data", "curate", "--source", "emojis"], "source"),
        (["text", "vectors", "--data", "none"], "data: folder must exist"),
    ],
)
def test_a_mistake_is_told_in_one_line_with_status_2(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    tokens: list[str],
    text: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    status, out, lines = run(capsys, *tokens)
    assert (status, out) == (2, "")
    assert len(lines) == 1
    assert lines[0].startswith("error: ")
    assert text in lines[0]
    assert list(tmp_path.iterdir()) == []


def test_the_way_from_data_to_predictions(
    capsys: pytest.CaptureFixture[str], make_dataset: Any, tmp_path: Path
) -> None:
    """train, evaluate and predict on a plain network, then a check of the data."""
    dataset = make_dataset()
    target = tmp_path / "run"
    options = {
        "data.root": dataset.root,
        "data.image_size": 32,
        "data.batch_size": 6,
        "data.workers": 0,
        "model.trunk": "test_resnet",
        "model.weights": "none",
        "model.shape": "plain",
        "epochs": 1,
        "out": target,
    }
    tokens = [str(part) for key, value in options.items() for part in (f"--{key}", value)]
    status, out, lines = run(capsys, "train", *tokens)
    assert (status, faults(lines)) == (0, [])
    assert json.loads(out)["run"] == str(target)
    assert any(line.startswith("epoch 1/1  train.loss") for line in lines)

    status, out, lines = run(capsys, "train", *tokens)
    assert status == 2
    assert "holds a run already" in faults(lines)[0]

    predict = ("predict", "--backend", "torch", str(target))
    good, bad = dataset.root / "images" / "oil-test-000.png", tmp_path / "bad.png"
    bad.write_bytes(b"no picture")
    status, out, lines = run(capsys, *predict, str(good), "--top", "2")
    assert status == 0
    named = [entry["name"] for entry in json.loads(out)[0]["emotions"]]
    assert len(named) == 2
    assert set(named) <= set(dataset.emotion_names)

    status, out, lines = run(capsys, *predict, str(good), str(bad), "--format", "csv")
    assert status == 2
    assert out.splitlines()[0] == "image,domain,emotions,tags"
    assert [line.split(",")[0] for line in out.splitlines()[1:]] == [str(good)]
    assert f"{bad}: must be a picture" in faults(lines)[0]

    status, out, _ = run(capsys, *predict, str(good), "--format", "table")
    assert status == 0
    assert "emotions" in out

    status, out, lines = run(capsys, "data", "check", str(dataset.root))
    assert (status, faults(lines)) == (0, [])
    Image.new("RGB", (3, 3)).save(good)
    status, _, lines = run(capsys, "data", "check", str(dataset.root))
    assert status == 2
    assert any("oil-test-000.png" in line for line in faults(lines))


def program(*tokens: str, **how: Any) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "emotionnet", *tokens]
    return subprocess.run(command, text=True, timeout=60, check=False, stderr=subprocess.PIPE, **how)


def test_a_reader_who_leaves_and_a_closed_output_are_no_traceback() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    result = program("--help", stdout=writing)
    os.close(writing)
    assert "Traceback" not in result.stderr
    assert program("--version", preexec_fn=lambda: os.close(1)).stderr == ""


def test_a_place_that_cannot_be_written_is_one_line(
    capsys: pytest.CaptureFixture[str], make_dataset: Any, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "nowhere").symlink_to(tmp_path / "none")
    root = str(make_dataset().root)
    for out in (tmp_path / "file" / "out", tmp_path / "nowhere"):
        status, _, lines = run(capsys, "text", "vectors", "--data", root, "--out", str(out))
        assert status == 2
        assert len(lines) == 1
        assert str(out) in lines[0]
