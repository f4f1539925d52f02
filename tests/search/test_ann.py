from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from emotionnet.apps.bench.search import Cloud, write_index
from emotionnet.search import ann
from emotionnet.search.ann import RECALL, exact_nearest, update
from emotionnet.search.layout import open_pictures, picture_rows, read_info
from emotionnet.search.store import Index

pytest.importorskip("lancedb")
COUNT = 5_000


@pytest.fixture(scope="module")
def cloud() -> Cloud:
    return Cloud.of(COUNT)


@pytest.fixture(scope="module")
def large(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Index:
    """5,000 pictures in clusters, with approximate search."""
    folder = tmp_path_factory.mktemp("large") / "index"
    write_index(folder, cloud, COUNT)
    update(Index.open(folder), more_than=100)
    return Index.open(folder)


def test_comparing_all_in_one_pass_is_as_slow_comparing(large: Index, cloud: Cloud) -> None:
    queries_QD = cloud.words(3, seed=77)
    rows_ND = large.projection
    assert rows_ND is not None
    expected = [
        tuple(large.ids[row] for row in np.argsort(-(rows_ND @ query_D))[:7]) for query_D in queries_QD
    ]
    assert exact_nearest(large, "projection", queries_QD, 7) == expected


def test_it_finds_nearly_all_that_comparing_finds(large: Index, cloud: Cloud) -> None:
    queries_QD = np.concatenate([cloud.pictures(50, seed=3), cloud.words(50, seed=5)])
    exact = exact_nearest(large, "projection", queries_QD, 10)
    found = [ann.nearest(large, "projection", query_D, 10) for query_D in queries_QD]
    recall = np.mean([len({*ids} & {*best}) / 10 for (ids, _), best in zip(found, exact, strict=True)])
    assert recall >= RECALL
    ids, cosines = found[0]
    again = large.vectors("projection", ids) @ queries_QD[0]
    assert cosines.tolist() == pytest.approx(again.tolist(), abs=1e-4)
    assert cosines.tolist() == sorted(cosines.tolist(), reverse=True)


def test_what_was_measured_stands_in_the_index(large: Index) -> None:
    assert large.info.ann is not None
    assert set(large.info.ann) == {"features", "projection"}
    for told in large.info.ann.values():
        assert (told.kind, told.rows) == ("IVF_SQ", COUNT)
        assert told.recall >= RECALL
        assert told.partitions == 71
        assert told.probes <= 71


def test_a_condition_that_few_meet_is_met_by_all_that_are_found(large: Index, cloud: Cloud) -> None:
    query_D = cloud.words(1, seed=9)[0]
    where = "array_element(probabilities, 1) > 0.9"
    shares_N = large.probabilities[:, 0]
    few = {large.ids[row] for row in np.flatnonzero(shares_N > 0.9)}
    assert 0 < len(few) < 50
    ids, _ = ann.nearest(large, "projection", query_D, 100, where=where)
    assert set(ids) == few


def test_without_it_all_are_compared(cloud: Cloud, tmp_path: Path) -> None:
    write_index(tmp_path / "index", cloud, 200)
    index = Index.open(tmp_path / "index")
    assert update(index) is index.info  # too few
    assert index.info.ann is None
    query_D = cloud.words(1, seed=9)[0]
    ids, _ = ann.nearest(index, "projection", query_D, 5)
    assert ids == exact_nearest(index, "projection", query_D[None], 5)[0]


def test_what_points_nowhere_is_near_to_nothing(large: Index) -> None:
    assert ann.nearest(large, "features", np.zeros(384, dtype=np.float32), 5)[0] == ()


def test_new_pictures_are_found_and_nothing_is_made_twice(
    cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "index"
    write_index(folder, cloud, 400)
    update(Index.open(folder), more_than=100)
    info = read_info(folder)
    new_D = np.zeros((1, 384), dtype=np.float32)
    new_D[0, 5] = 1
    columns = {"sha256": ["new"], "features": new_D, "projection": new_D, "probabilities": np.ones((1, 4))}
    open_pictures(folder, info).add(picture_rows(info, ["/new.jpg"], columns))
    grown = Index.open(folder)
    found = update(grown, more_than=100).ann
    assert found is not None
    assert (found["features"].rows, found["features"].trained_on) == (401, 400)
    opened = Index.open(folder)
    ids, _ = ann.nearest(opened, "features", new_D[0], 1)
    assert opened.record(ids[0]).path == "/new.jpg"
    monkeypatch.setattr(ann, "_measured", lambda *_: pytest.fail("nothing is new"))
    assert update(opened, more_than=100).ann == found


def test_more_partitions_are_looked_at_until_enough_is_found(
    large: Index, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(ann, "_recall", lambda *given: {16: 0.5, 24: 0.9}.get(given[-1], 0.96))
    assert ann._measured(large, "features", None).probes == 36
    monkeypatch.setattr(ann, "_recall", lambda *_: 0.5)
    assert ann._measured(large, "features", None).probes == 71
    assert "approximate search by features finds 50% of the 10 nearest" in capsys.readouterr().err
