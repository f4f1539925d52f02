"""Which back end is taken, and what is said where none can be."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import emotionnet
from emotionnet.inference import choice
from emotionnet.inference.choice import BackendName, open_backend
from emotionnet.records import DataError
from tests.conftest import MakeExported

Without = Callable[..., None]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make_random_run: Callable[..., Path]) -> Path:
    monkeypatch.setenv("EMOTIONNET_CACHE", str(tmp_path / "cache"))
    return make_random_run(tmp_path / "run", shape="plain", dimensions=0)


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch) -> Without:
    """Packages named are not installed from here on, nor is a GPU."""
    real = importlib.util.find_spec
    monkeypatch.setattr(choice, "_has_cuda", lambda: False)

    def take_away(*names: str) -> None:
        for name in names:
            monkeypatch.setitem(sys.modules, name, None)
        monkeypatch.setattr(choice, "find_spec", lambda name: None if name in names else real(name))

    take_away()
    return take_away


@pytest.fixture
def converted(make_exported: MakeExported, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """What a run is converted to, by form; as if it lay in the cache already."""
    places = {form: make_exported(form, name=form) for form in ("openvino", "onnx")}
    monkeypatch.setattr(choice, "cached_place", lambda _, form: places[form])
    return places


@pytest.mark.parametrize(
    ("missing", "name"),
    [
        ((), "openvino"),
        (("openvino",), "onnxruntime"),
        (("openvino", "onnxruntime"), "torch"),
        (("openvino", "onnxscript"), "torch"),
    ],
)
def test_auto_takes_the_fastest_that_is_installed_for_a_run(
    run: Path, without: Without, converted: dict[str, Path], missing: tuple[str, ...], name: str
) -> None:
    without(*missing)
    assert open_backend(run, "auto").name == name
    assert open_backend(run, "auto", device="cpu").name == name


@pytest.mark.parametrize(
    ("form", "missing", "name"),
    [
        ("openvino", (), "openvino"),
        ("onnx", (), "openvino"),
        ("onnx", ("openvino", "onnxscript"), "onnxruntime"),
    ],
)
def test_auto_takes_the_fastest_that_is_installed_for_a_model(
    make_exported: MakeExported, without: Without, form: str, missing: tuple[str, ...], name: str
) -> None:
    folder = make_exported(form)
    without(*missing)
    assert open_backend(folder, "auto").name == name
    assert emotionnet.load(folder).backend.name == name


def test_a_gpu_is_torch_s(
    run: Path, without: Without, converted: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choice, "_has_cuda", lambda: True)
    assert open_backend(run, "auto").name == "torch"
    assert open_backend(run, "auto", device="cpu").name == "openvino"
    assert open_backend(run, "openvino").name == "openvino"


def test_torch_is_not_asked_for_a_gpu_where_there_is_no_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice, "_DRIVERS", ("/nowhere/nvidia",))
    monkeypatch.setenv("PATH", "")
    monkeypatch.setitem(sys.modules, "torch", None)
    assert not choice._has_cuda()
    monkeypatch.setattr(choice, "_DRIVERS", ("/",))
    monkeypatch.setitem(sys.modules, "torch", torch)
    assert choice._has_cuda() == torch.cuda.is_available()


def test_a_run_without_a_wish_is_torch_s_in_float32(run: Path, without: Without) -> None:
    predictor = emotionnet.load(run)
    assert predictor.backend.name == "torch"
    assert {parameter.dtype for parameter in predictor.require_network().parameters()} == {torch.float32}


def test_a_run_is_converted_once_and_it_is_said(
    run: Path, without: Without, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("openvino")
    assert open_backend(run, "auto").name == "openvino"
    first, *_ = capsys.readouterr().err.splitlines()
    assert first.startswith(f"{run}: converted for openvino, once; kept in ")
    monkeypatch.setitem(sys.modules, "emotionnet.inference.export", None)
    assert open_backend(run, "auto").name == "openvino"
    assert capsys.readouterr().err == ""


def test_a_conversion_that_broke_is_made_again_and_one_that_is_used_is_young(
    run: Path, without: Without, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("openvino")
    open_backend(run, "openvino")
    (place,) = (path for path in run.parent.glob("cache/models/*") if path.is_dir())
    (place / "network.bin").write_bytes(b"cut")
    capsys.readouterr()
    assert open_backend(run, "auto").name == "openvino"
    assert capsys.readouterr().err.startswith(f"{run}: converted for openvino, once")
    os.utime(place / "export.json", (1, 1))
    open_backend(run, "auto")
    assert (place / "export.json").stat().st_mtime > 1
    assert capsys.readouterr().err == ""


def test_without_a_place_for_conversions_torch_is_used(
    run: Path, without: Without, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("openvino")
    monkeypatch.setenv("EMOTIONNET_CACHE", str(run / "config.json"))
    assert open_backend(run, "auto").name == "torch"
    *_, last = capsys.readouterr().err.splitlines()
    reason = "must be a place to write to; got Not a directory: name another folder in \\$EMOTIONNET_CACHE"
    assert last.endswith(reason.replace("\\", ""))
    with pytest.raises(DataError, match=reason):
        open_backend(run, "openvino")


def test_what_cannot_be_converted_is_torch_s_and_it_is_said(
    run: Path, without: Without, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("openvino")

    def refused(*_: Any) -> Path:
        raise DataError("the trunk x cannot be exported")

    monkeypatch.setattr("emotionnet.inference.export.cached_export", refused)
    assert open_backend(run, "auto").name == "torch"
    *_, last = capsys.readouterr().err.splitlines()
    assert last == "torch is used, give --backend torch to save the attempt: the trunk x cannot be exported"
    with pytest.raises(DataError, match="the trunk x cannot be exported"):
        open_backend(run, "openvino")


def test_a_broken_run_is_one_fault_whatever_computes_it(run: Path, without: Without) -> None:
    (run / "model.safetensors").write_bytes(b"broken")
    asked: BackendName
    for asked in ("auto", "torch", "openvino"):
        with pytest.raises(DataError, match=r"model\.safetensors"):
            open_backend(run, asked)


@pytest.mark.parametrize(
    ("form", "asked", "device", "missing", "text"),
    [
        ("onnx", "torch", "auto", (), "must be a RUN folder, for torch; it is an exported MODEL"),
        ("openvino", "onnxruntime", "auto", (), "ONNX Runtime opens the form onnx only"),
        ("openvino", "auto", "auto", ("openvino",), "openvino must be installed; it is not: pip install"),
        ("onnx", "auto", "auto", ("openvino", "onnxruntime"), "openvino must be installed"),
        ("onnx", "onnxruntime", "auto", ("onnxruntime",), "onnxruntime must be installed"),
        ("onnx", "openvino", "cuda", (), "openvino computes on the CPU only; got the device 'cuda'"),
        ("onnx", "auto", "cuda", (), "an exported MODEL is computed on the CPU; got the device 'cuda'"),
    ],
)
def test_what_a_model_cannot_have_is_one_line(
    make_exported: MakeExported,
    without: Without,
    form: str,
    asked: Any,
    device: str,
    missing: tuple[str, ...],
    text: str,
) -> None:
    folder = make_exported(form)
    without(*missing)
    with pytest.raises(DataError, match=text) as error:
        open_backend(folder, asked, device=device)
    assert len(error.value.faults) == 1
