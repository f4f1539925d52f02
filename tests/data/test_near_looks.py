import numpy as np
import numpy.typing as npt
import pytest

from emotionnet.data import near_looks
from emotionnet.data.looks import HASH_BYTES
from emotionnet.data.near_looks import as_words, joined_by_nearness, near_pairs


def clustered(rng: np.random.Generator, clusters: int, size: int, flips: int) -> npt.NDArray[np.uint8]:
    """Hashes around random centres, each up to `flips` bits from its own."""
    centres = rng.integers(0, 256, (clusters, HASH_BYTES), dtype=np.uint8)
    looks_N32 = np.repeat(centres, size, axis=0)
    for row in looks_N32:
        for bit in rng.permutation(256)[: rng.integers(0, flips + 1)]:
            row[bit // 8] ^= 1 << bit % 8
    return rng.permutation(looks_N32)


def all_pairs(looks_N32: npt.NDArray[np.uint8], bits: int) -> list[list[int]]:
    """Every pair, bit by bit."""
    rows = [int.from_bytes(row.tobytes()) for row in looks_N32]
    return [
        [i, j]
        for i in range(len(rows))
        for j in range(i + 1, len(rows))
        if (rows[i] ^ rows[j]).bit_count() <= bits
    ]


@pytest.mark.parametrize("bits", [0, 1, 2, 3, 7, 20, 21, 31, 40, 64, 118, 256])
def test_pairs_are_those_that_all_with_all_finds(bits: int) -> None:
    rng = np.random.default_rng(bits)
    looks_N32 = np.concatenate([clustered(rng, 20, 8, 25), clustered(rng, 60, 2, max(bits, 1))])
    expected = all_pairs(looks_N32, bits)
    assert near_pairs(looks_N32, bits).tolist() == expected
    assert expected


@pytest.mark.parametrize("bits", [4, 20, 21, 40])
@pytest.mark.parametrize("fewer", [0, 1])
def test_a_pair_whose_differences_lie_as_badly_as_can_be_is_found(bits: int, fewer: int) -> None:
    """Two at the start of each band, in the last one what is left; and so for the bands of fewer bits."""
    starts = np.linspace(0, 256, bits // 2 + 2 - fewer).astype(int)[:-1]
    places = np.sort(np.concatenate([starts, starts + 1]))[:bits]
    rows = np.random.default_rng(0).integers(0, 2, (300, 256), dtype=np.uint8)
    rows[1] = rows[0]
    rows[1, places] ^= 1
    looks_N32 = np.packbits(rows, axis=1, bitorder="little")
    assert near_pairs(looks_N32, len(places)).tolist() == [[0, 1]]
    assert near_pairs(looks_N32, len(places) - 1).tolist() == []


def test_many_alike_are_found_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(near_looks, "_CELLS", 100)
    looks_N32 = np.zeros((150, HASH_BYTES), dtype=np.uint8)
    assert len(near_pairs(looks_N32, 0)) == 150 * 149 // 2


@pytest.mark.parametrize("n", [0, 1])
def test_no_pictures_make_no_pairs(n: int) -> None:
    assert near_pairs(np.zeros((n, HASH_BYTES), dtype=np.uint8), 20).shape == (0, 2)


@pytest.mark.parametrize("large", [0, 500, 1 << 22])
@pytest.mark.parametrize("bits", [1, 12, 20])
def test_sets_do_not_depend_on_how_buckets_are_looked_at(
    bits: int, large: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Plain pictures in one bucket, chains among them, and others apart; looked at in many parts."""
    rng = np.random.default_rng(bits)
    sparse = rng.random((400, 256)) < 0.03
    looks_N32 = np.concatenate([np.packbits(sparse, axis=1), clustered(rng, 30, 4, 10)])
    looks_N32 = np.unique(looks_N32, axis=0)
    labels = list(range(len(looks_N32)))
    for i, j in all_pairs(looks_N32, bits):
        low, high = sorted((labels[i], labels[j]))
        labels = [low if label == high else label for label in labels]
    monkeypatch.setattr(near_looks, "_LARGE", large)
    monkeypatch.setattr(near_looks, "_POSITIONS", 37)
    monkeypatch.setattr(near_looks, "_CELLS", 1000)
    assert joined_by_nearness(as_words(looks_N32), bits).smallest().tolist() == labels
    assert 1 < len(set(labels)) < len(labels)


def test_chains_are_followed_where_all_are_in_one_bucket(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each 40 bits from the one before: so few bands have so many bits that all are compared with all."""
    monkeypatch.setattr(near_looks, "_LARGE", 0)
    rng = np.random.default_rng(0)
    rows = np.repeat(rng.integers(0, 2, (10, 1, 256), dtype=np.uint8), 6, axis=1)
    for link in range(1, 6):
        rows[:, link:, 40 * link : 40 * link + 40] ^= 1
    order = rng.permutation(60)
    looks_N32 = np.packbits(rows.reshape(60, 256)[order], axis=1)
    expected = [int(np.flatnonzero(order // 6 == chain)[0]) for chain in order // 6]
    assert joined_by_nearness(as_words(looks_N32), 64).smallest().tolist() == expected
