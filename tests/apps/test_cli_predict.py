"""`emotionnet predict`: results as they come, without torch where the network is exported."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from emotionnet.emotions import LABEL_SETS
from emotionnet.inference.guard import Guard, write_guard
from tests.apps.conftest import Command
from tests.conftest import EMOTIONS, MakeExported


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(3):
        pixels_HW3 = np.zeros((8, 8, 3), dtype=np.uint8)
        pixels_HW3[..., number] = 255
        Image.fromarray(pixels_HW3).save(folder / f"{number}.png")
    (folder / "1a.png").write_bytes(b"no picture")
    return folder


def test_predictions_are_valid_whatever_cannot_be_read(
    command: Command, make_exported: MakeExported, pictures: Path
) -> None:
    model = make_exported("onnx")
    status, out, lines = command("predict", model, pictures, "none.png", "--top", 1)
    assert status == 2
    assert [line.split(": must")[0] for line in lines] == ["error: none.png", f"error: {pictures / '1a.png'}"]
    told = json.loads(out)
    assert [Path(one["image"]).name for one in told] == ["0.png", "1.png", "2.png"]
    assert [one["emotions"][0]["name"] for one in told] == list(EMOTIONS)
    assert out == json.dumps(told, indent=2) + "\n"
    status, out, _ = command("predict", model, pictures / "1a.png")
    assert (status, out) == (2, "[]\n")
    status, out, _ = command("predict", model, pictures, "--format", "csv", "--backend", "onnxruntime")
    assert [line.split(",")[0] for line in out.splitlines()] == [
        "image",
        *[str(pictures / f"{number}.png") for number in range(3)],
    ]


def test_pictures_unlike_those_of_training_are_told_first(
    command: Command, make_exported: MakeExported, pictures: Path
) -> None:
    fit = {"neighbours": 1, "pictures": 1, "threshold": 0.1, "quantile": 0.95, "groups": 3, "data_hash": ""}
    model = make_exported("onnx", guard=fit)
    red = np.array([[1, -1, -1]], dtype=np.float16) / np.float16(3**0.5)  # features are means, -2 to 2
    write_guard(Guard(red, 1, 0.1), model)
    (pictures / "1a.png").unlink()
    status, out, lines = command("predict", model, pictures, "--format", "csv")
    assert status == 0
    assert [line.split(",")[1] for line in out.splitlines()] == ["domain", "inside", "outside", "outside"]
    assert lines == [
        f"2 of 3 pictures are unlike the pictures of 'none' that {model} was trained on: "
        "do not rely on what it says there"
    ]
    status, out, _ = command("predict", model, pictures)
    told = json.loads(out)
    assert [one["domain"]["outside"] for one in told] == [False, True, True]
    assert list(told[0])[2] == "domain"
    status, out, lines = command("zeroshot", model, pictures / "2.png", "--labels", "blue")
    assert json.loads(out)[0]["domain"]["outside"]
    assert lines[-1].startswith("1 of 1 pictures is unlike the pictures of 'none'")


def test_a_shard_is_a_file_of_lines_and_is_done_once(
    command: Command, make_exported: MakeExported, pictures: Path, tmp_path: Path
) -> None:
    model, out = make_exported("onnx"), tmp_path / "out"
    asked = ("predict", model, pictures, "--top", 2, "--out", out, "--shard")
    path = out / "predictions-00000-of-00002.jsonl"
    status, text, faults = command(*asked, "0/2")
    assert (status, [line.split(": must")[0] for line in faults]) == (2, [f"error: {pictures / '1a.png'}"])
    assert json.loads(text) == {"predictions": str(path), "pictures": 1}
    told = [json.loads(line) for line in path.read_text().splitlines()]
    assert [Path(one["image"]).name for one in told] == ["0.png"]
    assert command(*asked, "0/2") == (2, text, [f"{path}: done already", *faults])
    status, text, lines = command(*asked, "1/2")
    assert (status, json.loads(text)["pictures"], lines) == (0, 2, [])
    for half in (("--shard", "0/2"), ("--out", out)):
        status, _, lines = command("predict", model, pictures, *half)
        wanted = "error: --shard i/n and --out DIR must be given together; got one of them"
        assert (status, lines) == (2, [wanted])
    status, _, lines = command(*asked, "1/2", "--format", "csv")
    wanted = "error: --format must be left out with --shard, which writes JSON lines; got csv"
    assert (status, lines) == (2, [wanted])


def test_a_clip_model_predicts_and_gives_features(
    command: Command, tiny_clip: str, pictures: Path, tmp_path: Path
) -> None:
    name, table = f"open_clip:{tiny_clip}@none", tmp_path / "f.parquet"
    (pictures / "1a.png").unlink()
    status, out, lines = command("predict", name, pictures, "--top", 8)
    told = json.loads(out)
    assert (status, len(told), lines) == (0, 3, [f"{name}: random weights, whose scores say nothing"])
    assert {score["name"] for score in told[0]["emotions"]} == {*LABEL_SETS["mikels8"]}
    assert sum(score["probability"] for score in told[0]["emotions"]) == pytest.approx(1)
    status, out, _ = command("extract", name, pictures, "--out", table)
    assert (status, json.loads(out)["size"]) == (0, 16)
    status, _, lines = command("predict", name, pictures, "--backend", "openvino")
    assert (status, lines) == (2, [f"error: {name}: is computed by torch only; got the back end openvino"])
    status, _, (line,) = command("predict", "hf:nobody", pictures)
    assert (status, "must be named hf:USER/NAME" in line) == (2, True)


def test_a_back_end_that_cannot_do_it_is_one_line(
    command: Command, make_exported: MakeExported, pictures: Path
) -> None:
    model = make_exported("openvino")
    for asked, text in (("torch", "must be a RUN folder, for torch"), ("onnxruntime", "the form onnx only")):
        status, out, (line,) = command("predict", model, pictures / "0.png", "--backend", asked)
        assert (status, out) == (2, "")
        assert text in line
    status, _, (line,) = command("predict", model, pictures / "0.png", "--backend", "tpu")
    assert status == 2
    assert "backend" in line


def test_a_model_ranks_labels_for_pictures_and_is_not_scored_on_data(
    command: Command, make_exported: MakeExported, pictures: Path
) -> None:
    model = make_exported("onnx")
    status, out, _ = command("zeroshot", model, pictures / "2.png", "--labels", "sea=blue,leaf=green")
    assert status == 0
    assert [one["name"] for one in json.loads(out)[0]["labels"]] == ["sea", "leaf"]
    for tokens in (("evaluate", model), ("zeroshot", model), ("evaluate", model, "--data", pictures)):
        status, out, (line,) = command(*tokens)
        assert (status, out) == (2, "")
        assert "must be a RUN folder" in line


@pytest.mark.parametrize(
    ("form", "tokens"),
    [
        ("openvino", ["predict"]),
        ("onnx", ["predict", "--backend", "onnxruntime"]),
        ("onnx", ["extract", "--out", "f.parquet"]),
    ],
)
def test_an_exported_network_is_run_without_torch(
    make_exported: MakeExported, pictures: Path, form: str, tokens: list[str]
) -> None:
    code = "import sys; from emotionnet.apps.cli import main; main(sys.argv[1:])\n"
    code += "heavy = {'torch', 'torchvision', 'lightning', 'timm', 'sklearn', 'pandas'} & set(sys.modules)\n"
    code += "sys.exit(f'imported: {heavy}' if heavy else 0)"
    name, *more = tokens
    result = subprocess.run(
        [sys.executable, "-c", code, name, str(make_exported(form)), str(pictures / "0.png"), *more],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=pictures,
    )
    assert result.returncode == 0, result.stderr


def test_it_ends_quietly_when_the_reader_of_a_pipe_has_gone(
    make_exported: MakeExported, pictures: Path
) -> None:
    model = make_exported("onnx")
    for number in range(100):
        (pictures / f"9{number:03d}.png").symlink_to("0.png")
    command = [sys.executable, "-m", "emotionnet", "predict", str(model), str(pictures)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == "[\n"
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait(timeout=60) == 1
