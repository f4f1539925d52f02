"""How processes share a training."""

from __future__ import annotations

from inspect import signature

import pytest
from torch.nn.parallel import DistributedDataParallel

from emotionnet.training import device


class Earlier:
    """DistributedDataParallel of PyTorch before 2.13, as it is called."""

    def __init__(self, module: object, broadcast_buffers: bool = True) -> None: ...


def test_buffers_stay_with_their_process_in_every_version(monkeypatch: pytest.MonkeyPatch) -> None:
    assert device._buffers_option() in signature(DistributedDataParallel).parameters
    monkeypatch.setattr(device, "DistributedDataParallel", Earlier)
    assert device._buffers_option() == "broadcast_buffers"
