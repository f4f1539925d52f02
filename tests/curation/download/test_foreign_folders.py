"""A disk that is full, and folders that somebody else made to reach out of them."""

import hashlib
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from emotionnet.apps.bench.fault_server import HOSTS, Running
from emotionnet.config import DownloadConfig
from emotionnet.curation.download.folder import Folder
from emotionnet.curation.download.run import download
from emotionnet.records import DataError
from tests.conftest import MakeDataset
from tests.curation.download.conftest import WriteList, ledger_rows


def config(source: Path, out: Path) -> DownloadConfig:
    return DownloadConfig(source=source, out=out, allow=HOSTS)


def test_a_full_disk_ends_the_download_and_loses_nothing(
    server: Running, write_list: WriteList, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = config(write_list([server.url("fine", number) for number in range(5)]), tmp_path / "out")

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Folder, "take", full)
        with pytest.raises(
            DataError,
            match=r"out: must be a place to write to; got No space .*: the same command goes on from here$",
        ):
            download(settings)
    assert {row["state"] for row in ledger_rows(tmp_path / "out").values()} == {"waiting"}
    assert download(settings).urls["stored"] == 5


def test_a_ledger_cannot_move_pictures_out_of_its_folder(
    server: Running, write_list: WriteList, tmp_path: Path
) -> None:
    settings = config(write_list([server.url("fine", 1)]), tmp_path / "out")
    download(settings)
    (picture,) = (tmp_path / "out" / "images").rglob("*.jpg")
    (tmp_path / "out" / ".incoming").mkdir()
    shutil.copy(picture, tmp_path / "out" / ".incoming" / f"{picture.stem}.1")
    with sqlite3.connect(tmp_path / "out" / "ledger.sqlite") as connection:
        connection.execute("UPDATE urls SET path = '../escaped.jpg'")
    connection.close()
    download(settings)
    assert not (tmp_path / "escaped.jpg").exists()
    assert hashlib.sha256(picture.read_bytes()).hexdigest() == picture.stem


def test_a_data_set_cannot_place_pictures_outside(
    server: Running, tmp_path: Path, make_dataset: MakeDataset
) -> None:
    source = make_dataset().root
    (source / ".." / "secret.png").write_bytes(b"secret")
    table = pl.read_parquet(source / "train.parquet")
    paths = ["../secret.png", server.url("fine", 1), *table["path"][2:]]
    table.with_columns(path=pl.Series(paths)).write_parquet(source / "train.parquet")
    out = tmp_path / "deep" / "out"
    with pytest.raises(DataError, match=r"\.\./secret\.png leaves the folder"):
        download(config(source, out))
    assert not (tmp_path / "deep" / "secret.png").exists()
