from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from emotionnet.curation.duplicates import look_alikes
from emotionnet.data.looks import look


def hashed(*bits: int) -> bytes:
    """A hash in which only the bits with these numbers are set."""
    return np.packbits(np.isin(np.arange(256), bits).astype(np.uint8)).tobytes()


@pytest.mark.parametrize("bits", [0, 1, 12, 20, 40, 118])
@pytest.mark.parametrize("sources", [None, 1, 3, 150])
def test_sets_are_those_of_a_slow_comparison(bits: int, sources: int | None) -> None:
    """Copies of copies, each some bits from the one it was made of, in places of their own."""
    rng = np.random.default_rng(bits)
    bits_NB = rng.integers(0, 2, (300, 256))
    for row in range(100, 300):
        bits_NB[row] = bits_NB[rng.integers(row)]
        bits_NB[row, rng.permutation(256)[: rng.integers(0, bits + 3)]] ^= 1
    bits_NB = rng.permutation(bits_NB)
    within_N = None if sources is None else rng.integers(0, sources, 300)
    near_NN = bits_NB @ (1 - bits_NB).T + (1 - bits_NB) @ bits_NB.T <= bits
    if within_N is not None:
        near_NN &= within_N[:, None] == within_N
    expected = np.arange(300)
    for _ in range(300):  # the smallest number spreads from neighbour to neighbour
        expected = np.where(near_NN, expected, 300).min(axis=1)
    looks_N32 = np.packbits(bits_NB.astype(np.uint8), axis=1)
    assert look_alikes(looks_N32, bits, within_N=within_N).tolist() == expected.tolist()
    assert len(set(expected.tolist())) < 300 or sources == 150


@pytest.mark.parametrize("n", [0, 1])
def test_nothing_or_one_hangs_together_with_itself(n: int) -> None:
    looks_N32 = np.zeros((n, 32), dtype=np.uint8)
    assert look_alikes(looks_N32, 20).tolist() == list(range(n))
    assert look_alikes(looks_N32, 20, within_N=np.zeros(n, dtype=np.int64)).tolist() == list(range(n))


def test_look_alikes_of_one_source_hang_together_in_chains() -> None:
    looks = (hashed(1, 2), hashed(9, 10), hashed(1, 2, 3), hashed(1, 2), hashed(1, 2, 3, 4))
    looks_N32 = np.frombuffer(b"".join(looks), dtype=np.uint8).reshape(-1, 32)
    sources_N = np.array([0, 0, 0, 1, 0])
    assert look_alikes(looks_N32, 1, within_N=sources_N).tolist() == [0, 1, 0, 3, 0]
    assert look_alikes(looks_N32, 0, within_N=sources_N).tolist() == [0, 1, 2, 3, 4]
    assert look_alikes(looks_N32, 0).tolist() == [0, 1, 2, 0, 4]


def test_a_recoloured_picture_looks_alike_and_a_mirrored_scene_does_not(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    blocks = np.kron(rng.integers(0, 2, size=(8, 8)), np.ones((8, 8))).astype(np.uint8)
    paths = [tmp_path / f"{name}.png" for name in ("red", "blue", "mirrored")]
    for path, pattern, colour in zip(
        paths, (blocks, blocks, blocks[:, ::-1]), ((250, 60, 60), (60, 90, 250), (250, 60, 60)), strict=True
    ):
        Image.fromarray(pattern[..., None] * np.array(colour, dtype=np.uint8)).save(path)
    red, blue, mirrored = (np.frombuffer(look(path), dtype=np.uint64) for path in paths)
    assert np.bitwise_count(red ^ blue).sum() <= 4
    assert np.bitwise_count(red ^ mirrored).sum() > 60
