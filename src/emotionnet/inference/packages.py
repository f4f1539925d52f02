"""Packages of the extra [fast], imported on first use; they send nothing from the user's machine."""

from __future__ import annotations

import contextlib
import importlib
import io
import logging
import re
import sys
import warnings
from collections.abc import Iterator
from functools import cache
from importlib import metadata
from types import ModuleType
from typing import Any

from emotionnet.records import DataError

_TELEMETRY = "openvino_telemetry"  # OpenVINO reports even its import, NNCF each call, unless it is missing
_SHOWN = 400  # characters of an error
_CHATTY = ("torch.onnx", "onnxscript", "onnx_ir", "nncf")


def import_fast(name: str) -> ModuleType:
    """Import OpenVINO, ONNX, ONNX Runtime or NNCF, their telemetry off.

    Where the telemetry is imported already, OpenVINO was imported by someone else, and it stays as it is.

    Raises:
        DataError: The package is not installed; says how to get it.
    """
    sys.modules.setdefault(_TELEMETRY, None)  # type: ignore[arg-type]  # how Python says that it is missing
    try:
        module = importlib.import_module(name)
    except ImportError:
        raise DataError(_missing(name)) from None
    if name == "onnxruntime":
        module.disable_telemetry_events()
    return module


@cache
def openvino_core() -> Any:
    """The one `openvino.Core` of this process.

    Each gives the thread a stack for signals and, when it goes, puts back the one before. Two that go in the
    order in which they came put back memory that is free: then the next signal, such as the end of a child,
    kills the process. One that stays does no harm.

    Raises:
        DataError: As `import_fast`.
    """
    return import_fast("openvino").Core()


def fast_version(name: str) -> str:
    """Version of a package, without importing it.

    Raises:
        DataError: As `import_fast`.
    """
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        raise DataError(_missing(name)) from None


def _missing(name: str) -> str:
    return f"the package {name} must be installed; it is not: pip install 'emotionnet[fast]'"


def reason(error: Exception) -> str:
    """What an error of such a package says, in one line; its cause seldom stands in the first."""
    said = re.sub(r"^Exception from \S+$", "", str(error), flags=re.MULTILINE)  # where in OpenVINO's source
    return " ".join(said.split())[:_SHOWN] or type(error).__name__


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep from the terminal what exporters say besides errors."""
    loggers = [logging.getLogger(name) for name in _CHATTY]
    levels = [logger.level for logger in loggers]
    with contextlib.ExitStack() as stack:
        stack.enter_context(contextlib.redirect_stdout(io.StringIO()))
        stack.enter_context(contextlib.redirect_stderr(io.StringIO()))
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")
        for logger in loggers:
            logger.setLevel(logging.CRITICAL)
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)
