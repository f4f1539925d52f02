"""benchmarks.md: what the benchmark found, for a reader who knows no statistics."""

from __future__ import annotations

import math
import os
import re
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2

from emotionnet.apps.bench.machine import cpu_name
from emotionnet.apps.benchmark.config import BenchmarkConfig
from emotionnet.apps.benchmark.folder import PAGE, read_facts
from emotionnet.apps.benchmark.plan import PROBES, TRAINED, Unit, spaces_of
from emotionnet.apps.benchmark.table import Scores, Table, ZeroShot
from emotionnet.evaluation.chance import permutation_p
from emotionnet.evaluation.intervals import Difference, Estimate, Resampled
from emotionnet.evaluation.rendering import environment
from emotionnet.evaluation.score_tables import p_text, span
from emotionnet.files import write_text
from emotionnet.progress import message, track
from emotionnet.records import SPLITS

SCORES = ("macro_map", "auc", "hit_rate")
NAMES: Mapping[str, str] = {
    "full": "trained (all three terms)",
    "softmax": "trained (softmax only)",
    "head": "softmax head on the frozen trunk",
    "frozen": "frozen trunk",
    "nearest": "nearest neighbour",
    "pixels": "8x8 pixels",
    "full_without": "trained without the vendor",
    "frozen_without": "frozen trunk without the vendor",
    "ridge": "ridge regression from the frozen trunk",
    "similarity": "softmax network and its emotions' words",
}
# What a difference leaves open, whatever its outcome.
_HEADS = (
    "how much comes from training the trunk and how much from the head, one softmax over all emotions "
    "against one logistic regression for each; the next row has the same head on both sides."
)
_TRUNK = "what training the trunk does for photographs, larger data or other settings."
_PROJECTION = "whether the projection would do more with larger data or other settings."
_OPEN: Mapping[str, str] = {
    "full-frozen": _HEADS,
    "full-head": _TRUNK,
    "softmax-head": _TRUNK,
    "full-softmax": "what the two further terms do with a million pictures, as the paper proposes them.",
    "full-nearest": "how much of the network's score is still recognition of emoji that look alike.",
    "full-full_without": "the price of a new style alone: it also learnt from fewer pictures.",
    "full_without-frozen_without": "what happens with a style further away than another vendor's emoji.",
    "full-ridge": _PROJECTION,
    "full-similarity": _PROJECTION,
}
_PAIRS = (("full", "frozen"), ("full", "head"), ("softmax", "head"), ("full", "softmax"), ("full", "nearest"))


@dataclass(frozen=True)
class Claim:
    """One paired difference, in words; `by_seed` has its main score for each seed by itself."""

    title: str
    found: Mapping[str, Difference]
    by_seed: Sequence[float]
    shows: str
    leaves_open: str


@dataclass(frozen=True)
class Space:
    """One label space: its methods' scores, best kind first, chance, and the claims about them."""

    name: str
    classes: int
    groups: int
    pictures: int
    scored: Sequence[tuple[str, Scores]]
    chance: Mapping[str, float]
    claims: Sequence[Claim]


def write_page(config: BenchmarkConfig, every: Sequence[Unit], sources: Sequence[str]) -> Path:
    """Score everything and write the page into the benchmark's folder.

    Raises:
        DataError: A unit's predictions are missing or broken.
    """
    message("scoring: 1,000 resamples of every method")
    table = Table(config, sources)
    spaces = [_space(table, name) for name in track(spaces_of(config), "scoring")]
    return render(
        config,
        every,
        f"{PAGE}.j2",
        spaces=spaces,
        vendor=_vendor(table) if len(sources) > 1 else None,
        swapped=table.swapped(),
        zero_shot=_zero_shot(table.zero_shot()),
    )


def render(config: BenchmarkConfig, every: Sequence[Unit], template: str, **found: Any) -> Path:
    """Write the page into the benchmark's folder, with machine and time."""
    seconds = sum(float(read_facts(config.out, unit)["seconds"]) for unit in every)
    page = (
        _templates()
        .get_template(template)
        .render(
            config=config,
            trainings=sum(unit.method not in (*PROBES, "frozen_without", "ridge") for unit in every),
            minutes=seconds / 60,
            machine=f"{cpu_name()}, {os.cpu_count()} cores",
            workers=config.workers or os.cpu_count(),
            **found,
        )
    )
    write_text(config.out / PAGE, re.sub(r"\n{3,}", "\n\n", page.lstrip()))
    return config.out / PAGE


def _space(table: Table, name: str) -> Space:
    dataset = table.dataset(name)
    scored = {method: table.scored(name, method) for method in (*TRAINED[::-1], *PROBES)}
    counts = dataset.info["counts"]
    return Space(
        name=name,
        classes=len(dataset.emotions),
        groups=len(table.groups(name)),
        pictures=sum(int(counts[split]) for split in SPLITS),
        scored=[(NAMES[method], scores) for method, scores in scored.items()],
        chance=table.chance(name),
        claims=[_claim(pair, scored) for pair in _PAIRS],
    )


def _vendor(table: Table) -> tuple[list[tuple[str, Scores]], list[Claim]]:
    """The unseen vendor's pictures: three ways to score them, and the claims."""
    methods = ("full", "full_without", "frozen_without")
    scored = {method: table.on_unseen_source(method) for method in methods}
    claims = [_claim(pair, scored) for pair in (methods[:2], methods[1:])]
    return [(NAMES[method], scored[method]) for method in methods], claims


def _claim(pair: tuple[str, ...], scored: Mapping[str, Scores], main: str = "macro_map") -> Claim:
    first, second = pair
    names = (NAMES[first], NAMES[second])
    return claim(names, scored[first], scored[second], _OPEN[f"{first}-{second}"], main)


def claim(
    names: tuple[str, str], ours: Scores, theirs: Scores, leaves_open: str, main: str = "macro_map"
) -> Claim:
    """The difference between two methods, judged by its main score."""
    first, second = names
    seeds = zip(ours[main].repeats, theirs[main].repeats, strict=True)
    found = {key: ours[key].minus(theirs[key]) for key in SCORES if key in ours}
    return Claim(
        title=f"{first} minus {second}",
        found=found,
        by_seed=[mine.value - yours.value for mine, yours in seeds],
        shows=verdict(found[main], first, second),
        leaves_open=leaves_open,
    )


def verdict(found: Difference, first: str, second: str) -> str:
    """What a difference shows, in one sentence or two; one whose interval includes 0 shows none."""
    ends = f"between {found.low:+.3f} and {found.high:+.3f}"
    if found.low > 0 or found.high < 0:
        order = "higher" if found.value > 0 else "lower"
        return f"'{first}' scores {order} than '{second}'; the true difference is likely {ends}."
    return (
        f"The interval includes 0: no difference between '{first}' and '{second}' is shown. "
        f"One {ends} is not ruled out."
    )


def _zero_shot(found: ZeroShot | None) -> dict[str, Any] | None:
    if found is None:
        return None
    auc = found.scores["full"]["auc"].value
    return {
        "scored": [(NAMES[name], scores) for name, scores in found.scores.items()],
        "claims": [_claim(("full", name), found.scores, "auc") for name in ("ridge", "similarity")],
        "mean": float(found.permuted.mean()),
        "p": permutation_p(auc, found.permuted),
        "permutations": len(found.permuted),
    }


def seed_spread(score: Resampled) -> float:
    """Standard deviation over seeds; NaN for a single one."""
    values = [one.value for one in score.repeats]
    return statistics.stdev(values) if len(values) > 1 else math.nan


def with_interval(found: Estimate) -> str:
    """A score and its interval: 0.412 (0.365 to 0.459)."""
    return f"{found.value:z.3f} ({span(found, 3)})"


def _templates() -> jinja2.Environment:
    pages = environment("emotionnet.apps.benchmark", ".", html=False)  # every text in it is our own
    pages.filters |= {
        "number": "{:z.3f}".format,
        "with_interval": with_interval,
        "p_text": p_text,
        "seed_spread": seed_spread,
    }
    return pages
