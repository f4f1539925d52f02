"""Check a user's copy of a benchmark: counts beside the published ones, files, placeholders, duplicates."""

from __future__ import annotations

import difflib
import hashlib
import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from emotionnet.data.benchmarks.benchmark import ALL, Benchmark
from emotionnet.data.benchmarks.catalogue import BENCHMARKS
from emotionnet.data.looks import HASH_BYTES, TELLING, look_and_quality
from emotionnet.data.near_looks import near_pairs
from emotionnet.data.opening import read_benchmark
from emotionnet.data.picture_files import picture_sizes
from emotionnet.progress import track
from emotionnet.records import DataError, ImageRecord

SCHEMA_VERSION = 1
NEAR_BITS = 31  # of 256: what PDQ's authors take for one photograph (2019, see `looks.look`)
_SAME_UNDER_OTHER_LABELS, _SAME_AT_ALL = 3, 6  # so many files of one content are a placeholder
_EXAMPLES = 5
_ADVICE = {
    "counts": "the copy is another release or not complete: name the counts beside any score",
    "missing": "fetch these files again; without them training and scores leave these pictures out, so name "
    "the counts beside any score",
    "unreadable": "fetch these files again, or delete them: pictures that are not there are left out",
    "unlabelled": "nothing to do: pictures without a label are left out",
    "placeholders": "look at one; where it only says that a picture is gone, delete all of them: pictures "
    "that are not there are left out",
    "duplicates": "delete them from train, else a score counts pictures that were learnt; where a split is "
    "drawn, from one of their places",
    "near_duplicates": "look at the pairs; delete from train those that show one picture twice",
}


@dataclass(frozen=True)
class Count:
    """How many records there are of a split, a class or both, and how many were published, where known."""

    of: str
    found: int
    published: int | None

    @property
    def differs(self) -> bool:
        return self.published is not None and self.published != self.found


@dataclass(frozen=True)
class Finding:
    """What is odd about a copy: how often, where first, and what to do."""

    kind: str
    count: int
    examples: tuple[str, ...]
    advice: str


@dataclass(frozen=True)
class BenchmarkReport:
    """What `check_benchmark` found; `records` are all that are listed, `pictures` the files there are."""

    benchmark: str
    root: str
    records: int
    pictures: int
    counts: tuple[Count, ...]
    findings: tuple[Finding, ...]

    def to_dict(self) -> dict[str, Any]:
        return {
            "schema": SCHEMA_VERSION,
            **asdict(self),
            "counts": [{**asdict(count), "differs": count.differs} for count in self.counts],
            "findings": [asdict(finding) for finding in self.findings],
        }


class _Seen(NamedTuple):
    """A picture, looked at; `look` is empty where it tells nothing, `fault` where it can be read."""

    sha256: str = ""
    look: bytes = b""
    fault: str = ""


def check_benchmark(name: str, root: Path) -> BenchmarkReport:
    """Check a copy of a benchmark whole: every picture is read and decoded once.

    Files are placeholders when at least 3 have the same content under different labels, or more than 5 at
    all. Duplicates are pictures of one content, or that look alike, in two splits; where the files give no
    splits, in two groups. Whatever is found is reported, with what to do; nothing is changed.

    Args:
        name: A benchmark that `BENCHMARKS` has.
        root: The folder of the copy.

    Raises:
        DataError: There is no such benchmark, the layout cannot be read, or no picture is there.
    """
    benchmark = _known(name)
    by_split = read_benchmark(benchmark, root).records
    placed = [(split, record) for split, records in by_split.items() for record in records]
    there = picture_sizes(root, (record.path for _, record in placed))
    if not there:
        first = f", first {placed[0][1].path!a:.200}" if placed else ""
        raise DataError(
            f"{root}: must hold pictures of {benchmark.title}; none of {len(placed)} is there{first}. "
            f"Its layout: {benchmark.layout}"
        )
    present = [(split, record) for split, record in placed if record.path in there]
    seen = _look_at(root, there)
    counts = _counts(benchmark, present)
    findings = (
        _finding("counts", [f"{c.of}: {c.found}, published {c.published}" for c in counts if c.differs]),
        _finding("missing", dict.fromkeys(r.path for _, r in placed if r.path not in there)),
        _finding("unlabelled", [r.id for _, r in present if not r.given_labels and not r.dimensions]),
        _finding("unreadable", [f"{path}: {one.fault}" for path, one in seen.items() if one.fault]),
        *_repeated(benchmark, present, seen),
    )
    return BenchmarkReport(
        benchmark.name,
        str(root),
        records=len(placed),
        pictures=len(there),
        counts=counts,
        findings=tuple(finding for finding in findings if finding.count),
    )


def _known(name: str) -> Benchmark:
    if name in BENCHMARKS:
        return BENCHMARKS[name]
    near = difflib.get_close_matches(name.lower(), BENCHMARKS, n=1)
    meant = f"; did you mean {near[0]}?" if near else ""
    raise DataError(f"benchmark must be one of {', '.join(BENCHMARKS)}; got {name!r:.80}{meant}")


def _finding(kind: str, examples: Iterable[str]) -> Finding:
    lines = list(examples)
    return Finding(kind, len(lines), tuple(lines[:_EXAMPLES]), _ADVICE[kind])


def _counts(benchmark: Benchmark, present: Sequence[tuple[str, ImageRecord]]) -> tuple[Count, ...]:
    """Of each split, each class, and each class of each split; then whatever else was published."""
    found = Counter(split for split, _ in present)
    found.update(benchmark.labels[label] for _, record in present for label in record.given_labels)
    if benchmark.splits != (ALL,):
        found.update(f"{split}/{benchmark.labels[i]}" for split, r in present for i in r.given_labels)
        inner = [f"{split}/{label}" for split in benchmark.splits for label in benchmark.labels]
    else:
        inner = []
    if ALL in benchmark.published and ALL not in benchmark.splits:
        found[ALL] = len(present)
    names = dict.fromkeys([*benchmark.splits, *benchmark.labels, *inner, *benchmark.published])
    return tuple(Count(name, found[name], benchmark.published.get(name)) for name in names)


def _look_at(root: Path, paths: Mapping[str, int]) -> dict[str, _Seen]:
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        found = pool.map(partial(_look, root), paths)
        return dict(zip(paths, track(found, "Looking at pictures", len(paths)), strict=True))


def _look(root: Path, path: str) -> _Seen:
    try:
        content = (root / path).read_bytes()
        looks, quality = look_and_quality(content)
    except DataError as error:
        return _Seen(fault=str(error).removeprefix("<bytes>: "))
    except OSError as error:
        return _Seen(fault=error.strerror or "cannot be read")
    return _Seen(hashlib.sha256(content).hexdigest(), looks if quality >= TELLING else b"")


def _repeated(
    benchmark: Benchmark, present: Sequence[tuple[str, ImageRecord]], seen: Mapping[str, _Seen]
) -> list[Finding]:
    """Placeholders, and of all others the duplicates, exact and near."""
    labels: dict[str, set[tuple[int, ...]]] = {}
    places: dict[str, dict[str, None]] = {}
    for split, record in present:
        labels.setdefault(record.path, set()).add(record.given_labels)
        place = split if benchmark.splits != (ALL,) else f"group {record.group}"
        places.setdefault(record.path, {})[place] = None
    by_content: dict[str, list[str]] = {}
    for path, one in seen.items():
        if not one.fault:
            by_content.setdefault(one.sha256, []).append(path)
    gone = {content: paths for content, paths in by_content.items() if _is_placeholder(paths, labels)}
    rest = {content: paths for content, paths in by_content.items() if content not in gone}
    twins = [
        " = ".join(f"{path} ({', '.join(places[path])})" for path in paths)
        for paths in rest.values()
        if len({place for path in paths for place in places[path]}) > 1
    ]
    alike = [paths[0] for paths in rest.values() if seen[paths[0]].look]
    return [
        _finding("placeholders", [path for paths in gone.values() for path in paths]),
        _finding("duplicates", twins),
        _finding("near_duplicates", _near(alike, seen, places)),
    ]


def _is_placeholder(paths: Sequence[str], labels: Mapping[str, set[tuple[int, ...]]]) -> bool:
    distinct = {label for path in paths for label in labels[path]}
    return len(paths) >= _SAME_AT_ALL or (len(paths) >= _SAME_UNDER_OTHER_LABELS and len(distinct) > 1)


def _near(
    paths: Sequence[str], seen: Mapping[str, _Seen], places: Mapping[str, Mapping[str, None]]
) -> list[str]:
    if not paths:
        return []
    first = [next(iter(places[path])) for path in paths]
    looks_N32 = np.frombuffer(b"".join(seen[path].look for path in paths), np.uint8).reshape(-1, HASH_BYTES)
    pairs = near_pairs(looks_N32, NEAR_BITS).tolist()
    return [f"{paths[i]} ({first[i]}) ~ {paths[j]} ({first[j]})" for i, j in pairs if first[i] != first[j]]
