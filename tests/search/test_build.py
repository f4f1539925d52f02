from __future__ import annotations

import io
import json
import os
import shutil
import signal
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from emotionnet.files import cache_folder, made_alone
from emotionnet.inference import opening
from emotionnet.inference.loading import load_predictor
from emotionnet.records import DataError
from emotionnet.search import build, plan, unreadable, writer
from emotionnet.search.build import Built, build_index
from emotionnet.search.known import read_known
from emotionnet.search.layout import picture_id, read_info
from emotionnet.search.store import Index
from tests.search.conftest import SQUARES, counts, save_squares, whole

pytest.importorskip("lancedb")


def test_rows_say_what_the_model_says_of_each_picture(pictures: Path, model: Path, tmp_path: Path) -> None:
    made = build_index(model, [pictures], tmp_path / "index")
    assert made == Built(6, 6, 0, 0, 0, (), ())
    index, predictor = Index.open(tmp_path / "index"), load_predictor(model)
    paths = [pictures / name for name in sorted(SQUARES)]
    outputs = predictor.outputs(paths)
    rows = whole(tmp_path / "index").to_pylist()
    assert [row["path"] for row in rows] == [str(path) for path in paths]
    np.testing.assert_array_equal(np.array([row["features"] for row in rows], np.float32), outputs.features)
    np.testing.assert_array_equal(index.probabilities, predictor.probabilities(outputs))
    for row, path, tags in zip(rows, paths, predictor.nearest_tags(outputs, 10), strict=True):
        assert row["id"] == picture_id(str(path))
        assert (row["folder"], row["name"]) == (str(path.parent), path.name)
        assert (row["width"], row["height"], row["bytes"]) == (8, 8, path.stat().st_size)
        assert row["tags"] == [tag.name for tag in tags]
        assert (row["taken"], row["look"], row["outside"], row["distance"]) == (None, None, None, None)
        with Image.open(io.BytesIO(row["thumbnail"])) as small:
            assert (small.format, small.size) == ("JPEG", (8, 8))
    assert read_info(tmp_path / "index").counts == {"pictures": 6, "unreadable": 0}


def test_nothing_is_opened_for_an_unchanged_folder(
    pictures: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build_index(model, [pictures], tmp_path / "index")
    before = {path: path.stat().st_mtime_ns for path in sorted((tmp_path / "index").rglob("*"))}

    def never(*_: Any, **__: Any) -> Any:
        raise AssertionError

    for room, name in (
        (opening, "load_predictor"),
        (opening, "network_identity"),
        (plan, "content_sha256"),
        (build, "open_pictures"),
    ):
        monkeypatch.setattr(room, name, never)
    monkeypatch.setitem(sys.modules, "lancedb", None)
    monkeypatch.setattr(Image, "open", never)
    assert counts(build_index(model, [pictures], tmp_path / "index")) == (6, 0, 0, 0, 6)
    assert {path: path.stat().st_mtime_ns for path in sorted((tmp_path / "index").rglob("*"))} == before


@pytest.mark.parametrize("harm", ["missing", "broken", "hostile", "older"])
def test_the_table_is_asked_where_the_shortcut_is_gone(
    pictures: Path, model: Path, tmp_path: Path, computed: list[str], harm: str
) -> None:
    index = tmp_path / "index"
    build_index(model, [pictures], index)
    if harm == "missing":
        (index / "files.arrow").unlink()
    elif harm == "broken":
        (index / "files.arrow").write_bytes((index / "files.arrow").read_bytes()[:-9])
    elif harm == "hostile":
        _let_texts_end_elsewhere(index / "files.arrow")
    else:  # as after a run that was killed
        Index.open(index).pictures.delete(f"id = '{picture_id(str(pictures / 'green.png'))}'")
    computed.clear()
    held = 5 if harm == "older" else 6
    assert counts(build_index(model, [pictures], index)) == (6, 6 - held, 0, 0, held)
    assert computed == ["green.png"][: 6 - held]
    assert len(read_known(index) or {}) == 6


def _let_texts_end_elsewhere(path: Path) -> None:
    """All but the last one end far outside of the file."""
    with pa.ipc.open_file(path) as file:
        table = file.read_all()
    ends = np.arange(len(table) + 1, dtype=np.int32) * 2**27
    ends[-1] = 4
    texts = pa.StringArray.from_buffers(len(table), pa.py_buffer(ends), pa.py_buffer(b"text"))
    table = table.set_column(0, "path", texts)
    with pa.ipc.new_file(path, table.schema) as file:
        file.write_table(table)


def test_only_new_and_changed_files_are_computed(
    pictures: Path, model: Path, tmp_path: Path, computed: list[str]
) -> None:
    index = tmp_path / "index"
    build_index(model, [pictures], index)
    computed.clear()
    save_squares(pictures, {"new.png": (1, 2, 3), "green.png": (200, 0, 0)}, side=9)
    (pictures / "grey.png").unlink()
    assert counts(build_index(model, [pictures], index)) == (6, 1, 1, 1, 4)
    assert sorted(computed) == ["green.png", "new.png"]
    fresh = tmp_path / "fresh"
    build_index(model, [pictures], fresh)
    assert whole(index).equals(whole(fresh))


def test_a_file_that_was_only_touched_is_not_computed(
    pictures: Path, model: Path, tmp_path: Path, computed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    index = tmp_path / "index"
    build_index(model, [pictures], index)
    computed.clear()
    os.utime(pictures / "grey.png", ns=(5, 7))
    assert counts(build_index(model, [pictures], index)) == (6, 0, 0, 0, 6)
    assert computed == []
    opened = Index.open(index)
    row = opened.table(["modified_ns", "width"], ids=[picture_id(str(pictures / "grey.png"))]).to_pylist()
    assert row == [{"modified_ns": 7, "width": 8}]
    monkeypatch.setattr(plan, "content_sha256", lambda path: pytest.fail(str(path)))
    build_index(model, [pictures], index)


def test_a_change_that_keeps_size_and_time_apart_is_seen_by_its_content(
    pictures: Path, model: Path, tmp_path: Path, computed: list[str]
) -> None:
    index, path = tmp_path / "index", pictures / "grey.bmp"
    Image.new("RGB", (8, 8), (9, 9, 9)).save(path)
    build_index(model, [pictures], index)
    computed.clear()
    size = path.stat().st_size
    Image.new("RGB", (8, 8), (90, 9, 9)).save(path)
    os.utime(path, ns=(5, 7))
    assert path.stat().st_size == size
    assert counts(build_index(model, [pictures], index)) == (7, 0, 1, 0, 6)
    assert computed == ["grey.bmp"]


def test_other_folders_stay(pictures: Path, model: Path, tmp_path: Path) -> None:
    index, other = tmp_path / "index", tmp_path / "other"
    save_squares(other, {"a.png": (1, 1, 1), "b.png": (2, 2, 2), "pictures2/c.png": (3, 3, 3)})
    build_index(model, [pictures], index)
    assert counts(build_index(model, [other], index)) == (9, 3, 0, 0, 0)
    (pictures / "grey.png").unlink()
    (other / "a.png").unlink()
    assert counts(build_index(model, [other], index)) == (8, 0, 0, 1, 2)
    assert counts(build_index(model, [pictures / "green.png"], index)) == (8, 0, 0, 0, 1)
    assert counts(build_index(model, [str(pictures / "*.png")], index)) == (7, 0, 0, 1, 1)


def test_a_folder_that_is_empty_or_not_there_takes_nothing_away(
    pictures: Path, model: Path, tmp_path: Path
) -> None:
    index = tmp_path / "index"
    build_index(model, [pictures], index)
    shutil.rmtree(pictures / "red")
    (pictures / "red").mkdir()
    made = build_index(model, [pictures / "red", pictures / "blue"], index)
    assert counts(made) == (6, 0, 0, 0, 2)
    assert made.unknown == (
        f"{pictures / 'red'}: must name a picture, a folder with pictures or a pattern; nothing found",
    )
    assert counts(build_index(model, [pictures], index)) == (4, 0, 0, 2, 4)


def test_unreadable_files_are_told_and_not_tried_again(
    pictures: Path, model: Path, tmp_path: Path, computed: list[str]
) -> None:
    index, broken = tmp_path / "index", pictures / "broken.png"
    broken.write_text("no picture")
    reason = f"{broken}: must be a picture"
    made = build_index(model, [pictures], index)
    assert counts(made) == (6, 6, 0, 0, 0)
    assert [line[: len(reason)] for line in made.unreadable] == [reason]
    computed.clear()
    assert build_index(model, [pictures], index).unreadable == made.unreadable
    assert computed == []
    Image.new("RGB", (8, 8)).save(broken)
    made = build_index(model, [pictures], index)
    assert counts(made) == (7, 1, 0, 0, 6)
    assert made.unreadable == ()
    broken.write_text("none again")
    made = build_index(model, [pictures], index)
    assert counts(made) == (6, 0, 0, 1, 6)
    assert len(made.unreadable) == 1
    broken.unlink()
    assert build_index(model, [pictures], index).unreadable == ()
    assert json.loads((index / "unreadable.json").read_text()) == {}


def test_a_picture_that_broke_is_gone_even_if_the_run_ends_there(
    pictures: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index, real = tmp_path / "index", unreadable.write_unreadable
    build_index(model, [pictures], index)
    (pictures / "grey.png").write_text("none any more")

    def last(*given: Any) -> None:
        real(*given)
        raise KeyboardInterrupt

    monkeypatch.setattr(writer, "write_unreadable", last)
    with pytest.raises(KeyboardInterrupt):
        build_index(model, [pictures], index)
    monkeypatch.setattr(writer, "write_unreadable", real)
    made = build_index(model, [pictures], index)
    assert (made.pictures, made.unchanged, len(made.unreadable)) == (5, 5, 1)
    assert len(Index.open(index)) == 5


def test_many_pictures_are_written_some_at_a_time_and_put_together(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "ROWS_AT_ONCE", 32)
    monkeypatch.setattr(build, "MANY_PARTS", 2)
    save_squares(tmp_path / "many", {f"{number:03d}.png": (number, 0, 0) for number in range(100)}, side=2)
    sizes: list[int] = []
    real = writer.RowWriter._write

    def counted(self: writer.RowWriter, rows: pa.Table) -> None:
        sizes.append(rows.num_rows)
        real(self, rows)

    monkeypatch.setattr(writer.RowWriter, "_write", counted)
    made = build_index(model, [tmp_path / "many"], tmp_path / "index")
    assert (made.pictures, sizes) == (100, [32, 32, 32, 4])
    stats = Index.open(tmp_path / "index").pictures.stats()
    assert stats["fragment_stats"]["num_fragments"] == 1


_KILLED = """
import os, signal, sys
from hashlib import sha256
from pathlib import Path
from emotionnet.search import writer
from emotionnet.search.build import build_index

writer.ROWS_AT_ONCE = 32
real, times = writer.RowWriter._write, []

def deadly(self, rows):
    times.append(1)
    if len(times) == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    real(self, rows)

writer.RowWriter._write = deadly
build_index(sys.argv[1], [Path(sys.argv[2])], Path(sys.argv[3]))
"""


def test_a_killed_run_goes_on_and_ends_with_the_same_rows(
    model: Path, tmp_path: Path, computed: list[str]
) -> None:
    many, index = tmp_path / "many", tmp_path / "index"
    save_squares(many, {f"{number:03d}.png": (number, 0, 2 * number) for number in range(100)}, side=2)
    for number in (0, 40, 70, 99):
        (many / f"{number:03d}.png").write_text("none")
    command = [sys.executable, "-c", _KILLED, str(model), str(many), str(index)]
    ended = subprocess.run(command, capture_output=True, check=False)
    assert ended.returncode == -signal.SIGKILL, ended.stderr.decode()
    held = len(Index.open(index))
    assert held == 62
    made = build_index(model, [many], index)
    assert counts(made) == (96, 34, 0, 0, 62)
    assert len(made.unreadable) == 4
    assert len(computed) == 34  # those that are no pictures were known of before the rows beside them
    build_index(model, [many], tmp_path / "fresh")
    assert whole(index).equals(whole(tmp_path / "fresh"))


def test_a_second_process_gets_one_line(pictures: Path, model: Path, tmp_path: Path) -> None:
    index = tmp_path / "index"
    place = cache_folder() / "locks" / sha256(str(index).encode()).hexdigest()
    with made_alone(place), pytest.raises(DataError) as error:
        build_index(model, [pictures], index)
    assert str(error.value) == f"{index}: another process is writing this index; wait until it has ended"
    assert not index.exists()
