"""Who may ask."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from fastapi import FastAPI

from emotionnet.apps.serve.app import create_app
from emotionnet.apps.serve.security import HEADERS, POLICY, cookie_value
from emotionnet.apps.serve.service import Service
from tests.apps.serve.conftest import ask, picture

TOKEN = "a-token-of-some-length"


@pytest.fixture
def guarded(service: Service) -> FastAPI:
    return create_app(service, token=TOKEN)


def labels(app: FastAPI, **headers: str) -> httpx.Response:
    return ask(app, "GET", "/v1/labels", headers=headers)


def predict(app: FastAPI, **headers: str) -> httpx.Response:
    given = {
        "content-type": "image/png",
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    return ask(app, "POST", "/v1/predict", content=picture(), headers=given)


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


@pytest.mark.parametrize(
    "host", ["localhost", "127.0.0.1", "[::1]", "127.0.0.1:8000", "[::1]:80", "LocalHost:1", "127.0.0.2:8000"]
)
def test_the_names_of_this_machine_are_answered_to(app: FastAPI, host: str) -> None:
    assert labels(app, host=host).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8000",
        "localhost.evil.example",
        "",
        "::1",
        "[::1",
        "0.0.0.0",
        "192.168.0.1",
    ],
)
def test_other_names_are_not(app: FastAPI, host: str) -> None:
    assert code(labels(app, host=host)) == (403, "other_host")


@pytest.mark.parametrize(
    "headers",
    [
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site"},  # another port of this machine
        {"origin": "http://evil.example"},
        {"origin": "http://127.0.0.1:3000"},
        {"origin": "null"},
        {"origin": "http://["},
        {"origin": ""},
    ],
)
def test_pages_of_other_sites_change_nothing(app: FastAPI, headers: dict[str, str]) -> None:
    assert code(predict(app, **headers)) == (403, "cross_site")


@pytest.mark.parametrize(
    "headers",
    [{}, {"sec_fetch_site": "same-origin", "origin": "http://127.0.0.1:8000"}, {"sec_fetch_site": "none"}],
)
def test_programs_and_the_own_page_do(app: FastAPI, headers: dict[str, str]) -> None:
    assert predict(app, **headers).status_code == 200


def test_other_sites_read_nothing_but_may_link_here(app: FastAPI) -> None:
    cross = {"sec-fetch-site": "cross-site"}
    assert code(labels(app, **cross, **{"sec-fetch-mode": "cors"})) == (403, "cross_site")
    assert labels(app, **cross, **{"sec-fetch-mode": "navigate"}).status_code == 200


def test_a_token_is_needed_where_there_is_one(guarded: FastAPI) -> None:
    answer = labels(guarded)
    assert code(answer) == (401, "no_token")
    assert answer.headers["www-authenticate"] == "Bearer"
    for wrong in ("", TOKEN, f"Basic {TOKEN}", "Bearer", f"Bearer {TOKEN}x", "Bearer \xe4"):
        assert labels(guarded, authorization=wrong.encode("latin-1")).status_code == 401  # type: ignore[arg-type]
    assert labels(guarded, authorization=f"Bearer {TOKEN}").status_code == 200
    assert labels(guarded, authorization=f"bearer {TOKEN}", host="my.machine:8000").status_code == 200
    assert ask(guarded, "GET", "/?token=x").status_code == 401
    assert code(ask(guarded, "GET", "/openapi.json")) == (401, "no_token")
    assert code(ask(guarded, "GET", f"/v1/labels?token={TOKEN}")) == (401, "no_token")


def test_a_browser_without_a_token_gets_a_page_that_says_so(guarded: FastAPI) -> None:
    answer = ask(guarded, "GET", "/")
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    assert "the address that the server printed" in answer.text
    (style,) = re.findall(r'<link rel="stylesheet" href="([^"]+)">', answer.text)
    assert ask(guarded, "GET", style).headers["content-type"] == "text/css; charset=utf-8"
    for other in ("/static", "/page/begin", "/v1/labels", "/page/search?q=/static/"):
        assert ask(guarded, "GET", other).status_code == 401


def test_whether_it_lives_is_no_secret(guarded: FastAPI) -> None:
    for path in ("/healthz", "/readyz"):
        assert ask(guarded, "GET", path).status_code == 200


def test_a_browser_swaps_the_token_of_the_address_for_a_cookie(guarded: FastAPI) -> None:
    answer = ask(guarded, "GET", f"/?token={TOKEN}")
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    cookie = answer.headers["set-cookie"]
    assert set(cookie.split("; ")[1:]) == {"HttpOnly", "Path=/", "SameSite=strict"}
    assert TOKEN not in cookie
    assert ask(guarded, "GET", "/", headers={"cookie": cookie.split(";")[0]}).status_code == 200
    for wrong in (f"emotionnet={TOKEN}", "emotionnet=", "emotionnet=\xe4", 'a="', cookie_value(b"x")):
        assert labels(guarded, cookie=wrong.encode("latin-1")).status_code == 401  # type: ignore[arg-type]


def test_a_token_may_have_letters_that_addresses_escape(service: Service) -> None:
    token = "a+b/c==&%41 of some length"
    app = create_app(service, token=token)
    for written in (quote(token, safe=""), token.replace("%", "%25").replace("&", "%26").replace(" ", "%20")):
        assert ask(app, "GET", f"/?x=1&token={written}").status_code == 303


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/healthz", 200),
        ("GET", "/nothing", 404),
        ("PUT", "/healthz", 405),
        ("GET", "/v1/search?q=x", 404),
    ],
)
def test_all_answers_have_the_headers_that_keep_others_out(
    app: FastAPI, method: str, path: str, status: int
) -> None:
    answer = ask(app, method, path)
    assert answer.status_code == status
    assert {name: answer.headers[name] for name in HEADERS} == HEADERS
    assert answer.headers["cache-control"] == "no-store"


def test_the_policy_lets_no_other_place_in() -> None:
    assert "unsafe" not in POLICY
    assert "http" not in POLICY
    assert POLICY.startswith("default-src 'none'; ")


def test_headers_stand_on_refusals_of_the_gate_too(app: FastAPI, guarded: FastAPI) -> None:
    answers: list[Any] = [labels(app, host="evil.example"), labels(guarded)]
    for answer in answers:
        assert answer.headers["content-security-policy"] == POLICY
