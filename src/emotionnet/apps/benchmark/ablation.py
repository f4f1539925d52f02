"""The page of an ablation: its rows on every corpus, and each held against the row it differs from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from emotionnet.apps.benchmark.config import BenchmarkConfig, RowConfig, SpaceConfig
from emotionnet.apps.benchmark.page import NAMES, Claim, claim, render
from emotionnet.apps.benchmark.plan import REFERENCE, Unit, rows_of, spaces_of
from emotionnet.apps.benchmark.table import Scores, Table
from emotionnet.progress import message, track
from emotionnet.records import SPLITS

TEMPLATE = "ablation.md.j2"


@dataclass(frozen=True)
class Corpus:
    """One corpus: how large it is, its rows' scores, chance, and the differences.

    `frozen_leads`: whether no row has a macro mAP as high as that of the frozen trunk.
    """

    space: SpaceConfig
    classes: int
    groups: int
    pictures: int
    scored: Sequence[tuple[str, Scores]]
    chance: Mapping[str, float]
    claims: Sequence[Claim]
    frozen_leads: bool


def write_ablation_page(
    config: BenchmarkConfig, every: Sequence[Unit], missing: Sequence[SpaceConfig]
) -> Path:
    """Score every row and write the page into the benchmark's folder.

    Args:
        config: An ablation all of whose units are done.
        every: Its units.
        missing: The corpora that are not installed.

    Raises:
        DataError: A unit's predictions are missing or broken.
    """
    message("scoring: 1,000 resamples of every row")
    table, rows = Table(config, ()), rows_of(config)
    corpora = [_corpus(table, name, rows) for name in track(spaces_of(config), "scoring")]
    return render(
        config, every, TEMPLATE, corpora=corpora, rows_of_paper=list(rows.values()), missing=missing
    )


def _corpus(table: Table, name: str, rows: Mapping[str, RowConfig]) -> Corpus:
    dataset = table.dataset(name)
    scored = {method: table.scored(name, method) for method in (*rows, REFERENCE)}
    titles = {**{row: found.title for row, found in rows.items()}, REFERENCE: NAMES[REFERENCE]}
    counts = dataset.info["counts"]
    return Corpus(
        space=spaces_of(table.config)[name],
        classes=len(dataset.emotions),
        groups=len(table.groups(name)),
        pictures=sum(int(counts[split]) for split in SPLITS),
        scored=[(titles[method], scores) for method, scores in scored.items()],
        chance=table.chance(name),
        claims=[
            claim((found.title, titles[found.against]), scored[row], scored[found.against], found.leaves_open)
            for row, found in rows.items()
            if found.against
        ],
        frozen_leads=all(
            scored[row]["macro_map"].value < scored[REFERENCE]["macro_map"].value for row in rows
        ),
    )
