"""Curation measured on synthetic web records, beside the literal loops and a Polars script by hand.

Its folder holds up to 6 GB: ten million records, the work files of curation, and the data set of them.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import polars as pl

from emotionnet.apps.bench.literal_curation import Kept, Outcome, literal_curation
from emotionnet.apps.bench.processes import peak_memory
from emotionnet.apps.bench.rounds import Contender, race
from emotionnet.apps.bench.web_records import LICENCES, REFUSED, web_records
from emotionnet.apps.memory import keep_freed_memory
from emotionnet.config import CurateConfig
from emotionnet.curation.curate import curate as run
from emotionnet.data.store import Dataset
from emotionnet.files import write_json
from emotionnet.progress import message
from emotionnet.records import SPLITS, TrainingError

COMPARED, RACED, MANY = 100_000, 1_000_000, 10_000_000  # records
ROUNDS = 3


def curate(work: Path) -> dict[str, float]:
    """Whether ours and the literal loops agree, how fast both and a script are, and what many records take.

    Args:
        work: An empty folder.

    Raises:
        TrainingError: Ours and the literal loops differ; names some records.
    """
    found = {"curate.differences": _differences(_settings(work / "compared", COMPARED, looks=True))}
    found |= _races(_settings(work / "raced", RACED, looks=False))
    many = _settings(work / "many", MANY, looks=True)
    file = work / "many.json"
    write_json(file, many.model_dump(mode="json"))
    message(f"curating {MANY:,} records")
    started = time.perf_counter()
    peak = peak_memory(["data", "curate", str(file)], work / "cache")
    return found | {"curate.10m.seconds": time.perf_counter() - started, "curate.10m.peak_gb": peak / 1e3}


def make_ours(config: CurateConfig) -> Callable[[], float]:
    """A contender whose round is one curation; the rate is records per second."""
    keep_freed_memory()
    count = pl.scan_parquet(config.source).select(pl.len()).collect().item()

    def one_round() -> float:
        started = time.perf_counter()
        run(config, overwrite=True)
        return float(count / (time.perf_counter() - started))

    return one_round


def outcome(dataset: Dataset) -> Outcome:
    """What a DATASET holds, and what it does not and why."""
    emotions, tags = dataset.emotion_names, dataset.tag_names
    kept = {
        record.id: Kept(
            split,
            frozenset(emotions[label] for label in record.labels),
            frozenset(tags[tag] for tag in record.tags),
            record.group,
        )
        for split in SPLITS
        for record in dataset.records(split)
    }
    return Outcome(kept, dict(pl.read_parquet(dataset.root / "rejects.parquet").iter_rows()))


def differences(one: Outcome, other: Outcome) -> list[str]:
    """The ids of the records of which both do not say the same."""
    names = {*one.kept, *one.rejects, *other.kept, *other.rejects}
    return sorted(
        name
        for name in names
        if one.kept.get(name) != other.kept.get(name) or one.rejects.get(name) != other.rejects.get(name)
    )


def _settings(folder: Path, count: int, *, looks: bool) -> CurateConfig:
    """Records, and what to keep of them: all that belongs to the steps of 2020 but for held-out words."""
    folder.mkdir()
    source = folder / "records.parquet"
    licences = {licence or "unknown" for licence in LICENCES} - {REFUSED}
    return CurateConfig(
        source=source,
        vocabulary=web_records(source, count, looks=looks),
        licence="unknown",
        licences=tuple(sorted(licences)),
        tag_language="en",
        out=folder / "dataset",
    )


def _differences(config: CurateConfig) -> float:
    message(f"the literal loops over {COMPARED:,} records")
    literal = literal_curation(config)
    differing = differences(outcome(run(config)), literal)
    if differing:
        some = ", ".join(differing[:5])
        raise TrainingError(
            f"curate: ours and the literal loops must agree on every record; {len(differing)} differ: {some}"
        )
    return 0.0


def _races(config: CurateConfig) -> dict[str, float]:
    """A round beside the literal loops, which take a minute and a half, and some beside the script."""
    ours = Contender("ours", f"{__name__}:make_ours", {"config": config})
    room = "emotionnet.apps.bench"
    loops = Contender("loops", f"{room}.literal_curation:make_literal", {"config": config})
    script = Contender(
        "polars",
        f"{room}.polars_curation:make_polars",
        {"config": config.model_copy(update={"out": config.out.with_name("polars")})},
    )
    slow = race([ours, loops], rounds=1)
    rates = race([ours, script], rounds=ROUNDS)
    return {
        "curate.speedup_vs_loops": slow.ratio("ours", "loops"),
        "curate.loops.per_second": slow.median("loops"),
        "curate.ratio_vs_polars": rates.ratio("polars", "ours"),
        **rates.flat("curate"),
    }
