"""Random numbers of many seeds at once: the very ones that NumPy gives for each seed by itself.

Making a generator takes longer than drawing a sentence's numbers from it. Here NumPy's SeedSequence and PCG64
(O'Neill 2014, "PCG: a family of simple fast space-efficient statistically good algorithms for random number
generation", variant XSL RR 128/64) are worked for all seeds as arrays; NumPy promises that neither changes
(NumPy enhancement proposal 19). Numbers of 128 bits are two halves. Shape letters: N = seeds, K = most
numbers of a seed, M = numbers of all seeds.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

UInt32s = npt.NDArray[np.uint32]
UInt64s = npt.NDArray[np.uint64]
Halves = tuple[UInt64s, UInt64s]  # the high and the low 64 bits

MULTIPLIER = 0x2360ED051FC65DA44385DF649FCCF645  # of PCG64
WORD, HALF, WHOLE = 2**32 - 1, 2**64, 2**128
POOL = 4  # words of 32 bits that SeedSequence mixes


def uniforms(seeds_N: npt.NDArray[np.int64], counts_N: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """`default_rng(seed).random(count)` of each seed and its count, one after the other.

    Returns:
        0 up to, but without, 1; float64, shape (M,).

    Raises:
        ValueError: A seed is below 0, or there is not one count for each.
    """
    if seeds_N.shape != counts_N.shape or (seeds_N < 0).any():
        raise ValueError(f"seeds must be at least 0, a count for each; got {seeds_N} and {counts_N}")
    of_seed_M = np.repeat(np.arange(len(seeds_N)), counts_N)
    place_M = np.arange(len(of_seed_M)) - (counts_N.cumsum() - counts_N)[of_seed_M]
    start_N, step_N = _start(_seeded(seeds_N))
    powers_K, sums_K = _jumps(int(counts_N.max(initial=0)))
    far_M = _times(_at(start_N, of_seed_M), _at(powers_K, place_M))
    way_M = _times(_at(step_N, of_seed_M), _at(sums_K, place_M))
    high_M, low_M = _plus(far_M, way_M)
    turn_M, mixed_M = high_M >> np.uint64(58), high_M ^ low_M
    bits_M = (mixed_M >> turn_M) | (mixed_M << ((np.uint64(64) - turn_M) & np.uint64(63)))
    uniform_M: npt.NDArray[np.float64] = (bits_M >> np.uint64(11)) * np.float64(2.0**-53)
    return uniform_M


def _seeded(seeds_N: npt.NDArray[np.int64]) -> UInt64s:
    """`SeedSequence(seed).generate_state(4, uint64)` for each seed; shape (4, N)."""
    words = seeds_N.astype(np.uint64)
    given = [(words & np.uint64(WORD)).astype(np.uint32), (words >> np.uint64(32)).astype(np.uint32)]
    hashed = _Hash(0x43B0D7E5, 0x931E8875)
    pool = [hashed(word) for word in (*given, *[np.zeros_like(given[0])] * (POOL - len(given)))]
    for source in range(POOL):
        for target in range(POOL):
            if source != target:
                mixed = np.uint32(0xCA01F9DD) * pool[target] - np.uint32(0x4973F715) * hashed(pool[source])
                pool[target] = mixed ^ (mixed >> np.uint32(16))
    hashed = _Hash(0x8B51F9DD, 0x58F38DED)
    out = [hashed(pool[word % POOL]).astype(np.uint64) for word in range(2 * POOL)]
    return np.stack([low | (high << np.uint64(32)) for low, high in zip(out[::2], out[1::2], strict=True)])


class _Hash:
    """SeedSequence's hash of words, whose constant moves on with each call."""

    def __init__(self, constant: int, multiplier: int) -> None:
        self.constant, self.multiplier = constant, multiplier

    def __call__(self, words_N: UInt32s) -> UInt32s:
        mixed_N = words_N ^ np.uint32(self.constant)
        self.constant = self.constant * self.multiplier % 2**32
        mixed_N = mixed_N * np.uint32(self.constant)
        return mixed_N ^ (mixed_N >> np.uint32(16))


def _start(words_4N: UInt64s) -> tuple[Halves, Halves]:
    """What PCG64 makes of its seed: where it starts, and the step that is added each time."""
    start, stream = (words_4N[0], words_4N[1]), (words_4N[2], words_4N[3])
    one = np.uint64(1)
    return start, ((stream[0] << one) | (stream[1] >> np.uint64(63)), (stream[1] << one) | one)


@lru_cache(maxsize=4)
def _jumps(count: int) -> tuple[Halves, Halves]:
    """What start and step are multiplied with in the state behind each of K numbers: M^k, and its sum so far.

    Seeding takes two steps before the first number: the start is added after the first of them.
    """
    powers, sums = [MULTIPLIER], [1 + MULTIPLIER]
    for _ in range(count):
        powers.append(powers[-1] * MULTIPLIER % WHOLE)
        sums.append((sums[-1] + powers[-1]) % WHOLE)
    return _halves(powers[1:]), _halves(sums[1:])


def _halves(numbers: list[int]) -> Halves:
    high, low = zip(*(divmod(number, HALF) for number in numbers), strict=True) if numbers else ((), ())
    return np.array(high, dtype=np.uint64), np.array(low, dtype=np.uint64)


def _at(halves: Halves, places: npt.NDArray[np.int64]) -> Halves:
    return halves[0][places], halves[1][places]


def _plus(one: Halves, other: Halves) -> Halves:
    low = one[1] + other[1]
    return one[0] + other[0] + (low < one[1]), low


def _times(one: Halves, other: Halves) -> Halves:
    return _high_half(one[1], other[1]) + one[0] * other[1] + one[1] * other[0], one[1] * other[1]


def _high_half(one: UInt64s, other: UInt64s) -> UInt64s:
    """The upper 64 bits of a product of two numbers of 64 bits, by products of 32."""
    bits, lower = np.uint64(32), np.uint64(WORD)
    a1, a0, b1, b0 = one >> bits, one & lower, other >> bits, other & lower
    first, second = a1 * b0, a0 * b1
    middle = ((a0 * b0) >> bits) + (first & lower) + (second & lower)
    high: UInt64s = a1 * b1 + (first >> bits) + (second >> bits) + (middle >> bits)
    return high
