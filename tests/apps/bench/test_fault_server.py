from __future__ import annotations

import http.client
import socket
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest

from emotionnet.apps.bench.fault_server import DOWN, HOSTS, NO_ROBOTS, TRAPS, Running, fault_server
from emotionnet.apps.bench.faults import picture
from emotionnet.records import TrainingError

FIRST, SECOND = HOSTS[0], HOSTS[1]


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with fault_server() as running:
        yield running


def _status(url: str) -> int:
    try:
        with urllib.request.urlopen(url) as answer:
            answer.read()
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def test_requests_are_answered_by_kind_and_counted_by_host(server: Running) -> None:
    with urllib.request.urlopen(server.url("fine", 5)) as answer:
        assert answer.read() == picture(5)
    with urllib.request.urlopen(server.url("chunked", 5)) as answer:
        assert answer.read() == picture(5)
    assert [_status(server.url("again", 1, SECOND)) for _ in range(3)] == [500, 500, 200]
    assert _status(server.url("nothing", 1)) == 404
    hosts = server.counts()["hosts"]
    assert hosts[FIRST]["requests"]["/fine/5.jpg"] == 1
    assert hosts[SECOND]["requests"] == {"/again/1.jpg": 3}
    assert hosts[SECOND]["connections"] == 3
    assert hosts[SECOND]["at_once"] == 1
    assert hosts[SECOND]["span"] > 0
    assert server.counts()["cpu_seconds"] > 0


def test_bodies_that_are_cut(server: Running) -> None:
    for kind in ("cut", "cutchunks"):
        with urllib.request.urlopen(server.url(kind, 5)) as answer, pytest.raises(http.client.IncompleteRead):
            answer.read()


def test_robots(server: Running) -> None:
    addresses = (FIRST, NO_ROBOTS, DOWN)
    places = [f"http://{address}:{server.ports[address]}/robots.txt" for address in addresses]
    assert [_status(place) for place in places] == [200, 404, 503]


def test_traps_count_whoever_connects() -> None:
    with fault_server() as server:
        place = dict(server.traps)[TRAPS[1]]
        assert server.counts()["hosts"][TRAPS[1]]["connections"] == 0
        with socket.create_connection((TRAPS[1], place)) as connection:
            assert connection.recv(1) == b""  # it hangs up
        assert server.counts()["hosts"][TRAPS[1]]["connections"] == 1
        assert server.counts()["hosts"][TRAPS[0]]["connections"] == 0


def test_a_server_that_cannot_start() -> None:
    with (
        pytest.raises(TrainingError, match="a fault server must start; it ended with status 1"),
        fault_server(("203.0.113.1",)),
    ):
        pass
