from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from emotionnet.apps.bench import curate
from emotionnet.apps.bench.literal_curation import Kept, Outcome, literal_curation
from emotionnet.apps.bench.polars_curation import polars_curation
from emotionnet.apps.bench.rounds import Contender
from emotionnet.apps.bench.web_records import LICENCES, web_records
from emotionnet.config import CurateConfig, SplitSizes
from emotionnet.curation.curate import curate as run
from emotionnet.records import TrainingError

RaceAtOnce = Callable[[str], dict[str, Contender]]
STRICT: dict[str, Any] = {
    "licences": tuple(licence for licence in LICENCES if licence and licence.startswith("CC")),
    "tag_language": "en",
    "max_emotions": 300,
    "max_tags": 2000,
    "seed": 3,
}


def settings(folder: Path, *, looks: bool, **others: Any) -> CurateConfig:
    folder.mkdir(exist_ok=True)
    source = folder / "records.parquet"
    vocabulary = web_records(source, 2_000, seed=1, looks=looks)
    usual = {"min_emotion_groups": 3, "min_tag_groups": 2, "splits": SplitSizes(test=2, val=1, train=2)}
    return CurateConfig.model_validate(
        {"source": source, "vocabulary": vocabulary, "out": folder / "dataset", **usual, **others}
    )


@pytest.mark.parametrize("others", [{}, STRICT])
def test_ours_is_what_the_literal_loops_give(tmp_path: Path, others: dict[str, Any]) -> None:
    config = settings(tmp_path, looks=True, **others)
    ours, literal = curate.outcome(run(config)), literal_curation(config)
    assert curate.differences(ours, literal) == []
    assert {kept.split for kept in literal.kept.values()} == {"train", "val", "test"}
    assert len(literal.kept) > 100
    reasons = {" ".join(reason.split()[:2]) for reason in literal.rejects.values()}
    assert {"no emotion", "same picture", "same tags", "left over"} <= reasons
    assert ("its licence" in reasons) == bool(others)
    assert max(Counter(kept.group for kept in literal.kept.values()).values()) > 1


def test_the_script_gives_the_same_for_records_without_looks(tmp_path: Path) -> None:
    config = settings(tmp_path, looks=False, **{key: STRICT[key] for key in ("licences", "tag_language")})
    records, rejects = polars_curation(config)
    kept = {
        name: Kept(split, frozenset(labels), frozenset(tags), group)
        for name, split, group, labels, tags in records.iter_rows()
    }
    script = Outcome(kept, dict(rejects.iter_rows()))
    assert curate.differences(script, literal_curation(config)) == []


def test_a_difference_is_one_in_any_part() -> None:
    kept = Kept("train", frozenset({"joy"}), frozenset({"dog"}), "a")
    one = Outcome({"a": kept, "b": kept}, {"c": "no"})
    assert curate.differences(one, one) == []
    other = Kept("train", frozenset({"joy"}), frozenset({"dog"}), "b")
    assert curate.differences(one, Outcome({"a": other}, {"b": "no", "c": "left over"})) == ["a", "b", "c"]


def test_keys_and_agreement(
    tmp_path: Path, race_at_once: RaceAtOnce, monkeypatch: pytest.MonkeyPatch
) -> None:
    def small(**given: Any) -> CurateConfig:
        sizes = SplitSizes(test=2, val=1, train=2)
        return CurateConfig.model_validate({**given, "min_emotion_groups": 3, "splits": sizes})

    def peak_memory(arguments: list[str], cache: Path) -> float:
        commands.append(arguments)
        assert cache.is_relative_to(tmp_path)
        return 1500.0

    commands: list[list[str]] = []
    for name in ("COMPARED", "RACED", "MANY"):
        monkeypatch.setattr(curate, name, 1_000)
    monkeypatch.setattr(curate, "CurateConfig", small)
    monkeypatch.setattr(curate, "peak_memory", peak_memory)
    seen = race_at_once("curate")
    found = curate.curate(tmp_path)
    assert set(found) == {
        "curate.differences",
        "curate.speedup_vs_loops",
        "curate.ratio_vs_polars",
        "curate.loops.per_second",
        *(f"curate.{name}.{what}" for name in ("ours", "polars") for what in ("per_second", "spread")),
        "curate.10m.seconds",
        "curate.10m.peak_gb",
    }
    assert found["curate.differences"] == 0
    assert found["curate.10m.peak_gb"] == 1.5
    assert set(seen) == {"ours", "loops", "polars"}
    assert commands == [["data", "curate", str(tmp_path / "many.json")]]
    assert json.loads((tmp_path / "many.json").read_text())["out"] == str(tmp_path / "many" / "dataset")


def test_a_result_that_differs_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(curate, "COMPARED", 1_000)
    monkeypatch.setattr(curate, "literal_curation", lambda _: Outcome({}, {"x": "no"}))
    monkeypatch.setattr(curate, "run", lambda _: None)
    monkeypatch.setattr(curate, "outcome", lambda _: Outcome({}, {"x": "yes"}))
    with pytest.raises(TrainingError, match="must agree on every record; 1 differ: x"):
        curate.curate(tmp_path)
