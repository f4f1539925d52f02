"""Contenders of the tests: their rates are plain to see."""

from __future__ import annotations

import multiprocessing
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

from emotionnet.records import DataError


def make_counting(*, rates: list[float], log: Path) -> Callable[[], float]:
    """Tells these rates in turn, and notes each round."""
    left = iter(rates)

    def one_round() -> float:
        rate = next(left)
        with log.open("a") as file:
            file.write(f"{rate} ")
        print("what a contender says is no result")  # noqa: T201
        return rate

    return one_round


def make_faulty() -> Callable[[], float]:
    raise DataError(["a package must be installed; pip install it", "and another"])


def make_failing(*, how: str) -> Callable[[], float]:
    def one_round() -> float:
        if how == "dies":
            os.write(2, b"terminate called\nno memory left\n")
            os._exit(3)
        if how == "zero":
            return 0.0
        raise RuntimeError("the round\nfailed")

    return one_round


def make_staying() -> Callable[[], float]:
    """Its process does not end by itself: a thread of it sleeps on."""
    threading.Thread(target=time.sleep, args=(60,)).start()
    return lambda: 1.0


def make_loading() -> Callable[[], float]:
    """Tells 1 where processes that it starts begin as those of its user, else 2."""
    usual = multiprocessing.get_all_start_methods()[0]
    return lambda: 1.0 if multiprocessing.get_start_method() == usual else 2.0
