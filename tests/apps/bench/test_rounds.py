from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from emotionnet.apps.bench import rounds
from emotionnet.apps.bench.rounds import Contender, Rates, race
from emotionnet.records import DataError, TrainingError

MakeContender = Callable[..., Contender]


@pytest.fixture
def rates() -> Rates:
    return Rates({"ours": [40.0, 10.0, 30.0], "peer": [8.0, 5.0, 10.0]})


def test_the_median_is_the_middle_rate(rates: Rates) -> None:
    assert rates.median("ours") == 30.0


def test_the_spread_is_a_share_of_the_median(rates: Rates) -> None:
    assert rates.spread("ours") == pytest.approx((40 - 10) / 30)


def test_a_ratio_is_the_median_of_the_rounds_and_not_that_of_the_medians(rates: Rates) -> None:
    assert rates.ratio("ours", "peer") == 3.0  # of 5, 2 and 3; that of the medians is 3.75


def test_flat_keys(rates: Rates) -> None:
    assert rates.flat("some.work") == {
        "some.work.ours.per_second": 30.0,
        "some.work.ours.spread": 1.0,
        "some.work.peer.per_second": 8.0,
        "some.work.peer.spread": 0.625,
    }


def test_contenders_take_turns_and_the_first_round_does_not_count(
    contender: MakeContender, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "log"
    found = race(
        [
            contender("ours", "counting", rates=[99.0, 6.0, 8.0], log=log),
            contender("peer", "counting", rates=[98.0, 3.0, 2.0], log=log),
        ],
        rounds=2,
    )
    assert found.rates == {"ours": [6.0, 8.0], "peer": [3.0, 2.0]}
    assert log.read_text() == "99.0 98.0 6.0 3.0 8.0 2.0 "
    assert capfd.readouterr() == ("", "")


def test_more_rounds_may_warm_up(contender: MakeContender, tmp_path: Path) -> None:
    ours = contender("ours", "counting", rates=[98.0, 99.0, 6.0], log=tmp_path / "log")
    assert race([ours], rounds=1, warm_up=2).rates == {"ours": [6.0]}


def test_the_faults_of_a_contender_are_lines(contender: MakeContender) -> None:
    with pytest.raises(DataError) as caught:
        race([contender("ours", "faulty")])
    assert caught.value.faults == ("ours: a package must be installed; pip install it", "ours: and another")


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("raises", "peer: RuntimeError: the round"),
        ("zero", "peer: its rate must be a number above 0; got 0.0"),
        ("dies", "peer: its process ended with status 3; its last line: no memory left"),
    ],
)
def test_a_contender_that_fails_is_named(contender: MakeContender, how: str, said: str) -> None:
    with pytest.raises(TrainingError) as caught:
        race([contender("peer", "failing", how=how)])
    assert str(caught.value) == said


def test_a_process_that_does_not_end_is_ended(
    contender: MakeContender, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rounds, "PATIENCE", 0.2)
    started = time.monotonic()
    race([contender("ours", "staying")], rounds=1)
    assert time.monotonic() - started < 30


def test_processes_of_a_contender_start_as_its_users(contender: MakeContender) -> None:
    assert race([contender("loading", "loading")], rounds=1).median("loading") == 1.0
