"""A small ablation from beginning to end, and what its page says."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
import torch

from emotionnet.apps.benchmark.config import BenchmarkConfig, SpaceConfig
from emotionnet.apps.benchmark.folder import read_found
from emotionnet.apps.benchmark.page import with_interval
from emotionnet.apps.benchmark.plan import Unit, spaces_of
from emotionnet.apps.benchmark.run import run_benchmark
from emotionnet.apps.benchmark.table import Table
from emotionnet.apps.benchmark.units import prepare_space, run_unit
from emotionnet.data.store import read_dataset
from emotionnet.evaluation.metrics import macro_map
from emotionnet.evaluation.units import pool_labels, pool_scores
from emotionnet.inference.loading import load_predictor
from emotionnet.models.teachers import load_teacher
from emotionnet.records import ConfigError

pytest.importorskip("gensim")


def test_it_runs_and_its_page_says_what_the_table_says(
    ablation: BenchmarkConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    spaces = spaces_of(ablation)
    clips = SpaceConfig(title="Clips", curate={"source": "openclipart"})
    whole = ablation.model_copy(update={"spaces": {**spaces, "clips": clips}, "workers": 1})
    monkeypatch.setattr("emotionnet.curation.openclipart.is_installed", lambda: False)
    page = run_benchmark(whole).read_text()
    table = Table(ablation, ())
    for space in spaces:
        for row, title in (("plain", "labels"), ("words", "words"), ("frozen", "frozen trunk")):
            assert f"| {title} | {with_interval(table.scored(space, row)['macro_map'].estimate())} |" in page
        ours, theirs = (table.scored(space, row)["macro_map"] for row in ("words", "plain"))
        assert f"| words minus labels | {with_interval(ours.minus(theirs))} |" in page
    frozen_leads = [
        all(
            table.scored(space, row)["macro_map"].value < table.scored(space, "frozen")["macro_map"].value
            for row in ("plain", "words")
        )
        for space in spaces
    ]
    assert page.count("The frozen trunk scores above every row here") == sum(frozen_leads)
    assert page.startswith("<!-- ablation -->\n\n## Ablation\n")
    assert "* Not run: Clips." in page
    assert "### One\n\nA first. 3 labels, 24 groups, 48 pictures.\n" in page
    assert "### Two\n\nA second. 3 labels, 24 groups, 48 pictures. Each picture is scored by itself;" in page
    assert "\n\n\n" not in page
    assert re.search(r"\n\n\| chance \|", page) is None, "the row must belong to its table"
    _another_row_is_another_ablation(whole)


def _another_row_is_another_ablation(config: BenchmarkConfig) -> None:
    """What a row trains is part of what the folder is; how the page calls it is not, and runs nothing."""
    assert config.rows is not None
    written = {path: path.stat().st_mtime_ns for path in config.out.glob("predictions/*")}
    assert len(written) == 2 * 3 * 6
    path = config.rows / "plain.json"
    row = json.loads(path.read_text())
    path.write_text(json.dumps(row | {"title": "the labels"}))
    assert "| the labels |" in run_benchmark(config).read_text()
    assert {path: path.stat().st_mtime_ns for path in config.out.glob("predictions/*")} == written
    path.write_text(json.dumps(row | {"train": {"model": {"shape": "joint"}}}))
    with pytest.raises(ConfigError, match="holds a benchmark of another config"):
        run_benchmark(config)


def test_pictures_are_counted_one_by_one_where_the_space_says_so(ablation: BenchmarkConfig) -> None:
    for space in ("one", "two"):
        prepare_space(ablation, space)
        for fold in range(3):
            run_unit(ablation, Unit(space, "frozen", 0, fold))
    table = Table(ablation, ())
    by_picture, by_group = [], []
    for fold in range(3):
        found = read_found(ablation.out, Unit("two", "frozen", 0, fold))
        by_picture.append(macro_map(found.scores.astype(float), found.labels)[0])
        found = read_found(ablation.out, Unit("one", "frozen", 0, fold))
        pooled = pool_scores(found.scores, found.groups), pool_labels(found.labels, found.groups)
        by_group.append(macro_map(*pooled)[0])
    assert table.scored("two", "frozen")["macro_map"].value == pytest.approx(np.mean(by_picture))
    assert table.scored("one", "frozen")["macro_map"].value == pytest.approx(np.mean(by_group))


def test_without_labels_the_emotions_words_are_looked_for(
    ablation: BenchmarkConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By their features in the text model; its work folder is kept here to compute them again."""
    monkeypatch.setattr("emotionnet.apps.benchmark.units.shutil.rmtree", lambda *_, **__: None)
    prepare_space(ablation, "one")
    unit = Unit("one", "words", 0, 0)
    run_unit(ablation, unit)
    found, work = read_found(ablation.out, unit), ablation.out / "work" / unit.name
    teacher, model = load_teacher(work / "teacher")
    predictor = load_predictor(work / "run")
    words = [teacher.tag_features(torch.tensor([model.tags.index(word)]))[0] for word in predictor.emotions]
    test = [work / "dataset" / record.path for record in read_dataset(work / "dataset").records("test")]
    projection_MD = torch.from_numpy(predictor.outputs(test).projection)
    expected = torch.stack([torch.cosine_similarity(projection_MD, word[None]) for word in words], dim=1)
    assert predictor.emotions == Table(ablation, ()).dataset("one").emotion_names
    torch.testing.assert_close(torch.from_numpy(found.scores), expected.detach(), rtol=1e-4, atol=1e-6)
