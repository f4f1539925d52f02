"""A DATASET whose pictures are URLs, fetched as files and straight into shards."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from emotionnet.config import DownloadConfig
from emotionnet.curation.download import crawl, shards
from emotionnet.curation.download.ledger import Ledger
from emotionnet.curation.download.run import download
from emotionnet.data.check import check_dataset
from emotionnet.data.picture_files import content_of
from emotionnet.data.shards.dataset import open_shards
from emotionnet.data.shards.making import write_shards
from emotionnet.data.store import Dataset, read_dataset
from emotionnet.files import sha256
from emotionnet.records import SPLITS, DataError
from tests.conftest import MakeDataset
from tests.curation.download.conftest import Site

MakeRemote = Callable[..., tuple[Dataset, Dataset]]


@pytest.fixture
def make_remote(make_dataset: MakeDataset, site: Site, tmp_path: Path) -> MakeRemote:
    """A factory of a data set, and the same with its pictures on a host; `local`: how many stay files."""

    def make(local: int = 0) -> tuple[Dataset, Dataset]:
        dataset = make_dataset({"train": 6, "val": 3, "test": 3})
        remote = tmp_path / "remote"
        shutil.copytree(dataset.root, remote)
        for split in SPLITS:
            table = dataset.table(split)
            paths = [
                path if number < local else site.picture(f"/{path}", (dataset.root / path).read_bytes())
                for number, path in enumerate(table["path"])
            ]
            is_url = pl.Series(paths).str.contains("://")
            sha256s = pl.when(is_url).then(pl.lit("")).otherwise("sha256")
            table = table.with_columns(path=pl.Series(paths), sha256=sha256s)
            table.write_parquet(remote / f"{split}.parquet")
        return dataset, read_dataset(remote)

    return make


def _settings(source: Dataset, out: Path, **others: Any) -> DownloadConfig:
    quick: dict[str, Any] = {"attempts": 1, "allow": ("127.0.0.1",)}
    return DownloadConfig(source=source.root, out=out, **{**quick, **others})


def _rows(dataset: Dataset, split: str) -> pl.DataFrame:
    return dataset.table(split).drop("path", "shard", "member", "offset", "size", strict=False)


def test_a_data_set_is_there_as_it_was_before_it_was_on_the_web(
    make_remote: MakeRemote, tmp_path: Path
) -> None:
    dataset, remote = make_remote()
    download(_settings(remote, tmp_path / "out"))
    fetched = read_dataset(tmp_path / "out")
    for split in SPLITS:
        assert _rows(fetched, split).equals(_rows(dataset, split))
        assert fetched.split_hash(split) == dataset.split_hash(split)
        for record in fetched.records(split):
            assert sha256(fetched.local_picture(record.path, record.id)) == record.sha256
    assert (fetched.emotions, fetched.tags, fetched.unseen) == (
        dataset.emotions,
        dataset.tags,
        dataset.unseen,
    )


def test_records_whose_picture_is_lost_are_rejects_and_files_stay(
    make_remote: MakeRemote, site: Site, tmp_path: Path
) -> None:
    _, remote = make_remote(local=1)
    rows = remote.table("train").select("id", "path").rows()
    site.answers[rows[1][1].removeprefix(site.origin)] = (404, {}, b"")
    download(_settings(remote, tmp_path / "out"))
    fetched = read_dataset(tmp_path / "out")
    assert [one.id for one in fetched.records("train")] == [name for name, _ in rows if name != rows[1][0]]
    rejects = pl.read_parquet(tmp_path / "out" / "rejects.parquet").rows()
    assert rejects == [("oil/none", "no emotion label"), (rows[1][0], "the download failed: status 404")]
    assert fetched.records("train")[0].path == rows[0][1]
    assert check_dataset(tmp_path / "out").faults == ()
    assert sum(one["pictures"] for one in fetched.info["licences"]) == sum(
        fetched.table(split).height for split in SPLITS
    )


def test_half_of_the_old_and_half_of_the_new_are_no_data_set(
    make_remote: MakeRemote, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ended while the files of a second run take the place of those of the first."""
    _, remote = make_remote()
    url = remote.table("train")["path"][0]
    lost = site.answers.pop(url.removeprefix(site.origin))
    settings = _settings(remote, tmp_path / "out")
    download(settings)
    before = read_dataset(tmp_path / "out").table("train").height
    site.answers[url.removeprefix(site.origin)] = lost
    replace, again = Path.replace, settings.model_copy(update={"retry": "failed"})

    def ended(path: Path, target: Path) -> Path:
        if target.name == "val.parquet":
            raise KeyboardInterrupt
        return replace(path, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", ended)
        with pytest.raises(KeyboardInterrupt):
            download(again)
    with pytest.raises(DataError, match=r"dataset\.json"):
        read_dataset(tmp_path / "out")
    download(settings)
    assert read_dataset(tmp_path / "out").table("train").height == before + 1


def test_straight_into_shards(make_remote: MakeRemote, tmp_path: Path) -> None:
    dataset, remote = make_remote()
    out = tmp_path / "out"
    download(_settings(remote, out, store="shards"))
    assert not (out / "images").exists()
    fetched, expected = open_shards(out), write_shards(dataset, tmp_path / "expected")
    assert not list(fetched.faults())
    for split in SPLITS:
        assert _rows(fetched, split).equals(_rows(expected, split))
        assert fetched.split_hash(split) == dataset.split_hash(split)
        contents = [content_of(fetched.image_path(one)) for one in fetched.records(split)]
        assert contents == [content_of(expected.image_path(one)) for one in expected.records(split)]


def test_shards_are_full_at_so_many_samples(
    make_remote: MakeRemote, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, remote = make_remote()
    monkeypatch.setattr(shards, "SAMPLES", 4)
    out = tmp_path / "out"
    download(_settings(remote, out, store="shards"))
    sizes = {
        split: [one.samples for one in open_shards(out).index.shards if one.split == split]
        for split in SPLITS
    }
    for split in SPLITS:
        count = open_shards(out).table(split).height
        assert sizes[split] == [4] * (count // 4) + ([count % 4] if count % 4 else [])
    assert not list(open_shards(out).faults())


def test_a_shard_has_no_more_bytes_than_it_may(
    make_remote: MakeRemote, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, remote = make_remote()
    download(_settings(remote, tmp_path / "whole", store="shards", per_host=1))
    whole = {one.split: one.bytes for one in open_shards(tmp_path / "whole").index.shards}
    for more, count in ((0, 1), (-1, 2)):  # all pictures of the largest split, and a byte too few for them
        monkeypatch.setattr(shards, "BYTES", max(whole.values()) + more)
        out = tmp_path / f"out{count}"
        download(_settings(remote, out, store="shards", per_host=1))
        split = max(whole, key=lambda name: whole[name])
        found = [one.bytes for one in open_shards(out).index.shards if one.split == split]
        assert len(found) == count
        assert max(found) <= max(whole.values()) + more


def test_shards_go_on_where_they_were_killed(
    make_remote: MakeRemote, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed when a batch is appended, with shards that it ended, and the ledger does not tell of it yet."""
    _, remote = make_remote()
    monkeypatch.setattr(shards, "SAMPLES", 3)
    monkeypatch.setattr(crawl, "COMMIT_EVERY", 0.01)
    commit, commits = Ledger.commit, []

    class KilledError(Exception):
        pass

    def committed(*args: Any) -> None:
        commits.append(args)
        if sum(len(one[1]) for one in commits) >= 8:
            raise KilledError
        commit(*args)

    out = tmp_path / "out"
    with monkeypatch.context() as patch:
        patch.setattr(Ledger, "commit", committed)
        with pytest.raises(KilledError):
            download(_settings(remote, out, store="shards", per_host=1))
    committed_once = {one.id for args in commits[:-1] for one in args[1]}
    asked = site.asked.copy()
    download(_settings(remote, out, store="shards"))
    fetched = open_shards(out)
    assert not list(fetched.faults())
    assert {path.name for path in out.glob("*.tar")} == {one.name for one in fetched.index.shards}
    for split in SPLITS:
        for record in fetched.records(split):
            assert content_of(fetched.image_path(record))
    assert len(site.asked) - 1 == sum(fetched.table(split).height for split in SPLITS)
    again = sum((site.asked - asked).values())
    assert again == len(site.asked) - 1 - len(committed_once)


def test_a_content_that_two_splits_have_stays_in_one(
    make_remote: MakeRemote, site: Site, tmp_path: Path
) -> None:
    _, remote = make_remote()
    train, test = (remote.table(split).row(0, named=True) for split in ("train", "test"))
    site.answers[test["path"].removeprefix(site.origin)] = site.answers[
        train["path"].removeprefix(site.origin)
    ]
    download(_settings(remote, tmp_path / "out", store="shards"))
    fetched = open_shards(tmp_path / "out")
    assert not list(fetched.faults())
    ids = [one.id for split in SPLITS for one in fetched.records(split)]
    (lost,) = {train["id"], test["id"]} - set(ids)
    rejects = pl.read_parquet(tmp_path / "out" / "rejects.parquet").rows()
    assert rejects[1:] == [(lost, "the download: its picture is one of another split")]


def test_shards_need_a_data_set_of_urls(make_remote: MakeRemote, tmp_path: Path) -> None:
    _, remote = make_remote(local=1)
    with pytest.raises(
        DataError, match="remote: every picture must be a URL where store is 'shards'; got images/"
    ):
        download(_settings(remote, tmp_path / "out", store="shards"))
    source = tmp_path / "list.jsonl"
    source.write_text('{"id": "a", "image": "http://a.org/1", "tags": []}\n')
    with pytest.raises(DataError, match="must be a DATASET where store is 'shards'; it is a list"):
        download(DownloadConfig(source=source, out=tmp_path / "out", store="shards"))
    assert not (tmp_path / "out").exists()
