"""One request, under all limits: whose turn it is, which addresses, how long, how much, how slowly."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from importlib import metadata

import aiohttp

from emotionnet.config import DownloadConfig
from emotionnet.curation.download.connecting import Addresses, Fenced, allow_many, new_session
from emotionnet.curation.download.hosts import Host, Hosts
from emotionnet.curation.download.lost import Lost
from emotionnet.curation.download.places import Place


class Answer:
    """The head of a response, whose body is read only when it is wanted."""

    def __init__(
        self, response: aiohttp.ClientResponse, config: DownloadConfig, limit: asyncio.Timeout
    ) -> None:
        self.status, self.headers = response.status, response.headers
        self._response, self._config, self._limit = response, config, limit

    async def body(self, most: int, *, whole: bool = True) -> bytes:
        """Read the body; from then on no time limit holds.

        Args:
            most: Bytes.
            whole: Whether a longer body is a fault; else its beginning is all that is read.

        Raises:
            Lost: It is longer, packed, cut off, or comes too slowly.
        """
        if self.headers.get("Content-Encoding", "identity").strip().lower() not in ("", "identity"):
            raise Lost("packed body", self.headers["Content-Encoding"], status=self.status)
        claimed = self._response.content_length or 0
        if whole and claimed > most:
            raise Lost("too large", f"{claimed} bytes", status=self.status)
        pieces, size = [], 0
        async for piece in self._pieces():
            pieces.append(piece)
            size += len(piece)
            if size > most:
                break
        if whole and size > most:
            raise Lost("too large", f"more than {most} bytes", status=self.status)
        self._limit.reschedule(None)
        return b"".join(pieces)[:most]

    async def _pieces(self) -> AsyncIterator[bytes]:
        """What comes, as long as it comes fast enough."""
        clock, stream = asyncio.get_running_loop().time, self._response.content
        window, rate = self._config.rate_window, self._config.min_rate
        end, came = clock() + window, 0
        while True:
            try:
                async with asyncio.timeout_at(end if rate else None):
                    with faults():
                        piece: bytes | None = await stream.readany()
            except TimeoutError:
                piece = None
            if piece == b"":
                return
            came += len(piece or b"")
            if rate and clock() >= end:
                if came < rate * window:
                    detail = f"{came / window:.0f} bytes/s"
                    raise Lost("too slow", detail, passing=True, status=self.status)
                end, came = clock() + window, 0
            if piece:
                yield piece


class Web:
    """Makes requests. Use it as an asynchronous context."""

    def __init__(self, config: DownloadConfig) -> None:
        self.hosts = Hosts(
            config.per_host, config.delay, together=config.connections, down_after=config.down_after
        )
        self._config = config
        self._addresses = Addresses(config.allow)
        contact = f" (+{config.contact})" if config.contact else ""
        self._session = new_session(
            self._addresses, f"{config.user_agent}/{metadata.version('emotionnet')}{contact}"
        )

    async def __aenter__(self) -> Web:
        allow_many(self._config.connections)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    @contextlib.asynccontextmanager
    async def asked(self, place: Place) -> AsyncIterator[Answer]:
        """Ask for a URL when it is the host's turn; within the block that turn lasts.

        Raises:
            Lost: There was no answer, the host is down, or the address may not be asked; from the block too.
        """
        self._addresses.require(place.host)
        host = self.hosts.of(place.queue)
        if host.is_down:
            raise Lost("host down", f"no answer for {self._config.down_after:g} s")
        async with host.turn():
            try:
                async with asyncio.timeout(self._config.timeout) as limit:
                    response = await self._response(place, host)
                    try:
                        yield Answer(response, self._config, limit)
                    except BaseException:
                        response.close()
                        raise
                    response.release()
            except TimeoutError:
                raise Lost("time-out", passing=True) from None

    async def _response(self, place: Place, host: Host) -> aiohttp.ClientResponse:
        """The head of a response, and the host is told whether it came."""
        try:
            with faults():
                response = await self._session.get(place.url, allow_redirects=False)
        except asyncio.CancelledError:  # its time is over
            host.was_silent()
            raise
        except Lost as lost:
            if lost.passing:
                host.was_silent()
            raise
        host.answered()
        return response


@contextlib.contextmanager
def faults() -> Iterator[None]:
    """Whatever can happen to a request, as what is lost."""
    try:
        yield
    except aiohttp.ClientConnectorDNSError as error:
        again = isinstance(error.os_error, socket.gaierror) and error.os_error.errno == socket.EAI_AGAIN
        raise Lost("host not found", str(error.os_error), passing=again) from None
    except aiohttp.InvalidURL as error:
        raise Lost("not a URL", str(error)) from None
    except aiohttp.ClientSSLError as error:
        raise Lost("certificate", str(error)) from None
    except aiohttp.ClientPayloadError as error:
        raise Lost("cut off", str(error), passing=True) from None
    except aiohttp.ClientResponseError as error:
        raise Lost("no HTTP", error.message) from None
    except ValueError as error:  # of a header that is none
        raise Lost("no HTTP", str(error)) from None
    except (aiohttp.ClientError, OSError) as error:
        if isinstance(getattr(error, "os_error", error), Fenced):
            raise Lost("private address", str(error), refused=True) from None
        raise Lost("connection", str(error) or type(error).__name__, passing=True) from None
