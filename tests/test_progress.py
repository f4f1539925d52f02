"""Progress on standard error leaves standard output alone."""

from __future__ import annotations

import io
import sys

import pytest

from emotionnet.progress import message, silent, track


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_what_is_printed_meanwhile_goes_where_it_should(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    for number in track(range(3), "work"):
        print(number)  # noqa: T201
    assert capsys.readouterr().out == "0\n1\n2\n"
    assert "work" in terminal.getvalue()


def test_nothing_is_told_within_silence(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with silent():
        message("hushed")
    message("told")
    assert capsys.readouterr().err == "told\n"
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    with silent():
        assert list(track(range(3), "work")) == [0, 1, 2]
    assert terminal.getvalue() == ""
