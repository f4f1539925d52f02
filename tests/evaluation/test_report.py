from __future__ import annotations

import shutil
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import polars as pl
import pytest

from emotionnet.data.tables import write_parquet
from emotionnet.evaluation.report import flat, report_run
from emotionnet.files import read_json, write_json
from emotionnet.records import DataError

MakeRun = Callable[..., Path]


def write_report(run: Path, data: Path | None = None) -> Path:
    return report_run(run, data=data)[0]


class Page(HTMLParser):
    """Collects tags, addresses and text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href", "action", "data")]

    def handle_data(self, data: str) -> None:
        self.words.append(data.strip())

    @property
    def text(self) -> str:
        return " ".join(word for word in self.words if word)


def test_the_report_stands_alone(scored_run: Path) -> None:
    text = write_report(scored_run).read_text(encoding="utf-8")
    page = Page(text)
    assert not {"script", "link", "iframe", "object"} & set(page.tags)
    assert [url[:30] for url in page.addresses if not url.startswith(("data:image/webp;base64,", "#"))] == []
    assert "@import" not in text
    assert page.tags.count("img") >= 9
    assert page.tags.count("svg") == 7


def test_the_report_begins_with_what_was_found(scored_run: Path) -> None:
    text = Page(write_report(scored_run).read_text(encoding="utf-8")).text
    metrics = read_json(scored_run / "metrics.json")
    low, high = (metrics[f"test.macro_map_ci_{end}"] for end in ("low", "high"))
    opening = "On 9 unseen groups of squares (unit: group, 13 pictures) macro mAP over 3 emotions is "
    assert (
        f"{opening}{metrics['test.macro_map']:.3f} (95 % interval {low:.2f} to {high:.2f}); "
        f"chance {metrics['baseline.chance.macro_map']:.3f}" in text
    )
    assert f"the frozen trunk {metrics['baseline.frozen.macro_map']:.3f}. The run lies " in text
    assert "Intervals cover the choice of test groups, not that of split" in text
    assert "not what a person feels" in text
    assert text.index("Intervals cover") < text.index("Most surely right") < text.index("Beside what it must")
    for part in (
        "near: anger, fury",
        "delight",
        "versions.python 3.11",
        "No test picture's top emotion was wrong.",
    ):
        assert part in text


def test_zero_shot_that_fails_is_the_first_thing_said_and_one_that_works_is_not(scored_run: Path) -> None:
    metrics = read_json(scored_run / "metrics.json")
    for p95, failed in ((metrics["zero_shot.unseen.auc"], True), (0.1, False)):
        write_json(scored_run / "metrics.json", metrics | {"zero_shot.permuted.auc_p95": p95})
        report, card = report_run(scored_run)
        text = Page(report.read_text(encoding="utf-8")).text
        assert ("report of a run Zero-shot failed: emotion words never seen" in text) == failed
        lines = card.read_text(encoding="utf-8").split("---\n\n")[1].splitlines()
        assert lines[0].startswith("# What")
        assert lines[2].startswith("Zero-shot failed: emotion words" if failed else "On 9 unseen groups")


def test_scores_without_intervals_must_be_computed_again(scored_run: Path) -> None:
    metrics = read_json(scored_run / "metrics.json")
    write_json(scored_run / "metrics.json", {k: v for k, v in metrics.items() if "_ci_" not in k})
    with pytest.raises(DataError) as caught:
        report_run(scored_run)
    assert [fault.split("'")[1] for fault in caught.value.faults] == [
        f"emotionnet evaluate {scored_run}",
        f"emotionnet zeroshot {scored_run}",
    ]
    assert not (scored_run / "report.html").exists()


def test_training_emotions_are_shown_where_there_are_any(scored_run: Path) -> None:
    text = write_report(scored_run).read_text(encoding="utf-8")
    assert 'aria-label="How many training pictures carry each emotion"' in text
    table = scored_run.parent / "dataset" / "train.parquet"
    write_parquet(table, pl.read_parquet(table).clear())
    bare = write_report(scored_run).read_text(encoding="utf-8")
    assert "training pictures carry each emotion" not in bare
    start = text.index("<section>\n<h2>Emotions of the training pictures")
    without = text[:start] + text[text.index("</section>\n", start) + len("</section>\n") :]
    assert without == bare  # nothing else changes


def test_twice_the_same_bytes(scored_run: Path) -> None:
    first = [path.read_bytes() for path in report_run(scored_run)]
    assert [path.read_bytes() for path in report_run(scored_run)] == first


def test_names_from_outside_cannot_become_part_of_the_page(scored_run: Path) -> None:
    info = scored_run.parent / "dataset" / "dataset.json"
    write_json(info, read_json(info) | {"name": "<script>alert(1)</script>"})
    write_json(scored_run / "manifest.json", {"device": "<img src=http://x>"})
    text = write_report(scored_run).read_text(encoding="utf-8")
    page = Page(text)
    assert "script" not in page.tags
    assert not any("http" in address for address in page.addresses)
    assert "of <script>alert(1)</script> (unit" in page.text


def test_a_run_without_baselines_zero_shot_history_or_manifest_still_has_a_report(
    make_run: MakeRun, scored_run: Path
) -> None:
    metrics = read_json(scored_run / "metrics.json")
    write_json(scored_run / "metrics.json", {k: v for k, v in metrics.items() if k.startswith("test.")})
    (scored_run / "metrics.jsonl").unlink()
    (scored_run / "manifest.json").unlink()
    text = Page(write_report(scored_run).read_text(encoding="utf-8")).text
    assert "baselines were not computed." in text
    assert "No training history was kept." in text
    assert "Words never seen" not in text


def test_a_run_that_was_not_evaluated_is_refused(make_run: MakeRun) -> None:
    run = make_run()
    with pytest.raises(DataError, match="must hold scores of the test split; 'emotionnet evaluate"):
        write_report(run)
    assert not (run / "report.html").exists()
    assert not (run / "README.md").exists()


def test_a_data_set_may_lie_elsewhere(scored_run: Path, tmp_path: Path) -> None:
    shutil.move(tmp_path / "dataset", tmp_path / "moved")
    with pytest.raises(DataError, match=r"the run.s DATASET must be there; it is not"):
        write_report(scored_run)
    assert write_report(scored_run, data=tmp_path / "moved").is_file()


def test_manifest_values_become_flat() -> None:
    values = {"seed": 0, "versions": {"torch": "2"}, "skipped": [], "names": ["a", "b"]}
    assert list(flat(values)) == [
        ("seed", "0"),
        ("versions.torch", "2"),
        ("skipped", "none"),
        ("names", "a, b"),
    ]
