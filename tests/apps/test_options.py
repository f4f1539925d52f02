"""Options of the commands that take a config."""

from __future__ import annotations

from typing import Any

import pytest

from emotionnet.apps.options import describe_keys, split_options
from emotionnet.config import TrainConfig
from emotionnet.config_files import keys
from emotionnet.records import ConfigError


@pytest.mark.parametrize(
    ("tokens", "rest", "options"),
    [
        (["c.json", "--optimizer.lr", "0.1"], ["c.json"], {"optimizer.lr": 0.1}),
        (["--optimizer.lr=0.1", "c.json"], ["c.json"], {"optimizer.lr": 0.1}),
        (["--data.root", "some/folder", "--data.flip"], [], {"data.root": "some/folder", "data.flip": True}),
        (["--data.flip", "--resume", "c.json"], ["--resume", "c.json"], {"data.flip": True}),
        (["--data.flip", "false"], [], {"data.flip": False}),
        (["--schedule.milestones", "[3, 5]"], [], {"schedule.milestones": [3, 5]}),
        (["--batch-size", "3"], [], {"batch_size": 3}),
        (["--optimizer.lr", "-1"], [], {"optimizer.lr": -1}),
        (["--out", "2020"], [], {"out": "2020"}),
        (["--about=7"], [], {"about": "7"}),
        (["--text.vectors", "null"], [], {"text.vectors": None}),
    ],
)
def test_keys_are_told_from_the_commands_own_tokens(
    tokens: list[str], rest: list[str], options: dict[str, Any]
) -> None:
    assert split_options(tokens, TrainConfig) == (rest, options)


def test_a_key_given_twice_is_a_fault() -> None:
    with pytest.raises(
        ConfigError,
        match=r"--epochs must be given once \(a list as JSON: '\[\"a\", \"b\"\]'\); it is given twice",
    ):
        split_options(["--epochs", "1", "--epochs=2"], TrainConfig)


def test_help_names_every_key() -> None:
    text = describe_keys(TrainConfig)
    assert all(f"--{name}  " in text for name, _, _ in keys(TrainConfig))
