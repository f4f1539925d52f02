from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from emotionnet.apps.cli import main
from emotionnet.data.store import Dataset
from emotionnet.evaluation.mapped import evaluate_mapped
from emotionnet.evaluation.scoring import evaluate_run
from emotionnet.files import read_json, write_json
from emotionnet.inference.loading import load_predictor
from emotionnet.records import DataError

MakeDataset = Callable[..., Dataset]
MakeRun = Callable[..., Path]


def rename(dataset: Dataset, *names: str) -> None:
    """Call the labels of a data set by other names."""
    path = dataset.root / "emotions.json"
    write_json(path, [{**word, "name": name} for word, name in zip(read_json(path), names, strict=True)])


@pytest.fixture
def other(make_dataset: MakeDataset, make_run: MakeRun, tmp_path: Path) -> tuple[Path, Dataset]:
    """A run on anger, joy and sadness, and the same pictures called rage, amusement and awe."""
    run = make_run(make_dataset(), shape="plain")
    dataset = make_dataset(folder=tmp_path / "other")
    rename(dataset, "anger", "amusement", "awe")
    return run, dataset


def test_scores_by_the_table(other: tuple[Path, Dataset], capsys: pytest.CaptureFixture[str]) -> None:
    run, dataset = other
    before = read_json(run / "metrics.json") if (run / "metrics.json").is_file() else {}
    metrics = evaluate_mapped(run, "table", data=dataset.root)
    assert metrics["test.mapped.n_unmapped"] == 1  # sadness
    assert metrics["test.mapped.n_unreached"] == 1  # awe
    assert metrics["test.mapped.n_groups"] == 9
    records = dataset.records("test")
    told = load_predictor(run).outputs([dataset.image_path(record) for record in records]).probabilities
    groups = list(dict.fromkeys(record.group for record in records))
    pooled = [np.mean([told[i] for i, r in enumerate(records) if r.group == g], axis=0) for g in groups]
    for place, name in enumerate(("anger", "amusement")):
        positive = [any(place in r.labels for r in records if r.group == g) for g in groups]
        expected = average_precision_score(positive, np.array(pooled)[:, place])
        assert metrics[f"test.mapped.ap.{name}"] == pytest.approx(expected)
    assert read_json(run / "metrics.json") == before | metrics
    err = capsys.readouterr().err
    assert "--map table: 1 emotions stand for no label: sadness" in err
    assert "--map table: 1 labels are never told: awe" in err


def test_the_nearest_word_maps_what_the_table_does_not(
    make_dataset: MakeDataset, make_run: MakeRun, tmp_path: Path
) -> None:
    run = make_run(make_dataset())  # its word vectors have fury, delight and gloom beside the emotions
    dataset = make_dataset(folder=tmp_path / "other")
    rename(dataset, "fury", "delight", "gloom")
    metrics = evaluate_mapped(run, "nearest", data=dataset.root)
    own = evaluate_run(run, baselines=False)
    assert (metrics["test.mapped.n_unmapped"], metrics["test.mapped.n_unreached"]) == (0, 0)
    for key in ("macro_map", "auc", "hit_rate"):
        assert metrics[f"test.mapped.{key}"] == pytest.approx(own[f"test.{key}"])


def test_the_scores_of_one_split_leave_those_of_another_alone(other: tuple[Path, Dataset]) -> None:
    run, dataset = other
    evaluate_mapped(run, "table", data=dataset.root, split="val")
    evaluate_mapped(run, "table", data=dataset.root)
    kept = read_json(run / "metrics.json")
    assert {"val.mapped.macro_map", "test.mapped.macro_map"} <= kept.keys()


def test_a_label_space_that_nothing_reaches_is_refused(other: tuple[Path, Dataset]) -> None:
    run, dataset = other
    rename(dataset, "Fatigue", "Doubt/Confusion", "Sensitivity")
    with pytest.raises(
        DataError, match=r"at least one label must be reached by the map; no emotion .* any of Fatigue"
    ):
        evaluate_mapped(run, "table", data=dataset.root)
    assert not (run / "metrics.json").is_file()


def test_the_command_maps_and_without_it_tells_of_it(
    other: tuple[Path, Dataset], capsys: pytest.CaptureFixture[str]
) -> None:
    run, dataset = other
    with pytest.raises(SystemExit):
        main(["evaluate", str(run), "--data", str(dataset.root)])
    assert "'evaluate --map table' scores a run by the labels of other data" in capsys.readouterr().err
    main(["evaluate", str(run), "--data", str(dataset.root), "--map", "table"])
    assert "test.mapped.macro_map" in capsys.readouterr().out


def test_a_later_evaluation_keeps_the_scores_on_other_labels(
    make_dataset: MakeDataset, other: tuple[Path, Dataset]
) -> None:
    run, dataset = other
    mapped = evaluate_mapped(run, "table", data=dataset.root)
    own = evaluate_run(run, baselines=False)
    kept = read_json(run / "metrics.json")
    assert mapped.items() <= kept.items()
    assert own.items() <= kept.items()
