"""Commands as a shell runs them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from emotionnet.apps.cli import main

Command = Callable[..., tuple[int, str, list[str]]]


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs a command: exit status, standard output, lines of standard error."""

    def call(*tokens: object) -> tuple[int, str, list[str]]:
        status = 0
        try:
            main([str(token) for token in tokens])
        except SystemExit as end:
            status = int(end.code or 0)
        captured = capsys.readouterr()
        return status, captured.out, captured.err.splitlines()

    return call
