"""What the commands of the group `data` print: tables for a person, JSON for programs."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

from emotionnet.apps.output import print_json, print_result, print_table
from emotionnet.curation.download.summary import Summary
from emotionnet.data.benchmark_check import BenchmarkReport
from emotionnet.data.benchmarks.benchmark import ALL, Benchmark

SCHEMA_VERSION = 1
_HEADER = ("name", "title", "labels", "splits", "score", "licence", "citation", "checked on")


def print_benchmarks(benchmarks: Iterable[Benchmark]) -> None:
    """What there is to know of each benchmark before it is opened."""
    rows = [_row(benchmark) for benchmark in benchmarks]
    if sys.stdout.isatty():
        print_table(_HEADER, [[str(row[name.replace(" ", "_")]) for name in _HEADER] for row in rows])
        return
    print_json({"schema": SCHEMA_VERSION, "benchmarks": rows})


def print_download(summary: Summary) -> None:
    """What came, what was lost and why, and where most was lost."""
    if not sys.stdout.isatty():
        print_json(summary.to_dict())
        return
    print_table(("URLs", "number"), [(state, f"{count:,}") for state, count in summary.urls.items()])
    for header, rows in (
        (("state", "reason", "urls"), summary.lost),
        (("host", "urls", "lost"), summary.hosts),
    ):
        if rows:
            print_table(header, [[str(row[name]) for name in header] for row in rows])
    rate = summary.to_dict()["pictures_per_second"]
    print_result({"download": summary.out, "bytes": f"{summary.bytes:,}", "pictures per second": rate})


def print_check(report: BenchmarkReport) -> None:
    """Counts beside the published ones, and what else was found."""
    if not sys.stdout.isatty():
        print_json(report.to_dict())
        return
    print_table(
        ("count of", "here", "published", ""),
        [
            (
                count.of,
                f"{count.found:,}",
                "" if count.published is None else f"{count.published:,}",
                "differs" if count.differs else "",
            )
            for count in report.counts
        ],
    )
    rows = [(f.kind, f"{f.count:,}", "\n".join(f.examples), f.advice) for f in report.findings]
    print_table(("found", "count", "first", "what to do"), rows or [("nothing", "", "", "")])


def _row(benchmark: Benchmark) -> dict[str, Any]:
    return {
        "name": benchmark.name,
        "title": benchmark.title,
        "labels": len(benchmark.labels),
        "splits": _splits(benchmark),
        "score": benchmark.score,
        "licence": benchmark.licence,
        "citation": benchmark.citation,
        "checked_on": benchmark.checked_on,
        "layout": benchmark.layout,
        "remarks": list(benchmark.remarks),
    }


def _splits(benchmark: Benchmark) -> str:
    """Those that the files give; else how they are drawn."""
    if benchmark.splits != (ALL,):
        return ", ".join(benchmark.splits)
    protocol = benchmark.protocol
    if protocol.folds:
        return f"drawn: {protocol.folds} folds"
    shares = (protocol.train, protocol.val, protocol.test)
    return f"drawn: {'/'.join(f'{100 * share:g}' for share in shares)} %"
