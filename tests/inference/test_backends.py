"""Exported networks at work, on networks whose answers are plain to see: means of colours."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal

import numpy as np
import pytest

from emotionnet.files import read_json, sha256, write_json
from emotionnet.inference import backends
from emotionnet.inference.backends import (
    Engine,
    OnnxRuntimeBackend,
    OpenVinoBackend,
    open_exported,
    usable_cores,
    usable_threads,
)
from emotionnet.inference.outputs import Outputs
from emotionnet.records import DataError
from tests.conftest import MakeExported

WAYS: list[tuple[Engine, str]] = [("openvino", "openvino"), ("openvino", "onnx"), ("onnxruntime", "onnx")]


@pytest.fixture(autouse=True)
def packages() -> None:
    pytest.importorskip("openvino")
    pytest.importorskip("onnxruntime")


def batches(*sizes: int) -> list[np.ndarray[Any, np.dtype[np.float32]]]:
    rng = np.random.default_rng(0)
    return [rng.standard_normal((size, 3, 8, 8), dtype=np.float32) for size in sizes]


def require_means(found: list[Outputs], given: list[Any]) -> None:
    assert len(found) == len(given)
    for told, batch in zip(found, given, strict=True):
        means = batch.mean(axis=(2, 3))
        for values, factor in ((told.features, 1), (told.scores, 2), (told.projection, 3)):
            assert values is not None
            assert values.dtype == np.float32
            np.testing.assert_allclose(values, means * factor, atol=0.02)  # in bfloat16 where the CPU has it
        assert told.dimensions is None


@pytest.mark.parametrize("hint", ["latency", "throughput"])
@pytest.mark.parametrize(("name", "form"), WAYS)
def test_outputs_come_in_the_order_of_the_batches(
    make_exported: MakeExported, name: Engine, form: str, hint: Literal["latency", "throughput"]
) -> None:
    backend = open_exported(make_exported(form), name, hint=hint)
    assert (backend.name, backend.n_features) == (name, 3)
    given = batches(*[backend.step] * 9)
    require_means(list(backend.run(given)), given)
    require_means(list(backend.run(iter(given[:1]))), given[:1])
    assert list(backend.run([])) == []


@pytest.mark.parametrize(("name", "form"), WAYS)
def test_a_network_for_four_pictures_takes_fewer(
    make_exported: MakeExported, name: Engine, form: str
) -> None:
    backend = open_exported(make_exported(form, batch=4), name, hint="throughput")
    assert backend.step == 4
    given = batches(4, 1, 4, 3)
    require_means(list(backend.run(given)), given)


def test_where_the_cpu_multiplies_in_tiles_a_request_has_several_pictures(
    make_exported: MakeExported, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_exported("openvino")
    for tiles, step in ((True, 8), (False, 1)):
        monkeypatch.setattr(backends, "_has_tiles", lambda tiles=tiles: tiles)
        backend = open_exported(folder, "openvino", hint="throughput")
        assert backend.step == step
        given = batches(step, 1)
        require_means(list(backend.run(given)), given)
        assert open_exported(folder, "openvino", hint="latency").step == 1


def test_it_can_be_left_with_requests_on_their_way(make_exported: MakeExported) -> None:
    backend = open_exported(make_exported("openvino"), "openvino", hint="throughput")
    running = backend.run(batches(*[1] * 30))
    next(running)
    running.close()
    given = batches(1)
    require_means(list(backend.run(given)), given)


OPEN_AND_LET_GO = """
import gc, signal, subprocess, sys
from pathlib import Path

signal.signal(signal.SIGCHLD, lambda *_: None)
from emotionnet.inference.backends import open_exported

first, second = (open_exported(Path(folder), "openvino", hint="latency") for folder in sys.argv[1:])
del first
gc.collect()
del second
gc.collect()
for _ in range(20):
    subprocess.run([sys.executable, "-c", ""], check=True)
"""


def test_networks_may_go_in_any_order(make_exported: MakeExported) -> None:
    folders = [make_exported("openvino", name=name) for name in ("first", "second")]
    done = subprocess.run([sys.executable, "-c", OPEN_AND_LET_GO, *map(str, folders)], check=False)
    assert done.returncode == 0  # where each had a core of its own: killed by SIGSEGV


def test_onnx_runtime_does_not_open_the_form_of_openvino(make_exported: MakeExported) -> None:
    with pytest.raises(DataError, match="opens the form onnx only; this MODEL is openvino: give --backend"):
        open_exported(make_exported("openvino"), "onnxruntime", hint="latency")


@pytest.mark.parametrize("name", ["openvino", "onnxruntime"])
def test_a_package_that_is_missing_is_named(
    make_exported: MakeExported, monkeypatch: pytest.MonkeyPatch, name: Engine
) -> None:
    folder = make_exported("onnx")
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(
        DataError, match=rf"{name} must be installed; it is not: pip install 'emotionnet\[fast\]'"
    ):
        open_exported(folder, name, hint="latency")


def replaced(folder: Path, content: bytes) -> Path:
    """The MODEL with another network, of which its description knows."""
    (folder / "network.onnx").write_bytes(content)
    described = read_json(folder / "export.json")
    write_json(
        folder / "export.json", described | {"files": {"network.onnx": sha256(folder / "network.onnx")}}
    )
    return folder


@pytest.mark.parametrize("content", [b"", b"no network", b"\x08\x09" * 40])
@pytest.mark.parametrize("name", ["openvino", "onnxruntime"])
def test_what_is_no_network_is_one_line(make_exported: MakeExported, name: Engine, content: bytes) -> None:
    with pytest.raises(DataError, match=r"network\.onnx: \w+ cannot open it \(.*\); export the run") as error:
        open_exported(replaced(make_exported("onnx"), content), name, hint="latency")
    assert len(str(error.value).splitlines()) == 1


@pytest.mark.parametrize("name", ["openvino", "onnxruntime"])
def test_a_network_cannot_pull_in_other_files(
    make_exported: MakeExported, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: Engine
) -> None:
    import onnx

    folder = make_exported("onnx")
    network = onnx.load_from_string((folder / "network.onnx").read_bytes())
    (weight,) = [one for one in network.graph.initializer if one.name == "two"]
    weight.ClearField("raw_data")
    weight.data_location = onnx.TensorProto.EXTERNAL
    for key, value in (("location", "secret"), ("offset", "0"), ("length", "4")):
        entry = weight.external_data.add()
        entry.key, entry.value = key, value
    monkeypatch.chdir(tmp_path)
    Path("secret").write_bytes(b"\x00\x00\x80\x3f")
    with pytest.raises(DataError, match="must hold all its weights; it names other files"):
        open_exported(replaced(folder, network.SerializeToString()), name, hint="latency")


class Failing:
    """What both packages have of a network at work, in one that does not do what it said."""

    def __init__(self, told: np.ndarray[Any, Any] | None) -> None:
        self.told = told

    def run(self, *_: Any) -> list[Any]:
        self.wait()
        return [self.told] * 2

    def get_property(self, _: str) -> int:
        return 2

    def create_infer_request(self) -> Failing:
        return self

    def start_async(self, *_: Any, **__: Any) -> None:
        pass

    def wait(self) -> None:
        if self.told is None:
            raise RuntimeError("Exception from src/x.cpp:1:\nout of range\n")

    def get_tensor(self, _: str) -> Any:
        return SimpleNamespace(data=self.told)


@pytest.mark.parametrize(
    ("told", "text"),
    [
        (None, r"cannot compute the network \(out of range\); try another --backend"),
        (np.zeros((1, 4), np.float32), r"output features .* of shape \(1, 3\); got \(1, 4\); export the run"),
    ],
)
def test_a_network_that_fails_at_work_is_one_line(told: Any, text: str) -> None:
    network, sizes = Failing(told), {"features": 3, "scores": 3}
    for backend in (
        OpenVinoBackend(network, sizes, step=1),
        OnnxRuntimeBackend(network, sizes, step=1, pad=False),
    ):
        with pytest.raises(DataError, match=text) as error:
            list(backend.run(batches(1, 1, 1, 1)))
        assert len(str(error.value).splitlines()) == 1


@pytest.mark.parametrize(("name", "form"), WAYS)
@pytest.mark.parametrize(
    ("more", "text"),
    [
        (
            {"emotions": ["joy", "fear"]},
            r"output scores .* f32 of shape \(any, 2\); got scores, f32 .*\(any, 3\)",
        ),
        ({"embedding_size": 5}, r"output projection .* f32 of shape \(any, 5\)"),
        (
            {"embedding_size": None},
            "must name the same outputs; got features, scores, projection and features, s",
        ),
        ({"dimensions": ["valence"]}, "must name the same outputs"),
        (
            {"preprocessing": {"image_size": 9, "crop_pct": 1, "mean": [0] * 3, "std": [1] * 3}},
            r"input images .* \(any, 3, 9, 9\); got images, f32 of shape \(any, 3, 8, 8\); export",
        ),
    ],
)
def test_a_network_must_be_the_one_that_is_described(
    make_exported: MakeExported, name: Engine, form: str, more: dict[str, Any], text: str
) -> None:
    with pytest.raises(DataError, match=text):
        open_exported(make_exported(form, **more), name, hint="latency")


@pytest.mark.parametrize(("name", "form"), WAYS)
def test_a_network_must_take_as_many_pictures_as_is_said(
    make_exported: MakeExported, name: Engine, form: str
) -> None:
    folder = make_exported(form)
    write_json(folder / "export.json", read_json(folder / "export.json") | {"batch": 4})
    with pytest.raises(DataError, match=r"\(4, 3, 8, 8\); got images, f32 of shape \(any, 3, 8, 8\)"):
        open_exported(folder, name, hint="latency")


def test_usable_cores_are_those_of_the_process() -> None:
    cores = usable_cores()
    assert 1 <= cores <= (os.cpu_count() or 1)
    if hasattr(os, "sched_getaffinity"):
        assert cores == len(os.sched_getaffinity(0))


@pytest.mark.parametrize(
    ("asked", "threads"),
    [("1", 1), ("2,4", 2), (" 3 ", 3), ("99", 8), ("0", 8), ("-1", 8), ("all", 8), ("", 8)],
)
def test_fewer_threads_compute_where_the_environment_says_so(
    monkeypatch: pytest.MonkeyPatch, asked: str, threads: int
) -> None:
    monkeypatch.setattr(backends, "usable_cores", lambda: 8)
    monkeypatch.setenv("OMP_NUM_THREADS", asked)
    assert usable_threads() == threads


@pytest.mark.parametrize(("name", "form"), WAYS)
def test_the_same_numbers_come_from_fewer_threads(
    make_exported: MakeExported, monkeypatch: pytest.MonkeyPatch, name: Engine, form: str
) -> None:
    folder, given = (
        make_exported(form, image_size=64),
        [np.random.default_rng(1).random((1, 3, 64, 64), "f4")],
    )
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    (wanted,) = open_exported(folder, name, hint="latency").run(given)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    (found,) = open_exported(folder, name, hint="latency").run(given)
    np.testing.assert_array_equal(found.features, wanted.features)


@pytest.mark.parametrize(("name", "form"), WAYS)
def test_single_batches_give_the_same_numbers_in_any_thread(
    make_exported: MakeExported, name: Engine, form: str
) -> None:
    backend = open_exported(make_exported(form, batch=4), name, hint="throughput")
    calls = backends.calls_of(backend)
    assert 1 <= len(calls) <= usable_cores() + 1
    given = batches(4, 1, 3, 2) * 8
    with ThreadPoolExecutor(len(calls)) as pool:
        shares = [given[number :: len(calls)] for number in range(len(calls))]
        told = list(pool.map(lambda call, some: [call(one) for one in some], calls, shares))
    for some, share in zip(told, shares, strict=True):
        require_means(some, share)
        for one, same in zip(some, backend.run(share), strict=True):
            np.testing.assert_array_equal(one.scores, same.scores)


def test_requests_compute_once_before_several_threads_do() -> None:
    asked: list[int] = []

    def request(number: int) -> SimpleNamespace:
        tensors = {"features": np.zeros((2, 3)), "scores": np.zeros((2, 3))}
        return SimpleNamespace(
            infer=lambda _, **__: asked.append(number),
            get_tensor=lambda name: SimpleNamespace(data=tensors[name]),
        )

    numbers = iter(range(9))
    compiled = SimpleNamespace(
        get_property=lambda _: 3,
        create_infer_request=lambda: request(next(numbers)),
        input=lambda _: SimpleNamespace(shape=(2, 3, 8, 8)),
    )
    calls = OpenVinoBackend(compiled, {"features": 3, "scores": 3}, step=2).calls()
    assert asked == [0, 1, 2, 3]  # one more than compute at the same time
    calls[1](batches(1)[0])
    assert asked == [0, 1, 2, 3, 1]
