from __future__ import annotations

import io
import shutil
import threading
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from emotionnet.files import read_object, write_json
from emotionnet.inference.loading import load_predictor
from emotionnet.records import DataError
from emotionnet.search.build import build_index
from emotionnet.search.layout import (
    IndexInfo,
    create_pictures,
    open_pictures,
    picture_id,
    picture_rows,
    row_schema,
)
from emotionnet.search.store import Index, IndexedPicture, sql_text
from tests.search.conftest import SQUARES, MakeIndex, save_squares


def slow_nearest(index: Index, vectors_NF: Any, vector_F: Any, k: int) -> list[tuple[str, float]]:
    """By a loop: the largest cosines, equal ones in order of the paths."""
    found = []
    for name, one in zip(index.ids, vectors_NF, strict=True):
        lengths = float(np.linalg.norm(one)) * float(np.linalg.norm(vector_F))
        found.append((name, float(one @ vector_F) / lengths if lengths else 0.0))
    return sorted(found, key=lambda pair: -pair[1])[:k]


def test_pictures_are_in_order_of_their_paths(make_index: MakeIndex, tmp_path: Path) -> None:
    index = make_index()
    paths = [str(tmp_path / "pictures" / name) for name in sorted(SQUARES)]
    assert len(index) == len(paths)
    assert list(index.ids) == [picture_id(path) for path in paths]
    assert index.table(["path"])["path"].to_pylist() == paths
    assert [index.row(name) for name in index.ids] == list(range(len(paths)))
    assert index.ids[2] in index
    assert "ffff" not in index
    outputs = load_predictor(tmp_path / "model").outputs(paths)
    for ours, theirs in ((index.features, outputs.features), (index.projection, outputs.projection)):
        assert ours is not None
        assert theirs is not None
        lengths = np.linalg.norm(theirs, axis=1, keepdims=True)
        np.testing.assert_allclose(ours * lengths, theirs, rtol=1e-6)
        np.testing.assert_allclose(np.linalg.norm(ours, axis=1), 1, rtol=1e-6)


def test_records_and_rows_come_in_the_order_that_is_asked_for(make_index: MakeIndex, tmp_path: Path) -> None:
    index = make_index()
    some = [index.ids[4], index.ids[1], index.ids[4]]
    assert [one.id for one in index.records(some)] == some
    record = index.record(index.ids[2])
    path = tmp_path / "pictures" / "green.png"
    assert record == IndexedPicture(
        id=picture_id(str(path)),
        path=str(path),
        sha256=record.sha256,
        bytes=path.stat().st_size,
        width=8,
        height=8,
        taken=None,
        tags=("green", "red", "blue"),
        outside=None,
        distance=None,
    )
    np.testing.assert_array_equal(index.vectors("features", some), index.features[[4, 1, 4]])
    assert index.table(["name"], ids=some, where="width = 8")["name"].to_pylist() == [
        index.record(name).path.rsplit("/", 1)[1] for name in some
    ]
    assert index.table(["name"], ids=some, where="width = 9").num_rows == 0
    with Image.open(io.BytesIO(index.thumbnail(index.ids[0]))) as small:
        assert (small.format, small.size) == ("JPEG", (8, 8))


def test_nearest_is_that_of_a_slow_loop(make_index: MakeIndex) -> None:
    index = make_index(
        {f"{number:03d}.png": (number * 2, 255 - number, 7 * number % 256) for number in range(90)}
    )
    rng = np.random.default_rng(0)
    for column in ("features", "projection"):
        vectors = index.features if column == "features" else index.projection
        for k in (1, 7, 200):
            vector = rng.standard_normal(3).astype(np.float32)
            ids, cosines = index.nearest(column, vector, k)
            wanted = slow_nearest(index, vectors, vector, k)
            assert list(ids) == [name for name, _ in wanted]
            np.testing.assert_allclose(cosines, np.array([value for _, value in wanted]), atol=1e-6)


def test_nearest_under_a_condition(make_index: MakeIndex, tmp_path: Path) -> None:
    index = make_index()
    where = f"folder = {sql_text(str(tmp_path / 'pictures' / 'blue'))}"
    ids, _ = index.nearest("features", np.array([1, 0, 0], np.float32), 5, where=where)
    assert sorted(index.record(name).path for name in ids) == [
        str(tmp_path / "pictures" / "blue" / name) for name in ("dark.png", "light.png")
    ]
    assert index.nearest("features", np.ones(3, np.float32), 5, where="width > 100")[0] == ()


def test_texts_in_conditions_are_quoted(make_index: MakeIndex) -> None:
    assert sql_text("it's") == "'it''s'"
    index = make_index({"it's.png": (1, 2, 3), "other.png": (1, 2, 3)})
    assert index.rows_where(f"name = {sql_text(chr(39) + ' OR 1 = 1')}").tolist() == []
    assert index.rows_where(f"name = {sql_text(chr(105) + 't' + chr(39) + 's.png')}").tolist() == [0]


def test_version_changes_with_the_pictures_and_an_open_index_stays_as_it_was(
    make_index: MakeIndex, tmp_path: Path
) -> None:
    index = make_index()
    first = index.version
    build_index(tmp_path / "model", [tmp_path / "pictures"], tmp_path / "index")
    assert index.version == first
    (tmp_path / "pictures" / "green.png").unlink()
    build_index(tmp_path / "model", [tmp_path / "pictures"], tmp_path / "index")
    assert index.version != first
    assert len(index) == index.features.shape[0] == 6
    assert index.record(index.ids[2]).path.endswith("green.png")
    assert len(Index.open(tmp_path / "index")) == 5
    shutil.rmtree(tmp_path / "index")
    assert index.version == 0


def test_threads_read_one_array(make_index: MakeIndex) -> None:
    found: list[Any] = []
    index = make_index()
    threads = [threading.Thread(target=lambda: found.append(index.features)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(one) for one in found}) == 1


def test_without_projection(tmp_path: Path) -> None:
    info = IndexInfo(
        model="m",
        identity="0",
        trained_on="",
        emotions=("joy",),
        activation="softmax",
        n_features=2,
        embedding_size=None,
        backend="torch",
    )
    assert "projection" not in row_schema(info).names
    create_pictures(tmp_path, info)
    taken = datetime(2020, 1, 2, 3, 4, 5)
    columns = {"features": np.array([[3, 4], [0, 0]]), "taken": [taken, None], "tags": [["a"], None]}
    open_pictures(tmp_path, info).add(picture_rows(info, ["/b/x.png", "/a/y.png"], columns))
    index = Index(tmp_path, info, None, open_pictures(tmp_path, info))  # type: ignore[arg-type]
    assert index.projection is None
    np.testing.assert_allclose(index.features, np.array([[0, 0], [0.6, 0.8]], np.float32))
    assert [one.taken for one in index.records(index.ids)] == [None, taken]
    assert index.record(index.ids[0]).tags == ()
    assert index.table(["folder", "name"]).to_pylist() == [
        {"folder": "/a", "name": "y.png"},
        {"folder": "/b", "name": "x.png"},
    ]
    with pytest.raises(DataError, match="its model must have a projection; it has none"):
        index.nearest("projection", np.ones(2, np.float32), 1)


def test_an_unknown_id(make_index: MakeIndex, tmp_path: Path) -> None:
    index = make_index()
    for ask in (index.row, index.record, index.thumbnail):
        with pytest.raises(DataError) as error:
            ask("../../etc/passwd" * 10)
        assert str(error.value) == (
            f"{tmp_path / 'index'}: must hold the picture that is asked for; "
            f"none has the id {('../../etc/passwd' * 10)[:40]!r}"
        )


def _no_index(folder: Path) -> None:
    shutil.rmtree(folder)


def _no_info(folder: Path) -> None:
    (folder / "index.json").unlink()


def _newer(folder: Path) -> None:
    write_json(folder / "index.json", read_object(folder / "index.json") | {"schema_version": 2})


def _odd_info(folder: Path) -> None:
    write_json(folder / "index.json", read_object(folder / "index.json") | {"n_features": 0, "more": 1})


def _odd_ann(folder: Path) -> None:
    odd = {"kind": "IVF_SQ", "probes": -1, "refined": 64, "trained_on": 9, "recall": 1.0, "rows": 9}
    write_json(folder / "index.json", read_object(folder / "index.json") | {"ann": {"features": odd}})


def _other_size(folder: Path) -> None:
    write_json(folder / "index.json", read_object(folder / "index.json") | {"n_features": 4})


def _no_table(folder: Path) -> None:
    shutil.rmtree(folder / "pictures.lance")


def _no_data(folder: Path) -> None:
    shutil.rmtree(folder / "pictures.lance" / "data")


def _cut_data(folder: Path) -> None:
    for path in (folder / "pictures.lance" / "data").iterdir():
        path.write_bytes(path.read_bytes()[:50])


def _odd_versions(folder: Path) -> None:
    for path in (folder / "pictures.lance" / "_versions").iterdir():
        path.write_bytes(b"\xff" * 100)


def _no_model(folder: Path) -> None:
    (folder / "model.json").unlink()


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        (_no_index, ["must be an INDEX folder, which 'emotionnet index' writes; it does not exist"]),
        (_no_info, ["must be an INDEX folder, which 'emotionnet index' writes; it holds no index.json"]),
        (_newer, ["must have a schema_version of at most 1; it has 2: it was made by a newer version"]),
        (_odd_info, ["n_features: Input should be greater", "more: Extra inputs are not permitted"]),
        (
            _odd_ann,
            ["ann.features.partitions: Field required", "ann.features.probes: Input should be"],
        ),
        (_other_size, ["the column features must be fixed_size_list<item: float>[4], as index.json says"]),
        (_no_table, ["must be the table that 'emotionnet index' wrote; LanceDB refuses it"]),
        (_no_data, ["must be the table that 'emotionnet index' wrote; LanceDB refuses it"]),
        (_cut_data, ["must be the table that 'emotionnet index' wrote; LanceDB refuses it"]),
        (_odd_versions, ["must be the table that 'emotionnet index' wrote; LanceDB refuses it"]),
        (_no_model, ["model.json: file not found"]),
    ],
)
def test_a_broken_index_is_a_line_for_each_fault(
    make_index: MakeIndex, tmp_path: Path, harm: Callable[[Path], None], told: list[str]
) -> None:
    make_index({"a.png": (1, 2, 3)})
    harm(tmp_path / "index")
    with pytest.raises(DataError) as error:
        Index.open(tmp_path / "index")
    assert len(error.value.faults) == len(told)
    for fault, part in zip(error.value.faults, told, strict=True):
        assert fault.startswith(str(tmp_path / "index"))
        assert part in fault
        assert "\n" not in fault


def test_a_picture_that_stands_twice_is_told(make_index: MakeIndex, tmp_path: Path) -> None:
    index = make_index({"a.png": (1, 2, 3)})
    rows = index.table(row_schema(index.info).names)
    index.pictures.add(rows)
    with pytest.raises(DataError, match="every picture must stand once; one stands twice: make it again"):
        Index.open(tmp_path / "index")


def test_another_size_of_the_embedding_does_not_fit(make_index: MakeIndex, tmp_path: Path) -> None:
    save_squares(tmp_path / "pictures", SQUARES)
    index = make_index()
    with pytest.raises(DataError, match="the column projection must be"):
        open_pictures(tmp_path / "index", index.info.model_copy(update={"embedding_size": 7}))
