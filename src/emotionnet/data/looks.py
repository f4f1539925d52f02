"""What pictures look like, as 256 bits, and which of many look alike.

Shape letters: N = pictures, W = 64-bit words of a hash (4).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pdqhash
from PIL import Image

from emotionnet.data.images import ImageLike, decode

HASH_SIDE = 256
HASH_BITS = 256
HASH_BYTES = HASH_BITS // 8
TELLING = 50  # PDQ: the hash of a picture of lower quality, plain or blurred, tells nothing
_BLOCK = 512


def look(source: ImageLike) -> bytes:
    """The PDQ hash of a picture: 256 bits in 32 bytes, alike for pictures that look alike.

    PDQ (Facebook 2019, "The TMK+PDQF video-hashing algorithm and the PDQ image-hashing
    algorithm") keeps the signs of the 16 x 16 lowest frequencies of the brightness: it
    knows shapes, not colours.

    Raises:
        DataError: The picture cannot be decoded.
    """
    return look_and_quality(source)[0]


def look_and_quality(source: ImageLike) -> tuple[bytes, int]:
    """The PDQ hash, and how much it tells: 0 to 100; see `TELLING`.

    Raises:
        DataError: The picture cannot be decoded.
    """
    image = decode(source).resize((HASH_SIDE, HASH_SIDE), Image.Resampling.BILINEAR)
    bits, quality = pdqhash.compute(np.asarray(image))
    return np.packbits(bits.astype(np.uint8)).tobytes(), int(quality)


def near_pairs(
    looks_N32: npt.NDArray[np.uint8], bits: int, places_N: npt.NDArray[np.int64]
) -> list[tuple[int, int]]:
    """Pairs of pictures in two places whose hashes differ in at most `bits` bits; all of them, and no others.

    Not all are compared with all: of `bits` + 1 bands of a hash one at least is the same in both pictures of
    a pair, so that only pictures with a band in common are compared.

    Args:
        looks_N32: Hashes; uint8, shape (N, 32).
        bits: The largest Hamming distance, 0 to 127.
        places_N: Where each picture is, as a number; int64, shape (N,). Pictures of one place make no pair.

    Returns:
        (i, j) with i < j, in order.
    """
    words_NW = np.ascontiguousarray(looks_N32).view(np.uint64)
    bits_NB = np.unpackbits(looks_N32, axis=1)
    found: set[tuple[int, int]] = set()
    for band_NB in np.array_split(bits_NB, bits + 1, axis=1):
        for members in _buckets(band_NB):
            found.update(_close(words_NW, members, bits, places_N))
    return sorted(found)


def _buckets(band_NB: npt.NDArray[np.uint8]) -> Iterator[npt.NDArray[np.int64]]:
    """The pictures that share a band, in order, wherever there are two or more."""
    keys_NB = np.ascontiguousarray(np.packbits(band_NB, axis=1))
    _, bucket_N = np.unique(keys_NB, axis=0, return_inverse=True)
    order = np.argsort(bucket_N, kind="stable")
    ends = np.flatnonzero(np.diff(bucket_N[order])) + 1
    yield from (members for members in np.split(order, ends) if len(members) > 1)


def _close(
    words_NW: npt.NDArray[np.uint64],
    members: npt.NDArray[np.int64],
    bits: int,
    places_N: npt.NDArray[np.int64],
) -> Iterator[tuple[int, int]]:
    """Half of a hash is compared first: hardly a pair that is not near gets further."""
    for start in range(0, len(members), _BLOCK):
        ours, theirs = members[start : start + _BLOCK], members[start:]
        half = np.bitwise_count(words_NW[ours, None, 0] ^ words_NW[None, theirs, 0])
        half += np.bitwise_count(words_NW[ours, None, 1] ^ words_NW[None, theirs, 1])
        alike = np.triu(half <= bits, k=1)
        alike &= places_N[ours, None] != places_N[None, theirs]
        row, column = np.nonzero(alike)
        i, j = ours[row], theirs[column]
        near = np.bitwise_count(words_NW[i] ^ words_NW[j]).sum(axis=1, dtype=np.uint16) <= bits
        yield from zip(i[near].tolist(), j[near].tolist(), strict=True)
