"""Files that ask for more than they should: each is one line that names the file, and nothing happens."""

from __future__ import annotations

import collections
import io
import os
import pickle
import zipfile
from argparse import Namespace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from emotionnet.models.weights import read_torch
from emotionnet.records import DataError


class Call:
    """Pickles as a call."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> Any:
        return self.call


class Foreign:
    pass


def saved(value: object, *, zipped: bool = True) -> bytes:
    file = io.BytesIO()
    torch.save(value, file, _use_new_zipfile_serialization=zipped)
    return file.getvalue()


def nested(depth: int) -> bytes:
    return b"\x80\x02" + b"]" * depth + b"a" * (depth - 1) + b"."


def in_lists(depth: int) -> list[Any]:
    return [in_lists(depth - 1)] if depth else []


def bomb() -> bytes:
    """A good file, compressed anew: 10 MB of zeros in a few bytes."""
    file = io.BytesIO()
    good = io.BytesIO(saved({"a": torch.zeros(2_500_000)}))
    with zipfile.ZipFile(good) as old, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as new:
        for entry in old.infolist():
            new.writestr(entry.filename, old.read(entry))
    return file.getvalue()


@pytest.mark.parametrize("zipped", [True, False])
def test_plain_values_are_read(tmp_path: Path, zipped: bool) -> None:
    content = {
        "epoch": 3,
        "best_prec1": np.float64(61.5),
        "best": np.float32(0.5),
        "args_model": Namespace(max_len=100, static=True, names=["a"]),
        "state_dict": collections.OrderedDict(weight=torch.arange(3.0), half=torch.ones(2).half()),
        "optimizer": {"state": {0: {"momentum_buffer": None}}, "param_groups": [{"lr": 0.1}]},
        "seen": {1, 2},
        "votes": collections.Counter("aab"),
    }
    (tmp_path / "a.pth").write_bytes(saved(content, zipped=zipped))
    admitted = set(torch.serialization.get_safe_globals())
    found: Any = read_torch(tmp_path / "a.pth")
    assert {name: found[name] for name in ("epoch", "best_prec1", "best", "args_model", "seen", "votes")} == {
        name: content[name] for name in ("epoch", "best_prec1", "best", "args_model", "seen", "votes")
    }
    assert torch.equal(found["state_dict"]["weight"], torch.arange(3.0))
    assert set(torch.serialization.get_safe_globals()) == admitted


def test_a_module_s_own_state_is_read(tmp_path: Path) -> None:
    module = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    (tmp_path / "a.pth").write_bytes(saved(module.state_dict(), zipped=False))
    found: Any = read_torch(tmp_path / "a.pth")
    assert [*found] == [*module.state_dict()]
    assert all(torch.equal(found[name], tensor) for name, tensor in module.state_dict().items())


HOSTILE = {
    "os.system": (saved({"state_dict": Call(os.system, "touch ran")}), "it asks for posix.system"),
    "old os.system": (
        saved({"state_dict": Call(os.system, "touch ran")}, zipped=False),
        "it asks for posix.system",
    ),
    "bare os.system": (pickle.dumps(Call(os.system, "touch ran"), protocol=2), "it asks for posix.system"),
    "foreign class": (saved({"args": Foreign()}), "it asks for .*Foreign"),
    "10 GB of bytes": (saved({"a": Call(bytearray, 10**10)}), "it asks for __builtin__.bytearray"),
    "10 GB tensor": (saved({"a": Call(torch.Tensor, 10**10)}), "it asks for torch.Tensor"),
    "nested": (nested(100_000), "nested deeper than 64"),
    "nested in a checkpoint": (saved({"a": in_lists(70)}), "nested deeper than 64"),
    "compressed": (bomb(), "its parts must not be compressed"),
    "empty": (b"", "cannot be read as one .*empty"),
    "text": (b"one word\na line\n", "cannot be read as one"),
    "other pickle": (pickle.dumps([1, 2], protocol=2), "it begins with other content"),
    "cut": (saved({"a": torch.zeros(500)})[:900], "cannot be read as one"),
    "old cut": (saved({"a": torch.zeros(500)}, zipped=False)[:-900], "cannot be read as one"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_are_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    content, text = HOSTILE[name]
    path = tmp_path / "a.pth"
    path.write_bytes(content)
    with pytest.raises(DataError, match=text) as error:
        read_torch(path)
    assert len(error.value.faults) == 1
    assert error.value.faults[0].startswith(f"{path}: must be a PyTorch file of plain values and tensors; ")
    assert "\n" not in error.value.faults[0]
    assert [one.name for one in tmp_path.iterdir()] == ["a.pth"]


@pytest.mark.parametrize("zipped", [True, False])
def test_a_claim_of_10_gb_is_refused_before_memory_is_asked_for(tmp_path: Path, zipped: bool) -> None:
    content = saved({"a": torch.zeros(16_909_060)[:4].clone()}, zipped=zipped)
    claimed = content.replace(b"K\x04N", b"J\xff\xff\xff\x7fN").replace(b"K\x04t", b"J\xff\xff\xff\x7ft")
    assert claimed != content
    if zipped:  # the pickle grew, so the zip file is written anew
        file = io.BytesIO()
        with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(file, "w") as new:
            for entry in old.infolist():
                part = old.read(entry).replace(b"K\x04t", b"J\xff\xff\xff\x7ft")
                new.writestr(entry.filename, part)
        claimed = file.getvalue()
    (tmp_path / "a.pth").write_bytes(claimed)
    with pytest.raises(DataError, match="it claims more values than it has bytes"):
        read_torch(tmp_path / "a.pth")


def test_the_first_text_checkpoints_are_refused_for_what_they_are(tmp_path: Path) -> None:
    module = nn.Linear(1, 1)
    (tmp_path / "a.pth").write_bytes(saved({"model": module, "epoch": 1}))
    with pytest.raises(DataError) as error:
        read_torch(tmp_path / "a.pth")
    assert error.value.faults == (
        f"{tmp_path / 'a.pth'}: a text checkpoint of the first generation holds a whole pickled module "
        "(torch.nn.modules.linear.Linear) in place of its weights; "
        "reading it would run code, so it is refused",
    )


def test_a_key_of_that_name_elsewhere_says_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.pth").write_bytes(saved({"model": list(range(20)), "args": Foreign()}))
    with pytest.raises(DataError, match=r"it asks for .*Foreign"):
        read_torch(tmp_path / "a.pth")
