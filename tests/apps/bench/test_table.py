from __future__ import annotations

import json
from typing import Any

import pytest

from emotionnet.apps.bench.table import print_results, table

MACHINE = {
    "cpu": "Some CPU",
    "cores": 2,
    "flags": ["avx2", "amx_bf16"],
    "memory_gb": 8.0,
    "gpu": None,
    "versions": {"python": "3.12.1", "torch": "2.9", "openvino": None},
}
RESULT: dict[str, Any] = {
    "machine": MACHINE,
    "notes": {"some.chosen": "bfloat16"},
    "noisy": ["some.peer"],
    "seconds": {"some": 1.0},
    "some.speedup": 2.3456,
    "some.growth": 12345.6,
    "some.ours.per_second": 23.0,
    "some.ours.spread": 0.051,
    "some.peer.per_second": 0.012345,
    "some.peer.spread": 0.3,
}
ON_A_GPU: dict[str, Any] = {
    "machine": MACHINE | {"gpu": "Some GPU"},
    "notes": {},
    "noisy": [],
    "some.ours.per_second": 2300.0,
    "some.ours.spread": 0.02,
}


def test_figures_then_rates_then_remarks() -> None:
    assert table([RESULT]) == (
        "| figure | 2 cores |\n"
        "| --- | ---: |\n"
        "| `some.speedup` | 2.35 |\n"
        "| `some.growth` | 12346 |\n"
        "\n"
        "| items per second (spread) | 2 cores |\n"
        "| --- | ---: |\n"
        "| `some.ours` | 23 (5%) |\n"
        "| `some.peer` | 0.0123 (30%) |\n"
        "\n"
        "* 2 cores: cpu Some CPU; cores 2; flags avx2 amx_bf16; memory_gb 8.0\n"
        "* 2 cores: python 3.12.1; torch 2.9\n"
        "* 2 cores: `some.chosen`: bfloat16\n"
        "* 2 cores: too noisy to tell: some.peer"
    )


def test_each_machine_has_a_column_and_a_dash_for_what_it_lacks() -> None:
    lines = table([RESULT, ON_A_GPU]).splitlines()
    assert "| figure | 2 cores | Some GPU |" in lines
    assert "| `some.speedup` | 2.35 | - |" in lines
    assert "| `some.ours` | 23 (5%) | 2300 (2%) |" in lines
    assert "| `some.peer` | 0.0123 (30%) | - |" in lines


def test_a_program_reads_json(capsys: pytest.CaptureFixture[str]) -> None:
    print_results(RESULT)
    assert json.loads(capsys.readouterr().out) == RESULT


def test_a_person_reads_tables(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    print_results(RESULT)
    assert capsys.readouterr().out == table([RESULT]) + "\n"
