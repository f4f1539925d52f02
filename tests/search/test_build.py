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

from emotionnet.files import cache_folder, made_alone, read_object, write_json
from emotionnet.inference.guard import Guard, read_guard, write_guard
from emotionnet.inference.predictor import load_predictor
from emotionnet.models.description import GuardFit
from emotionnet.records import DataError
from emotionnet.search import build, making, picture_facts, plan, writer
from emotionnet.search.build import Built, build_index
from emotionnet.search.known import read_known
from emotionnet.search.layout import picture_id, read_info, row_schema
from emotionnet.search.store import Index
from tests.conftest import MakeExported
from tests.search.conftest import SQUARES, MakeIndex, save_squares

pytest.importorskip("lancedb")


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    save_squares(tmp_path / "pictures", SQUARES)
    return tmp_path / "pictures"


@pytest.fixture
def model(make_exported: MakeExported) -> Path:
    return make_exported()


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the files that are put through the network."""
    names: list[str] = []
    real = picture_facts.FactsReader.__call__

    def counted(self: Any, path: Path, how: Any) -> Any:
        names.append(path.name)
        return real(self, path, how)

    monkeypatch.setattr(picture_facts.FactsReader, "__call__", counted)
    return names


def whole(folder: Path) -> pa.Table:
    index = Index.open(folder)
    return index.table(row_schema(index.info).names)


def counts(made: Built) -> tuple[int, int, int, int, int]:
    return made.pictures, made.added, made.changed, made.removed, made.unchanged


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
        (making, "load_predictor"),
        (making, "network_identity"),
        (plan, "content_sha256"),
        (build, "open_pictures"),
    ):
        monkeypatch.setattr(room, name, never)
    monkeypatch.setitem(sys.modules, "lancedb", None)
    monkeypatch.setattr(Image, "open", never)
    assert counts(build_index(model, [pictures], tmp_path / "index")) == (6, 0, 0, 0, 6)
    assert {path: path.stat().st_mtime_ns for path in sorted((tmp_path / "index").rglob("*"))} == before


@pytest.mark.parametrize("harm", ["missing", "broken", "older"])
def test_the_table_is_asked_where_the_shortcut_is_gone(
    pictures: Path, model: Path, tmp_path: Path, computed: list[str], harm: str
) -> None:
    index = tmp_path / "index"
    build_index(model, [pictures], index)
    if harm == "missing":
        (index / "files.arrow").unlink()
    elif harm == "broken":
        (index / "files.arrow").write_bytes((index / "files.arrow").read_bytes()[:-9])
    else:  # as after a run that was killed
        Index.open(index).pictures.delete(f"id = '{picture_id(str(pictures / 'green.png'))}'")
    computed.clear()
    held = 5 if harm == "older" else 6
    assert counts(build_index(model, [pictures], index)) == (6, 6 - held, 0, 0, held)
    assert computed == ["green.png"][: 6 - held]
    assert len(read_known(index) or {}) == 6


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


def test_many_pictures_are_written_some_at_a_time_and_put_together(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "ROWS_AT_ONCE", 32)
    monkeypatch.setattr(build, "MANY_PARTS", 2)
    save_squares(tmp_path / "many", {f"{number:03d}.png": (number, 0, 0) for number in range(100)}, side=2)
    readers: list[picture_facts.FactsReader] = []
    sizes: list[int] = []
    real = writer.RowWriter._write

    def counted(self: writer.RowWriter, rows: pa.Table) -> None:
        sizes.append(rows.num_rows)
        real(self, rows)

    class Kept(picture_facts.FactsReader):
        def __init__(self) -> None:
            super().__init__()
            readers.append(self)

    monkeypatch.setattr(writer.RowWriter, "_write", counted)
    monkeypatch.setattr(build, "FactsReader", Kept)
    made = build_index(model, [tmp_path / "many"], tmp_path / "index")
    assert (made.pictures, sizes) == (100, [32, 32, 32, 4])
    assert [reader._facts for reader in readers] == [{}]
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


def test_an_index_of_another_model_is_refused_and_can_be_begun_anew(
    pictures: Path,
    model: Path,
    tmp_path: Path,
    make_exported: MakeExported,
    capsys: pytest.CaptureFixture[str],
) -> None:
    index, other = tmp_path / "index", make_exported(name="other")
    exported = json.loads((other / "export.json").read_text())
    write_json(other / "export.json", exported | {"weights_sha256": "1" * 64})
    build_index(model, [pictures], index)
    (index / "taught").mkdir()
    (index / "taught" / "word.json").write_text("{}")
    with pytest.raises(DataError) as error:
        build_index(other, [pictures], index)
    assert str(error.value) == (
        f"{index}: must be an index that {other} made; {model} made it: "
        "choose another --out or add --overwrite"
    )
    build_index(model, [pictures], index, overwrite=True)
    assert (index / "taught" / "word.json").read_text() == "{}"
    assert counts(build_index(other, [pictures], index, overwrite=True)) == (6, 6, 0, 0, 0)
    assert not (index / "taught").exists()
    assert read_info(index).identity == "1" * 64
    told = f"{index / 'index.json'}: is of another model; the words that it was taught are gone"
    assert told in capsys.readouterr().err


def test_the_same_network_elsewhere_goes_on(
    pictures: Path, model: Path, tmp_path: Path, computed: list[str]
) -> None:
    index = tmp_path / "index"
    build_index(model, [pictures], index)
    computed.clear()
    model.rename(tmp_path / "moved")
    assert counts(build_index(tmp_path / "moved", [pictures], index)) == (6, 0, 0, 0, 6)
    assert computed == []
    assert read_info(index).model == str(tmp_path / "moved")


def test_other_word_vectors_tell_other_tags_from_what_is_known(
    pictures: Path, model: Path, tmp_path: Path, computed: list[str]
) -> None:
    index = tmp_path / "index"
    build_index(model, [pictures], index)
    computed.clear()
    write_json(model / "words.json", ["rot", "gruen", "blau"])
    assert counts(build_index(model, [pictures], index)) == (6, 0, 0, 0, 6)
    assert computed == []
    record = Index.open(index).record(picture_id(str(pictures / "green.png")))
    assert record.tags[0] == "gruen"
    assert json.loads((index / "words.json").read_text()) == ["rot", "gruen", "blau"]


def test_a_guard_that_comes_later_tells_what_is_outside(
    pictures: Path, model: Path, tmp_path: Path, computed: list[str]
) -> None:
    """Of a training set of greens, a threshold of 0.2."""
    index, green = tmp_path / "index", np.array([[-1, 1, -1]], np.float16) / np.float16(3**0.5)
    build_index(model, [pictures], index)
    computed.clear()
    write_guard(Guard(green, 1, 0.2), model)
    fit = GuardFit(neighbours=1, pictures=1, threshold=0.2, quantile=0.5, groups=1, data_hash="")
    described = read_object(model / "model.json")
    write_json(model / "model.json", described | {"guard": fit.model_dump(mode="json")})
    build_index(model, [pictures], index)
    assert computed == []
    opened = Index.open(index)
    wanted = 1 - opened.features @ green[0].astype(np.float32)
    for name, distance in zip(opened.ids, wanted, strict=True):
        record = opened.record(name)
        assert record.outside == (not record.path.endswith("green.png"))
        assert record.distance == pytest.approx(distance, abs=1e-3)
    assert read_guard(index) is not None
    (tmp_path / "fresh").mkdir()
    build_index(model, [pictures], tmp_path / "fresh")
    columns = ("outside", "distance", "tags")
    assert Index.open(tmp_path / "fresh").table(columns).equals(opened.table(columns))


def test_nothing_but_an_index_is_replaced(pictures: Path, model: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "model.json").write_text("{}")
    for overwrite in (False, True):
        with pytest.raises(DataError) as error:
            build_index(model, [pictures], tmp_path / "mine", overwrite=overwrite)
        assert str(error.value) == (
            f"{tmp_path / 'mine'}: holds other files and no index.json; choose another --out"
        )


def test_faults_before_anything_is_written(model: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nothing found"):
        build_index(model, [tmp_path / "none"], tmp_path / "index")
    with pytest.raises(DataError, match="at least one picture, folder or pattern must be given; got none"):
        build_index(model, [], tmp_path / "index")
    save_squares(tmp_path, {"a.png": (1, 2, 3)})
    with pytest.raises(DataError, match="must be a RUN folder; it does not exist"):
        build_index(tmp_path / "none", [tmp_path / "a.png"], tmp_path / "index")
    assert not (tmp_path / "index").exists()
    build_index(model, [tmp_path / "a.png"], tmp_path / "index")
    with pytest.raises(DataError, match="must be a RUN folder; it does not exist"):
        build_index(tmp_path / "none", [tmp_path / "a.png"], tmp_path / "index")


def test_without_lancedb_one_line_says_what_to_install(
    pictures: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "lancedb", None)
    with pytest.raises(DataError) as error:
        build_index(model, [pictures], tmp_path / "index")
    assert str(error.value) == (
        "an index needs the package lancedb, which is not installed: pip install 'emotionnet[search]'"
    )
    assert not (tmp_path / "index").exists()


def test_names_that_utf8_cannot_spell(model: Path, tmp_path: Path) -> None:
    save_squares(tmp_path, {"a.png": (1, 2, 3)})
    odd = os.fsencode(tmp_path) + b"/\xff.png"
    Path(os.fsdecode(odd)).write_bytes((tmp_path / "a.png").read_bytes())
    made = build_index(model, [tmp_path], tmp_path / "index")
    assert made.pictures == 2
    assert whole(tmp_path / "index")["name"].to_pylist() == ["\\udcff.png", "a.png"]
    assert counts(build_index(model, [tmp_path], tmp_path / "index")) == (2, 0, 0, 0, 2)


def test_the_fixture(make_index: MakeIndex) -> None:
    assert len(make_index()) == len(SQUARES)
