from __future__ import annotations

import gzip
import io

import pytest
from PIL import Image

from emotionnet.apps.bench.faults import BOMB_SIDE, KINDS, UNPACKED, Asked, gzip_bomb, picture, pixel_bomb

ASKED = Asked(
    number=7, nth=1, host="127.0.0.3:80", path="/some/7.jpg", traps={"127.0.0.1": 81, "127.0.0.2": 82}
)


def test_pictures_have_the_size_of_the_web_and_differ_in_their_pixels() -> None:
    files = [picture(number) for number in (0, 1, 2, 3, 2**24 - 1)]
    assert all(18_000 < len(file) < 24_000 for file in files)
    pixels = {Image.open(io.BytesIO(file)).convert("RGB").tobytes() for file in files}
    assert len(pixels) == len(files)
    assert picture(3) == files[3]
    assert Image.open(io.BytesIO(files[0])).size == (256, 256)


def test_bombs_are_small_files() -> None:
    assert max(len(gzip_bomb()), len(pixel_bomb())) < 1e5
    assert len(gzip.decompress(gzip_bomb())) == UNPACKED
    head = pixel_bomb()[16:24]
    assert (int.from_bytes(head[:4]), int.from_bytes(head[4:])) == (BOMB_SIDE, BOMB_SIDE)


@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"silent", "huge", "hugechunks"}))
def test_bodies_have_the_length_that_is_claimed_unless_they_are_cut(kind: str) -> None:
    reply = KINDS[kind](ASKED)
    assert reply is not None
    body = b"".join(reply.pieces)
    assert reply.length is None or (len(body) < reply.length) == reply.cut
    assert len(body) <= (reply.length or len(body))


def test_some_answers_are_right_the_third_time() -> None:
    for kind, status in (("again", 500), ("busy", 503), ("limited", 429)):
        replies = [KINDS[kind](Asked(7, nth, "", "", {})) for nth in (1, 2, 3)]
        assert [reply.status for reply in replies if reply] == [status, status, 200]


def test_a_chain_ends_and_a_loop_does_not() -> None:
    chain = [
        KINDS["chain"](Asked(7, 1, "h", f"/chain/7.jpg{end}", {}))
        for end in ("", "?hop=1", "?hop=2", "?hop=3")
    ]
    places = [dict(reply.headers).get("Location") for reply in chain if reply]
    assert places == ["/chain/7.jpg?hop=1", "http://h/chain/7.jpg?hop=2", "/chain/7.jpg?hop=3", None]
    path = "/loop/7.jpg"
    for _ in range(4):
        reply = KINDS["loop"](Asked(7, 1, "h", path, {}))
        assert reply is not None
        path = dict(reply.headers)["Location"]
    assert path == "/loop/7.jpg?b"
