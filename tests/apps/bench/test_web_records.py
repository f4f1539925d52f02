from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from emotionnet.apps.bench import web_records as module
from emotionnet.apps.bench.web_records import FLIPS, LICENCES, N_EMOTIONS, SOURCES, web_records

COUNT = 5_000


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> pl.DataFrame:
    folder = tmp_path_factory.mktemp("web")
    web_records(folder / "records.parquet", COUNT, seed=2)
    return pl.read_parquet(folder / "records.parquet")


def test_the_same_seed_gives_the_same_file_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PART", 100)
    files = [tmp_path / f"{name}.parquet" for name in ("one", "again", "other")]
    for file, seed in zip(files, (0, 0, 1), strict=True):
        web_records(file, 250, seed=seed)
    one, again, other = (file.read_bytes() for file in files)
    assert one == again != other
    assert pl.read_parquet(files[0])["id"].to_list() == [str(number) for number in range(250)]


def test_the_vocabulary_has_as_many_emotions_as_that_of_2020(tmp_path: Path) -> None:
    words = web_records(tmp_path / "records.parquet", 10, looks=False).read_text().split()
    assert len(set(words)) == len(words) == N_EMOTIONS == 690
    assert "look" not in pl.read_parquet_schema(tmp_path / "records.parquet")


def test_columns_are_those_of_a_source(records: pl.DataFrame) -> None:
    text = pl.String()
    assert records.schema == {
        "id": text,
        "url": text,
        "tags": pl.List(text),
        "group": text,
        "source": text,
        "licence": text,
        "look": pl.Binary(),
    }
    assert set(records["source"]) == set(SOURCES)
    assert set(records["licence"]) == set(LICENCES)
    assert 11 < share(records["tags"].list.len()) < 14


def share(flags: pl.Series) -> float:
    """The mean: of yes and no how much is yes."""
    return float(flags.to_numpy().mean())


def test_there_is_something_to_clean_up(records: pl.DataFrame) -> None:
    tags = records["tags"].explode()
    for pattern in (r"\^\d", r"^[A-Z]+$", r"^[A-Z][a-z]", r"^\d{4}$", r"_", r"[äéñøß]", r"^ "):
        assert share(tags.str.contains(pattern)) > 1e-4, pattern
    assert 0 < share(records["group"].is_null()) < 1
    assert 0.005 < share(records["url"].is_duplicated()) < 0.05
    assert share(records.select("tags", "source").is_duplicated()) > 0.02


def test_frequencies_are_those_of_zipf(records: pl.DataFrame) -> None:
    """Of the plain forms the first is about twice as frequent as the second, ten times as the tenth."""
    counts = records["tags"].explode().value_counts(sort=True)["count"]
    assert counts[0] / counts[1] == pytest.approx(2, rel=0.2)
    assert counts[0] / counts[9] == pytest.approx(10, rel=0.3)


def test_looks_are_random_but_for_copies(records: pl.DataFrame) -> None:
    looks = records["look"].drop_nulls()
    assert 0 < records["look"].null_count() < COUNT / 10
    words_N4 = np.frombuffer(b"".join(looks), dtype=np.uint64).reshape(-1, 4)
    nearest = [
        np.partition(np.bitwise_count(words_N4 ^ row).sum(axis=1), 1)[1].item() for row in words_N4[-1500:]
    ]
    copied = [distance for distance in nearest if distance <= FLIPS]
    assert 0.05 < len(copied) / len(nearest) < 0.2
    assert len(set(copied)) > 5
    assert min(distance for distance in nearest if distance > FLIPS) > 40
