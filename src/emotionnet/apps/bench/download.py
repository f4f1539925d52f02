"""Downloading measured: good pictures alone, from a server on the same cores.

Beside it runs a loop that only writes bytes.
"""

from __future__ import annotations

import itertools
import json
import resource
import shutil
import statistics
import time
from collections.abc import Callable
from pathlib import Path

from emotionnet.apps.bench.fault_server import HOSTS, Running, fault_server
from emotionnet.apps.bench.rounds import Contender, race
from emotionnet.apps.memory import keep_freed_memory
from emotionnet.config import DownloadConfig
from emotionnet.curation.download.run import download as fetch
from emotionnet.files import write_text
from emotionnet.records import TrainingError

KEY = "download"
PICTURES = 4000  # in a round
PER_HOST = 8  # requests at once
PLAIN = "emotionnet.apps.bench.peers_download:make_plain"
SPENT = "spent.jsonl"  # seconds that each round of ours took, and of a core: its own and the server's


def download(work: Path) -> dict[str, float]:
    """Pictures per second, stored as they came and hashed, and how that compares with a plain loop.

    Args:
        work: An empty folder.

    Raises:
        TrainingError: A picture was lost, or the server did not start.
    """
    with fault_server(HOSTS) as server:
        urls = [server.url("fine", number, HOSTS[number % len(HOSTS)]) for number in range(PICTURES)]
        records = [{"id": str(number), "image": url, "tags": []} for number, url in enumerate(urls)]
        write_text(work / "list.jsonl", "\n".join(map(json.dumps, records)))
        plain = {"urls": urls, "out": work / "plain", "connections": PER_HOST * len(HOSTS)}
        rates = race(
            [
                Contender("ours", f"{__name__}:make_ours", {"work": work, "server": server}),
                Contender("plain", PLAIN, plain),
            ]
        )
    return {
        f"{KEY}.images_per_second": rates.median("ours"),
        f"{KEY}.ratio_vs_plain": rates.ratio("ours", "plain"),
        **_spent(work),
        **rates.flat(KEY),
    }


def make_ours(*, work: Path, server: Running) -> Callable[[], float]:
    """Good pictures per second of a download into a new folder.

    Args:
        work: Holds the list, and is told what each round took.
        server: Where the pictures are.
    """
    keep_freed_memory()  # as the program does
    rounds = itertools.count()

    def one_round() -> float:
        out = work / f"ours-{next(rounds)}"
        config = DownloadConfig(source=work / "list.jsonl", out=out, per_host=PER_HOST, allow=HOSTS)
        begun, own, others = time.perf_counter(), _own_seconds(), server.counts()["cpu_seconds"]
        summary = fetch(config)
        seconds = time.perf_counter() - begun
        told = [seconds, _own_seconds() - own, server.counts()["cpu_seconds"] - others]
        shutil.rmtree(out)
        if summary.urls["stored"] != PICTURES:
            raise TrainingError(f"{KEY}: {PICTURES} pictures must be stored; got {dict(summary.urls)}")
        with (work / SPENT).open("a", encoding="utf-8") as spent:
            spent.write(json.dumps(told) + "\n")
        return PICTURES / seconds

    return one_round


def _own_seconds() -> float:
    """Seconds of a core that this process took, and its children that ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def _spent(work: Path) -> dict[str, float]:
    rows = [json.loads(line) for line in (work / SPENT).read_text(encoding="utf-8").splitlines()]
    return {
        f"{KEY}.cpu_ms_per_image": statistics.median(1e3 * own / PICTURES for _, own, _ in rows),
        f"{KEY}.cores": statistics.median(own / seconds for seconds, own, _ in rows),
        f"{KEY}.server_cores": statistics.median(others / seconds for seconds, _, others in rows),
    }
