"""Bodies of requests, read piece by piece within limits; nothing of them is written to disk."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header
from starlette.requests import Request

from emotionnet.apps.serve.bodies import Budget, Share, too_large
from emotionnet.apps.serve.errors import RefusedError
from emotionnet.apps.serve.forms import Form, Pieces, Received, Upload, malformed
from emotionnet.apps.serve.limits import Limits


@asynccontextmanager
async def received(request: Request, limits: Limits, budget: Budget) -> AsyncIterator[Received]:
    """Read a form with files, or a body that is one picture; its bytes count until the block ends.

    Raises:
        RefusedError: It is of another type, too large, too slow or malformed.
        BusyError: There is no room for it now.
    """
    with budget.share() as share:
        yield await _read(request, limits, share)


async def read_json_body(request: Request, limits: Limits, budget: Budget) -> bytes:
    """The body of a request that is to be JSON; its bytes count while it comes in.

    Raises:
        RefusedError: It is of another type, too large or too slow.
        BusyError: There is no room for it now.
    """
    kind = _media_type(request)[0]
    if kind != b"application/json":
        raise RefusedError(415, "unsupported_media_type", "the body must be application/json")
    with budget.share() as share:
        return await _whole(request, limits.json_bytes, share)


async def _read(request: Request, limits: Limits, share: Share) -> Received:
    kind, options = _media_type(request)
    if kind == b"multipart/form-data":
        return await _read_form(request, options.get(b"boundary", b""), limits, share)
    if not kind.startswith(b"image/") and kind != b"application/octet-stream":
        raise RefusedError(
            415,
            "unsupported_media_type",
            "the body must be a picture (image/*, application/octet-stream) or a form (multipart/form-data)",
        )
    return Received((Upload("picture", await _whole(request, limits.file_bytes, share)),))


async def _read_form(request: Request, boundary: bytes, limits: Limits, share: Share) -> Received:
    form = Form(limits)
    parser = form.parser(boundary)
    async for chunk in _chunks(request, limits.request_bytes):
        share.take(len(chunk))
        try:
            parser.write(chunk)
        except FormParserError:
            raise malformed() from None
    return form.received()


async def _whole(request: Request, most: int, share: Share) -> bytes:
    content = Pieces()
    async for chunk in _chunks(request, most):
        share.take(len(chunk))
        content.add(chunk)
    return content.whole()


def _media_type(request: Request) -> tuple[bytes, dict[bytes, bytes]]:
    return parse_options_header(request.headers.get("content-type", ""))


async def _chunks(request: Request, most: int) -> AsyncIterator[bytes]:
    """The body in pieces; it may be announced larger than it is, and be larger than announced."""
    told = request.headers.get("content-length", "")
    if told.isdecimal() and int(told[:20]) > most:
        raise too_large(most)
    count = 0
    async for chunk in request.stream():
        count += len(chunk)
        if count > most:
            raise too_large(most)
        yield chunk
