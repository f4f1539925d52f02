"""`emotionnet tag`."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from emotionnet.inference.guard import Guard, write_guard
from tests.apps.conftest import Command
from tests.conftest import MakeExported
from tests.data.test_xmp import document

COUNTS = ("created", "changed", "deleted", "unchanged")


@pytest.fixture
def command(command: Command) -> Command:
    """Runs `tag`."""
    return partial(command, "tag")


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(6):
        pixels_HW3 = np.zeros((8, 8, 3), dtype=np.uint8)
        pixels_HW3[..., number % 3] = 255
        Image.fromarray(pixels_HW3).save(folder / f"{number}.png")
    return folder


def counts(out: str) -> tuple[int, ...]:
    told = json.loads(out)
    assert list(told) == [f"sidecars_{kind}" for kind in COUNTS]
    return tuple(told.values())


def test_tags_are_printed(command: Command, make_exported: MakeExported, pictures: Path) -> None:
    model = make_exported("onnx")
    status, out, lines = command(model, pictures, "--threshold", "0.3")
    assert (status, lines) == (0, [])
    told = json.loads(out)
    assert [[tag["name"] for tag in one["tags"]] for one in told] == [["anger"], ["joy"], ["sadness"]] * 2
    status, out, lines = command(model, pictures, "--threshold", "joy=0.3", "--format", "csv")
    assert out.splitlines()[:3] == ["image,tags", f"{pictures}/0.png,", f"{pictures}/1.png,joy 0.999"]
    assert lines == ["never given, since they have no threshold (--threshold NAME=0.3): anger, sadness"]
    assert not list(pictures.glob("*.xmp"))


def test_the_whole_way(command: Command, make_exported: MakeExported, pictures: Path) -> None:
    model, before = make_exported("onnx"), sorted(pictures.iterdir())
    wanted = (model, pictures, pictures / "0.png", "--threshold", "0.3", "--xmp", "--prefix", "mood/")
    status, out, lines = command(*wanted, "--dry-run", "--format", "csv")
    assert (status, lines) == (0, [])
    assert out.splitlines()[:2] == [
        "image,sidecar,action,tags",
        f"{pictures}/0.png,{pictures}/0.png.xmp,created,mood/anger",
    ]
    assert sorted(pictures.iterdir()) == before
    for expected in ((6, 0, 0, 0), (0, 0, 0, 6)):
        status, out, lines = command(*wanted)
        assert (status, counts(out), lines) == (0, expected, [])
    status, out, _ = command("no/run", pictures, "--undo", "--dry-run")
    assert {one["action"] for one in json.loads(out)} == {"deleted"}
    for expected in ((0, 0, 6, 0), (0, 0, 0, 0)):
        status, out, lines = command("no/run", pictures, "--undo")
        assert (status, counts(out), lines) == (0, expected, [])
    assert sorted(pictures.iterdir()) == before


def test_what_cannot_be_read_is_listed_at_the_end(
    command: Command, make_exported: MakeExported, pictures: Path
) -> None:
    (pictures / "1.png").write_bytes(b"no picture")
    (pictures / "2.png.xmp").write_bytes(b"broken <")
    status, out, lines = command(make_exported("onnx"), pictures, "none", "--threshold", "0.3", "--xmp")
    assert status == 2
    assert counts(out) == (4, 0, 0, 0)
    assert [line.split(": must")[0] for line in lines] == [
        "error: none",
        f"error: {pictures}/2.png.xmp",
        f"error: {pictures}/1.png",
    ]


def test_pictures_outside_are_told_in_one_line(
    command: Command, make_exported: MakeExported, pictures: Path
) -> None:
    fitted = {"neighbours": 1, "pictures": 1, "threshold": 0.1, "quantile": 0.9, "groups": 9, "data_hash": ""}
    trained = {"dataset": "squares", "data_hash": "", "licences": {}, "unseen": []}
    model = make_exported("onnx", domain=trained, guard=fitted)
    write_guard(Guard(np.array([[0.5774, -0.5774, -0.5774]], dtype=np.float16), 1, 0.1), model)
    status, out, lines = command(model, pictures, "--threshold", "0.3", "--xmp")
    assert (status, counts(out)) == (0, (2, 0, 0, 0))
    assert lines == [
        "no tags for 4 pictures: each is unlike the pictures of 'squares' that this model was trained on: "
        "do not rely on what it says of it"
    ]


@pytest.mark.parametrize(
    ("tokens", "message"),
    [
        (["run", "x", "--dry-run"], "--dry-run: must come with --xmp or --undo; else nothing is written"),
        (["run"], "PATHS: at least one picture, folder or pattern must be given; got none"),
        (["run", "x"], "x: must name a picture, a folder with pictures or a pattern; nothing found"),
    ],
)  # fmt: skip
def test_mistakes(command: Command, tokens: list[str], message: str) -> None:
    assert command(*tokens) == (2, "", [f"error: {message}"])


def test_a_model_without_thresholds_needs_one(
    command: Command, make_exported: MakeExported, pictures: Path
) -> None:
    status, out, lines = command(make_exported("onnx"), pictures)
    assert (status, out, len(lines)) == (2, "", 1)
    assert lines[0].startswith("error: no word has a threshold: ")


def test_neither_torch_nor_lancedb_is_imported(make_exported: MakeExported, pictures: Path) -> None:
    program = (
        "import sys\nfrom emotionnet.apps.cli import main\n"
        f"main(['tag', {str(make_exported('onnx'))!r}, {str(pictures)!r}, '--threshold', '0.3', '--xmp'])\n"
        "assert not {'torch', 'lancedb', 'sklearn'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(not shutil.which("exiftool"), reason="needs exiftool")
def test_exiftool_reads_every_sidecar(command: Command, make_exported: MakeExported, pictures: Path) -> None:
    many = pictures / "many"
    many.mkdir()
    for number in range(200):
        shutil.copy(pictures / f"{number % 6}.png", many / f"{number:03}.png")
        if number % 4 == 3:
            (many / f"{number:03}.png.xmp").write_bytes(document(""))
    assert command(make_exported("onnx"), many, "--threshold", "0.3", "--xmp")[0] == 0
    arguments = ["-j", "-q", "-validate", "-warning", "-error", "-XMP-dc:Subject", "-ext", "xmp", str(many)]
    told = json.loads(subprocess.run(["exiftool", *arguments], capture_output=True, check=True).stdout)
    words = ("emotion/anger", "emotion/joy", "emotion/sadness")
    found = {Path(one["SourceFile"]).name: (one["Validate"], one["Subject"]) for one in told}
    assert found == {f"{n:03}.png.xmp": ("OK", words[n % 3]) for n in range(200)}
