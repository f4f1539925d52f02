from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from emotionnet.config import DownloadConfig
from emotionnet.curation.download.fetch import drawn_wait, followed
from emotionnet.curation.download.lost import Lost
from emotionnet.curation.download.places import Place, place_of
from emotionnet.curation.download.web import Web
from tests.curation.download.conftest import Site


def test_waits_are_drawn_below_a_bound_that_doubles() -> None:
    waits = [
        [drawn_wait(str(n), attempt, backoff=1.0, longest=6.0) for n in range(500)]
        for attempt in (1, 2, 3, 9)
    ]
    for drawn, most in zip(waits, (1.0, 2.0, 4.0, 6.0), strict=True):
        assert 0 <= min(drawn) < 0.05 * most
        assert 0.95 * most < max(drawn) <= most


def test_a_wait_depends_on_the_seed_the_url_and_the_attempt_alone() -> None:
    def wait(seed: str, attempt: int) -> float:
        return drawn_wait(seed, attempt, backoff=1.0, longest=9.0)

    assert wait("0 u", 2) == wait("0 u", 2)
    assert len({wait("0 u", 2), wait("0 v", 2), wait("1 u", 2), wait("0 u", 3)}) == 4
    assert 0 <= wait("u", 10_000) <= 9.0


def _fetched(site: Site, path: str, *, most: int = 3) -> tuple[bytes, str, list[str]]:
    """The body, whose it is, and what was asked for before each request."""
    before = []

    async def note(place: Place) -> None:
        before.append(place.url.path)

    async def fetch() -> tuple[bytes, str]:
        config = DownloadConfig(source=Path(__file__), allow=("127.0.0.1",))
        async with (
            Web(config) as web,
            followed(web, place_of(site.origin + path), most, note) as (answer, place),
        ):
            return await answer.body(100), str(place.url)

    return *asyncio.run(fetch()), before


def test_redirects_are_followed_and_each_is_looked_at_first(site: Site) -> None:
    site.answers |= {"/a": (301, {"Location": "b"}, b""), "/b": (307, {"Location": site.origin + "/c"}, b"")}
    site.picture("/c", b"body")
    assert _fetched(site, "/a") == (b"body", f"{site.origin}/c", ["/a", "/b", "/c"])


@pytest.mark.parametrize(
    ("location", "state", "reason"),
    [
        ("/a", "failed", "redirect loop"),
        ("/b", "failed", "too many redirects"),
        ("", "failed", "bad redirect"),
        ("http://[::1", "failed", "bad redirect"),
        ("file:///etc/passwd", "refused", "scheme"),
        ("http://127.0.0.2/", "refused", "private address"),
        ("http://u:p@127.0.0.1/", "refused", "user name in the URL"),
    ],
)
def test_redirects_that_lead_nowhere(site: Site, location: str, state: str, reason: str) -> None:
    site.answers["/a"] = (302, {"Location": location}, b"")
    site.answers |= {f"/{one}": (302, {"Location": f"/{two}"}, b"") for one, two in ("bc", "cd", "de")}
    with pytest.raises(Lost) as caught:
        _fetched(site, "/a")
    assert (caught.value.state, caught.value.reason) == (state, reason)
    assert caught.value.url is not None


def test_a_body_is_at_most_so_long(site: Site) -> None:
    url = site.picture("/long", b"x" * 101)
    with pytest.raises(Lost) as caught:
        _fetched(site, "/long")
    assert (caught.value.reason, caught.value.detail, caught.value.url) == ("too large", "101 bytes", url)


def test_a_packed_body_is_not_unpacked(site: Site) -> None:
    site.answers["/x"] = (200, {"Content-Encoding": "gzip"}, b"x")
    with pytest.raises(Lost, match="packed body"):
        _fetched(site, "/x")
