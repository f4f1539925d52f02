"""Over Ray: the same numbers, order and faults as in one process, and what is said when it cannot be."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from PIL import Image

from emotionnet.data.shares import Share
from emotionnet.inference import ray_engine
from emotionnet.inference.engine import AT_ONCE, Told, read_input
from emotionnet.inference.extract import extract_features
from emotionnet.inference.opening import EngineName, Opening
from emotionnet.inference.ray_engine import MOST, block_size
from emotionnet.inference.ray_session import import_ray
from emotionnet.inference.share_jobs import predict_share
from emotionnet.records import DataError
from emotionnet.search.build import build_index
from tests.conftest import MakeExported
from tests.search.conftest import whole

ENGINES: tuple[EngineName, ...] = ("local", "ray")

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of Ray, and of what it imports
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # sockets and files of Ray
]


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """More than a step of torch, not a multiple of it; two are none."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(75):
        pixels_HW3 = np.random.default_rng(number).integers(0, 256, (36, 40, 3), dtype=np.uint8)
        Image.fromarray(pixels_HW3).save(folder / f"{number:02d}.png")
    for number in (3, 40):
        (folder / f"{number:02d}.png").write_bytes(b"no picture")
    return folder


def _require_ray() -> None:
    """Not by importing it: what keeps it quiet must be said before."""
    if find_spec("ray") is None:
        pytest.skip("ray is not installed")


@pytest.fixture
def two_workers() -> Iterator[None]:
    _require_ray()
    ray = import_ray()
    ray.init(
        address="local",
        num_cpus=2,
        object_store_memory=80 * 2**20,
        include_dashboard=False,
        log_to_driver=False,
        logging_level="ERROR",
    )
    yield
    ray.shutdown()


def test_ray_gives_what_one_process_gives(
    two_workers: None,
    pictures: Path,
    make_random_run: Callable[..., Path],
    make_exported: MakeExported,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Torch has one thread here, as there: with more the last bits of a batch that is not full are others."""
    pytest.importorskip("lancedb")
    torch = pytest.importorskip("torch")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    monkeypatch.chdir(tmp_path)
    run, model = make_random_run(tmp_path / "run"), make_exported()
    try:
        for engine in ("local", "ray"):
            made = extract_features(
                "run", ["pictures"], Path(f"{engine}.parquet"), backend="torch", engine=engine
            )
            assert [fault[:15] for fault in made.faults] == ["pictures/03.png", "pictures/40.png"]
    finally:
        torch.set_num_threads(threads)
    assert Path("ray.parquet").read_bytes() == Path("local.parquet").read_bytes()
    assert pl.read_parquet("ray.parquet").height == 73
    assert run.is_dir()

    built = [build_index(model, [pictures], Path(name), engine=name) for name in ENGINES]
    assert built[0] == built[1]
    assert (built[0].pictures, len(built[0].unreadable)) == (73, 2)
    assert whole(tmp_path / "ray").equals(whole(tmp_path / "local"))

    for engine in ENGINES:
        opening = Opening(str(model), "openvino", engine)
        predict_share(opening, [pictures], tmp_path / f"p-{engine}", Share(0, 1), top=2)
    name = "predictions-00000-of-00001.jsonl"
    assert (tmp_path / "p-ray" / name).read_bytes() == (tmp_path / "p-local" / name).read_bytes()


@pytest.mark.parametrize("step", [1, 8, 20, 32, 100, 4096])
@pytest.mark.parametrize("count", [1, 31, 500, 10**6])
@pytest.mark.parametrize("workers", [1, 2, 64])
def test_blocks_end_where_what_one_process_gives_at_once_ends(step: int, count: int, workers: int) -> None:
    size = block_size(step, count, workers)
    group = step * -(-AT_ONCE // step)
    assert size % group == 0
    assert size <= max(MOST, group)
    assert size == group or count // size >= workers * ray_engine.BLOCKS


def test_without_the_package_one_line_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(DataError) as error:
        _ = Opening(str(tmp_path / "none"), "auto", "ray").predictor
    assert str(error.value) == (
        "--engine ray needs the package ray, which is not installed: pip install 'emotionnet[scale]'"
    )


def test_a_process_tells_what_was_wrong_with_the_model_or_the_place(tmp_path: Path) -> None:
    """What the process does, done here: errors of its own go back as lines, since Ray would wrap them."""

    def broken() -> Any:
        raise DataError(["one", "two"])

    here = Path.cwd()
    try:
        told = [
            ray_engine._Actor(broken, _unread, str(folder), int)._answer(0, [Path("a.png")])
            for folder in (tmp_path, tmp_path / "none")
        ]
    finally:
        os.chdir(here)
    with pytest.raises(DataError) as error:
        ray_engine._results(pickle.dumps(told[0]))
    assert error.value.faults == ("one", "two")
    assert str(told[1]).startswith(
        f"{tmp_path / 'none'}: must be on every machine of the Ray cluster, with pict"
    )
    assert ray_engine._results(pickle.dumps([Told((), None, ("x",))])) == [Told((), None, ("x",))]


def _unread(picture: Any, how: Any) -> Any:
    raise AssertionError


def test_a_block_over_which_processes_die_is_not_begun_for_ever(tmp_path: Path) -> None:
    opened: list[int] = []

    def fails() -> Any:
        opened.append(1)
        raise MemoryError("none left\nand more")

    starts, block = ray_engine._Starts(), [Path("a.png"), Path("b.png")]
    assert [starts.begin(place) for place in (0, 1, 0, 0)] == [1, 1, 2, 3]
    here = Path.cwd()
    try:
        actor = ray_engine._Actor(fails, _unread, str(tmp_path), starts.begin)
        told = [actor._answer(place, block) for place in (0, 1)]
    finally:
        os.chdir(here)
    assert [type(one) for one in told] == [ChildProcessError] * 2
    assert str(told[0]) == (
        "3 processes of Ray died one after the other over the 2 pictures from a.png to b.png: one of them "
        "ends a process, or memory is short"
    )
    assert str(told[1]).endswith(": MemoryError: none left")
    assert opened == [1]
    with pytest.raises(ChildProcessError, match="3 processes of Ray died"):
        ray_engine._results(pickle.dumps(told[0]))


@pytest.mark.slow
@pytest.mark.parametrize("deaths", [1, 3])
def test_a_process_that_dies_is_replaced_but_not_for_ever_and_nothing_is_said(
    deaths: int,
    pictures: Path,
    make_exported: MakeExported,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    _require_ray()
    log = tmp_path / "deaths"

    def read(picture: Any, how: Any) -> Any:
        if picture.name == "50.png" and (not log.exists() or log.stat().st_size < deaths):
            with log.open("a") as file:
                file.write("x")
            os._exit(1)
        return read_input(picture, how)

    files = sorted(pictures.iterdir())
    steps = Opening(str(make_exported()), "openvino", "ray").predictor.told_files(files, read=read)
    if deaths < ray_engine.TRIES:
        assert sum(len(told.pictures) + len(told.faults) for told in steps) == 75
    else:
        with pytest.raises(ChildProcessError) as error:
            list(steps)
        assert f"the 32 pictures from {files[32]} to {files[63]}: one of them ends" in str(error.value)
    assert log.read_text() == "x" * deaths
    assert capfd.readouterr() == ("", "")


@pytest.mark.slow
def test_the_command_starts_ray_says_nothing_and_ends_it(
    pictures: Path, make_exported: MakeExported, tmp_path: Path
) -> None:
    _require_ray()
    command = [sys.executable, "-m", "emotionnet", "extract", str(make_exported()), str(pictures)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    ended = subprocess.run(
        [*command, "--engine", "ray", "--out", str(tmp_path / "f.parquet")],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
    assert ended.returncode == 2
    assert [line[:7] for line in ended.stderr.splitlines()] == ["error: "] * 2
    extract_features(tmp_path / "model", [pictures], tmp_path / "here.parquet", backend="auto")
    assert (tmp_path / "f.parquet").read_bytes() == (tmp_path / "here.parquet").read_bytes()
