from __future__ import annotations

from pathlib import Path

import pytest

from emotionnet.apps.bench.fault_server import fault_server
from emotionnet.apps.bench.faults import picture

aiohttp = pytest.importorskip("aiohttp")


def test_a_round_writes_what_it_gets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from emotionnet.apps.bench.peers_download import make_plain

    written: list[bytes] = []

    def gone(folder: Path) -> None:  # in place of clearing it
        written.extend((folder / f"{number}.jpg").read_bytes() for number in range(5))

    expected = [picture(number) for number in range(5)]
    monkeypatch.setattr("emotionnet.apps.bench.peers_download.shutil.rmtree", gone)
    with fault_server() as server:
        urls = [server.url("fine", number) for number in range(5)]
        one_round = make_plain(urls=urls, out=tmp_path, connections=2)
        assert min(one_round(), one_round()) > 0
        with pytest.raises(aiohttp.ClientResponseError):
            make_plain(urls=[server.url("missing", 0)], out=tmp_path / "more", connections=2)()
    assert written == expected * 2
