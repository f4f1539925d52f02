"""SHARDS of a tiny data set, here and in fsspec's memory."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import fsspec
import pytest

from emotionnet.data.shards import member
from emotionnet.data.shards import remote as module
from emotionnet.data.shards.dataset import ShardDataset, open_shards
from emotionnet.data.shards.making import write_shards
from emotionnet.data.store import Dataset, read_dataset
from tests.conftest import MakeDataset

MakeRemote = Callable[[Path], str]


@pytest.fixture(scope="session")
def templates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("templates")


@pytest.fixture
def dataset(make_dataset: MakeDataset, templates: Path, tmp_path: Path) -> Dataset:
    """A copy of one that was made once."""
    if not (templates / "dataset").exists():
        make_dataset(folder=templates / "dataset")
    return read_dataset(shutil.copytree(templates / "dataset", tmp_path / "dataset"))


@pytest.fixture
def shards(dataset: Dataset, templates: Path, tmp_path: Path) -> ShardDataset:
    """18 pictures of training, 9 of validation and 13 to test, in shards of 4."""
    if not (templates / "shards").exists():
        write_shards(dataset, templates / "shards", samples=4)
    return open_shards(shutil.copytree(templates / "shards", tmp_path / "shards"))


@pytest.fixture
def remote(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[MakeRemote]:
    """A factory: puts a folder into a storage, with an empty cache, and gives its URL."""
    monkeypatch.setenv("EMOTIONNET_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("emotionnet.data.shards.remote.PAUSE", 0)
    store = fsspec.filesystem("memory")
    store.store.clear()
    member._opened.cache_clear()
    module._failed.clear()

    def put(folder: Path) -> str:
        for file in folder.iterdir():
            store.pipe(f"/bucket/{folder.name}/{file.name}", file.read_bytes())
        return f"memory://bucket/{folder.name}"

    yield put
    store.store.clear()
