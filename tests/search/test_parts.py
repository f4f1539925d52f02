"""Rows that shares computed: the index that takes them is the one that is computed at once."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from emotionnet.data.shards.making import write_shards
from emotionnet.data.shares import Share
from emotionnet.files import read_object, sha256, write_json
from emotionnet.inference.opening import Opening
from emotionnet.records import DataError
from emotionnet.search.build import build_index
from emotionnet.search.layout import read_info
from emotionnet.search.making import model_name
from emotionnet.search.parts import Part, index_share
from emotionnet.search.unreadable import read_unreadable
from tests.conftest import MakeDataset, MakeExported
from tests.search.conftest import SQUARES, counts, whole

pytest.importorskip("lancedb")


@pytest.fixture
def parts(pictures: Path, model: Path, tmp_path: Path) -> Path:
    """Three shares of six pictures and a file that is none."""
    (pictures / "broken.png").write_bytes(b"no picture")
    Image.new("RGB", (8, 8)).save(pictures / "dated.jpg", exif=_dated())
    made = [share(model, pictures, tmp_path / "parts", number) for number in range(3)]
    assert [(one.path.name, one.pictures, len(one.faults)) for one in made] == [
        ("rows-00000-of-00003.parquet", 3, 0),
        ("rows-00001-of-00003.parquet", 3, 0),
        ("rows-00002-of-00003.parquet", 1, 1),
    ]
    return tmp_path / "parts"


def _dated() -> Image.Exif:
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9003] = "2021:03:04 05:06:07"
    return exif


def share(model: Path, pictures: Path, out: Path, number: int, *, overwrite: bool = False) -> Part:
    opening = Opening(model_name(model), "auto")
    return index_share(opening, [pictures], out, Share(number, 3), overwrite=overwrite)


def test_an_index_of_parts_is_the_index_and_nothing_is_computed(
    pictures: Path, model: Path, parts: Path, tmp_path: Path, computed: list[str]
) -> None:
    build_index(model, [pictures], tmp_path / "wanted")
    computed.clear()
    made = build_index(model, [pictures], tmp_path / "index", parts=parts)
    assert computed == []
    assert counts(made) == (7, 7, 0, 0, 0)
    assert len(made.unreadable) == 1
    assert whole(tmp_path / "index").equals(whole(tmp_path / "wanted"))
    assert read_unreadable(tmp_path / "index") == read_unreadable(tmp_path / "wanted")
    assert read_info(tmp_path / "index").counts == {"pictures": 7, "unreadable": 1}
    assert counts(build_index(model, [pictures], tmp_path / "index", parts=parts)) == (7, 0, 0, 0, 7)


def test_what_has_changed_since_and_what_parts_lack_is_computed(
    pictures: Path,
    model: Path,
    parts: Path,
    tmp_path: Path,
    computed: list[str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    (parts / "rows-00002-of-00003.parquet").unlink()  # grey.png and broken.png
    Image.new("RGB", (8, 8), (1, 2, 3)).save(pictures / "new.png")
    Image.new("RGB", (9, 9), (1, 2, 3)).save(pictures / "green.png")
    computed.clear()
    capsys.readouterr()
    assert counts(build_index(model, [pictures], tmp_path / "index", parts=parts)) == (8, 8, 0, 0, 0)
    assert capsys.readouterr().err == f"{parts}: holds 2 of 3 shards; what they lack is computed here\n"
    files = sorted([*SQUARES, "dated.jpg", "broken.png"])
    assert sorted(computed) == sorted({Path(name).name for name in files[2::3]} | {"new.png", "green.png"})
    build_index(model, [pictures], tmp_path / "wanted")
    assert whole(tmp_path / "index").equals(whole(tmp_path / "wanted"))


def test_parts_bring_an_index_up_to_date(pictures: Path, model: Path, parts: Path, tmp_path: Path) -> None:
    index = tmp_path / "index"
    build_index(model, [pictures / "blue"], index)
    os.utime(pictures / "blue" / "dark.png", ns=(5, 7))
    Image.new("RGB", (9, 9), (1, 2, 3)).save(pictures / "blue" / "light.png")
    for number in range(3):
        share(model, pictures, parts, number, overwrite=True)
    assert counts(build_index(model, [pictures], index, parts=parts)) == (7, 5, 1, 0, 1)


def test_a_finished_part_is_left_and_one_of_other_pictures_is_refused(
    pictures: Path, model: Path, parts: Path, computed: list[str]
) -> None:
    before = {path.name: path.read_bytes() for path in parts.iterdir()}
    computed.clear()
    made = share(model, pictures, parts, 2)
    assert (made.pictures, len(made.faults), computed) == (1, 1, [])
    assert made.faults[0].startswith(f"{pictures / 'broken.png'}: must")
    assert {path.name: path.read_bytes() for path in parts.iterdir()} == before
    os.utime(pictures / "grey.png", ns=(1, 1))
    with pytest.raises(DataError, match="these pictures and these settings"):
        share(model, pictures, parts, 2)


def test_parts_of_another_model_or_of_none_are_refused_before_an_index_is_touched(
    pictures: Path, model: Path, parts: Path, tmp_path: Path, make_exported: MakeExported
) -> None:
    index, other = tmp_path / "index", make_exported(name="other", activation="sigmoid")
    build_index(model, [pictures], index)
    before = whole(index)
    with pytest.raises(DataError) as error:
        build_index(other, [pictures], index, parts=parts, overwrite=True)
    side = parts / "rows-00000-of-00003.json"
    assert str(error.value) == f"{side}: must be of the model {other}; another one made it"
    (tmp_path / "none").mkdir()
    with pytest.raises(DataError) as error:
        build_index(model, [pictures], index, parts=tmp_path / "none", overwrite=True)
    wanted = f"{tmp_path / 'none'}: must hold shares, which 'emotionnet index --shard' writes; it holds none"
    assert str(error.value) == wanted
    assert whole(index).equals(before)


@pytest.mark.parametrize("harm", ["bytes", "columns", "twice", "ids", "unreadable", "list"])
def test_broken_parts_are_one_line(
    pictures: Path, model: Path, parts: Path, tmp_path: Path, harm: str
) -> None:
    path, side = parts / "rows-00001-of-00003.parquet", parts / "rows-00001-of-00003.json"
    told = read_object(side)
    if harm == "bytes":
        path.write_bytes(b"PAR1 and no more")
    elif harm == "columns":
        pq.write_table(pq.read_table(path).drop(["sha256"]), path)
    elif harm == "twice":
        pq.write_table(pa.concat_tables([pq.read_table(path)] * 2), path)
    elif harm == "ids":
        rows = pq.read_table(path)
        pq.write_table(rows.set_column(0, "id", rows["id"].take([1, 0, 2])), path)
    elif harm == "unreadable":
        told["unreadable"] = {"a": 1}
    write_json(side, told | {"sha256": sha256(path)})
    if harm == "list":
        side.write_text(json.dumps([1]))
    with pytest.raises(DataError) as error:
        build_index(model, [pictures], tmp_path / "index", parts=parts)
    (line,) = error.value.faults
    assert line.startswith(str(side if harm in ("unreadable", "list") else path))
    assert ("Input should be" if harm == "unreadable" else "must") in line
    assert not (tmp_path / "index" / "files.arrow").exists()


def test_parts_of_pictures_in_shards(
    make_dataset: MakeDataset, model: Path, tmp_path: Path, computed: list[str]
) -> None:
    """They lie side by side, so that few tar files are read for two parts; nothing is computed again."""
    dataset = make_dataset(groups={"train": 4, "val": 2, "test": 2})
    shards = write_shards(dataset, tmp_path / "shards", samples=4)
    for number in range(3):
        assert share(model, shards.root, tmp_path / "parts", number).pictures == 4
    files = sorted((tmp_path / "parts").glob("*.parquet"))
    held = [pq.read_table(path)["path"].to_pylist() for path in files]
    assert [path for some in held for path in some] == sorted(map(str, shards.pictures()))
    computed.clear()
    made = build_index(model, [shards.root], tmp_path / "index", parts=tmp_path / "parts")
    assert (counts(made), computed) == ((12, 12, 0, 0, 0), [])
    build_index(model, [shards.root], tmp_path / "wanted")
    assert whole(tmp_path / "index").equals(whole(tmp_path / "wanted"))


def test_no_picture_is_an_error(model: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="must name a picture"):
        share(model, tmp_path / "nothing", tmp_path / "parts", 0)
    assert not (tmp_path / "parts").exists()
