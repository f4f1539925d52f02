from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from emotionnet.apps.bench import machine
from emotionnet.apps.bench.machine import Measured, resnet50_floor

KEYS = {
    *("cpu", "cores", "flags", "memory_gb", "system", "gpu", "versions"),
    *("float32_gflops", "bfloat16_gflops", "copy_gb_per_second"),
}


@pytest.fixture(autouse=True)
def _small_work(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(machine, "SIDE", {"cpu": 64, "cuda": 64})
    monkeypatch.setattr(machine, "COPIED", 2**16)
    machine.measured.cache_clear()
    yield
    machine.measured.cache_clear()


def test_every_fact_of_the_machine_is_told() -> None:
    told = machine.machine()
    assert set(told) == KEYS
    assert told["cpu"]
    assert 1 <= told["cores"] <= 4096
    assert told["versions"]["torch"] == torch.__version__.split("+")[0]
    assert min(told["float32_gflops"], told["bfloat16_gflops"], told["copy_gb_per_second"]) >= 0


def test_a_package_that_is_missing_has_no_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "PACKAGES", ("no-such-package-of-ours",))
    assert machine.machine()["versions"]["no-such-package-of-ours"] is None


def test_rates_count_operations_and_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "_best_time", lambda _: 0.5)
    found = machine.measured()
    assert found.float32 == found.bfloat16 == pytest.approx(2 * 64**3 / 0.5 / 1e9)
    assert found.copy == pytest.approx(2 * 2**16 / 0.5 / 1e9)


def test_the_best_time_is_the_shortest_but_for_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter([0.0, 1.0, *(time for start in range(10, 80, 10) for time in (start, start + start / 10))])
    monkeypatch.setattr("time.perf_counter", lambda: next(now))
    assert machine._best_time(lambda: None) == 1.0


def test_the_floor_is_the_longer_of_operations_and_bytes() -> None:
    quick_copies = Measured(float32=100.0, bfloat16=820.0, copy=1e6)
    assert resnet50_floor(quick_copies, training=False) == pytest.approx(0.01)  # 8.2 of 820 each second
    assert resnet50_floor(quick_copies, training=True) == pytest.approx(0.03)
    slow_copies = Measured(float32=1e6, bfloat16=1e6, copy=1.11)
    assert resnet50_floor(slow_copies, training=False) == pytest.approx(0.04)  # 11.1e6 * 2 bytes, twice
    assert resnet50_floor(slow_copies, training=True, values=4) == pytest.approx(0.2)
