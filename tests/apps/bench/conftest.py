from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from emotionnet.apps.bench.rounds import Contender

MakeContender = Callable[..., Contender]


@pytest.fixture
def contender(monkeypatch: pytest.MonkeyPatch) -> MakeContender:
    """A factory: `contender("ours", "counting", rates=[1.0], log=path)`; see contenders.py for the makers."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent))

    def make(name: str, maker: str, **arguments: Any) -> Contender:
        return Contender(name, f"contenders:make_{maker}", arguments)

    return make
