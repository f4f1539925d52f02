"""What a server refuses, in one form: {"error": {"code", "message", "details"}}. No paths, no internals.

A browser that comes to the page itself gets the same as a page.
"""

from __future__ import annotations

import json
import math
import secrets
import sys
import traceback
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from emotionnet.apps.serve.look import template
from emotionnet.progress import message as tell
from emotionnet.records import DataError

Handler = Callable[[Request, Exception], Awaitable[JSONResponse]]

CODES = {400: "bad_request", 404: "not_found", 405: "method_not_allowed", 422: "invalid"}


class RefusedError(DataError):
    """A request that is refused, and why, for a program and for a person.

    Args:
        status: HTTP's.
        code: A word that stays the same.
        faults: As for `DataError`.
        details: One for each part of the request that is at fault, where several may be.
    """

    def __init__(
        self, status: int, code: str, faults: str | Sequence[str], *, details: Sequence[dict[str, str]] = ()
    ) -> None:
        super().__init__(faults)
        self.status, self.code, self.details = status, code, tuple(details)

    def again(self) -> RefusedError:
        """The same without traces of where it arose: they hold the picture until the next collection."""
        return RefusedError(self.status, self.code, self.faults, details=self.details)


class NotHereError(RefusedError):
    """What is asked for is not there."""

    def __init__(self, code: str, fault: str) -> None:
        super().__init__(404, code, fault)


class BusyError(Exception):
    """There is more to do than may wait; it is worth another try after some seconds."""

    def __init__(self, seconds: float) -> None:
        super().__init__("the server is busy")
        self.retry_after = max(1, min(60, math.ceil(seconds)))


def error_reply(
    status: int,
    code: str,
    message: str,
    *,
    details: Sequence[Any] = (),
    headers: dict[str, str] | None = None,
) -> JSONResponse:
    """The one form of an error."""
    error: dict[str, Any] = {"code": code, "message": message}
    if details:
        error["details"] = list(details)
    return JSONResponse({"error": error}, status_code=status, headers=headers)


def answer_faults(app: FastAPI) -> None:
    """Let an app answer faults of the caller, and of its own, in that form."""
    handlers: dict[type[Exception], Handler] = {
        DataError: _data_error,
        BusyError: _busy,
        TimeoutError: _timeout,
        RequestValidationError: _invalid,
        HTTPException: _http,
        ClientDisconnect: _gone,
    }
    for kind, handler in handlers.items():
        app.add_exception_handler(kind, _readable(handler))


def for_reader(reply: JSONResponse, path: str) -> Response:
    """An error as it is for programs, and as a page where the address is a person's."""
    if path != "/":
        return reply
    said = json.loads(bytes(reply.body))["error"]["message"]
    headers = {name: value for name, value in reply.headers.items() if not name.startswith("content-")}
    page = template("refused.html.j2").render(lines=said.splitlines())
    return HTMLResponse(page, status_code=reply.status_code, headers=headers)


def _readable(handler: Handler) -> Callable[[Request, Exception], Awaitable[Response]]:
    async def answer(request: Request, error: Exception) -> Response:
        return for_reader(await handler(request, error), request.url.path)

    return answer


async def _data_error(_request: Request, error: Exception) -> JSONResponse:
    faults = error.faults if isinstance(error, DataError) else ()
    if isinstance(error, RefusedError):
        headers = {"Connection": "close"} if error.status == 408 else {}  # or the rest drips in for ever
        return error_reply(
            error.status, error.code, "\n".join(faults), details=error.details, headers=headers
        )
    return error_reply(422, "invalid", "\n".join(faults))


async def _busy(_request: Request, error: Exception) -> JSONResponse:
    seconds = error.retry_after if isinstance(error, BusyError) else 1
    return error_reply(
        429,
        "busy",
        f"the server has as much to do as may wait; try again in {seconds} s",
        headers={"Retry-After": str(seconds)},
    )


async def _timeout(_request: Request, _error: Exception) -> JSONResponse:
    return error_reply(
        503, "too_slow", "the server could not do this in time; try again", headers={"Retry-After": "5"}
    )


async def _invalid(_request: Request, error: Exception) -> JSONResponse:
    found = error.errors() if isinstance(error, RequestValidationError) else []
    details = [{"where": ".".join(map(str, one["loc"])), "message": str(one["msg"])} for one in found]
    said = "; ".join(": ".join(filter(None, one.values())) for one in details[:5])
    return error_reply(422, "invalid", said[:1000], details=details[:20])


async def _http(_request: Request, error: Exception) -> JSONResponse:
    status = error.status_code if isinstance(error, HTTPException) else 500
    said = {404: "there is nothing at this address", 405: "this address takes other methods"}
    headers = dict(error.headers or {}) if isinstance(error, HTTPException) else {}
    return error_reply(
        status, CODES.get(status, "refused"), said.get(status, "the request is refused"), headers=headers
    )


async def _gone(_request: Request, _error: Exception) -> JSONResponse:
    return error_reply(400, "bad_request", "the connection ended before the request did")


class OwnFaults:
    """An app whose own faults are answered: their trace goes to standard error, its number to the client."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = False

        async def send_and_note(message: Message) -> None:
            nonlocal begun
            begun = begun or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, send_and_note)
        except Exception as error:  # whatever it is: a traceback is no answer
            number = secrets.token_hex(4)
            tell(f"fault {number}: {type(error).__name__}")
            traceback.print_exception(error, file=sys.stderr)
            if scope["type"] != "http" or begun:
                raise
            answer = error_reply(500, "internal", f"the server failed; its log tells more under {number}")
            await answer(scope, receive, send)
