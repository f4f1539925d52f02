from __future__ import annotations

import time
from email.utils import formatdate

import pytest

from emotionnet.curation.download.headers import may_keep, retry_after


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("7", 7.0),
        (" 0 ", 0.0),
        ("999999", 60.0),
        ("-3", None),
        ("1.5", None),
        ("soon", None),
        ("", None),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0),  # gone by
        ("Fri, 31 Dec 9999 23:59:59 GMT", 60.0),
        ("Mon, 99 Foo 20151 07:28:00 GMT", None),
    ],
)
def test_seconds_until_a_host_wants_to_be_asked_again(value: str | None, seconds: float | None) -> None:
    assert retry_after(value, longest=60.0) == seconds


def test_a_date_that_comes_is_waited_for() -> None:
    found = retry_after(formatdate(time.time() + 30, usegmt=True), longest=60.0)
    assert found == pytest.approx(30, abs=2)


@pytest.mark.parametrize(
    ("values", "kept"),
    [
        ([], True),
        (["noindex, nofollow"], True),
        (["noai"], False),
        (["noindex,NOIMAGEAI"], False),
        (["none"], False),
        (["noindex", "noai"], False),
        (["otherbot: noai"], True),
        (["otherbot: noindex, noai"], True),  # what follows a name is said to it
        (["emotionnet: noai"], False),
        (["EmotionNet: noindex, none"], False),
        (["otherbot: noai, emotionnet: none"], False),
        (["*: noai"], False),
        (["unavailable_after: 25 Jun 2030 15:00:00 PST, noai"], False),
        (["max-snippet: 10, noai"], False),
        (["noaid"], True),
    ],
)
def test_what_may_not_be_kept(values: list[str], kept: bool) -> None:
    assert may_keep(values, "emotionnet") is kept
