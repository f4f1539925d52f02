"""How many threads NumPy has beside those that compute networks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def one_product_thread() -> Iterator[None]:
    """Within the block NumPy's products have one thread.

    Those of pictures that are told are small; with more threads, these would take the cores from the network.
    """
    from threadpoolctl import ThreadpoolController

    with ThreadpoolController().select(internal_api="openblas").limit(limits=1):
        yield
