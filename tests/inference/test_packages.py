"""Packages of the extra [fast]: none of their telemetry, one line where one is missing, and silence."""

from __future__ import annotations

import logging
import subprocess
import sys
import warnings

import pytest

from emotionnet.inference.packages import fast_version, import_fast, quiet, reason
from emotionnet.records import DataError


def test_openvino_and_nncf_find_no_telemetry_to_send_with() -> None:
    pytest.importorskip("openvino")
    code = """
import sys
from emotionnet.inference.packages import import_fast
import_fast("openvino")
assert sys.modules["openvino_telemetry"] is None
converting = import_fast("openvino.tools.ovc.convert_impl")
assert converting.tm.__name__ == "openvino.tools.ovc.telemetry_stub"
"""
    subprocess.run([sys.executable, "-c", code], check=True)  # a process where nobody imported it before


def test_what_openvino_says_is_its_cause_in_one_line() -> None:
    said = "Exception from src/core.cpp:84:\nCheck 'x' failed at src/y.cpp:9:\nIncorrect weights!\n\n"
    assert reason(RuntimeError(said)) == "Check 'x' failed at src/y.cpp:9: Incorrect weights!"
    assert reason(MemoryError()) == "MemoryError"
    assert len(reason(RuntimeError("long " * 1000))) == 400


def test_a_missing_package_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    expected = "the package onnx must be installed; it is not: pip install 'emotionnet\\[fast\\]'"
    with pytest.raises(DataError, match=expected):
        import_fast("onnx")
    with pytest.raises(DataError, match="the package no-such-package must be installed"):
        fast_version("no-such-package")


def test_quiet_keeps_words_from_the_terminal_and_puts_everything_back(
    capsys: pytest.CaptureFixture[str],
) -> None:
    logger = logging.getLogger("nncf")
    level = logger.level
    with quiet():
        sys.stdout.write("chatter")
        sys.stderr.write("chatter")
        warnings.warn("chatter", stacklevel=1)
        assert not logger.isEnabledFor(logging.ERROR)
    assert capsys.readouterr() == ("", "")
    assert logger.level == level
    with pytest.warns(UserWarning, match="heard"):
        warnings.warn("heard", stacklevel=1)
