"""Connections to addresses of the internet alone.

A name is checked by the addresses that it stands for, when it is connected to: those that were checked are
those that are used. Behind that stands a fence at the last step, where a socket is made for an address.
"""

from __future__ import annotations

import asyncio
import re
import resource
import socket
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

from emotionnet.curation.download.lost import Lost
from emotionnet.data.addresses import is_address, is_public

_NUMBER = re.compile(r"(.*\.)?(0x[0-9a-f]*|[0-9]+)")  # last part of a name that is an address, oddly spelt
_TO_CONNECT = 10.0  # seconds; a host that takes longer is not there, and others wait for its place
_KEPT_OPEN = 1.0  # seconds; longer, and the connections to hosts that are done with add up
_FILES = 65_536  # that may be open, where the system lets us


class Fenced(OSError):  # noqa: N818 - as `Lost`
    """A connection that must not be made."""


class Addresses:
    """Which hosts may be asked.

    Args:
        allow: Names and addresses that may be private.
    """

    def __init__(self, allow: Collection[str]) -> None:
        self._allow = frozenset(name.lower().strip("[]") for name in allow)
        self._named = {name for name in self._allow if is_address(name)}

    def require(self, host: str) -> None:
        """Check a host that is an address; a name is checked when its addresses are known.

        Raises:
            Lost: It is private, or oddly spelt, such as 0177.0.0.1.
        """
        if is_address(host):
            if host not in self._allow and not is_public(host):
                raise _refused(host)
        elif _NUMBER.fullmatch(host):
            raise _refused(host)

    def keep(self, host: str, addresses: list[ResolveResult]) -> list[ResolveResult]:
        """The addresses of a name that may be connected to.

        Raises:
            Lost: There is none.
        """
        if host in self._allow:
            self._named.update(address["host"] for address in addresses)
            return addresses
        kept = [one for one in addresses if one["host"] in self._allow or is_public(one["host"])]
        if not kept:
            found = ", ".join(sorted({one["host"] for one in addresses})) or "no address"
            raise _refused(f"{host} is {found}")
        return kept

    def socket_for(self, info: tuple[Any, ...]) -> socket.socket:
        """A socket to connect to an address with, as `socket.getaddrinfo` describes it.

        Raises:
            Fenced: Nothing above should have let this address through.
        """
        family, kind, protocol, _, place = info
        if place[0] not in self._named and not is_public(place[0]):
            raise Fenced(f"{place[0]} must not be connected to")
        made = socket.socket(family, kind, protocol)
        made.setblocking(False)
        return made


class Resolver(AbstractResolver):
    """Names to addresses that may be connected to."""

    def __init__(self, addresses: Addresses) -> None:
        self._addresses, self._system = addresses, ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        try:
            found = await self._system.resolve(host, port, family)
        except UnicodeError as error:  # between two dots is nothing, or too much
            raise Lost("host not found", str(error)) from None
        return self._addresses.keep(host.rstrip(".").lower(), found)

    async def close(self) -> None:
        await self._system.close()


def allow_many(names: int) -> None:
    """Let this process have many files open, and look up many names at once; both are few as it begins.

    A name that nobody answers for takes a thread some seconds.

    Args:
        names: Looked up at once, in the loop that runs.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = _FILES if hard == resource.RLIM_INFINITY else min(_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(names, "names"))


def new_session(addresses: Addresses, agent: str) -> aiohttp.ClientSession:
    """Connections without cookies, proxies, redirects of its own or unpacking.

    The caller limits the time of all but connecting.

    Args:
        addresses: Which may be connected to.
        agent: What hosts are told that we are.
    """
    connector = aiohttp.TCPConnector(
        resolver=Resolver(addresses),
        socket_factory=addresses.socket_for,
        limit=0,
        ttl_dns_cache=300,
        keepalive_timeout=_KEPT_OPEN,
    )
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"User-Agent": agent, "Accept": "image/*,*/*;q=0.5", "Accept-Encoding": "identity"},
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=_TO_CONNECT),
        auto_decompress=False,
        trust_env=False,
    )


def _refused(detail: str) -> Lost:
    return Lost("private address", detail, refused=True)
