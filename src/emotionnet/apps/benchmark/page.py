"""benchmarks.md: what the benchmark found, for a reader who knows no statistics."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import jinja2

from emotionnet.apps.benchmark.folder import PAGE, read_facts
from emotionnet.apps.benchmark.plan import TRAINED, Unit
from emotionnet.apps.benchmark.table import Scored, Table, ZeroShot
from emotionnet.config import BenchmarkConfig
from emotionnet.data.store import read_dataset
from emotionnet.evaluation.intervals import Difference, Estimate, Resampled
from emotionnet.evaluation.score_tables import p_text, span
from emotionnet.files import write_text
from emotionnet.progress import message, track

SCORES = ("macro_map", "auc", "hit_rate")
NAMES: Mapping[str, str] = {
    "full": "trained (all three terms)",
    "softmax": "trained (softmax only)",
    "frozen": "frozen trunk",
    "nearest": "nearest neighbour",
    "pixels": "8x8 pixels",
    "full_without": "trained without the vendor",
    "frozen_without": "frozen trunk without the vendor",
}
# What a difference leaves open, whatever its outcome.
_OPEN: Mapping[tuple[str, str], str] = {
    ("full", "frozen"): "what training does for photographs, for larger data or with other settings.",
    ("softmax", "frozen"): "what training does for photographs, for larger data or with other settings.",
    (
        "full",
        "softmax",
    ): "what the two further terms do with a million pictures, for which the paper proposes "
    "them; zero-shot, which only they make possible, has its own table.",
    ("full", "nearest"): "how much of the network's score is still recognition of emoji that look alike.",
    (
        "full",
        "full_without",
    ): "the price of a new style alone: the network without the vendor also learnt from fewer pictures.",
    ("full_without", "frozen_without"): "what happens with a style further away than another vendor's emoji.",
}


@dataclass(frozen=True)
class Claim:
    """One paired difference, in words."""

    title: str
    found: Mapping[str, Difference]
    shows: str
    leaves_open: str


@dataclass(frozen=True)
class Space:
    """One label space: its methods' scores, best kind first, chance, and the claims about them."""

    name: str
    classes: int
    groups: int
    pictures: int
    scored: Sequence[tuple[str, Scored]]
    chance: Mapping[str, float]
    claims: Sequence[Claim]


def write_page(config: BenchmarkConfig, every: Sequence[Unit], sources: Sequence[str]) -> Path:
    """Score everything and write the page into the benchmark's folder.

    Raises:
        DataError: A unit's predictions are missing or broken.
    """
    message("scoring: 1,000 resamples of every method")
    table = Table(config, sources)
    spaces = [
        _space(config, table, name, (*TRAINED[::-1], "frozen", "nearest", "pixels"))
        for name in track(("tags", "families"), "scoring")
    ]
    score, chance = table.shuffled()
    seconds = sum(float(read_facts(config.out, unit)["seconds"]) for unit in every)
    page = _template().render(
        config=config,
        spaces=spaces,
        vendor=_vendor(table) if len(sources) > 1 else None,
        shuffled=score.estimate(),
        shuffled_chance=chance,
        zero_shot=_zero_shot(table.zero_shot()),
        names=NAMES,
        scores=SCORES,
        trainings=sum(unit.method.startswith((*TRAINED, "shuffled")) for unit in every),
        core_minutes=seconds / 60,
        machine=_machine(),
        workers=config.workers or os.cpu_count(),
    )
    write_text(config.out / PAGE, re.sub(r"\n{3,}", "\n\n", page.lstrip()))
    return config.out / PAGE


def _space(config: BenchmarkConfig, table: Table, name: str, methods: Sequence[str]) -> Space:
    dataset = read_dataset(config.out / name / "dataset")
    scored = {method: table.scored(name, method) for method in methods}
    pairs = (("full", "frozen"), ("softmax", "frozen"), ("full", "softmax"), ("full", "nearest"))
    counts = dataset.info["counts"]
    return Space(
        name=name,
        classes=len(dataset.emotions),
        groups=len(table.groups(name)),
        pictures=sum(int(counts[split]) for split in ("train", "val", "test")),
        scored=[(NAMES[method], scored[method]) for method in methods],
        chance=table.chance(name),
        claims=[_claim(pair, scored[pair[0]].scores, scored[pair[1]].scores) for pair in pairs],
    )


def _vendor(table: Table) -> tuple[list[tuple[str, Scored]], list[Claim]]:
    """The unseen vendor's pictures: three ways to score them, and the claims."""
    methods = ("full", "full_without", "frozen_without")
    scored = {method: table.on_unseen_source(method) for method in methods}
    pairs = (("full", "full_without"), ("full_without", "frozen_without"))
    claims = [_claim(pair, scored[pair[0]].scores, scored[pair[1]].scores) for pair in pairs]
    return [(NAMES[method], scored[method]) for method in methods], claims


def _claim(pair: tuple[str, str], ours: Mapping[str, Resampled], theirs: Mapping[str, Resampled]) -> Claim:
    first, second = (NAMES[name] for name in pair)
    found = {key: ours[key].minus(theirs[key]) for key in SCORES if key in ours}
    return Claim(f"{first} minus {second}", found, verdict(found["macro_map"], first, second), _OPEN[pair])


def verdict(found: Difference, first: str, second: str) -> str:
    """What a difference in macro mAP shows, in one sentence; one whose interval includes 0 shows none."""
    ends = f"between {found.low:+.3f} and {found.high:+.3f}"
    if found.low > 0 or found.high < 0:
        order = "higher" if found.value > 0 else "lower"
        return f"'{first}' scores {order} than '{second}'; the true difference is likely {ends}."
    return (
        f"The interval includes 0: no difference between '{first}' and '{second}' is shown. "
        f"One {ends} is not ruled out."
    )


def _zero_shot(found: ZeroShot | None) -> dict[str, object] | None:
    if found is None:
        return None
    auc = found.scores["auc"].estimate()
    as_good = int((found.permuted >= auc.value).sum())
    return {
        "auc": auc,
        "macro_map": found.scores["macro_map"].estimate(),
        "mean": float(found.permuted.mean()),
        "p": (1 + as_good) / (1 + len(found.permuted)),
        "permutations": len(found.permuted),
    }


def with_interval(found: Estimate) -> str:
    """A score and its interval: 0.412 (0.365 to 0.459)."""
    return f"{found.value:z.3f} ({span(found, 3)})"


def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("emotionnet.apps.benchmark", "."),
        autoescape=False,  # Markdown; every text in it is our own
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"number": "{:z.3f}".format, "with_interval": with_interval, "p_text": p_text}
    return environment.get_template(f"{PAGE}.j2")


def _machine() -> str:
    """The processor's name and number of cores."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text(encoding="utf-8").splitlines() if cpuinfo.is_file() else []
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return f"{models[0] if models else platform.processor() or platform.machine()}, {os.cpu_count()} cores"
