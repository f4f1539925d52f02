"""Bodies of requests: forms against Starlette's own reader, then limits."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import httpx
import pytest
from starlette.requests import Request

from emotionnet.apps.serve.bodies import BoundedBodies, Budget
from emotionnet.apps.serve.errors import BusyError, RefusedError
from emotionnet.apps.serve.forms import Received, Upload, clean_name
from emotionnet.apps.serve.limits import Limits
from emotionnet.apps.serve.uploads import read_json_body, received

Headers = dict[str, str]


def request(chunks: Sequence[bytes], headers: Headers, *, pause: float = 0) -> Request:
    waiting = list(chunks)

    async def receive() -> dict[str, Any]:
        await asyncio.sleep(pause)
        body = waiting.pop(0) if waiting else b""
        return {"type": "http.request", "body": body, "more_body": bool(waiting)}

    raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "method": "POST", "path": "/", "headers": raw}, receive)


def read(body: bytes, headers: Headers, limits: Limits = Limits(), *, piece: int = 1000) -> Received:  # noqa: B008
    chunks = [body[start : start + piece] for start in range(0, len(body), piece)]

    async def whole() -> Received:
        async with received(request(chunks, headers), limits, Budget(limits.bytes_at_once)) as found:
            return found

    return asyncio.run(whole())


def form(files: list[tuple[str, tuple[str, bytes]]], fields: dict[str, str]) -> tuple[bytes, Headers]:
    made = httpx.Request("POST", "http://x", files=files, data=fields)
    return made.read(), {"content-type": made.headers["content-type"]}


FILES = [
    ("files", ("a.png", b"one\r\n--two\r\n" + bytes(range(256)) * 9)),
    ("files", ("ä b.png", b"")),
    ("other", ("../../etc/passwd", b"\r\n\r\n--")),
]


@pytest.mark.parametrize("piece", [1, 7, 100_000])
def test_a_form_is_read_as_starlette_reads_it(piece: int) -> None:
    body, headers = form(FILES, {"q": "serene lonely", "k": "3"})
    found = read(body, headers, piece=piece)

    async def theirs() -> list[tuple[str, Any]]:
        fields = await request([body], headers).form()
        items = fields.multi_items()
        told = [(name, value if isinstance(value, str) else await value.read()) for name, value in items]
        await fields.close()
        return told

    mine = [(name, value) for name, values in found.fields.items() for value in values]
    known = asyncio.run(theirs())
    assert mine == [(name, value) for name, value in known if isinstance(value, str)]
    contents = [value for _, value in known if isinstance(value, bytes)]
    names = ["a.png", "ä b.png", "passwd"]
    assert found.uploads == tuple(map(Upload, names, contents))


@pytest.mark.parametrize("kind", ["image/png", "application/octet-stream", "image/anything; x=y"])
def test_a_body_can_be_one_picture_as_it_is(kind: str) -> None:
    assert read(b"picture" * 1000, {"content-type": kind}).file == Upload("picture", b"picture" * 1000)


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("C:\\pictures\\me.png", "me.png"),
        ("/etc/passwd", "passwd"),
        ("a\0b\r\n\x1b[31m\u202ec.png", "ab[31mc.png"),
        ("..", ".."),
        ("x" * 300, "x" * 200),
        ("", "?"),
        ("folder/", "?"),
        (" \t", "?"),
    ],
)
def test_names_are_shown_without_folders_and_without_what_no_screen_shows(given: str, shown: str) -> None:
    assert clean_name(given, default="?") == shown


def refused(body: bytes, headers: Headers, **limits: int) -> tuple[int, str, str]:
    with pytest.raises(RefusedError) as error:
        read(body, headers, Limits(**limits)).files  # noqa: B018
    return error.value.status, error.value.code, str(error.value)


TYPES = "the body must be a picture (image/*, application/octet-stream) or a form (multipart/form-data)"
MALFORMED = (400, "malformed_form", "the body must be a whole form (multipart/form-data)")


@pytest.mark.parametrize("kind", ["text/plain", "application/json", "", "multipart/mixed", "\0"])
def test_bodies_of_other_types_are_refused(kind: str) -> None:
    assert refused(b"x", {"content-type": kind}) == (415, "unsupported_media_type", TYPES)


def test_malformed_forms_are_refused() -> None:
    body, headers = form(FILES, {"k": "1"})
    whole = headers["content-type"]
    for broken in (body[: len(body) // 2], body[:-6], body[3:], b"", b"--"):
        assert refused(broken, headers) == MALFORMED
    assert refused(body.replace(b"name=", b"game="), headers) == MALFORMED
    for kind in ("multipart/form-data", "multipart/form-data; boundary=", whole[:-4], whole + "x" * 300):
        assert refused(body, {"content-type": kind}) == MALFORMED


def test_a_form_without_a_file_is_refused() -> None:
    body, headers = fields_form({"files": "text"})
    said = "the form must have at least one file; it has none"
    assert refused(body, headers) == (400, "no_picture", said)


def fields_form(fields: dict[str, str]) -> tuple[bytes, Headers]:
    """One without a file."""
    parts = [
        f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    ]
    return "".join([*parts, "--b--\r\n"]).encode(), {"content-type": "multipart/form-data; boundary=b"}


def test_one_file_is_asked_for() -> None:
    body, headers = form(FILES, {})
    with pytest.raises(RefusedError, match="the form must have one file; got 3"):
        read(body, headers).file  # noqa: B018


def test_what_is_too_large_is_refused_whatever_it_says_of_itself() -> None:
    kind = {"content-type": "image/png"}
    said = (413, "too_large", "must have at most 1,000 bytes")
    assert refused(b"x" * 1001, kind, file_bytes=1000) == said
    assert refused(b"x", {**kind, "content-length": str(2**25 + 1)})[2] == "must have at most 32 MiB"
    assert refused(b"x", {**kind, "content-length": "1001"}, file_bytes=1000) == said
    assert refused(b"x" * 2000, {**kind, "content-length": "9"}, file_bytes=1000) == said
    assert refused(b"x", {**kind, "content-length": "9" * 5000}, file_bytes=1000) == said
    body, headers = form([("files", ("a.png", b"x" * 1001))], {})
    assert refused(body, headers, file_bytes=1000) == (413, "too_large", f"a.png: {said[2]}")
    assert refused(body, headers, request_bytes=1000) == said
    body, headers = fields_form({"q": "x" * 1001})
    assert refused(body, headers, field_bytes=1000) == (413, "too_large", f"field q: {said[2]}")


def test_too_many_parts_are_refused() -> None:
    body, headers = form([("files", ("a.png", b"x"))] * 3, {})
    assert refused(body, headers, files=2) == (400, "too_many_files", "at most 2 files may come at once")
    body, headers = fields_form({str(number): "" for number in range(3)})
    assert refused(body, headers, fields=2) == (413, "too_large", "a form must have at most 2 fields")


def test_all_requests_share_the_bytes_that_the_server_holds() -> None:
    limits = Limits()

    async def ask() -> None:
        budget, kind = Budget(1000), {"content-type": "image/png"}
        async with received(request([b"x" * 600], kind), limits, budget):
            with pytest.raises(BusyError):
                async with received(request([b"x" * 200] * 3, kind), limits, budget):
                    pass
            async with received(request([b"x" * 400], kind), limits, budget):
                pass
        async with received(request([b"x" * 1000], kind), limits, budget):
            pass

    asyncio.run(ask())


def test_json_is_read_within_its_own_limit() -> None:
    kind = {"content-type": "application/json; charset=utf-8"}
    budget = Budget(12)
    assert asyncio.run(read_json_body(request([b"{", b"}"], kind), Limits(), budget)) == b"{}"
    with pytest.raises(RefusedError, match="must have at most 10 bytes"):
        asyncio.run(read_json_body(request([b"x" * 11], kind), Limits(json_bytes=10), budget))
    with pytest.raises(RefusedError, match="the body must be application/json"):
        asyncio.run(read_json_body(request([b"{}"], {"content-type": "text/plain"}), Limits(), budget))
    with budget.share() as other:
        other.take(11)
        with pytest.raises(BusyError):
            asyncio.run(read_json_body(request([b"{}"], kind), Limits(), budget))
    budget.take(12)  # all of it is there again


def test_a_slow_or_endless_body_ends_whoever_reads_it() -> None:
    async def app(scope: Any, receive: Any, _send: Any) -> None:
        while (await receive())["more_body"]:
            pass

    async def ask(chunks: list[bytes], pause: float, limits: Limits) -> None:
        one = request(chunks, {}, pause=pause)
        await BoundedBodies(app, limits=limits)(one.scope, one.receive, one._send)

    asyncio.run(ask([b"x"] * 9, 0, Limits(request_bytes=9)))
    with pytest.raises(RefusedError, match=r"^the body must arrive within 0\.05 s$") as slow:
        asyncio.run(ask([b"x"] * 9, 0.01, Limits(body_seconds=0.05)))
    assert slow.value.status == 408
    with pytest.raises(RefusedError, match="must have at most"):
        asyncio.run(ask([b"x"] * 9, 0, Limits(request_bytes=8)))
