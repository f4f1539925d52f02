"""MATLAB's files from outside."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from emotionnet.data.benchmarks import mat_files
from emotionnet.data.benchmarks.mat_files import numbers, read_mat, structs, text, texts
from emotionnet.data.row_checks import RowError
from emotionnet.records import DataError

HEADER = b"MATLAB 5.0 MAT-file".ljust(124) + struct.pack("<H", 0x100) + b"IM"


def element(kind: int, content: bytes) -> bytes:
    return struct.pack("<II", kind, len(content)) + content + b"\0" * (-len(content) % 8)


def head(kind: int, name: bytes = b"") -> bytes:
    """What a matrix of one cell (1) or one double (6) starts with."""
    return element(6, struct.pack("<II", kind, 0)) + element(5, struct.pack("<ii", 1, 1)) + element(1, name)


def nested(levels: int) -> bytes:
    """A number in so many cells."""
    inner = element(14, head(6) + element(9, struct.pack("<d", 1.0)))
    starts, size = [], len(inner)
    for _ in range(levels):
        size += len(head(1))
        starts.append(struct.pack("<II", 14, size) + head(1))
        size += 8
    body = b"".join(reversed(starts)) + inner
    return element(14, head(1, b"deep") + body)


def test_a_variable_is_read_compressed_or_not(tmp_path: Path) -> None:
    for compress in (False, True):
        savemat(tmp_path / "a.mat", {"ind": np.arange(3), "other": "x"}, do_compression=compress)
        assert read_mat(tmp_path / "a.mat", "ind").ravel().tolist() == [0, 1, 2]


@pytest.mark.parametrize("packed", [False, True])
def test_cells_without_end_are_refused_before_scipy_follows_them(tmp_path: Path, packed: bool) -> None:
    """scipy stops the whole process over the deep one."""
    for levels, deep in ((20, False), (100_000, True)):
        content = nested(levels)
        content = element(15, zlib.compress(content)) if packed else content
        (tmp_path / "a.mat").write_bytes(HEADER + content)
        if deep:
            with pytest.raises(DataError, match=r"a.mat: a MATLAB file must be nested at most 64 deep"):
                read_mat(tmp_path / "a.mat", "deep")
        else:
            assert read_mat(tmp_path / "a.mat", "deep").dtype == object


def test_broken_files_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.mat"
    with pytest.raises(DataError, match=r"a.mat: file not found"):
        read_mat(path, "ind")
    path.write_bytes(b"nothing")
    with pytest.raises(DataError, match=r"must be a MATLAB file of version 5 to 7.2; its header says"):
        read_mat(path, "ind")
    savemat(path, {"ind": np.arange(300)})
    whole = path.read_bytes()
    for length in range(128, len(whole), 211):
        path.write_bytes(whole[:length])
        with pytest.raises(DataError, match=r"a.mat: must "):
            read_mat(path, "ind")
    path.write_bytes(HEADER + element(15, b"no zlib here"))
    with pytest.raises(DataError, match=r"a part cannot be unpacked"):
        read_mat(path, "ind")
    path.write_bytes(HEADER[:124] + struct.pack("<H", 0x200) + b"IM")  # version 7.3 is HDF5
    with pytest.raises(DataError, match=r"must be a MATLAB file of version 5 to 7.2; "):
        read_mat(path, "ind")
    path.write_bytes(HEADER + element(15, zlib.compress(bytes(10_000))))
    monkeypatch.setattr(mat_files, "MAX_INFLATED", 9_999)
    with pytest.raises(DataError, match=r"must have at most 9,999 bytes unpacked; has more"):
        read_mat(path, "ind")
    monkeypatch.setattr(mat_files, "MAX_BYTES", 100)
    with pytest.raises(DataError, match=r"must have at most 100 bytes; has 1"):
        read_mat(path, "ind")


def test_values_are_what_they_must_be() -> None:
    cells = np.empty((1, 2), dtype=object)
    cells[0, 0], cells[0, 1] = np.array(["one"]), np.array(["two"])
    assert texts(cells, "names") == ["one", "two"]
    assert texts(np.array([]), "names") == []
    assert text(np.array(["one"]), "name") == "one"
    assert numbers(np.array([[1, 2]]), "box", 2) == (1, 2)
    assert np.isnan(numbers(np.array([[]]), "valence", 1)).all()
    with pytest.raises(RowError, match=r"name must be one text; got \['one', 'two'\]"):
        text(cells, "name")
    with pytest.raises(RowError, match=r"names must be text; got a numpy array"):
        texts(np.array([1.0]), "names")
    with pytest.raises(RowError, match=r"box must be 2 numbers; got 3"):
        numbers(np.zeros(3), "box", 2)
    with pytest.raises(RowError, match=r"box must be 2 numbers; got a numpy array"):
        numbers(np.array(["1", "2"]), "box", 2)
    with pytest.raises(RowError, match=r"person must be a struct; got a numpy array"):
        structs(cells, "person")
