"""Shares of extract and predict: together the whole, each file whole or not at all, and once."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from PIL import Image

from emotionnet.data.shards.making import write_shards
from emotionnet.data.shares import Share
from emotionnet.files import read_object, sha256, write_json
from emotionnet.inference import opening, share_files
from emotionnet.inference.extract import extract_features
from emotionnet.inference.opening import Opening
from emotionnet.inference.share_jobs import extract_share, predict_share
from emotionnet.records import DataError
from tests.conftest import MakeDataset, MakeExported

HELD = (("a/1.png", "a/7.png", "b/4.png"), ("b/0.png",), ("a/5.png", "b/2.png"))  # a/3 and b/6 are none
FIRST, TOLD = "features-00000-of-00003.parquet", "features-00000-of-00003.json"


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """8, in folders whose order is not that of the names; two are none."""
    for number in range(8):
        path = tmp_path / "pictures" / "ba"[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8), (30 * number, 0, 255 - 30 * number)).save(path)
    for name in ("a/3.png", "b/6.png"):
        (tmp_path / "pictures" / name).write_bytes(b"no picture")
    return tmp_path / "pictures"


@pytest.fixture
def model(make_exported: MakeExported) -> Path:
    return make_exported()


def opened(model: Path) -> Opening:
    return Opening(str(model), "onnxruntime")


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_the_tables_of_all_shares_are_the_whole(pictures: Path, model: Path, tmp_path: Path) -> None:
    out, names = tmp_path / "out", [pictures / "b", pictures / "a", pictures / "a" / "1.png"]
    made = [extract_share(opened(model), names, out, Share(number, 3)) for number in range(3)]
    extract_features(model, [pictures], tmp_path / "whole.parquet", backend="onnxruntime")
    whole = pl.read_parquet(tmp_path / "whole.parquet")
    found = pl.scan_parquet(out / "*.parquet").collect()
    assert found.schema == whole.schema
    assert found.sort("path").equals(whole)
    assert [one.path.name for one in made] == [
        f"features-{number:05d}-of-00003.parquet" for number in range(3)
    ]
    for one, held in zip(made, HELD, strict=True):
        assert pl.read_parquet(one.path)["path"].to_list() == [str(pictures / name) for name in held]
        assert (one.count, one.size) == (len(held), 3)
    assert [[fault.split(": must")[0] for fault in one.faults] for one in made] == [
        [],
        [str(pictures / "a" / "3.png"), str(pictures / "b" / "6.png")],
        [],
    ]


def test_the_lines_of_all_shares_are_what_predict_says(pictures: Path, model: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    made = [predict_share(opened(model), [pictures], out, Share(number, 3), top=2) for number in range(3)]
    told = opened(model).predictor.predict([pictures / name for name in HELD[0]], top=2)
    lines = (out / "predictions-00000-of-00003.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == [one.to_dict() for one in told]
    assert [(one.count, len(one.domains), len(one.faults)) for one in made] == [
        (3, 3, 0),
        (1, 1, 2),
        (2, 2, 0),
    ]
    again = predict_share(opened(model), [pictures], out, Share(1, 3), top=2)
    assert (again.count, again.domains, again.faults) == (1, (), made[1].faults)
    with pytest.raises(DataError, match="of this model, these pictures and these settings"):
        predict_share(opened(model), [pictures], out, Share(0, 3), top=3)


def test_a_finished_share_is_left_as_it_is_and_nothing_is_opened(
    pictures: Path,
    model: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out = tmp_path / "out"
    first = extract_share(opened(model), [pictures], out, Share(1, 3))
    before = contents(out)
    monkeypatch.setattr(opening, "load_predictor", lambda *_, **__: pytest.fail("opened"))
    capsys.readouterr()
    again = extract_share(opened(model), [pictures], out, Share(1, 3), overwrite=True)
    assert capsys.readouterr().err == f"{out / 'features-00001-of-00003.parquet'}: done already\n"
    assert (again.path, again.count, again.size) == (first.path, first.count, first.size)
    assert len(first.faults) == 2
    assert again.faults == first.faults
    assert contents(out) == before
    assert len(read_object(first.path.with_suffix(".json"))["unreadable"]) == 2


def test_shares_of_pictures_in_tar_files_lie_side_by_side(
    make_dataset: MakeDataset, model: Path, tmp_path: Path
) -> None:
    shards = write_shards(make_dataset(groups={"train": 4, "val": 2, "test": 2}), tmp_path / "s", samples=4)
    for number in range(2):
        extract_share(opened(model), [shards.root], tmp_path / "out", Share(number, 2))
        predict_share(opened(model), [shards.root], tmp_path / "out", Share(number, 2))
    names = sorted(map(str, shards.pictures()))
    held = [pl.read_parquet(path)["path"].to_list() for path in sorted((tmp_path / "out").glob("*.parquet"))]
    assert held == [names[:6], names[6:]]
    lines = [path.read_text().splitlines() for path in sorted((tmp_path / "out").glob("*.jsonl"))]
    assert [[json.loads(line)["image"] for line in some] for some in lines] == held


def test_made_again_it_is_the_same_file(pictures: Path, model: Path, tmp_path: Path) -> None:
    for out in (tmp_path / "one", tmp_path / "two"):
        extract_share(opened(model), [pictures], out, Share(1, 3))
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


@pytest.mark.parametrize("change", ["names", "picture", "model", "backend", "unknown"])
def test_a_share_that_was_made_otherwise_is_replaced_only_when_asked(
    pictures: Path, model: Path, tmp_path: Path, make_exported: MakeExported, change: str
) -> None:
    out, names, how = tmp_path / "out", [pictures], opened(model)
    extract_share(how, names, out, Share(0, 3))
    before = contents(out)
    if change == "names":
        names = [pictures / "b"]
    elif change == "picture":
        os.utime(pictures / "a" / "1.png", ns=(1, 1))
    elif change == "model":
        how = opened(make_exported(name="other", thresholds=None, activation="sigmoid"))
    elif change == "backend":
        how = Opening(str(model), "openvino")
    else:
        (out / TOLD).unlink()
        before = contents(out)
    with pytest.raises(DataError) as error:
        extract_share(how, names, out, Share(0, 3))
    assert str(error.value) == (
        f"{out / FIRST}: must be of this model, these pictures and these settings, as {TOLD} tells; it is of "
        "others: choose another --out or add --overwrite"
    )
    assert contents(out) == before
    extract_share(how, names, out, Share(0, 3), overwrite=True)
    assert contents(out) != before
    extract_share(how, names, out, Share(0, 3))


@pytest.mark.parametrize("moment", ["computing", "before it is told", "before the rename"])
@pytest.mark.parametrize("overwrite", [False, True])
def test_a_killed_share_is_made_by_the_same_command(
    pictures: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str, overwrite: bool
) -> None:
    out, wanted = tmp_path / "out", tmp_path / "wanted"
    extract_share(opened(model), [pictures], wanted, Share(0, 3))
    if overwrite:
        extract_share(opened(model), [pictures / "a"], out, Share(0, 3))
    before = contents(out) if overwrite else {}
    with monkeypatch.context() as patch:
        _die(patch, moment)
        with pytest.raises(KeyboardInterrupt):
            extract_share(opened(model), [pictures], out, Share(0, 3), overwrite=overwrite)
    assert contents(out).get(FIRST) == before.get(FIRST)
    (out / f".{FIRST}.left").write_bytes(b"half a table")  # by a process that could not clean up
    extract_share(opened(model), [pictures], out, Share(0, 3), overwrite=overwrite)
    (out / f".{FIRST}.left").unlink()
    assert contents(out) == contents(wanted)


def _die(patch: pytest.MonkeyPatch, moment: str) -> None:
    def stop(*_: Any) -> None:
        raise KeyboardInterrupt

    def tell_and_stop(path: Path, value: Any) -> None:
        write_json(path, value)
        raise KeyboardInterrupt

    if moment == "computing":
        patch.setattr("emotionnet.inference.share_jobs.write_rows", stop)
    else:
        patch.setattr(share_files, "write_json", stop if moment == "before it is told" else tell_and_stop)


def test_a_table_that_was_cut_off_is_made_again(pictures: Path, model: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    extract_share(opened(model), [pictures], out, Share(0, 3))
    before = contents(out)
    (out / FIRST).write_bytes(before[FIRST][:-9])
    extract_share(opened(model), [pictures], out, Share(0, 3))
    assert contents(out) == before
    assert read_object(out / TOLD)["sha256"] == sha256(out / FIRST)


def test_shares_without_pictures_have_a_file_too(pictures: Path, model: Path, tmp_path: Path) -> None:
    """Also where none of them can be read: n commands make n files."""
    out = tmp_path / "out"
    for number in range(3):
        extract_share(
            opened(model), [pictures / "a" / "3.png", pictures / "a" / "1.png"], out, Share(number, 3)
        )
    assert [pl.read_parquet(path).height for path in sorted(out.glob("*.parquet"))] == [1, 0, 0]
    assert pl.scan_parquet(out / "*.parquet").collect().height == 1
    predict_share(opened(model), [pictures / "a" / "3.png"], out, Share(0, 1))
    assert (out / "predictions-00000-of-00001.jsonl").read_bytes() == b""


def test_names_of_nothing_are_told_and_no_picture_at_all_is_an_error(
    pictures: Path, model: Path, tmp_path: Path
) -> None:
    made = extract_share(opened(model), [pictures, "none.png"], tmp_path / "out", Share(0, 3))
    assert [fault.split(": must")[0] for fault in made.faults] == ["none.png"]
    with pytest.raises(DataError, match=r"none\.png: must name a picture"):
        extract_share(opened(model), ["none.png"], tmp_path / "other", Share(0, 3))
    assert not (tmp_path / "other").exists()


def test_files_of_another_number_of_shares_are_refused(pictures: Path, model: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    extract_share(opened(model), [pictures], out, Share(0, 3))
    with pytest.raises(DataError) as error:
        extract_share(opened(model), [pictures], out, Share(0, 4), overwrite=True)
    assert str(error.value) == (
        f"{out}: must hold files of 4 shards only, else pictures stand there twice; it holds {FIRST}: "
        "choose another --out"
    )
    predict_share(opened(model), [pictures], out, Share(0, 4))  # another kind


def test_a_folder_that_is_a_file_is_refused(pictures: Path, model: Path, tmp_path: Path) -> None:
    (tmp_path / "out").touch()
    with pytest.raises(DataError, match="must be a folder or not exist; it is a file"):
        extract_share(opened(model), [pictures], tmp_path / "out", Share(0, 3))


def test_the_list_of_what_was_told_is_broken(pictures: Path, model: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    extract_share(opened(model), [pictures], out, Share(0, 3))
    (out / TOLD).write_text("[")
    with pytest.raises(DataError, match=f"{TOLD}: must be JSON"):
        extract_share(opened(model), [pictures], out, Share(0, 3))
    extract_share(opened(model), [pictures], out, Share(0, 3), overwrite=True)


@pytest.mark.parametrize("told", [{"pictures": "many"}, {"unreadable": 7}, {"size": None}])
def test_what_was_told_of_a_finished_share_is_not_believed_unseen(
    pictures: Path, model: Path, tmp_path: Path, told: dict[str, Any]
) -> None:
    out = tmp_path / "out"
    extract_share(opened(model), [pictures], out, Share(0, 3))
    before = contents(out)
    write_json(out / TOLD, read_object(out / TOLD) | told)
    with pytest.raises(DataError, match=f"{TOLD}: .*{next(iter(told))}"):
        extract_share(opened(model), [pictures], out, Share(0, 3))
    extract_share(opened(model), [pictures], out, Share(0, 3), overwrite=True)
    assert contents(out) == before
