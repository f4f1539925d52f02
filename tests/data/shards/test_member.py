"""Pictures in shards are read as those in files are: from threads, and from processes that were forked."""

from __future__ import annotations

import multiprocessing
import pickle
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest

from emotionnet.data.images import Preprocessing, decode, describe, evaluation_input
from emotionnet.data.picture_files import content_of, content_sha256
from emotionnet.data.pixels import kept_pictures
from emotionnet.data.shards import member as module
from emotionnet.data.shards.dataset import ShardDataset
from emotionnet.data.shards.member import ShardMember
from emotionnet.data.store import Dataset
from emotionnet.records import SPLITS

HOW = Preprocessing(image_size=16, crop_pct=1.0, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))


def pairs(dataset: Dataset, shards: ShardDataset) -> list[tuple[Path, ShardMember]]:
    found = []
    for split in SPLITS:
        for record in dataset.records(split):
            path, member = dataset.image_path(record), shards.image_path(record)
            assert isinstance(path, Path)
            assert isinstance(member, ShardMember)
            found.append((path, member))
    return found


def test_a_member_is_read_as_its_file(dataset: Dataset, shards: ShardDataset) -> None:
    for path, member in pairs(dataset, shards):
        assert content_sha256(member) == content_sha256(path)
        np.testing.assert_array_equal(evaluation_input(member, HOW), evaluation_input(path, HOW))
        assert decode(member).tobytes() == decode(path).tobytes()
        assert describe(member) == str(member) == f"{member.shard.place}/{member.name}"


def test_decoded_pictures_are_kept_of_shards_as_of_files(dataset: Dataset, shards: ShardDataset) -> None:
    both = pairs(dataset, shards)
    of_files = kept_pictures([path for path, _ in both], 16, progress="files")
    of_shards = kept_pictures([member for _, member in both], 16, progress="shards")
    assert of_files.folder == of_shards.folder
    np.testing.assert_array_equal(of_files[3].array(), of_shards[3].array())


def test_members_travel_to_other_processes(shards: ShardDataset) -> None:
    members = shards.pictures()
    expected = [member.read() for member in members]
    assert pickle.loads(pickle.dumps(members)) == members
    for start in ("fork", "spawn"):
        with multiprocessing.get_context(start).Pool(1) as pool:
            assert pool.map(content_of, members) == expected


def test_few_shards_are_open_at_a_time_whatever_threads_read(
    shards: ShardDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_opened", lru_cache(maxsize=2)(module._opened.__wrapped__))
    before = len(list(Path("/proc/self/fd").iterdir()))
    members = shards.pictures() * 20
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(ShardMember.read, members))
    assert found == [member.read() for member in members]
    assert len(list(Path("/proc/self/fd").iterdir())) <= before + 2
