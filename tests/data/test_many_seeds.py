"""The known answer is NumPy's own generator of each seed."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.random import SeedSequence, default_rng

from emotionnet.data import many_seeds
from emotionnet.data.many_seeds import uniforms

EDGES = [0, 1, 2**32 - 1, 2**32, 2**32 + 1, 2**62 - 1, 2**63 - 1]


@pytest.mark.parametrize("counts", [(0, 1, 2, 130), (1,), (7, 7, 0)])
def test_numbers_are_those_of_a_generator_of_each_seed(counts: tuple[int, ...]) -> None:
    seeds_N = np.array([*EDGES, *default_rng(0).integers(2**62, size=200).tolist()])
    counts_N = np.resize(np.array(counts), len(seeds_N))
    wanted = [
        default_rng(seed).random(count)
        for seed, count in zip(seeds_N.tolist(), counts_N.tolist(), strict=True)
    ]
    found_M = uniforms(seeds_N, counts_N)
    assert found_M.dtype == np.float64
    np.testing.assert_array_equal(found_M, np.concatenate(wanted))


def test_seeds_are_mixed_as_numpy_mixes_them() -> None:
    wanted = [SeedSequence(seed).generate_state(4, np.uint64) for seed in EDGES]
    np.testing.assert_array_equal(many_seeds._seeded(np.array(EDGES)).T, np.stack(wanted))


def test_without_a_seed_there_is_no_number() -> None:
    assert uniforms(np.array([], dtype=np.int64), np.array([], dtype=np.int64)).shape == (0,)


@pytest.mark.parametrize(("seeds", "counts"), [([-1], [2]), ([1, 2], [3])])
def test_what_has_no_answer_is_refused(seeds: list[int], counts: list[int]) -> None:
    with pytest.raises(ValueError, match="at least 0, a count for each"):
        uniforms(np.array(seeds), np.array(counts))
