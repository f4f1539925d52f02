from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest

from emotionnet.files import read_object, write_json
from emotionnet.inference import opening
from emotionnet.inference.guard import Guard, read_guard, write_guard
from emotionnet.models.description import GuardFit
from emotionnet.records import DataError
from emotionnet.search import making
from emotionnet.search.build import build_index
from emotionnet.search.layout import picture_id, read_info
from emotionnet.search.store import Index
from tests.conftest import MakeExported
from tests.search.conftest import SQUARES, MakeIndex, counts, save_squares, whole

pytest.importorskip("lancedb")


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


def test_a_clip_model_is_opened_once(
    pictures: Path, tiny_clip: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index, name = tmp_path / "index", f"open_clip:{tiny_clip}@none"
    assert counts(build_index(name, [pictures], index)) == (6, 6, 0, 0, 0)
    monkeypatch.setattr(opening, "load_predictor", lambda *_, **__: pytest.fail("opened"))
    assert counts(build_index(name, [pictures], index)) == (6, 0, 0, 0, 6)
    opened = Index.open(index)
    assert (opened.info.model, opened.info.trained_on) == (name, "")
    assert not (index / "words.json").exists()
    np.testing.assert_array_equal(opened.projection, opened.features)


def test_models_are_named_from_the_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "weights.safetensors").write_bytes(b"")
    assert making.model_name("runs/mine") == str(tmp_path / "runs" / "mine")
    assert making.model_name(Path("~") / "mine") == str(Path.home() / "mine")
    assert making.model_name("hf:user/model") == "hf:user/model"
    assert making.model_name("open_clip:ViT-B-32") == "open_clip:ViT-B-32"
    assert making.model_name("open_clip:ViT-B-32@openai") == "open_clip:ViT-B-32@openai"
    weights = f"open_clip:ViT-B-32@{tmp_path / 'weights.safetensors'}"
    assert making.model_name("open_clip:ViT-B-32@weights.safetensors") == weights
    before = opening.Opening(weights, "auto").stamp
    assert opening.Opening(weights, "auto").stamp == before
    (tmp_path / "weights.safetensors").write_bytes(b"more")
    assert opening.Opening(weights, "auto").stamp != before
