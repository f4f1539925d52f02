from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from emotionnet.config import DownloadConfig
from emotionnet.curation.download.lost import Lost
from emotionnet.curation.download.places import place_of
from emotionnet.curation.download.robots import FRESH, Robots
from emotionnet.curation.download.web import Web
from tests.curation.download.conftest import Site

Kept = dict[str, tuple[bytes, float]]


def _verdicts(
    site: Site, paths: Sequence[str], kept: Kept | None = None, *, robots: bool = True
) -> tuple[list[str], float]:
    """For each path why it may not be asked for, or nothing; and the seconds between two requests."""
    kept = {} if kept is None else kept

    async def read(origin: str) -> tuple[bytes, float] | None:
        return kept.get(origin)

    async def keep(origin: str, content: bytes, fetched: float) -> None:
        kept[origin] = (content, fetched)

    async def verdict(rules: Robots, path: str) -> str:
        try:
            await rules.require(place_of(site.origin + path))
        except Lost as lost:
            return f"{lost.state}: {lost.reason}" + (f" ({lost.detail})" if lost.detail else "")
        return ""

    async def ask() -> tuple[list[str], float]:
        config = DownloadConfig(
            source=Path(__file__),
            allow=("127.0.0.1",),
            robots=robots,
            attempts=2,
            backoff=1e-3,
            longest_wait=9.0,
        )
        async with Web(config) as web:
            rules = Robots(web, config, read, keep)
            found = await asyncio.gather(*(verdict(rules, path) for path in paths))
            return list(found), web.hosts.of(place_of(site.origin).queue).delay

    return asyncio.run(ask())


def _says(site: Site, text: str) -> None:
    site.answers["/robots.txt"] = (200, {}, text.encode())


def test_rules_for_everybody_and_for_us(site: Site) -> None:
    _says(site, "User-agent: *\nDisallow: /\n\nUser-agent: EmotionNet\nDisallow: /no\nAllow: /no/but\n")
    verdicts, delay = _verdicts(site, ["/yes", "/no/x", "/no/but/y"])
    assert verdicts == ["", "refused: robots.txt", ""]
    assert site.asked == {"/robots.txt": 1}
    assert delay == 0.0


def test_a_delay_is_kept_and_who_asks_for_too_long_a_one_is_not_asked(site: Site) -> None:
    for delay in (2.5, 9.0):
        _says(site, f"User-agent: *\nCrawl-delay: {delay}\n")
        assert _verdicts(site, ["/x"]) == ([""], delay)
    _says(site, "User-agent: *\nCrawl-delay: 86400\n")
    assert _verdicts(site, ["/x"])[0] == ["refused: robots.txt (Crawl-delay of 86400 s)"]


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_without_a_file_all_is_allowed(site: Site, status: int) -> None:
    site.answers["/robots.txt"] = (status, {}, b"User-agent: *\nDisallow: /\n")
    assert _verdicts(site, ["/x"])[0] == [""]


@pytest.mark.parametrize("status", [429, 500, 503])
def test_while_the_host_cannot_say_nothing_is_allowed(site: Site, status: int) -> None:
    site.answers["/robots.txt"] = (status, {}, b"")
    kept: Kept = {}
    verdicts, _ = _verdicts(site, ["/x", "/y"], kept)
    assert verdicts == [f"failed: robots.txt unreachable (status {status})"] * 2
    assert site.asked == {"/robots.txt": 2}  # attempts
    assert kept == {}  # so that another run asks again


def test_a_file_is_kept_for_a_day(site: Site) -> None:
    _says(site, "User-agent: *\nDisallow: /\n")
    kept: Kept = {}
    for _ in range(2):
        assert _verdicts(site, ["/x"], kept)[0] == ["refused: robots.txt"]
    assert site.asked == {"/robots.txt": 1}
    (origin,) = kept
    kept[origin] = (kept[origin][0], time.time() - FRESH - 60)
    _says(site, "")
    assert _verdicts(site, ["/x"], kept)[0] == [""]
    assert site.asked == {"/robots.txt": 2}


def test_a_download_that_takes_days_asks_again(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    async def forget(*_: object) -> None:
        """Nothing is kept of an origin but in memory."""

    async def ask() -> list[str]:
        config = DownloadConfig(source=Path(__file__), allow=("127.0.0.1",))
        async with Web(config) as web:
            rules, place = Robots(web, config, forget, forget), place_of(site.origin + "/x")
            await rules.require(place)
            _says(site, "User-agent: *\nDisallow: /\n")
            await rules.require(place)
            now = time.time()
            monkeypatch.setattr(time, "time", lambda: now + FRESH + 60)
            with pytest.raises(Lost) as caught:
                await rules.require(place)
            return [caught.value.reason]

    _says(site, "")
    assert asyncio.run(ask()) == ["robots.txt"]
    assert site.asked == {"/robots.txt": 2}


def test_a_redirect_is_followed_but_to_no_private_address(site: Site) -> None:
    site.answers["/robots.txt"] = (301, {"Location": "/elsewhere.txt"}, b"")
    site.answers["/elsewhere.txt"] = (200, {}, b"User-agent: *\nDisallow: /\n")
    assert _verdicts(site, ["/x"])[0] == ["refused: robots.txt"]
    site.answers["/robots.txt"] = (301, {"Location": "http://127.0.0.2/robots.txt"}, b"")
    assert _verdicts(site, ["/x"])[0] == ["refused: private address (127.0.0.2)"]


def test_of_a_long_file_the_beginning_is_read(site: Site) -> None:
    _says(site, "User-agent: *\nDisallow: /no\n" + "# nothing\n" * 100_000)
    assert _verdicts(site, ["/yes", "/no"])[0] == ["", "refused: robots.txt"]


def test_who_does_not_want_to_know_does_not_ask(site: Site) -> None:
    _says(site, "User-agent: *\nDisallow: /\n")
    assert _verdicts(site, ["/x"], robots=False)[0] == [""]
    assert not site.asked


def test_rules_made_to_take_for_ever_do_not(site: Site) -> None:
    _says(site, f"User-agent: *\nDisallow: /{'*a' * 2000}*b\n")
    began = time.process_time()
    assert _verdicts(site, ["/" + "a" * 5000, "/" + "a" * 5000 + "b"])[0] == ["", "refused: robots.txt"]
    assert time.process_time() - began < 5.0
