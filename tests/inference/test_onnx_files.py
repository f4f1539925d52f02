"""ONNX files that name others, however their bytes say so; and those in which a part only sounds like it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from emotionnet.inference.onnx_files import read_onnx, write_onnx
from emotionnet.records import DataError

onnx = pytest.importorskip("onnx")


def model(*, key: str = "", weight: str = "weight") -> Any:
    """A network of one weight, which lies in another file where `key` says so."""
    tensor = onnx.helper.make_tensor(weight, onnx.TensorProto.FLOAT, [1], [1.0])
    if key:
        tensor.data_location = onnx.TensorProto.EXTERNAL
        entry = tensor.external_data.add()
        entry.key, entry.value = key, "secret"
    node = onnx.helper.make_node("Identity", [weight], ["scores"], name="location")
    output = onnx.helper.make_tensor_value_info("scores", onnx.TensorProto.FLOAT, [1])
    return onnx.helper.make_model(onnx.helper.make_graph([node], "location", [], [output], [tensor]))


# "\x0a" + "\x08": field 1, 8 bytes; each number may be written longer.
@pytest.mark.parametrize("field", [b"\x0a", b"\x8a\x00", b"\x8a\x80\x80\x80\x00"])
@pytest.mark.parametrize("length", [b"\x08", b"\x88\x00", b"\x88\x80\x80\x80\x00"])
def test_a_file_that_names_others_is_refused_however_it_is_written(
    tmp_path: Path, field: bytes, length: bytes
) -> None:
    entry = onnx.StringStringEntryProto.FromString(field + length + b"location")
    assert entry.key == "location"
    file = tmp_path / "network.onnx"
    plain = model(key="location").SerializeToString()
    file.write_bytes(plain.replace(b"\x0a\x08location", field + length + b"location"))
    with pytest.raises(DataError, match=r"network\.onnx: must hold all its weights; it names other files"):
        read_onnx(file)


@pytest.mark.parametrize("weight", ["location.weight", "trunk.location", "location_", "a location b"])
def test_names_that_have_the_word_in_them_are_none_of_it(tmp_path: Path, weight: str) -> None:
    content = model(weight=weight).SerializeToString()
    write_onnx(tmp_path / "network.onnx", content)
    assert read_onnx(tmp_path / "network.onnx") == content


def test_what_could_not_be_opened_is_not_written(tmp_path: Path) -> None:
    for odd in (model(key="location"), model(weight="location")):
        with pytest.raises(ValueError, match="names other files, or something in it has the name 'location'"):
            write_onnx(tmp_path / "network.onnx", odd.SerializeToString())
    assert [*tmp_path.iterdir()] == []
