from __future__ import annotations

import pytest

from emotionnet.data.addresses import is_address, is_loopback, is_public


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.0.1",
        "169.254.169.254",  # where clouds tell a machine its secrets
        "100.64.0.1",  # shared by customers of a provider
        "0.0.0.0",
        "0.1.2.3",
        "192.0.2.1",
        "192.0.0.192",
        "168.63.129.16",
        "198.18.0.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "fe80::1",
        "fe80::1%2",
        "fc00::1",
        "fec0::1",
        "ff02::1",
        "2001:db8::1",
        "3fff::1",
        "2001::1",  # Teredo
        "::ffff:127.0.0.1",
        "::127.0.0.1",
        "2002:7f00:1::",
        "64:ff9b::7f00:1",
    ],
)
def test_addresses_that_no_stranger_may_send_us_to(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "address",
    ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "2002:808:808::", "64:ff9b::808:808"],
)
def test_addresses_of_the_internet(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("spelling", ["2130706433", "0x7f000001", "017700000001", "127.1", "example.org", ""])
def test_only_what_is_spelt_as_an_address_is_one(spelling: str) -> None:
    assert not is_address(spelling)
    assert not is_loopback(spelling)
    with pytest.raises(ValueError, match="does not appear"):
        is_public(spelling)


def test_names_of_this_machine() -> None:
    assert is_loopback("localhost")
    assert is_loopback("127.8.8.8")
    assert is_address("::1")
    assert not is_loopback("localhost.example.org")
