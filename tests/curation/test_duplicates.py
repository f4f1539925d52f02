from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image

from emotionnet.curation.duplicates import close_pairs, merge_look_alikes
from emotionnet.data.looks import look


def hashed(*bits: int) -> bytes:
    """A hash in which only the bits with these numbers are set."""
    return np.packbits(np.isin(np.arange(256), bits).astype(np.uint8)).tobytes()


def table(*rows: tuple[str, str, bytes | None]) -> pl.DataFrame:
    schema = {"source": pl.String, "group": pl.String, "look": pl.Binary}
    return pl.DataFrame(rows, schema=schema, orient="row")


@pytest.mark.parametrize("bits", [0, 100, 118, 256])
def test_pairs_are_those_of_a_slow_comparison(bits: int) -> None:
    rng = np.random.default_rng(0)
    looks_N32 = rng.integers(0, 256, size=(600, 32), dtype=np.uint8)  # more than one block
    looks_N32[599] = looks_N32[3]
    unpacked = np.unpackbits(looks_N32, axis=1).astype(np.int16)
    distance_NN = unpacked @ (1 - unpacked).T + (1 - unpacked) @ unpacked.T
    expected = [(i, j) for i in range(600) for j in range(i + 1, 600) if distance_NN[i, j] <= bits]
    assert list(close_pairs(looks_N32, bits)) == expected
    assert (3, 599) in expected


def test_no_pictures_have_no_pairs() -> None:
    assert list(close_pairs(np.empty((0, 32), dtype=np.uint8), 256)) == []


def test_look_alikes_of_one_source_join_their_groups_in_chains() -> None:
    rows = table(
        ("oil", "c", hashed(1, 2)),
        ("oil", "b", hashed(1, 2, 3)),
        ("oil", "a", hashed(1, 2, 3, 4)),
        ("oil", "d", hashed(9, 10)),
        ("ink", "e", hashed(1, 2)),  # as c, but of another source
        ("ink", "c", None),  # not seen, but of the group c
    )
    assert merge_look_alikes(rows, 1)["group"].to_list() == ["a", "a", "a", "d", "e", "a"]
    assert merge_look_alikes(rows, 0)["group"].to_list() == rows["group"].to_list()


def test_nothing_that_was_seen_is_no_fault() -> None:
    assert merge_look_alikes(table(("oil", "a", None)), 20)["group"].to_list() == ["a"]
    assert merge_look_alikes(table(), 20).height == 0


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
