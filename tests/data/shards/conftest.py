"""SHARDS of a tiny data set, here and in fsspec's memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import fsspec
import pytest

from emotionnet.data.shards.dataset import ShardDataset
from emotionnet.data.shards.making import write_shards
from emotionnet.data.store import Dataset
from tests.conftest import MakeDataset

MakeRemote = Callable[[Path], str]


@pytest.fixture
def dataset(make_dataset: MakeDataset) -> Dataset:
    return make_dataset()


@pytest.fixture
def shards(dataset: Dataset, tmp_path: Path) -> ShardDataset:
    """18 training pictures in shards of 4, and so on."""
    return write_shards(dataset, tmp_path / "shards", samples=4)


@pytest.fixture
def remote(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[MakeRemote]:
    """A factory: puts a folder into a storage, with an empty cache, and gives its URL."""
    monkeypatch.setenv("EMOTIONNET_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("emotionnet.data.shards.remote.PAUSE", 0)
    store = fsspec.filesystem("memory")
    store.store.clear()

    def put(folder: Path) -> str:
        for file in folder.iterdir():
            store.pipe(f"/bucket/{folder.name}/{file.name}", file.read_bytes())
        return f"memory://bucket/{folder.name}"

    yield put
    store.store.clear()
