from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from emotionnet.apps.bench import processes
from emotionnet.apps.bench.processes import make_command, peak_memory
from emotionnet.records import TrainingError


def test_a_round_is_a_command_and_its_rate_one_over_its_seconds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = iter([10.0, 10.5])
    one_round = make_command(["--version"], tmp_path)
    monkeypatch.setattr(processes, "time", SimpleNamespace(perf_counter=lambda: next(times)))
    assert one_round() == 2.0


def test_a_command_that_fails_is_told_with_its_last_line(tmp_path: Path) -> None:
    with pytest.raises(
        TrainingError, match=r"no-such-command: ended with status 2; error: .*no-such-command"
    ):
        make_command(["no-such-command"], tmp_path)()


def test_the_peak_is_the_commands_own(tmp_path: Path) -> None:
    held = bytes(range(256)) * 2**21  # 537 MB
    peak = peak_memory(["--version"], tmp_path)
    assert 5 < peak < 200 < len(held) / 1e6


def test_a_command_finds_the_cache_that_is_given(tmp_path: Path) -> None:
    folder = processes._output(
        ["sh", "-c", "echo $EMOTIONNET_CACHE"],
        tmp_path / "own",
    )
    assert folder.strip() == str(tmp_path / "own")
