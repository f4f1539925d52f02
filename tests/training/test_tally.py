"""Means of an epoch, and values that must be finite."""

from __future__ import annotations

import numpy as np
import torch

from emotionnet.training.tally import Means, Watch, line


def test_means_are_weighted_and_summed_in_float64_whatever_the_values_are() -> None:
    """To the bit as one value after the other is added in float64, on a device that has it."""
    rng = np.random.default_rng(0)
    for dtype in (torch.float32, torch.bfloat16):
        values = torch.from_numpy(rng.normal(size=50)).to(dtype)
        samples = rng.integers(1, 9, size=50).tolist()
        means, expected = Means(), torch.zeros((), dtype=torch.float64)
        for value, count in zip(values, samples, strict=True):
            means.add({"loss": value}, count, 0)
            expected = expected + value.double() * count
        assert means.result("train") == {"train.loss": float(expected / sum(samples))}


def test_means_of_several_processes_are_those_of_one_whoever_had_which_steps() -> None:
    """Also where some were kept and gone on with: to the bit."""
    rng = np.random.default_rng(1)
    rows = [
        ({"loss": torch.tensor(value)}, 3 + place % 2, place // 2)
        for place, value in enumerate(rng.normal(size=40))
    ]
    one, first, second = Means(), Means(), Means()
    for place, row in enumerate(rows):
        one.add(*row)
        (second if place % 2 else first).add(*row)
    assert Means.joined([first.kept(), second.kept()]).result("train") == one.result("train")
    early, late = [Means(), Means()], [Means(), Means()]
    for place, row in enumerate(rows):
        (early if row[2] < 7 else late)[place % 2].add(*row)
    again = Means.joined([Means.joined([part.kept() for part in early]).kept()])
    for place, row in enumerate(rows):
        if place % 2 == 0 and row[2] >= 7:
            again.add(*row)
    assert Means.joined([again.kept(), late[1].kept()]).result("train") == one.result("train")


def test_nothing_kept_is_no_mean() -> None:
    assert Means.joined([{}]).result("train") == {}
    assert Means.joined([]).samples == []


def test_the_first_value_that_is_not_finite_is_named_with_its_place() -> None:
    watch = Watch()
    for step, value in enumerate((1.0, float("inf"), float("nan"))):
        watch.add("the loss", torch.tensor(value, requires_grad=True), (2, step))
    assert watch.first_fault() == "the loss is inf in epoch 3, step 2"


def test_each_value_is_looked_at_once_and_in_any_precision() -> None:
    watch = Watch()
    assert watch.first_fault() is None
    watch.add("the loss", torch.tensor(1.0, dtype=torch.bfloat16), (0, 0))
    watch.add("the norm of the gradients", torch.tensor(float("nan"), dtype=torch.float64), (0, 0))
    assert watch.first_fault() == "the norm of the gradients is nan in epoch 1, step 1"
    watch.add("the loss", torch.tensor(2.0), (0, 1))
    assert watch.first_fault() is None


def test_an_epoch_is_told_in_one_line() -> None:
    entry = {"epoch": 1.0, "train.loss": 0.5, "val.loss": 0.25, "images_per_second": 6.6, "lr": 0.1}
    assert line(entry, 3) == "epoch 2/3  train.loss 0.5000  val.loss 0.2500  7/s"
