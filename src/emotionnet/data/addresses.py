"""Which addresses only this machine reaches, and which the whole internet does."""

from __future__ import annotations

import ipaddress

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_COMPATIBLE = ipaddress.IPv6Network("::/96")
_NOT_PUBLIC = (  # what older Pythons, or all, take for addresses of the internet
    ipaddress.ip_network("192.0.0.0/24"),  # of protocols; clouds tell a machine its secrets there
    ipaddress.ip_network("168.63.129.16/32"),  # another such place
    ipaddress.ip_network("3fff::/20"),  # of documentation
)


def is_loopback(host: str) -> bool:
    """Whether a name or an address, IPv6 without brackets, is this machine's own and no other's.

    Example:
        >>> is_loopback("localhost"), is_loopback("127.0.0.2"), is_loopback("::1"), is_loopback("0.0.0.0")
        (True, True, True, False)
    """
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def is_address(host: str) -> bool:
    """Whether this is an address, IPv6 without brackets, and no name."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def is_public(address: str) -> bool:
    """Whether an address is one of the internet's: not private, loopback, link-local, shared or reserved.

    An IPv6 address that stands for one of IPv4 (mapped, compatible, 6to4, NAT64) is as public as that is.

    Raises:
        ValueError: It is no address.

    Example:
        >>> [is_public(one) for one in ("8.8.8.8", "10.0.0.1", "169.254.169.254", "100.64.0.1")]
        [True, False, False, False]
        >>> [is_public(one) for one in ("::ffff:127.0.0.1", "2002:7f00:1::", "64:ff9b::a00:1", "fe80::1%2")]
        [False, False, False, False]
    """
    found = ipaddress.ip_address(address)
    if isinstance(found, ipaddress.IPv6Address):
        if (inner := _inner(found)) is not None:
            return is_public(str(inner))
        if found.is_site_local:
            return False
    reserved = found.is_multicast or found.is_reserved or found.is_unspecified
    return found.is_global and not reserved and not any(found in network for network in _NOT_PUBLIC)


def _inner(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address that an IPv6 address stands for."""
    if address in _NAT64 or (address in _COMPATIBLE and int(address) > 1):
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour
