"""What is chosen where a config leaves it open. The seconds are made up."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from emotionnet import runs
from emotionnet.config import TrainConfig
from emotionnet.config_files import load_config
from emotionnet.data.store import read_dataset
from emotionnet.records import ConfigError
from emotionnet.training import speed
from emotionnet.training.image_job import image_job
from emotionnet.training.speed import recorded, settled
from emotionnet.training.teacher_job import teacher_job
from emotionnet.training.trials import Way

NAMES = ("precision", "memory_format", "compile")
FLOAT_LAST, FLOAT, BRAIN_LAST, BRAIN = (
    Way(precision, layout)
    for precision in ("float32", "bfloat16")
    for layout in ("channels_last", "contiguous")
)


class Made:
    """In place of `Trials`: steps of the seconds given; keeps the ways that it was asked for."""

    def __init__(self, seconds: Mapping[Way, float], compiled: tuple[float, float, float] | None) -> None:
        self.times, self.compiling = seconds, compiled
        self.asked: list[tuple[Way, ...]] = []

    def __call__(self, job: Any, image_size: int) -> Made:
        assert job.scores is None
        assert image_size == 32
        return self

    def step(self, way: Way) -> float:
        return self.times[way]

    def seconds(self, ways: Sequence[Way]) -> dict[Way, float]:
        self.asked.append(tuple(ways))
        return {way: self.times[way] for way in ways}

    def compiled(self, way: Way) -> tuple[float, float, float]:
        self.asked.append((way,))
        if self.compiling is None:
            raise ConfigError("compile: no compiler")
        return self.compiling


@pytest.fixture
def choose(ready: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Any:
    """`choose(seconds, compiled, **options)`: what a run of 4 batches and 100 epochs chooses."""

    def run(
        seconds: Mapping[Way, float], compiled: tuple[float, float, float] | None = None, **options: Any
    ) -> tuple[tuple[str, ...], Made]:
        made = Made(seconds, compiled)
        monkeypatch.setattr(speed, "Trials", made)
        config = load_config(TrainConfig, None, ready | {"epochs": 100} | options)
        found, _ = settled(config, image_job(config, read_dataset(Path(ready["data.root"]))))
        return tuple(getattr(found, name) for name in NAMES), made

    return run


SECONDS = {FLOAT_LAST: 4.0, FLOAT: 5.0, BRAIN_LAST: 2.0, BRAIN: 3.0}


@pytest.mark.parametrize(
    ("seconds", "best"),
    [
        (SECONDS, BRAIN_LAST),
        (SECONDS | {BRAIN: 1.9}, BRAIN),
        (SECONDS | {FLOAT_LAST: 2.06}, FLOAT_LAST),  # 3 per cent are a tie
        (SECONDS | {FLOAT_LAST: 2.07}, BRAIN_LAST),
        (SECONDS | {FLOAT: 1.0, FLOAT_LAST: 1.02}, FLOAT_LAST),
        (SECONDS | {BRAIN_LAST: math.inf, BRAIN: math.inf}, FLOAT_LAST),
        (dict.fromkeys(SECONDS, math.inf), FLOAT_LAST),
    ],
)
def test_the_fastest_is_chosen_and_ties_go_to_float32(
    choose: Any, seconds: Mapping[Way, float], best: Way, capsys: pytest.CaptureFixture[str]
) -> None:
    found, made = choose(seconds)
    assert found == (*best, "off")
    assert made.asked == [(FLOAT_LAST, FLOAT, BRAIN_LAST, BRAIN)]
    lines = [line for line in capsys.readouterr().err.splitlines() if "seconds of a step" in line]
    assert len(lines) == 1
    assert lines[0].startswith(f"{best}: ")
    assert all(f"{way} {value:.3g}" in lines[0] for way, value in seconds.items())


@pytest.mark.parametrize(
    ("options", "asked"),
    [
        ({"precision": "bfloat16"}, (BRAIN_LAST, BRAIN)),
        ({"memory_format": "contiguous"}, (FLOAT, BRAIN)),
        ({"precision": "float32", "memory_format": "contiguous"}, (FLOAT,)),
    ],
)
def test_only_what_is_open_is_timed(choose: Any, options: dict[str, str], asked: tuple[Way, ...]) -> None:
    found, made = choose(SECONDS, **options)
    assert made.asked == [asked]
    assert found[:2] == min(asked, key=SECONDS.__getitem__)


@pytest.mark.parametrize(
    "options",
    [
        {"epochs": 49},  # 196 steps
        {"optimizer.accumulate": 3},  # 133 steps
        {"epochs": 0},
        {"precision": "bfloat16", "memory_format": "contiguous", "compile": "off"},
        {"precision": "bfloat16", "memory_format": "contiguous", "compile": "on"},
    ],
)
def test_a_short_run_and_one_that_leaves_nothing_open_are_not_timed(
    choose: Any, options: dict[str, Any]
) -> None:
    found, made = choose(SECONDS, **options)
    assert not made.asked
    expected = ("float32", "channels_last", "off")
    assert found == tuple(options.get(name, word) for name, word in zip(NAMES, expected, strict=True))


@pytest.mark.parametrize(
    ("seconds", "compiled", "found"),
    [
        (9.0, (359.0, 8.1, 9.0), "on"),  # 400 steps save 360 seconds
        (9.0, (361.0, 8.1, 9.0), "off"),
        (8.9, (1.0, 1.0, 8.9), "off"),  # less than an hour: not tried
        (9.0, None, "off"),  # no compiler
    ],
)
def test_compiling_is_kept_where_it_pays_for_itself(
    choose: Any, seconds: float, compiled: Any, found: str, capsys: pytest.CaptureFixture[str]
) -> None:
    chosen, made = choose(dict.fromkeys(SECONDS, seconds), compiled)
    assert chosen == (*FLOAT_LAST, found)
    tried = seconds == 9.0
    assert len(made.asked) == 1 + tried
    told = capsys.readouterr().err
    assert ("\ncompiled: " in told) == (found == "on")
    assert ("\nnot compiled" in told) == (tried and found == "off")


def test_compiling_that_fails_otherwise_does_not_end_the_run(
    choose: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(_: Made, __: Way) -> None:
        raise MemoryError("no memory\nfor a compiler")

    monkeypatch.setattr(Made, "compiled", fails)
    assert choose(dict.fromkeys(SECONDS, 9.0))[0] == (*FLOAT_LAST, "off")
    assert "not compiled; no memory\n" in capsys.readouterr().err


def test_a_run_of_less_than_a_minute_does_not_hang_on_the_clock(choose: Any) -> None:
    brief, made = choose({FLOAT_LAST: 0.149, FLOAT: 0.1, BRAIN_LAST: 0.01, BRAIN: 0.1})  # times 400
    assert brief == (*FLOAT_LAST, "off")
    assert not made.asked
    assert choose({FLOAT_LAST: 0.151, FLOAT: 0.1, BRAIN_LAST: 0.01, BRAIN: 0.1})[0] == (*BRAIN_LAST, "off")


def test_a_text_model_is_never_timed(
    ready: dict[str, Any], teacher_config: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(speed, "Trials", None)
    dataset = read_dataset(Path(ready["data.root"]))
    config = teacher_config(dataset, Path(ready["text.vectors"]), tmp_path / "t", epochs=1000)
    job = teacher_job(config, dataset)
    found, same = settled(config, job)
    assert (found.precision, found.compile) == ("float32", "off")
    assert same is job


def test_what_a_run_recorded_fills_what_is_open(ready: dict[str, Any], tmp_path: Path) -> None:
    config = load_config(TrainConfig, None, ready | {"memory_format": "contiguous"})
    assert recorded(config, tmp_path) == config
    kept = {"precision": "bfloat16", "memory_format": "channels_last", "compile": ["on"]}
    (tmp_path / runs.CONFIG).write_text(json.dumps(kept))
    found = recorded(config, tmp_path)
    assert tuple(getattr(found, name) for name in NAMES) == ("bfloat16", "contiguous", "auto")
