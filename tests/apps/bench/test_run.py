from __future__ import annotations

import json
from pathlib import Path

import pytest

from emotionnet.apps.bench import run
from emotionnet.apps.bench.notes import leave_note
from emotionnet.apps.bench.run import Section, bench, noisy
from emotionnet.apps.cli import main
from emotionnet.records import DataError

MACHINE = {"cpu": "Some CPU"}


def _quick(work: Path) -> dict[str, float]:
    assert not any(work.iterdir())
    leave_note(work, "quick.chosen", "bfloat16")
    return {"quick.speedup": 2.0, "quick.ours.per_second": 4.0, "quick.ours.spread": 0.25}


def _slow(work: Path) -> dict[str, float]:
    return {"slow.growth": 1.0}


@pytest.fixture(autouse=True)
def _two_sections(monkeypatch: pytest.MonkeyPatch) -> None:
    sections = {"quick": Section(_quick), "slow": Section(_slow, in_all=False)}
    monkeypatch.setattr(run, "SECTIONS", sections)
    monkeypatch.setattr(run, "machine", lambda: MACHINE)


def test_numbers_notes_machine_and_what_is_noisy(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = bench(json_file=tmp_path / "new" / "bench.json")
    seconds = found.pop("seconds")
    assert set(seconds) == {"quick"}
    assert found == {
        "machine": MACHINE,
        "notes": {"quick.chosen": "bfloat16"},
        "noisy": ["quick.ours"],
        "quick.speedup": 2.0,
        "quick.ours.per_second": 4.0,
        "quick.ours.spread": 0.25,
    }
    assert json.loads((tmp_path / "new" / "bench.json").read_text()) == found | {"seconds": seconds}
    assert "too noisy to tell, rounds differ by over 20%: quick.ours" in capsys.readouterr().err


def test_a_section_that_is_not_of_all_runs_by_its_name() -> None:
    found = bench("slow")
    assert found["slow.growth"] == 1.0
    assert "quick.speedup" not in found
    assert found["noisy"] == []


def test_noise_begins_above_a_fifth() -> None:
    assert noisy({"b.spread": 0.21, "a.spread": 0.3, "c.spread": 0.2, "c.per_second": 9.0}) == ["a", "b"]


def test_an_unknown_section_is_a_fault() -> None:
    with pytest.raises(DataError, match="section must be one of quick, slow or all; got 'other'"):
        bench("other")


def test_every_missing_package_is_told_before_any_work(monkeypatch: pytest.MonkeyPatch) -> None:
    needs = {"no_such_package": "fast", "nor_this": "demo"}
    monkeypatch.setattr(run, "EXTRAS", needs)
    monkeypatch.setattr(run, "SECTIONS", {"quick": Section(_quick), "other": Section(_slow, tuple(needs))})
    monkeypatch.setattr(run, "machine", lambda: pytest.fail("work has begun"))
    with pytest.raises(DataError) as caught:
        bench()
    assert caught.value.faults == (
        "other: needs no_such_package, nor_this, not installed; pip install 'emotionnet[demo,fast]'",
    )


def test_a_file_that_cannot_be_written_is_refused_before_any_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "machine", lambda: pytest.fail("work has begun"))
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match=r"cannot be written \(Is a directory\)"):
        bench(json_file=tmp_path)
    with pytest.raises(DataError, match=r"bench.json: cannot be written \(Not a directory\)"):
        bench(json_file=tmp_path / "file" / "bench.json")


def test_the_command_prints_and_writes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = tmp_path / "bench.json"
    main(["bench", "all", "--json", str(place)])
    assert json.loads(capsys.readouterr().out) == json.loads(place.read_text())


def test_the_command_knows_its_sections(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["bench", "everything"])
    assert caught.value.code == 2
    assert "everything" in capsys.readouterr().err
