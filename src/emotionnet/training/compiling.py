"""torch.compile around the steps of a training; the module itself and the names of its weights stay."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from emotionnet.records import ConfigError, first_line


@contextmanager
def compiled_steps(*, usual: bool) -> Iterator[None]:
    """Steps of a module that was compiled in place.

    Args:
        usual: Whether the batch has the size of most. Another one runs uncompiled: each size would be
            compiled anew, for minutes.

    Raises:
        ConfigError: This machine cannot compile, or not this network.
    """
    from torch._dynamo.exc import TorchDynamoException

    if not usual:
        with torch.compiler.set_stance("force_eager"):
            yield
        return
    try:
        yield
    except TorchDynamoException as error:
        cause = first_line(getattr(error, "inner_exception", error))
        raise ConfigError(
            f"compile: must be 'off' or 'auto' where torch.compile fails; got 'on' ({cause})"
        ) from None
