"""The index that a server answers from."""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from emotionnet.apps.serve.errors import NotHereError, RefusedError
from emotionnet.apps.serve.library import SIDE, Library
from emotionnet.apps.serve.limits import Limits
from emotionnet.apps.serve.pictures import Pixels
from emotionnet.data.shards.making import write_shards
from emotionnet.inference.loading import load_predictor
from emotionnet.inference.predictor import Predictor
from emotionnet.records import DataError
from emotionnet.search.build import build_index
from emotionnet.search.query import parse_query
from emotionnet.search.store import Index
from tests.apps.serve.conftest import picture
from tests.conftest import MakeDataset

NONE = "0" * 16


@pytest.fixture(scope="module")
def means(squares: Path) -> Predictor:
    return load_predictor(squares / "model", backend="onnxruntime")


@pytest.fixture
def library(indexed: Path, means: Predictor) -> Library:
    return open_library(indexed, means)


def open_library(folder: Path, predictor: Predictor, **limits: int) -> Library:
    return Library(Index.open(folder), predictor, Limits(**limits), Pixels(10**8))


def names(library: Library, text: str, **more: object) -> list[str]:
    hits = library.search(parse_query(text, **more)).hits  # type: ignore[arg-type]
    return [Path(hit.picture.path).parent.name + "/" + Path(hit.picture.path).stem for hit in hits]


def id_of(library: Library, name: str) -> str:
    index = library.searcher.index
    return next(one for one in index.ids if index.record(one).path.endswith(name))


def test_search_finds_what_the_index_holds(library: Library) -> None:
    assert names(library, "blue")[0] == "blue/light"
    like = id_of(library, "red/light.png")
    assert {name.split("/")[0] for name in names(library, "", like=[like], k=2)} == {"red"}


def test_no_text_of_a_query_is_a_path(library: Library, squares: Path) -> None:
    path = squares / "pictures/green.png"
    for like in (str(path), "green.png", NONE, "../index"):
        with pytest.raises(NotHereError, match=r"^the index has no picture of this id$"):
            library.search(parse_query("", like=[like]))
    with pytest.raises(DataError, match="a path is neither"):
        library.search(parse_query("", like=[path]))


def test_a_fault_tells_no_place_of_the_machine(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    place, model = library.folder, library.searcher.index.info.model

    def fail(*_: object) -> None:
        raise DataError([f"{place}/index.json: broken", f"{model}: gone"])

    monkeypatch.setattr("emotionnet.search.searcher.Searcher.search", fail)
    with pytest.raises(RefusedError) as error:
        library.search(parse_query("blue"))
    assert error.value.faults == ("the index/index.json: broken", "the model: gone")


def test_what_is_known_of_a_picture(library: Library) -> None:
    record, emotions = library.about(id_of(library, "green.png"), 2)
    assert record.path.endswith("green.png")
    assert [score.name for score in emotions] == ["joy", "anger"]


def test_pictures_come_as_jpeg_and_only_as_they_were_indexed(library: Library) -> None:
    name = id_of(library, "green.png")
    for content in (library.picture(name), library.thumbnail(name)):
        with Image.open(io.BytesIO(content)) as image:
            assert (image.format, image.size) == ("JPEG", (16, 16))


@pytest.mark.parametrize("name", [NONE, "", "x", "../../etc/passwd", "0" * 15, "0" * 17, "\0" * 16])
def test_other_ids_lead_nowhere(library: Library, name: str) -> None:
    for ask in (library.picture, library.thumbnail, library.original, lambda one: library.about(one, 1)):
        with pytest.raises(NotHereError, match=r"^the index has no picture of this id$"):
            ask(name)
    with pytest.raises(NotHereError):
        library.teach("word", [name], [])


@pytest.fixture
def own(tmp_path: Path, squares: Path, means: Predictor) -> tuple[Library, Path]:
    """A library over a picture of its own, and that picture."""
    path = tmp_path / "own" / "a.png"
    path.parent.mkdir()
    path.write_bytes(picture())
    build_index(squares / "model", [path], tmp_path / "small", backend="onnxruntime")
    return open_library(tmp_path / "small", means), path


@pytest.mark.parametrize("what", ["gone", "changed", "longer", "folder", "fifo", "secret"])
def test_a_file_that_is_no_longer_what_was_indexed_is_not_shown(
    own: tuple[Library, Path], what: str, tmp_path: Path
) -> None:
    library, path = own
    (name,) = library.searcher.index.ids
    assert library.original(name) == path.read_bytes()
    size = path.stat().st_size
    path.unlink()
    if what == "changed":
        path.write_bytes(b"x" * size)
    elif what == "longer":
        path.write_bytes(picture() + b"x")
    elif what == "folder":
        path.mkdir()
    elif what == "fifo":
        os.mkfifo(path)
    elif what == "secret":
        (tmp_path / "secret").write_bytes(b"s" * size)
        path.symlink_to(tmp_path / "secret")
    with pytest.raises(NotHereError, match="the picture's file is gone or was changed since") as error:
        library.picture(name)
    assert error.value.code == "picture_gone"
    assert str(path) not in str(error.value)


def test_a_picture_beyond_the_limits_is_not_decoded(indexed: Path, means: Predictor) -> None:
    library = open_library(indexed, means, pixels=100)
    with pytest.raises(RefusedError, match="must have at most 100 pixels; has 16 x 16"):
        library.picture(id_of(library, "green.png"))


def test_a_large_picture_is_made_smaller(own: tuple[Library, Path], squares: Path, means: Predictor) -> None:
    library, path = own
    path.write_bytes(picture(size=(SIDE + 400, 200), form="JPEG"))
    build_index(squares / "model", [path], library.folder, backend="onnxruntime")
    (name,) = library.searcher.index.ids
    with Image.open(io.BytesIO(library.picture(name))) as image:
        assert image.size == (SIDE, 160)


def test_an_index_that_changed_is_opened_anew(own: tuple[Library, Path], squares: Path) -> None:
    library, path = own
    before = library.searcher
    assert library.searcher is before
    (path.parent / "b.png").write_bytes(picture("green"))
    build_index(squares / "model", [path.parent], library.folder, backend="onnxruntime")
    assert len(library.searcher.index) == 2
    assert len(before.index) == 1


def test_a_taught_word_is_found_at_once_and_forgotten(library: Library) -> None:
    blue = [id_of(library, "blue/dark.png"), id_of(library, "blue/light.png")]
    red = [id_of(library, "red/dark.png")]
    told = library.teach("green", blue, red)
    assert (told.word, len(told.yes), len(told.no)) == ("green", 2, 1)
    assert list(library.taught()) == ["green"]
    assert {name.split("/")[0] for name in names(library, "green", k=2)} == {"blue"}  # not what it was
    library.forget("green")
    assert library.taught() == {}
    with pytest.raises(NotHereError, match="no such word was taught"):
        library.forget("green")


def test_the_index_of_another_model_is_refused(indexed: Path, predictor: Predictor) -> None:
    with pytest.raises(DataError, match="must be an index that the served model made; it was made by"):
        open_library(indexed, predictor)


def test_an_index_that_breaks_while_it_is_served_is_told_to_its_owner_alone(
    library: Library, indexed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = id_of(library, "green.png")
    taught = indexed / "taught"
    taught.mkdir()
    (taught / f"{NONE}.json").write_text("{}")
    asks: list[Callable[[], object]] = [
        lambda: library.search(parse_query("blue")),
        lambda: library.teach("word", [name], []),
        lambda: library.forget("word"),
        library.taught,
    ]
    for ask in asks:
        refuse(ask)
        assert str(taught) in capsys.readouterr().err
    assert library.about(name, 1)[0].id == name  # which needs no words
    indexed.rename(indexed.with_name("gone"))
    for ask in (*asks, lambda: library.about(name, 1), lambda: library.thumbnail(name)):
        refuse(ask)
        assert str(indexed) in capsys.readouterr().err


def refuse(ask: Callable[[], object]) -> None:
    with pytest.raises(RefusedError) as error:
        ask()
    assert (error.value.status, error.value.code) == (503, "index_broken")
    assert str(error.value) == "the index cannot be read now; the server's log tells why"


def test_an_index_that_another_model_made_meanwhile_is_not_searched(library: Library, indexed: Path) -> None:
    info = json.loads((indexed / "index.json").read_text())
    info["identity"] = "1" * 64
    (indexed / "index.json").write_text(json.dumps(info))
    refuse(lambda: library.searcher)


def test_shards_at_a_url_are_asked_only_where_the_user_says_so(
    squares: Path,
    means: Predictor,
    make_dataset: MakeDataset,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = write_shards(make_dataset(groups={"train": 2, "val": 1, "test": 1}), tmp_path / "shards")
    url = f"file://{made.root}"
    build_index(squares / "model", [url], tmp_path / "remote", backend="onnxruntime")
    index = Index.open(tmp_path / "remote")
    allowed = Library(index, means, Limits(), Pixels(10**8), shards=[f"{url}/"])
    by_sum = {record.sha256 for split in ("train", "val", "test") for record in made.records(split)}
    assert {hashlib.sha256(allowed.original(name)).hexdigest() for name in index.ids} == by_sum
    for shards in ([], ["s3://other/shards"]):
        closed = Library(index, means, Limits(), Pixels(10**8), shards=shards)
        monkeypatch.setattr("emotionnet.data.shards.remote._read", lambda *_: pytest.fail("was asked"))
        for name in index.ids:
            with pytest.raises(NotHereError, match="the picture's file is gone"):
                closed.picture(name)
            assert closed.thumbnail(name)
