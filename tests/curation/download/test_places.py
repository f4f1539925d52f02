from __future__ import annotations

import pytest

from emotionnet.curation.download.lost import Lost
from emotionnet.curation.download.places import place_of, share_takes
from emotionnet.data.shares import Share


@pytest.mark.parametrize(
    ("text", "sent", "queue", "origin"),
    [
        ("http://a.org/x.jpg", "http://a.org/x.jpg", "a.org", "http://a.org:80"),
        ("HTTPS://A.org:443/x?y=1#z", "https://a.org/x?y=1", "a.org", "https://a.org:443"),
        ("http://a.org:8080/", "http://a.org:8080/", "a.org 8080", "http://a.org:8080"),
        ("http://a.org./x", "http://a.org./x", "a.org", "http://a.org:80"),
        ("http://a.org/b c é", "http://a.org/b%20c%20%C3%A9", "a.org", "http://a.org:80"),
        (
            "http://bücher.example/",
            "http://xn--bcher-kva.example/",
            "xn--bcher-kva.example",
            "http://xn--bcher-kva.example:80",
        ),
        (
            "http://[2001:db8::1]:81/x",
            "http://[2001:db8::1]:81/x",
            "2001:db8::1 81",
            "http://[2001:db8::1]:81",
        ),
    ],
)
def test_a_url_taken_apart(text: str, sent: str, queue: str, origin: str) -> None:
    place = place_of(text)
    assert (str(place.url), place.queue, place.origin) == (sent, queue, origin)


@pytest.mark.parametrize(
    ("text", "state", "reason"),
    [
        ("", "failed", "not a URL"),
        ("pictures/a.jpg", "failed", "not a URL"),
        ("http:///x", "failed", "not a URL"),
        ("http://a.org:99999/", "failed", "not a URL"),
        ("http://[::1/", "failed", "not a URL"),
        ("http://good.org\\@bad.org/", "failed", "not a URL"),
        (f"http://a.org/{'x' * 9000}", "failed", "not a URL"),
        ("file:///etc/passwd", "refused", "scheme"),
        ("ftp://a.org/x", "refused", "scheme"),
        ("data:image/png;base64,AAAA", "refused", "scheme"),
        ("http://good.org@bad.org/", "refused", "user name in the URL"),
        ("https://u:p@a.org/", "refused", "user name in the URL"),
    ],
)
def test_what_is_never_asked_for(text: str, state: str, reason: str) -> None:
    with pytest.raises(Lost) as caught:
        place_of(text)
    assert (caught.value.state, caught.value.reason) == (state, reason)


def test_a_redirect_may_be_relative() -> None:
    base = place_of("https://a.org/b/c.jpg").url
    assert str(place_of("../d.jpg", base).url) == "https://a.org/d.jpg"
    assert str(place_of("//b.org/e", base).url) == "https://b.org/e"
    with pytest.raises(Lost, match="scheme"):
        place_of("file:///etc/passwd", base)


def test_each_host_is_in_one_share_and_they_are_about_equal() -> None:
    hosts = [f"host{number}.example" for number in range(3000)]
    shares = [[host for host in hosts if share_takes(Share(number, 3), host)] for number in range(3)]
    assert sorted(host for share in shares for host in share) == sorted(hosts)
    assert all(900 < len(share) < 1100 for share in shares)
    assert share_takes(Share(0, 1), "any")


def test_the_share_of_a_host_never_changes() -> None:  # machines must agree, today's and tomorrow's
    assert [share_takes(Share(number, 4), "example.org") for number in range(4)] == [
        False,
        False,
        True,
        False,
    ]
