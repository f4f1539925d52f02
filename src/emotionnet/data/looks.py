"""What pictures look like, as 256 bits."""

from __future__ import annotations

import numpy as np
import pdqhash
from PIL import Image

from emotionnet.data.images import ImageLike, decode

HASH_SIDE = 256
HASH_BITS = 256
HASH_BYTES = HASH_BITS // 8
TELLING = 50  # PDQ: the hash of a picture of lower quality, plain or blurred, tells nothing


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
