from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from emotionnet.apps.cli import main
from tests.conftest import MakeExported

pytest.importorskip("lancedb")


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(3):
        Image.new("RGB", (8, 8), (80 * number, 0, 0)).save(folder / f"{number}.png")
    return folder


def test_index_tells_what_became_of_the_pictures(
    pictures: Path, make_exported: MakeExported, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["index", str(make_exported()), str(pictures), "--out", str(tmp_path / "index")]
    main(command)
    told = json.loads(capsys.readouterr().out)
    wanted = {"pictures": 3, "added": 3, "changed": 0, "removed": 0, "unchanged": 0, "unreadable": 0}
    assert told == {"index": str(tmp_path / "index"), **wanted}
    (pictures / "1.png").unlink()
    main(command)
    told = json.loads(capsys.readouterr().out)
    assert told == {
        "index": str(tmp_path / "index"),
        **wanted,
        "pictures": 2,
        "added": 0,
        "removed": 1,
        "unchanged": 2,
    }


def test_unreadable_files_are_named_and_the_rest_is_written(
    pictures: Path, make_exported: MakeExported, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (pictures / "broken.png").write_text("no picture")
    command = [
        "index",
        str(make_exported()),
        str(pictures),
        str(tmp_path / "none"),
        "--out",
        str(tmp_path / "index"),
    ]
    for added in (3, 0):
        with pytest.raises(SystemExit) as status:
            main(command)
        assert status.value.code == 2
        out, errors = capsys.readouterr()
        assert json.loads(out)["added"] == added
        assert json.loads(out)["unreadable"] == 1
        assert errors.splitlines() == [
            f"error: {tmp_path / 'none'}: must name a picture, a folder with pictures or a pattern; "
            "nothing found",
            f"error: {pictures / 'broken.png'}: must be a picture "
            "(JPEG, PNG, WEBP, GIF, BMP, TIFF, PPM, AVIF); it is something else",
        ]


def test_no_paths(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as status:
        main(["index", str(tmp_path), "--out", str(tmp_path / "index")])
    assert status.value.code == 2
    assert capsys.readouterr().err == (
        "error: PATHS: at least one picture, folder or pattern must be given; got none\n"
    )


def test_an_unchanged_index_needs_neither_torch_nor_an_engine(
    pictures: Path, make_exported: MakeExported, tmp_path: Path
) -> None:
    command = ["index", str(make_exported()), str(pictures), "--out", str(tmp_path / "index")]
    main(command)
    code = (
        "import sys; from emotionnet.apps.cli import main; main(sys.argv[1:]); "
        "print([name for name in ('torch', 'onnxruntime', 'openvino', 'sklearn') if name in sys.modules])"
    )
    ended = subprocess.run([sys.executable, "-c", code, *command], capture_output=True, text=True, check=True)
    assert ended.stdout.endswith("[]\n")
    assert ended.stderr == ""


def test_shards_of_an_index_and_the_index_of_them(
    pictures: Path, make_exported: MakeExported, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["index", str(make_exported()), str(pictures), "--out"]
    parts = str(tmp_path / "parts")
    for number, count in enumerate((2, 1)):
        main([*command, parts, "--shard", f"{number}/2"])
        told = json.loads(capsys.readouterr().out)
        assert told == {"rows": f"{parts}/rows-{number:05d}-of-00002.parquet", "pictures": count}
    main([*command, str(tmp_path / "index"), "--parts", parts])
    assert json.loads(capsys.readouterr().out)["added"] == 3
    both = "--parts must be left out with --shard, which writes them; got both"
    for more, line in (
        (["--shard", "2/2"], "shard must be i/n with 0 <= i < n (the first is 0/n); got '2/2'"),
        (["--shard", "0/2", "--parts", parts], both),
    ):
        with pytest.raises(SystemExit) as status:
            main([*command, parts, *more])
        assert (status.value.code, capsys.readouterr().err) == (2, f"error: {line}\n")
