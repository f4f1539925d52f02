"""Who may ask: by the name of the host, by a token, and not from the pages of other sites.

A page of another site can let a browser send requests to this machine, also under a name of its own that it
lets point here (DNS rebinding). So a server on the loopback answers to the names of the loopback alone, and
one that others can reach asks for a token.
"""

from __future__ import annotations

import hashlib
import hmac
from http.cookies import CookieError, SimpleCookie
from urllib.parse import unquote

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from emotionnet.apps.serve.errors import error_reply, for_reader
from emotionnet.data.addresses import is_loopback

COOKIE = "emotionnet"
OPEN = frozenset({"/healthz", "/readyz"})  # without token
LOOKS = "/static/"  # neither: they are the same everywhere, and a refusal looks like the page
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class Gate:
    """What every request passes, and every answer.

    Args:
        app: What lies behind it.
        token: What a request must show; None: only the names of the loopback are answered to.
    """

    def __init__(self, app: ASGIApp, *, token: str | None) -> None:
        self._app = app
        self._token = None if token is None else token.encode()
        self._cookie = None if self._token is None else cookie_value(self._token)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        answer = self._answer(scope)
        if isinstance(answer, JSONResponse):
            answer = for_reader(answer, scope["path"])
        await (answer or self._app)(scope, receive, send_with_headers)

    def _answer(self, scope: Scope) -> Response | None:
        """What is answered here; None: the request may pass."""
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if self._token is None and not is_loopback(_host_name(host)):
            return error_reply(403, "other_host", "the address must name this machine, such as 127.0.0.1")
        if _is_foreign(scope["method"], headers, host):
            return error_reply(403, "cross_site", "pages of other sites may not ask")
        if self._token is None or scope["path"] in OPEN or scope["path"].startswith(LOOKS):
            return None
        return self._without_token(scope, headers)

    def _without_token(self, scope: Scope, headers: Headers) -> Response | None:
        given = _token_of(scope["query_string"].decode("latin-1"))
        if scope["path"] == "/" and scope["method"] == "GET" and self._is_token(given.encode()):
            return self._welcome()
        kind, _, given = headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer" and self._is_token(given.strip().encode("latin-1", "replace")):
            return None
        if self._has_cookie(headers):
            return None
        return error_reply(
            401,
            "no_token",
            "a token is needed: Authorization: Bearer TOKEN, or the address that the server printed",
            headers={"WWW-Authenticate": "Bearer"},
        )

    def _welcome(self) -> Response:
        """To the page, without the token in the address."""
        answer = Response(status_code=303, headers={"Location": "/"})
        answer.set_cookie(COOKIE, self._cookie or "", httponly=True, samesite="strict", path="/")
        return answer

    def _is_token(self, given: bytes) -> bool:
        return self._token is not None and hmac.compare_digest(given, self._token)

    def _has_cookie(self, headers: Headers) -> bool:
        try:
            found = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
        except CookieError:
            return False
        given = "" if found is None else found.value
        return hmac.compare_digest(given.encode("utf-8", "replace"), (self._cookie or " ").encode())


def cookie_value(token: bytes) -> str:
    """What the browser keeps in place of the token, which goes to every port of the same machine."""
    return hmac.new(token, b"emotionnet page", hashlib.sha256).hexdigest()


def _host_name(host: str) -> str:
    """Without the port, and an address of IPv6 without its brackets."""
    name, colon, port = host.rpartition(":")
    name = name if colon and port.isdecimal() else host
    return name[1:-1] if name.startswith("[") and name.endswith("]") else name.lower()


def _token_of(query: str) -> str:
    """The token in an address; a plus in it is one, as people paste it."""
    given = (part.removeprefix("token=") for part in query.split("&") if part.startswith("token="))
    return unquote(next(given, ""))


def _is_foreign(method: str, headers: Headers, host: str) -> bool:
    """Whether a browser says that a page of another site asks; no browser, no such header."""
    site = headers.get("sec-fetch-site")
    if method in SAFE:
        return site == "cross-site" and headers.get("sec-fetch-mode") != "navigate"
    if site is not None and site not in ("same-origin", "none"):
        return True
    origin = headers.get("origin")
    return origin is not None and origin.lower().partition("://")[2] != host.lower()
