"""MATLAB's files from outside: as scipy reads the sound ones, and what is said of the others."""

from __future__ import annotations

import contextlib
import random
import struct
import zlib
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from scipy.io import loadmat, savemat

from emotionnet.data.benchmarks import mat_files
from emotionnet.data.benchmarks.mat_files import Cell, Structs, numbers, read_mat, structs, text, texts
from emotionnet.data.row_checks import RowError
from emotionnet.records import DataError

HEADER = b"MATLAB 5.0 MAT-file".ljust(124) + struct.pack("<H", 0x100) + b"IM"


def element(kind: int, content: bytes, order: str = "<") -> bytes:
    return struct.pack(f"{order}II", kind, len(content)) + content + b"\0" * (-len(content) % 8)


def head(kind: int, name: bytes = b"", order: str = "<", sizes: tuple[int, ...] = (1, 1)) -> bytes:
    """What a matrix of cells (1), text (4) or doubles (6) starts with."""
    flags = element(6, struct.pack(f"{order}II", kind, 0), order)
    return flags + element(5, struct.pack(f"{order}{len(sizes)}i", *sizes), order) + element(1, name, order)


def nested(levels: int) -> bytes:
    """A number in so many cells."""
    inner = element(14, head(6) + element(9, struct.pack("<d", 1.0)))
    starts, size = [], len(inner)
    for _ in range(levels):
        size += len(head(1))
        starts.append(struct.pack("<II", 14, size) + head(1))
        size += 8
    return element(14, head(1, b"deep") + b"".join(reversed(starts)) + inner)


def compressed(content: bytes) -> bytes:
    packed = zlib.compress(content)
    return struct.pack("<II", 15, len(packed)) + packed


def plain(value: Any) -> Any:
    """What scipy gives, in our terms."""
    if value.dtype.names is not None:
        rows = [dict(zip(value.dtype.names, row, strict=True)) for row in value.ravel(order="F")]
        return [{name: plain(one) for name, one in row.items()} for row in rows]
    if value.dtype.kind == "O":
        return [plain(one) for one in value.ravel(order="F")]
    if value.dtype.kind == "U":
        lines = value.ravel().tolist()
        return lines[0] if len(lines) == 1 else lines if lines else ""
    return ("numbers", value.shape, value.tolist())


def ours(value: Any) -> Any:
    if isinstance(value, Structs):
        return [{name: ours(one) for name, one in row.items()} for row in value]
    if isinstance(value, Cell):
        return [ours(one) for one in value]
    return value if isinstance(value, str) else ("numbers", value.shape, value.tolist())


@pytest.mark.parametrize("packed", [False, True])
def test_all_that_scipy_reads_is_read_alike(tmp_path: Path, writers_b: ModuleType, packed: bool) -> None:
    b, rng = writers_b, np.random.default_rng(0)
    kinds = ("i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8")
    content: dict[str, Any] = {f"of_{kind}": (rng.random((3, 4)) * 100).astype(kind) for kind in kinds}
    content |= {
        "truth": np.array([[True, False]]),
        "cube": rng.random((2, 3, 4)),
        "nothing": np.zeros((0, 0)),
        "word": "na\u00efve \u2713",
        "lines": np.array(["one", "three"]),
        "cells": b.cell([b.cell(["a", "bcd"]), np.arange(5.0), "e", b.cell([])]),
        "people": b.struct([b.train_person(["Peace"], [1, 2, 3]), b.train_person([], [4, 5, 6])]),
    }
    savemat(tmp_path / "a.mat", content, do_compression=packed)
    expected = loadmat(tmp_path / "a.mat")
    for name in content:
        assert ours(read_mat(tmp_path / "a.mat", name)) == plain(expected[name]), name


def test_the_other_byte_order(tmp_path: Path) -> None:
    matrix = head(6, b"ind", ">", (1, 2)) + element(9, struct.pack(">dd", 1.5, -2.0), ">")
    word = head(4, b"word", ">", (1, 2)) + element(4, "\u2713a".encode("utf-16-be"), ">")
    start = b"MATLAB 5.0 MAT-file".ljust(124) + struct.pack(">H", 0x100) + b"MI"
    (tmp_path / "a.mat").write_bytes(start + element(14, word, ">") + element(14, matrix, ">"))
    assert read_mat(tmp_path / "a.mat", "ind").tolist() == [[1.5, -2.0]]
    assert read_mat(tmp_path / "a.mat", "word") == "\u2713a"


@pytest.mark.parametrize("packed", [False, True])
def test_cells_without_end_are_refused(tmp_path: Path, packed: bool) -> None:
    """scipy stops the whole process over the deep one."""
    for levels in (20, 100_000):
        content = compressed(nested(levels)) if packed else nested(levels)
        (tmp_path / "a.mat").write_bytes(HEADER + content)
        if levels == 20:
            assert isinstance(read_mat(tmp_path / "a.mat", "deep"), Cell)
        else:
            with pytest.raises(DataError, match=r"a.mat: must be .*; it must be nested at most 32 deep"):
                read_mat(tmp_path / "a.mat", "deep")


def test_no_change_of_a_file_does_more_than_a_fault(tmp_path: Path, writers_b: ModuleType) -> None:
    """Some of these stop a process in which scipy reads them."""
    b, rng, path, refused = writers_b, random.Random(0), tmp_path / "a.mat", 0
    image = b.emotic_image(
        "mscoco/images", "a.jpg", [b.judged_person([["Peace"], ["Fear"]], [[1, 2, 3]] * 2)]
    )
    savemat(path, {"test": b.struct([image]), "votes": np.arange(24).reshape(3, 8)})
    whole = path.read_bytes()
    for _ in range(600):
        content = bytearray(whole)
        for _ in range(rng.choice((1, 4))):
            content[rng.randrange(len(content))] = rng.choice((0, 1, 14, 15, 127, 255))
        path.write_bytes(content)
        for name in ("test", "votes"):
            with contextlib.suppress(DataError):
                read_mat(path, name)
                continue
            refused += 1
    assert refused > 100


def test_broken_files_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.mat"

    def fault(content: bytes) -> str:
        path.write_bytes(content)
        with pytest.raises(DataError) as told:
            read_mat(path, "ind")
        return str(told.value).removeprefix(f"{path}: must be a MATLAB file of version 5 to 7.2; ")

    with pytest.raises(DataError, match=r"a.mat: file not found"):
        read_mat(path, "ind")
    assert fault(b"nothing").startswith("its header says otherwise (version 7.3 is another format")
    assert fault(HEADER[:124] + struct.pack("<H", 0x200) + b"IM").startswith("its header says otherwise")
    assert fault(HEADER) == f"{path}: must have the variable ind; it has none"
    assert fault(HEADER + b"\0\0\0") == "a part ends too early"
    assert fault(HEADER + struct.pack("<II", 14, 80)) == "a part reaches beyond that which holds it"
    assert fault(HEADER + element(15, b"no zlib!")).startswith("a part cannot be unpacked (")
    sparse = element(14, head(5, b"ind") + element(9, bytes(8)))
    assert fault(HEADER + sparse) == "a matrix must hold numbers, text, cells or structs; got class 5"
    short = element(14, head(6, b"ind", sizes=(2, 3)) + element(9, bytes(40)))
    assert fault(HEADER + short) == "a matrix of size (2, 3) must have 6 numbers; has 5"
    many = element(14, head(1, b"ind", sizes=(2**15, 2**15)) + bytes(64))
    assert fault(HEADER + many) == "1073741824 values must fit into their part; they do not"
    odd = element(14, head(4, b"ind", sizes=(1, 2)) + element(4, b"\x00\xd8\x00\xd8"))
    assert fault(HEADER + odd) == "text must be spelled in UTF-8, UTF-16 or UTF-32"
    monkeypatch.setattr(mat_files, "MAX_INFLATED", 9_999)
    content = HEADER + compressed(bytes(10_000))
    assert fault(content) == "it must have at most 9,999 bytes unpacked; has more"
    monkeypatch.setattr(mat_files, "MAX_BYTES", 100)
    assert fault(content).endswith("a MATLAB file must have at most 100 bytes; has 169")


def test_values_are_what_they_must_be() -> None:
    assert texts(Cell(["one", "two"]), "names") == ["one", "two"]
    assert texts(np.array([]), "names") == texts("", "names") == texts(Cell(), "names") == []
    assert text("one", "name") == text(Cell(["one"]), "name") == "one"
    assert numbers(np.array([[1, 2]]), "box", 2) == (1, 2)
    assert np.isnan(numbers(np.array([[]]), "valence", 1)).all()
    with pytest.raises(RowError, match=r"name must be one text; got \['one', 'two'\]"):
        text(Cell(["one", "two"]), "name")
    with pytest.raises(RowError, match=r"names must be text; got a numpy array"):
        texts(np.array([1.0]), "names")
    with pytest.raises(RowError, match=r"names must be text; got a Structs"):
        texts(Cell([Structs()]), "names")
    with pytest.raises(RowError, match=r"box must be 2 numbers; got 3"):
        numbers(np.zeros(3), "box", 2)
    with pytest.raises(RowError, match=r"box must be 2 numbers; got '1 2'"):
        numbers("1 2", "box", 2)
    with pytest.raises(RowError, match=r"person must be a struct; got a Cell"):
        structs(Cell(), "person")
