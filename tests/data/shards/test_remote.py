"""Shards in some storage: fetched once, held against their sums, and no more of them than may stay."""

from __future__ import annotations

import hashlib
import os
import sys
import time
from pathlib import Path
from typing import Any

import fsspec
import pytest

from emotionnet.config import SourceConfig
from emotionnet.config_files import checked, portable
from emotionnet.data.check import check_dataset
from emotionnet.data.opening import open_data
from emotionnet.data.picture_files import content_of
from emotionnet.data.shards import member
from emotionnet.data.shards import remote as module
from emotionnet.data.shards.dataset import ShardDataset, open_shards
from emotionnet.data.shards.remote import cached_shard, is_url
from emotionnet.records import SPLITS, DataError
from tests.data.shards.conftest import MakeRemote


def kept(tmp_path: Path) -> list[str]:
    return sorted(path.name for path in (tmp_path / "cache" / "shards").glob("*.tar"))


@pytest.mark.parametrize(
    ("name", "is_one"),
    [
        ("s3://a/b", True),
        ("memory://a", True),
        ("simplecache::s3://a", True),
        ("/a/b", False),
        ("hf:a/b", False),
        ("a//b", False),
        ("://b", False),
        ("s3://", False),
        (Path("a/b"), False),
    ],
)
def test_what_a_url_is(name: str | Path, is_one: bool) -> None:
    assert is_url(name) == is_one


def test_a_url_opens_as_the_folder_does(shards: ShardDataset, remote: MakeRemote, tmp_path: Path) -> None:
    url = remote(shards.root)
    opened = open_data(checked(SourceConfig, {"root": url}, "test"))
    assert isinstance(opened, ShardDataset)
    assert (opened.content_hash, opened.place) == (shards.content_hash, url)
    assert kept(tmp_path) == [], "a shard comes when a picture of it is read"
    for split in SPLITS:
        assert opened.records(split) == shards.records(split)
        for record in opened.records(split):
            assert content_of(opened.image_path(record)) == content_of(shards.image_path(record))
    assert kept(tmp_path) == sorted(f"{one.sha256}.tar" for one in shards.index.shards)


def test_a_url_stays_as_it_is_in_a_config(tmp_path: Path) -> None:
    config = checked(SourceConfig, {"root": "s3://bucket/shards"}, "test")
    assert portable(config, tmp_path)["root"] == config.root == "s3://bucket/shards"


def test_what_was_fetched_is_not_fetched_again(shards: ShardDataset, remote: MakeRemote) -> None:
    url = remote(shards.root)
    expected = [one.read() for one in open_shards(url).pictures()]
    store = fsspec.filesystem("memory")
    for one in shards.index.shards:
        store.rm(f"/bucket/shards/{one.name}")
    member._opened.cache_clear()
    assert [one.read() for one in open_shards(url).pictures()] == expected


@pytest.mark.parametrize("change", ["cut", "longer", "other", "gone"])
def test_another_shard_than_listed_is_named_and_not_kept(
    shards: ShardDataset, remote: MakeRemote, tmp_path: Path, change: str
) -> None:
    url = remote(shards.root)
    first = open_shards(url).pictures()[0]
    place = first.shard.place.removeprefix("memory:/")
    store = fsspec.filesystem("memory")
    content = store.cat(place)
    if change == "gone":
        store.rm(place)
    else:
        changed = {"cut": content[:-512], "longer": content + bytes(10**7), "other": b"!" + content[1:]}[
            change
        ]
        store.pipe(place, changed)
    fault = {
        "cut": rf"must have {len(content):,} bytes, as is listed; got {len(content) - 512:,}",
        "longer": rf"must have {len(content):,} bytes, as is listed; got more",
        "other": f"must have the sha256 {first.shard.sha256}, as is listed; got [0-9a-f]{{64}}",
        "gone": "not found",
    }[change]
    with pytest.raises(DataError, match=rf"{first.shard.place}: {fault}"):
        first.read()
    assert kept(tmp_path) == []


def test_tables_are_held_against_their_sums(shards: ShardDataset, remote: MakeRemote) -> None:
    url = remote(shards.root)
    fsspec.filesystem("memory").pipe("/bucket/shards/val.parquet", b"other")
    with pytest.raises(DataError, match=r"shards/val\.parquet: must have the sha256"):
        open_shards(url)


def test_new_shards_at_the_same_url_are_seen(
    shards: ShardDataset, remote: MakeRemote, dataset: Any, tmp_path: Path
) -> None:
    from emotionnet.data.shards.making import write_shards

    url = remote(shards.root)
    before = open_shards(url)
    remote(write_shards(dataset, shards.root, samples=50, overwrite=True).root)
    after = open_shards(url)
    assert (len(before.index.shards), len(after.index.shards)) == (12, 3)
    assert len(before.records("train")) == len(after.records("train"))


class Flaky:
    """A storage that fails a few times."""

    def __init__(self, fails: int) -> None:
        self.left = fails

    def open(self, path: str, mode: str) -> Any:
        if self.left:
            self.left -= 1
            raise TimeoutError("slow down")
        return fsspec.filesystem("memory").open(path, mode)


@pytest.mark.parametrize("fails", [0, 2, 3])
def test_a_storage_that_fails_is_asked_again(
    remote: MakeRemote, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, fails: int
) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "a.tar").write_bytes(b"content")
    url, flaky = remote(tmp_path / "a"), Flaky(fails)
    monkeypatch.setattr(module, "_storage", lambda _: (flaky, "/bucket/a/a.tar"))
    digest = hashlib.sha256(b"content").hexdigest()
    if fails == 3:
        with pytest.raises(DataError, match=r"a\.tar: cannot be fetched \(slow down\); 3 attempts were made"):
            cached_shard(f"{url}/a.tar", 7, digest)
    else:
        assert cached_shard(f"{url}/a.tar", 7, digest).read_bytes() == b"content"


def test_shards_used_longest_ago_make_room(
    shards: ShardDataset, remote: MakeRemote, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    largest = max(info.bytes for info in shards.index.shards)
    monkeypatch.setenv("EMOTIONNET_SHARD_CACHE", str(2.5 * largest / 1e9))
    for one in open_shards(remote(shards.root)).pictures():
        one.read()
        kept_bytes = sum((tmp_path / "cache" / "shards" / name).stat().st_size for name in kept(tmp_path))
        assert kept_bytes <= 2.5 * largest
    assert len(kept(tmp_path)) >= 2


def test_a_shard_that_is_used_again_outlives_later_ones(
    shards: ShardDataset, remote: MakeRemote, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    url, infos = remote(shards.root), shards.index.shards[:3]
    room_for_two = sum(sorted(info.bytes for info in infos)[1:]) + 1  # which a fraction may take
    monkeypatch.setenv("EMOTIONNET_SHARD_CACHE", str(room_for_two / 1e9))
    old = []
    for age, number in ((30, 0), (20, 1), (0, 0), (0, 2)):
        info = infos[number]
        place = cached_shard(f"{url}/{info.name}", info.bytes, info.sha256)
        if age:
            used = time.time() - age
            os.utime(place, (used, used))
        old.append(place)
    assert kept(tmp_path) == sorted(place.name for place in (old[0], old[3]))


@pytest.mark.parametrize("text", ["many", "0", "-1", "inf", "nan"])
def test_the_limit_is_a_number(
    shards: ShardDataset, remote: MakeRemote, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv("EMOTIONNET_SHARD_CACHE", text)
    first = open_shards(remote(shards.root)).pictures()[0]
    with pytest.raises(DataError, match=rf"\$EMOTIONNET_SHARD_CACHE must be gigabytes, .*; got '{text}'"):
        first.read()


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "s3fs", None)
    with pytest.raises(DataError, match=r"s3://b/s/shards\.json: a package .* is missing; Install s3fs"):
        open_shards("s3://b/s")


def test_a_url_that_nobody_knows() -> None:
    with pytest.raises(
        DataError, match=r"nowhere://a/shards\.json: must be a URL that fsspec knows; Protocol"
    ):
        open_shards("nowhere://a")


def test_no_shards_lie_there(remote: MakeRemote, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"empty/shards\.json: not found"):
        open_shards(remote(tmp_path / "empty"))


def test_a_check_of_a_url_looks_at_every_shard(shards: ShardDataset, remote: MakeRemote) -> None:
    url = remote(shards.root)
    assert check_dataset(url).faults == ()


@pytest.mark.parametrize("root", ["reference::memory://a", "memory://a::https://example.org/b"])
def test_a_chain_of_urls_is_not_followed(root: str) -> None:
    with pytest.raises(DataError, match=r"shards\.json: must be one URL, not a chain of them$"):
        open_shards(root)


def test_a_shard_larger_than_the_cache_is_not_even_fetched(
    remote: MakeRemote, shards: ShardDataset, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    largest = max(shards.index.shards, key=lambda one: one.bytes)
    url = f"{remote(shards.root)}/{largest.name}"
    monkeypatch.setenv("EMOTIONNET_SHARD_CACHE", f"{(largest.bytes - 1) / 1e9:.12f}")
    with pytest.raises(
        DataError, match=rf"must fit into {largest.bytes - 1:,} bytes .*; has {largest.bytes:,}$"
    ):
        cached_shard(url, largest.bytes, largest.sha256)
    assert kept(tmp_path) == []
    monkeypatch.setenv("EMOTIONNET_SHARD_CACHE", f"{(largest.bytes + 1) / 1e9:.12f}")
    assert cached_shard(url, largest.bytes, largest.sha256).stat().st_size == largest.bytes


def test_a_check_sees_what_lies_at_the_url_now(shards: ShardDataset, remote: MakeRemote) -> None:
    url = remote(shards.root)
    expected = [one.read() for one in open_shards(url).pictures()]
    store = fsspec.filesystem("memory")
    content = store.cat("/bucket/shards/val-000000.tar")
    store.pipe("/bucket/shards/val-000000.tar", content[:-1] + b"x")
    store.rm("/bucket/shards/test-000001.tar")
    first, second = check_dataset(url).faults
    assert first.startswith(f"{url}/val-000000.tar: must have the sha256")
    assert second == f"{url}/test-000001.tar: not found"
    assert [one.read() for one in open_shards(url).pictures()] == expected, "what was good stays in the cache"


def test_a_shard_that_cannot_be_had_is_not_asked_for_once_a_picture(
    shards: ShardDataset, remote: MakeRemote, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = remote(shards.root)
    store = fsspec.filesystem("memory")
    content = store.cat("/bucket/shards/train-000000.tar")
    store.pipe("/bucket/shards/train-000000.tar", content[:-1] + b"x")
    asked: list[str] = []
    fetch = module.fetch

    def noted(url: str, *more: Any) -> None:
        asked.append(url)
        fetch(url, *more)

    opened = open_shards(url)
    monkeypatch.setattr(module, "fetch", noted)
    pictures = opened.pictures()[:4]
    for one in pictures:
        with pytest.raises(DataError, match=r"train-000000\.tar: must have the sha256"):
            one.read()
    assert len(asked) == 1
    store.pipe("/bucket/shards/train-000000.tar", content)
    monkeypatch.setattr("time.monotonic", lambda: 1e12)
    assert [one.read() for one in pictures] == [one.read() for one in shards.pictures()[:4]]


@pytest.mark.parametrize("losses", [1, 10**6])
def test_a_shard_that_another_process_deletes_before_it_is_opened_is_fetched_again(
    shards: ShardDataset, remote: MakeRemote, monkeypatch: pytest.MonkeyPatch, losses: int
) -> None:
    pictures = open_shards(remote(shards.root)).pictures()
    left = losses

    def lost(*which: Any) -> Path:
        nonlocal left
        path = cached_shard(*which)
        if left:
            left -= 1
            path.unlink()
        return path

    monkeypatch.setattr(member, "cached_shard", lost)
    if losses == 1:
        assert pictures[0].read() == shards.pictures()[0].read()
        return
    with pytest.raises(DataError, match=r"other shards took its room: raise \$EMOTIONNET_SHARD_CACHE$"):
        pictures[0].read()
