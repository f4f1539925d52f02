"""Tar files whose bytes are told by their samples alone, read by Python's own reader."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from emotionnet.data.shards import writer as module
from emotionnet.data.shards.writer import ShardWriter
from emotionnet.records import DataError

SAMPLES: list[tuple[str, str, bytes, dict[str, Any]]] = [
    ("a-0", "jpg", b"x" * 511, {"id": "ä"}),
    ("a-1", "png", b"", {}),
    ("a-2", "png", b"y" * 512, {"b": 1}),
]


def written(path: Path) -> list[int]:
    writer = ShardWriter(path)
    offsets = [writer.add(*sample) for sample in SAMPLES]
    size, digest = writer.finish()
    assert (size, digest) == (path.stat().st_size, hashlib.sha256(path.read_bytes()).hexdigest())
    return offsets


def test_tarfile_reads_what_was_written_where_it_was_said_to_lie(tmp_path: Path) -> None:
    offsets = written(tmp_path / "a.tar")
    with tarfile.open(tmp_path / "a.tar") as tar:
        heads = tar.getmembers()
        assert [head.name for head in heads] == [
            f"{key}.{ending}" for key, picture, _, _ in SAMPLES for ending in ("json", picture)
        ]
        assert [head.offset_data for head in heads[1::2]] == offsets
        assert {(head.mtime, head.uid, head.gid, head.uname, head.mode) for head in heads} == {
            (0, 0, 0, "", 0o644)
        }
        for (_, _, picture, about), told, shown in zip(SAMPLES, heads[::2], heads[1::2], strict=True):
            told_file, shown_file = tar.extractfile(told), tar.extractfile(shown)
            assert told_file is not None
            assert shown_file is not None
            assert json.load(told_file) == about
            assert shown_file.read() == picture


def test_the_bytes_are_those_of_pythons_own_writer(tmp_path: Path) -> None:
    written(tmp_path / "a.tar")
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for key, ending, picture, about in SAMPLES:
            text = json.dumps(about, ensure_ascii=False).encode()
            for name, part in ((f"{key}.json", text), (f"{key}.{ending}", picture)):
                head = tarfile.TarInfo(name)
                head.size = len(part)
                tar.addfile(head, io.BytesIO(part))
    ours = (tmp_path / "a.tar").read_bytes()
    assert content.getvalue().rstrip(b"\0") == ours.rstrip(b"\0")
    assert ours.endswith(bytes(1024))


@pytest.mark.parametrize("torn", [0, 1, 700])
def test_a_shard_goes_on_where_it_stood(tmp_path: Path, torn: int) -> None:
    written(tmp_path / "whole.tar")
    with ShardWriter(tmp_path / "a.tar") as writer:
        writer.add(*SAMPLES[0])
        writer.flush()
        stood = writer.size
    with (tmp_path / "a.tar").open("ab") as file:
        file.write(b"!" * torn)
    with ShardWriter(tmp_path / "a.tar", at=stood) as again:
        for sample in SAMPLES[1:]:
            again.add(*sample)
        again.finish()
    assert (tmp_path / "a.tar").read_bytes() == (tmp_path / "whole.tar").read_bytes()


def test_what_is_shorter_than_it_stood_is_no_place_to_go_on(tmp_path: Path) -> None:
    (tmp_path / "a.tar").write_bytes(bytes(512))
    with pytest.raises(DataError, match=r"a\.tar: must have 1,024 bytes to go on from; has 512"):
        ShardWriter(tmp_path / "a.tar", at=1024)
    assert (tmp_path / "a.tar").stat().st_size == 512


def test_a_shard_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none/a\.tar: cannot be written \(No such file"):
        ShardWriter(tmp_path / "none" / "a.tar")


def test_no_picture_is_larger_than_a_reader_takes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_PICTURE", 10)
    with (
        ShardWriter(tmp_path / "a.tar") as writer,
        pytest.raises(DataError, match="at most 10 bytes; a-0 has 511"),
    ):
        writer.add(*SAMPLES[0])
