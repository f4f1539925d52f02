"""Probabilities without torch are those of torch."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest
import torch

from emotionnet.inference import torch_backend
from emotionnet.inference.outputs import Outputs, joined, probabilities


@pytest.mark.parametrize("activation", ["softmax", "sigmoid"])
def test_probabilities_are_those_of_torch(activation: Literal["softmax", "sigmoid"]) -> None:
    scores_NC = np.random.default_rng(0).normal(0, 8, (50, 30)).astype(np.float32)
    scores_NC[0, :3] = (-200, 0, 80)
    found = probabilities(scores_NC, activation)
    assert found.dtype == np.float32
    exact = torch.from_numpy(scores_NC).double()
    exact = torch.softmax(exact, dim=1) if activation == "softmax" else torch.sigmoid(exact)
    np.testing.assert_allclose(found, exact, rtol=1e-7, atol=1e-40)
    np.testing.assert_allclose(
        found, torch_backend.probabilities(scores_NC, activation), rtol=5e-6, atol=1e-9
    )


def test_probabilities_by_hand() -> None:
    scores = np.log(np.array([[1, 3], [4, 4]], dtype=np.float32))
    np.testing.assert_allclose(probabilities(scores, "softmax"), [[0.25, 0.75], [0.5, 0.5]])
    np.testing.assert_allclose(probabilities(scores, "sigmoid"), [[0.5, 0.75], [0.8, 0.8]])
    assert np.isnan(probabilities(np.array([[np.inf, 1]], dtype=np.float32), "softmax")).any()


def test_outputs_are_joined_and_taken_row_by_row() -> None:
    parts = [Outputs(*[np.full((size, 2), size, dtype=np.float32)] * 3) for size in (1, 2)]
    both = joined(parts)
    assert both.features[:, 0].tolist() == [1, 2, 2]
    assert both.dimensions is None
    taken = both.take([2, 0])
    assert taken.projection is not None
    assert taken.projection[:, 1].tolist() == [2, 1]
