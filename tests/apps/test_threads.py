"""NumPy's threads, and that they are given back."""

from __future__ import annotations

import numpy  # noqa: F401  # whose library is looked for
import pytest
from threadpoolctl import ThreadpoolController

from emotionnet.apps.threads import one_product_thread


def threads() -> list[int]:
    found = ThreadpoolController().select(internal_api="openblas").info()
    return [library["num_threads"] for library in found]


def test_products_have_one_thread_within_the_block() -> None:
    before = threads()
    if not before:
        pytest.skip("NumPy has another library than OpenBLAS here")
    with one_product_thread():
        assert set(threads()) == {1}
    assert threads() == before
