"""Search over made-up vectors, held against a slow loop; and over pictures of one colour each."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from emotionnet.apps.bench.search import Cloud, write_index
from emotionnet.records import DataError
from emotionnet.search.build import build_index
from emotionnet.search.layout import open_pictures, picture_rows, read_info
from emotionnet.search.query import Query, parse_query
from emotionnet.search.searcher import Searcher
from emotionnet.search.store import Index
from emotionnet.text.vectors import read_vectors
from tests.search.conftest import MakeIndex, save_squares

pytest.importorskip("lancedb")
COUNT = 300


@pytest.fixture(scope="module")
def cloud_index(tmp_path_factory: pytest.TempPathFactory) -> Index:
    """300 pictures that do not exist, with words word0 and so on, and four emotions."""
    folder = tmp_path_factory.mktemp("cloud") / "index"
    write_index(folder, Cloud.of(COUNT), COUNT)
    return Index.open(folder)


def standard(values: list[float]) -> list[float]:
    mean, spread = float(np.mean(values)), float(np.std(values))
    return [(value - mean) / spread for value in values]


def unit(row: Any) -> Any:
    return row / np.linalg.norm(row)


def slowly(index: Index, word: str) -> list[float]:
    """The score of each picture for a word, step by step as `meaning` tells it."""
    vectors, names = read_vectors(index.folder), list(index.info.emotions)
    point = unit(vectors.get(word))
    nearness = [float(unit(vectors.get(name)) @ point) for name in names]
    near = [math.exp((value - max(nearness)) / 0.05) for value in nearness]
    told = index.table(["projection", "probabilities"]).to_pylist()
    cosines = [float(unit(np.array(row["projection"])) @ point) for row in told]
    mixed = [
        sum(a * math.log(p + 1e-4) for a, p in zip(near, row["probabilities"], strict=True)) / sum(near)
        for row in told
    ]
    weight = max(0.0, (max(nearness) - 0.3) / 0.7)
    pairs = zip(standard(cosines), standard(mixed), strict=True)
    return standard([a + weight * b for a, b in pairs])


@pytest.mark.parametrize("word", ["word1", "joy"])
def test_a_word_ranks_as_a_slow_loop_does(cloud_index: Index, word: str) -> None:
    expected = slowly(cloud_index, word)
    hits = Searcher(cloud_index).search(parse_query(word, k=20)).hits
    order = sorted(range(COUNT), key=lambda row: -expected[row])[:20]
    assert [hit.picture.id for hit in hits] == [cloud_index.ids[row] for row in order]
    assert [hit.score for hit in hits] == pytest.approx([expected[row] for row in order], abs=1e-3)


def test_words_are_mixed_by_weight_and_taken_away(cloud_index: Index) -> None:
    one, other = slowly(cloud_index, "word1"), slowly(cloud_index, "fear")
    expected = [(2 * a - b) / 3 for a, b in zip(one, other, strict=True)]
    hits = Searcher(cloud_index).search(parse_query("word1:2", not_=["fear"], k=5)).hits
    order = sorted(range(COUNT), key=lambda row: -expected[row])[:5]
    assert [hit.picture.id for hit in hits] == [cloud_index.ids[row] for row in order]


def test_a_picture_of_the_index_is_most_like_itself(cloud_index: Index) -> None:
    name = cloud_index.ids[7]
    hits = Searcher(cloud_index).search(parse_query(like=[name], k=4)).hits
    cosines = cloud_index.features @ cloud_index.features[7]
    assert [hit.picture.id for hit in hits] == [cloud_index.ids[row] for row in np.argsort(-cosines)[:4]]
    assert hits[0].picture.id == name


def test_bounds_filter_and_alone_they_rank(cloud_index: Index) -> None:
    joy, fear = cloud_index.probabilities[:, 0], cloud_index.probabilities[:, 1]
    searcher = Searcher(cloud_index)
    hits = searcher.search(parse_query(emotion=["joy>0.5"], k=1000)).hits
    expected = [row for row in np.argsort(-joy) if joy[row] > 0.5]
    assert [hit.picture.id for hit in hits] == [cloud_index.ids[row] for row in expected]
    both = searcher.search(parse_query("word1", emotion=["joy>0.2", "fear<0.1"], k=1000)).hits
    kept = {cloud_index.ids[row] for row in np.flatnonzero((joy > 0.2) & (fear < 0.1))}
    assert {hit.picture.id for hit in both} == kept
    assert hits[0].emotions[0].name == "joy"
    assert [score.value for score in hits[0].emotions] == sorted(
        (score.value for score in hits[0].emotions), reverse=True
    )


def test_approximate_search_ranks_nearly_the_same(
    cloud_index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    queries = [parse_query(text, k=10) for text in ("word2 word3:2", "joy:2 word1")]
    queries.append(parse_query(emotion=["joy>0.5"], k=10))
    exact = [Searcher(cloud_index).search(query).hits for query in queries]
    for room in ("store", "retrieval"):
        monkeypatch.setattr(f"emotionnet.search.{room}.EXACT_LIMIT", 10)
    found = [Searcher(cloud_index).search(query).hits for query in queries]
    for some, others in zip(exact, found, strict=True):
        assert [hit.picture.id for hit in some] == [hit.picture.id for hit in others]


def test_nothing_found_is_said(cloud_index: Index) -> None:
    results = Searcher(cloud_index).search(parse_query("word1", folder="nowhere"))
    assert results.hits == ()
    assert results.notes == ("no picture meets what was asked for",)


def test_an_index_without_pictures_says_so(cloud_index: Index, tmp_path: Path) -> None:
    write_index(tmp_path / "empty", Cloud.of(1), 0)
    results = Searcher(Index.open(tmp_path / "empty")).search(parse_query("joy"))
    assert results.notes == ("the index holds no picture",)


@pytest.fixture
def dated(tmp_path: Path) -> Index:
    """Three pictures in two folders: of 2020, of 2021, and of no date."""
    folder = tmp_path / "dated"
    write_index(folder, Cloud.of(1), 0)
    info = read_info(folder)
    rows = np.eye(3, 384, dtype=np.float32)
    columns = {
        "sha256": list("abc"),
        "taken": [datetime(2020, 5, 1, 23, 59, 59), datetime(2021, 1, 1), None],
        "features": rows,
        "projection": rows,
        "probabilities": np.full((3, 4), 0.25, dtype=np.float32),
    }
    paths = ["/p/it's 100%/a.jpg", "/p/other/b.jpg", "/p/other/deep/c.jpg"]
    open_pictures(folder, info).add(picture_rows(info, paths, columns))
    return Index.open(folder)


@pytest.mark.parametrize(
    ("bounds", "expected"),
    [
        ({"taken": ("2020-05-01", "2020-05-01")}, "a"),
        ({"taken": ("2020-05-02", None)}, "b"),
        ({"taken": (None, "2021-12-31")}, "ab"),
        ({"folder": "/p/other"}, "bc"),
        ({"folder": "other/deep"}, "c"),
        ({"folder": "it's 100%"}, "a"),
        ({"folder": "oth"}, ""),
        ({"folder": "/p/oth"}, ""),
    ],
)
def test_dates_and_folders(dated: Index, bounds: dict[str, Any], expected: str) -> None:
    hits = Searcher(dated).search(parse_query("joy", **bounds)).hits
    assert "".join(sorted(Path(hit.picture.path).stem for hit in hits)) == expected


def test_pictures_from_outside_go_through_the_model(make_index: MakeIndex, tmp_path: Path) -> None:
    index = make_index()
    save_squares(tmp_path, {"asked.png": (0, 190, 0), "seen.png": (0, 200, 0)})
    for like in (tmp_path / "asked.png", (tmp_path / "asked.png").read_bytes(), tmp_path / "seen.png"):
        hits = Searcher(index).search(Query(like=(like,), k=1)).hits
        assert Path(hits[0].picture.path).name == "green.png"


def test_a_picture_that_the_index_knows_needs_no_model(make_index: MakeIndex, tmp_path: Path) -> None:
    index = make_index()
    (tmp_path / "model" / "network.onnx").unlink()
    same = tmp_path / "same.png"
    same.write_bytes((tmp_path / "pictures" / "green.png").read_bytes())
    for like in (tmp_path / "pictures" / "green.png", same, same.read_bytes()):
        hits = Searcher(index).search(Query(like=(like,), k=1)).hits
        assert Path(hits[0].picture.path).name == "green.png"
    save_squares(tmp_path, {"new.png": (1, 2, 3)})
    with pytest.raises(DataError, match="a picture that is not in the index needs the model that made it; "):
        Searcher(index).search(Query(like=(tmp_path / "new.png",)))


def test_another_model_in_its_place_is_refused(make_index: MakeIndex, tmp_path: Path) -> None:
    index = make_index()
    told = (tmp_path / "model" / "export.json").read_text()
    (tmp_path / "model" / "export.json").write_text(told.replace("0" * 64, "1" * 64))
    save_squares(tmp_path, {"new.png": (1, 2, 3)})
    with pytest.raises(DataError, match="is another one by now: make the index again"):
        Searcher(index).search(Query(like=(tmp_path / "new.png",)))


@pytest.mark.parametrize(
    ("like", "fault"),
    [
        (lambda folder: folder / "none.png", "none.png: file not found"),
        (lambda _: "0123456789abcdef", "none has the id '0123456789abcdef'"),
        (lambda _: b"no picture", "<bytes>"),
    ],
)
def test_each_picture_that_cannot_be_had_has_a_line(
    make_index: MakeIndex, tmp_path: Path, like: Callable[[Path], Any], fault: str
) -> None:
    with pytest.raises(DataError, match=fault):
        Searcher(make_index()).search(Query(like=(like(tmp_path),)))


def test_copies_are_told_with_the_best(make_index: MakeIndex, tmp_path: Path) -> None:
    index = make_index()
    copy = tmp_path / "pictures" / "z.png"
    copy.write_bytes((tmp_path / "pictures" / "green.png").read_bytes())
    build_index(tmp_path / "model", [tmp_path / "pictures"], index.folder)
    hits = Searcher(Index.open(index.folder)).search(parse_query("green")).hits
    found = {Path(hit.picture.path).name: hit.duplicates for hit in hits}
    assert found["green.png"] == (str(copy),)
    assert "z.png" not in found


def test_hits_as_json(make_index: MakeIndex) -> None:
    results = Searcher(make_index()).search(parse_query("red", k=1)).to_dict()
    (hit,) = results["hits"]
    assert Path(hit["path"]).parts[-2:] == ("red", "light.png")
    assert (hit["width"], hit["height"], hit["taken"], hit["duplicates"]) == (8, 8, None, [])
    assert {"id", "score", "tags", "outside"} < set(hit)
    assert results["query"] == "red"
    assert (results["schema_version"], results["notes"]) == (1, [])


def test_suggestions_begin_with_what_is_nearest_to_the_user(cloud_index: Index) -> None:
    searcher = Searcher(cloud_index)
    assert searcher.suggestions("WORD1", 3) == ["word1", "word10", "word11"]
    assert searcher.suggestions("f") == ["fear"]
    assert searcher.suggestions("zzz") == []
