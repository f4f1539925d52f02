"""Two runs on the same pictures, by their tables alone."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from scipy.special import softmax
from sklearn.metrics import average_precision_score

from emotionnet.apps.cli import main
from emotionnet.data.tables import write_parquet
from emotionnet.evaluation.comparing import compare_runs
from emotionnet.evaluation.predictions import PREDICTION_SCHEMA, read_predictions
from emotionnet.evaluation.scoring import evaluate_run
from emotionnet.models.description import ImageModel, read_description, write_description
from emotionnet.records import DataError

MakeRun = Callable[..., Path]


@pytest.fixture
def pair(make_run: MakeRun, tmp_path: Path) -> tuple[Path, Path]:
    """A run that was evaluated, and a copy of it whose scores are shaken."""
    run = make_run(shape="plain")
    evaluate_run(run, baselines=False)
    other = tmp_path / "other"
    shutil.copytree(run, other)
    rng = np.random.default_rng(1)
    shake(other, lambda row: (np.array(row) + rng.normal(0, 20, 3)).tolist())
    return run, other


def shake(run: Path, scores: Callable[[list[float]], list[float]]) -> None:
    path = run / "predictions" / "test.parquet"
    table = pl.read_parquet(path)
    new = [scores(row) for row in table["scores"].to_list()]
    column = pl.Series("scores", new, PREDICTION_SCHEMA["scores"])
    write_parquet(path, table.with_columns(column))


def literal_map(run: Path) -> float:
    rows = read_predictions(run).group_by("group", maintain_order=True).agg("labels", "scores").to_dicts()
    told_GC = np.array([softmax(np.array(row["scores"]), axis=1).mean(axis=0) for row in rows])
    carried = [{name for labels in row["labels"] for name in labels} for row in rows]
    columns = zip(("anger", "joy", "sadness"), told_GC.T, strict=True)
    return float(
        np.mean([average_precision_score([name in some for some in carried], one) for name, one in columns])
    )


def change(run: Path, how: Callable[[pl.DataFrame], pl.DataFrame]) -> None:
    path = run / "predictions" / "test.parquet"
    write_parquet(path, how(pl.read_parquet(path)))


def test_a_run_does_not_differ_from_itself(pair: tuple[Path, Path]) -> None:
    found = compare_runs(pair[0], pair[0])
    assert {"macro_map", "macro_map_ci_low", "macro_map_ci_high", "macro_map_p", "ap.joy"} <= found.keys()
    assert {value for key, value in found.items() if key.endswith("_p")} == {1.0}
    assert {value for key, value in found.items() if not key.endswith("_p")} == {0.0}


def test_differences_are_those_of_the_scores_and_turn_with_the_runs(pair: tuple[Path, Path]) -> None:
    found, turned = compare_runs(*pair), compare_runs(*pair[::-1])
    assert found["macro_map"] > 0.05
    assert found["macro_map_ci_low"] < found["macro_map"] < found["macro_map_ci_high"]
    assert turned["macro_map"] == -found["macro_map"]
    assert turned["macro_map_p"] == pytest.approx(found["macro_map_p"])
    assert found["macro_map"] == pytest.approx(literal_map(pair[0]) - literal_map(pair[1]))
    assert compare_runs(*pair) == found
    assert compare_runs(*pair, seed=1)["macro_map_p"] != found["macro_map_p"]


def test_the_order_of_pictures_and_of_emotions_does_not_matter(pair: tuple[Path, Path]) -> None:
    found = compare_runs(*pair)
    model = read_description(pair[1], ImageModel)
    write_description(pair[1], model.model_copy(update={"emotions": model.emotions[::-1]}))
    turned = [pl.col(name).list.reverse() for name in ("scores", "probabilities", "shares", "labels")]
    change(pair[1], lambda table: table.with_columns(turned).reverse())
    assert compare_runs(*pair) == pytest.approx(found, abs=1e-9)


@pytest.mark.parametrize(
    ("how", "text"),
    [
        (lambda table: table.head(10), r"the same pictures only; 3 only in .*run \(.*ink/test-007"),
        (
            lambda table: table.with_columns(id=pl.col("id") + "x"),
            r"13 only in \S+run \(ink/test-001, .*, \.\.\.\); 13 only in \S+other \(ink/test-001x",
        ),
        (
            lambda table: table.with_columns(
                labels=pl.when(pl.col("id") == "oil/test-000").then(pl.lit(["joy"])).otherwise("labels")
            ),
            r"must have the same labels for each picture; 1 differ, first oil/test-000; evaluate both",
        ),
        (
            lambda table: pl.concat([table.head(12), table.head(1)]),
            r"only in",
        ),
    ],
)
def test_what_differs_is_said(
    pair: tuple[Path, Path], how: Callable[[pl.DataFrame], pl.DataFrame], text: str
) -> None:
    change(pair[1], how)
    with pytest.raises(DataError, match=text):
        compare_runs(*pair)


def test_other_emotions_and_missing_predictions(pair: tuple[Path, Path]) -> None:
    with pytest.raises(DataError, match=r"val\.parquet: file not found; 'emotionnet evaluate"):
        compare_runs(*pair, split="val")
    model = read_description(pair[1], ImageModel)
    write_description(pair[1], model.model_copy(update={"emotions": ("anger", "joy", "awe")}))
    with pytest.raises(
        DataError, match=r"same emotions only; 1 only in .*run \(sadness\); 1 only in .*\(awe\)"
    ):
        compare_runs(*pair)


def test_persons_are_compared_beside_images(pair: tuple[Path, Path]) -> None:
    for run in pair:
        change(run, lambda table: table.with_columns(box=pl.lit([0.0, 0.0, 9.0, 9.0])))
    found = compare_runs(*pair)
    assert found["person.macro_map"] > 0
    assert "person.ap.joy_p" in found


def test_by_command(pair: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    main(["evaluate", str(pair[0]), "--against", str(pair[1])])
    assert json.loads(capsys.readouterr().out) == pytest.approx(compare_runs(*pair), abs=1e-6)
    with pytest.raises(SystemExit) as stopped:
        main(["evaluate", str(pair[0]), "--against", str(pair[1]), "--map", "table"])
    assert stopped.value.code == 2
    assert "--against: compares what both runs have told; leave out" in capsys.readouterr().err


def test_an_end_that_is_not_finite_is_left_out(pair: tuple[Path, Path]) -> None:
    """Errors that differ by the same in every picture: nothing tells how far another sample would."""
    for run, error in zip(pair, (1.0, 3.0), strict=True):
        model = read_description(run, ImageModel)
        write_description(run, model.model_copy(update={"dimensions": ("valence",)}))
        change(
            run,
            lambda table, error=error: table.with_columns(  # type: ignore[misc]
                pl.Series("dimensions", [[error]] * table.height, pl.List(pl.Float32())),
                pl.Series("true_dimensions", [[0.0]] * table.height, pl.List(pl.Float64())),
            ),
        )
    found = compare_runs(*pair)
    assert found["rmse"] == pytest.approx(-2.0)
    assert found["rmse_p"] == pytest.approx(1.0)
    assert "rmse_ci_low" not in found
    assert np.isfinite(list(found.values())).all()
