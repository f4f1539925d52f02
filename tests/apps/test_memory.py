from __future__ import annotations

import platform
import subprocess
import sys

import pytest

from emotionnet.apps.memory import keep_freed_memory

CODE = """
import resource, sys
import numpy as np
from emotionnet.apps.memory import keep_freed_memory

if sys.argv[1] == "kept":
    keep_freed_memory()
for _ in range(2):
    np.empty(2**26, dtype=np.uint8)[::4096] = 1
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    np.empty(2**26, dtype=np.uint8)[::4096] = 1
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(how: str) -> int:
    """Pages that the kernel gave while a block of 64 MB was asked for and freed 20 times."""
    found = subprocess.run(
        [sys.executable, "-c", CODE, how], capture_output=True, text=True, check=True, timeout=60
    )
    return int(found.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the C library is another one")
def test_memory_that_is_free_again_is_used_again() -> None:
    assert faults("kept") < 0.2 * faults("returned")


def test_without_such_a_library_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ctypes.CDLL", lambda _: object())
    keep_freed_memory()


def test_arrow_takes_its_memory_there_too() -> None:
    code = """
from emotionnet.apps.memory import keep_freed_memory
keep_freed_memory()
import pyarrow
print(pyarrow.default_memory_pool().backend_name)
"""
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert found.stdout.strip() == "system"
