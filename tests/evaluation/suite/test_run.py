"""A suite over two runs and three data sets: what its cells say, and that it goes on where it was stopped."""

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import load_file, save_file

from emotionnet.apps.cli import main
from emotionnet.config_files import load_config
from emotionnet.evaluation.scoring import evaluate_run
from emotionnet.evaluation.suite import cells, run
from emotionnet.evaluation.suite.config import SuiteConfig
from emotionnet.evaluation.suite.rows import distinct_names
from emotionnet.evaluation.suite.run import run_suite
from emotionnet.evaluation.zeroshot_labels import zeroshot
from emotionnet.records import ConfigError, DataError

TABLES = ("table.md", "table.csv", "table.tex")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Folders of the emotions of the coloured squares, in the same colours, ten pictures each."""
    rng = np.random.default_rng(5)
    for name, colour in (("anger", (200, 40, 40)), ("joy", (235, 200, 50)), ("sadness", (50, 80, 200))):
        (tmp_path / "tree" / name).mkdir(parents=True)
        for number in range(10):
            pixels = np.clip(np.array(colour) + rng.normal(0, 30, (32, 32, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / "tree" / name / f"{number}.png")
    return tmp_path / "tree"


@pytest.fixture
def ready(make_run: Any, make_dataset: Any, tree: Path, tmp_path: Path) -> tuple[list[Path], Path]:
    """Two runs, and a suite of three columns."""
    dataset = make_dataset()
    runs = [make_run(dataset, name="one"), make_run(dataset, shape="plain", name="two")]
    suite = {
        "clip": None,
        "benchmarks": [
            {"name": "squares", "root": str(dataset.root), "how": "labels", "score": "macro_map"},
            {"name": "mine", "root": "tree", "how": "probe"},
            {"name": "words", "root": "tree", "how": "zeroshot", "score": "macro_map"},
        ],
    }
    (tmp_path / "suite.json").write_text(json.dumps(suite))
    return runs, tmp_path / "suite.json"


def opened(file: Path, **options: Any) -> SuiteConfig:
    return load_config(SuiteConfig, file, options)


def table(out: Path) -> dict[tuple[str, str], dict[str, str]]:
    rows = csv.DictReader((out / "table.csv").read_text().splitlines())
    return {(row["row"], row["benchmark"]): row for row in rows}


def test_cells_are_what_the_single_commands_give(
    ready: tuple[list[Path], Path], tree: Path, tmp_path: Path
) -> None:
    runs, file = ready
    found = run_suite(runs, opened(file), tmp_path / "out")
    told = table(tmp_path / "out")
    for path in runs:
        scores = evaluate_run(path, baselines=False)
        cell = told[path.name, "squares"]
        assert float(cell["value"]) == scores["test.macro_map"]
        assert float(cell["low"]) == scores["test.macro_map_ci_low"]
    words = zeroshot(runs[0], on="labels", data=tree)
    assert words["zero_shot.labels.accuracy"] >= 0  # the tree has single labels
    assert told["one", "words"]["value"] != ""
    assert told["two", "words"]["note"].startswith("not run here: ")
    assert told["two", "words"]["note"].endswith("needs a network with a projection; this run has none")
    assert (found.cells, found.filled) == (6, 5)
    assert float(told["chance", "mine"]["value"]) == pytest.approx(1 / 3)


def test_a_second_call_computes_nothing_and_writes_the_same(
    ready: tuple[list[Path], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs, file = ready
    run_suite(runs, opened(file), tmp_path / "out")
    first = [(tmp_path / "out" / name).read_bytes() for name in TABLES]
    told = count(monkeypatch)
    run_suite(runs, opened(file), tmp_path / "out")
    assert told == [("two", "words")]  # what could not be told is tried again
    assert [(tmp_path / "out" / name).read_bytes() for name in TABLES] == first


def test_a_suite_that_was_stopped_goes_on_and_ends_with_the_same_table(
    ready: tuple[list[Path], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs, file = ready
    run_suite(runs, opened(file), tmp_path / "whole")
    with monkeypatch.context() as patch:
        told = count(patch, stop_after=3)
        with pytest.raises(KeyboardInterrupt):
            run_suite(runs, opened(file), tmp_path / "out")
        assert len(told) == 3
    told = count(monkeypatch)
    run_suite(runs, opened(file), tmp_path / "out")
    assert len(told) == 3
    for name in TABLES:
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_cells_of_another_run_data_or_way_are_computed_anew(
    ready: tuple[list[Path], Path], tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs, file = ready
    run_suite(runs, opened(file), tmp_path / "out")
    Image.new("RGB", (40, 40)).save(tree / "joy" / "new.png")
    told = count(monkeypatch)
    run_suite(runs, opened(file), tmp_path / "out")
    assert {column for _, column in told} == {"mine", "words"}
    (runs[0] / "model.safetensors").write_bytes((runs[1] / "model.safetensors").read_bytes())
    told.clear()
    with pytest.raises(DataError, match="one"):  # of another shape: refused before anything is computed
        run_suite(runs, opened(file), tmp_path / "out")
    assert told == []


def test_a_broken_cell_is_computed_anew(
    ready: tuple[list[Path], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs, file = ready
    run_suite(runs, opened(file), tmp_path / "out")
    first = (tmp_path / "out" / "table.csv").read_bytes()
    for number, card in enumerate(sorted((tmp_path / "out" / "cells").glob("*/*/cell.json"))):
        (card if number % 2 else card.with_name("predictions.parquet")).write_bytes(b"broken")
    told = count(monkeypatch)
    run_suite(runs, opened(file), tmp_path / "out")
    assert len(told) == 6
    assert (tmp_path / "out" / "table.csv").read_bytes() == first


def test_clip_is_a_row_that_says_why_it_was_not_run(
    ready: tuple[list[Path], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(name: str, *, seed: int) -> Any:
        raise DataError(f"{name}: its weights must come from a model hub, which gave none")

    monkeypatch.setattr(run, "open_clip_row", refused)
    runs, file = ready
    suite = opened(file, clip="open_clip:ViT-B-32@openai")
    found = run_suite(runs, suite, tmp_path / "out")
    page = found.markdown.read_text()
    assert r"| open\_clip:ViT-B-32@openai | not run here | not run here | not run here |" in page
    assert page.count("its weights must come from a model hub") == 1
    assert (found.cells, found.filled) == (9, 5)


def test_a_clip_model_fills_every_column(
    ready: tuple[list[Path], Path], tmp_path: Path, tiny_clip: str
) -> None:
    runs, file = ready
    found = run_suite(runs[:1], opened(file, clip=f"open_clip:{tiny_clip}@none"), tmp_path / "out")
    assert (found.cells, found.filled) == (6, 6)


@pytest.mark.parametrize(
    ("entry", "text"),
    [
        (
            {"name": "a", "root": "tree", "score": "map"},
            "a: score must be auto or one of macro_map, .*; got 'map'",
        ),
        (
            {"name": "a", "root": "tree", "score": "ap.Joy"},
            "^a: score: the label must be one of anger, joy, sadness; got 'Joy'",
        ),
        ({"name": "a", "root": "tree", "format": "fi"}, "^a: .*tree"),
        ({"name": "a", "root": "tree", "format": "emosett"}, "^a: data.format: must be one of"),
    ],
)
def test_what_cannot_be_opened_is_told_before_anything_is_computed(
    ready: tuple[list[Path], Path],
    tmp_path: Path,
    entry: dict[str, str],
    text: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    runs, file = ready
    file.write_text(json.dumps({"clip": None, "benchmarks": [entry]}))
    told = count(monkeypatch)
    with pytest.raises(DataError, match=text):
        run_suite(runs, opened(file), tmp_path / "out")
    assert told == []
    assert not (tmp_path / "out").exists()


def test_names_and_numbers_of_columns_are_checked(tmp_path: Path, tree: Path) -> None:
    file = tmp_path / "suite.json"
    entry = {"name": "a", "root": "tree"}
    for columns, text in (
        ([], "at least one benchmark"),
        ([entry, entry], "a name of its own; a stands twice"),
    ):
        file.write_text(json.dumps({"benchmarks": columns}))
        with pytest.raises(ConfigError, match=text):
            opened(file)


def test_a_row_is_named_by_what_tells_it_apart() -> None:
    assert distinct_names([Path("a/run"), Path("b/run"), Path("c")]) == ["a/run", "b/run", "c"]
    with pytest.raises(DataError, match="a: a run must be given once"):
        distinct_names([Path("a"), Path("b/../a").absolute().parent.parent / "a", Path("a")])


def test_by_command(
    ready: tuple[list[Path], Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs, file = ready
    main(["evaluate", *map(str, runs), "--suite", str(file), "--out", str(tmp_path / "out")])
    told = json.loads(capsys.readouterr().out)
    assert told == {
        "table": str(tmp_path / "out" / "table.md"),
        "csv": str(tmp_path / "out" / "table.csv"),
        "latex": str(tmp_path / "out" / "table.tex"),
        "cells": 6,
        "filled": 5,
    }


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ([], "RUN: one run must be given"),
        (["a", "b"], "RUN: several runs need --suite"),
        (["a", "--out", "x"], "--out: is for --suite"),
        (["a", "--suite", "s.json", "--data", "d"], "--suite: names its data itself"),
    ],
)
def test_options_that_do_not_go_together_are_refused(
    arguments: list[str], text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["evaluate", *arguments])
    assert stopped.value.code == 2
    assert text in capsys.readouterr().err


def count(patch: pytest.MonkeyPatch, stop_after: int | None = None) -> list[tuple[str, str]]:
    """The cells that are computed from here on, by row and column; stopped as by a user after so many."""
    told: list[tuple[str, str]] = []
    real: Callable[..., Any] = cells.tell

    def counted(row: Any, entry: Any, *more: Any) -> Any:
        if len(told) == stop_after:
            raise KeyboardInterrupt
        told.append((row.name, entry.name))
        return real(row, entry, *more)

    patch.setattr(cells, "tell", counted)
    return told


def test_rows_are_paired_whatever_the_order_of_their_emotions(
    ready: tuple[list[Path], Path], tree: Path, tmp_path: Path
) -> None:
    """A run whose emotions stand in another order than the data's, beside one that has the data's order."""
    runs, file = ready
    shutil.copytree(runs[0], tmp_path / "turned")
    description = json.loads((tmp_path / "turned" / "model.json").read_text())
    names = description["emotions"]
    description["emotions"] = names[1:] + names[:1]
    (tmp_path / "turned" / "model.json").write_text(json.dumps(description))
    weights = load_file(tmp_path / "turned" / "model.safetensors")
    turned = {
        name: np.roll(one, -1, axis=0) if name.startswith("fc.") else one for name, one in weights.items()
    }
    save_file(turned, tmp_path / "turned" / "model.safetensors")
    entry = {"name": "mine", "root": "tree", "how": "labels", "score": "macro_map"}
    file.write_text(json.dumps({"clip": None, "benchmarks": [{**entry, "split": "train"}]}))
    run_suite([runs[0], tmp_path / "turned"], opened(file), tmp_path / "out")
    told = table(tmp_path / "out")
    assert told["turned", "mine"]["value"] == told["one", "mine"]["value"] != ""


def test_a_run_whose_emotions_mean_nothing_there_has_no_score_by_the_map(
    ready: tuple[list[Path], Path], tmp_path: Path
) -> None:
    runs, file = ready
    for name in ("Fatigue", "Sensitivity", "Disconnection"):
        (tmp_path / "emotic" / name).mkdir(parents=True)
        for number in range(6):
            Image.new("RGB", (20, 20), (40 * number, 10, len(name))).save(
                tmp_path / "emotic" / name / f"{number}.png"
            )
    file.write_text(json.dumps({"clip": None, "benchmarks": [{"name": "a", "root": "emotic", "how": "map"}]}))
    run_suite(runs[:1], opened(file), tmp_path / "out")
    told = table(tmp_path / "out")
    assert "at least one label must be reached by the map" in told["one", "a"]["note"]
    assert told["chance", "a"]["note"] == ""  # not 'not run here': nothing is meant to stand there


@pytest.mark.parametrize("score", ["ap", "accuracy.joy"])
def test_a_score_that_no_cell_can_have_is_refused(
    ready: tuple[list[Path], Path], tmp_path: Path, score: str
) -> None:
    runs, file = ready
    file.write_text(json.dumps({"clip": None, "benchmarks": [{"name": "a", "root": "tree", "score": score}]}))
    with pytest.raises(DataError, match=r"ap\.LABEL is that of one label, .*; got"):
        run_suite(runs[:1], opened(file), tmp_path / "out")


def test_a_suite_without_any_row_is_refused(ready: tuple[list[Path], Path], tmp_path: Path) -> None:
    with pytest.raises(DataError, match="at least one RUN, or a CLIP model"):
        run_suite([], opened(ready[1]), tmp_path / "out")


@pytest.mark.parametrize("name", ["..", ".", "a/b", "", "x" * 101])
def test_a_column_has_a_name_that_a_folder_can_have(tmp_path: Path, tree: Path, name: str) -> None:
    file = tmp_path / "suite.json"
    file.write_text(json.dumps({"benchmarks": [{"name": name, "root": "tree"}]}))
    with pytest.raises(ConfigError, match="name"):
        opened(file)


def test_a_run_called_chance_is_told_from_chance() -> None:
    assert distinct_names([Path("a/chance"), Path("b")]) == ["a/chance", "b"]
