"""The writers of small fake copies, of all files that have some."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType

import pytest

Writer = Callable[[Path], None]


def _load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"benchmark_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def writers() -> ModuleType:
    """The module `copies`, for tests that write a part of a copy."""
    return _load(Path(__file__).with_name("copies.py"))


@pytest.fixture(scope="session")
def writers_b() -> ModuleType:
    """The module `copies_b`, for the same."""
    return _load(Path(__file__).with_name("copies_b.py"))


@pytest.fixture(scope="session")
def copies() -> Mapping[str, Writer]:
    """By benchmark: a function that writes a small copy of it into a folder."""
    modules = [_load(path) for path in sorted(Path(__file__).parent.glob("copies*.py"))]
    return {name: writer for module in modules for name, writer in module.COPIES.items()}
