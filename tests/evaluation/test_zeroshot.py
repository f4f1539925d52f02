from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.metrics.pairwise import cosine_similarity

from emotionnet.data.store import Dataset, read_dataset
from emotionnet.evaluation.chance import chance_scores
from emotionnet.evaluation.metrics import macro_auc
from emotionnet.evaluation.resampling import draw_weights
from emotionnet.evaluation.subject import open_subject
from emotionnet.evaluation.zeroshot import permuted_aucs, seen_words, two_sided, unseen_scores, zeroshot_run
from emotionnet.evaluation.zeroshot_baselines import word_baselines
from emotionnet.files import read_json, write_json
from emotionnet.models.description import Fitted, ImageModel, read_description, write_description
from emotionnet.records import DataError

Array = npt.NDArray[Any]
WORDS = ("fury", "delight", "gloom")
MakeDataset = Callable[..., Dataset]
MakeRun = Callable[..., Path]


def test_scores_by_hand_over_words_with_both_sides() -> None:
    cosines_GK = np.array([[0.9, 0.0, 0.1], [0.1, 0.0, 0.9], [0.5, 0.0, 0.5]])
    labels_GK = np.array([[True, False, True], [False, False, False], [True, False, False]])
    sides_K = two_sided(labels_GK)
    assert sides_K.tolist() == [True, False, True]
    weights_GS = draw_weights(3, seed=0)
    scores = unseen_scores(
        cosines_GK[:, sides_K], labels_GK[:, sides_K], ("fury", "gloom"), weights_GS, seed=0
    )
    assert scores["auc.fury"] == 1.0
    assert scores["auc.gloom"] == 0.0
    assert "auc.awe" not in scores
    assert scores["auc"] == 0.5
    assert scores["macro_map"] == pytest.approx((1 + 1 / 3) / 2)
    assert (scores["n_tags"], scores["n_groups"]) == (2, 3)
    # random orders of 3: two positives (1 + 5/6 + 7/12) / 3, one positive (1 + 1/2 + 1/3) / 3
    assert scores["chance_map"] == pytest.approx((29 / 36 + 11 / 18) / 2, abs=0.02)


def test_the_unit_of_zero_shot_is_the_group_and_both_formulas_are_scikit_learns(
    make_run: MakeRun, make_dataset: MakeDataset
) -> None:
    run = make_run(make_dataset({"test": 36}))
    metrics = zeroshot_run(run)
    scores, labels_GK = literal_scores(run)
    for name, scores_GK in scores.items():
        columns = list(zip(labels_GK.T, scores_GK.T, strict=True))
        areas = [roc_auc_score(*pair) for pair in columns]
        assert metrics[f"zero_shot.{name}.auc"] == pytest.approx(np.mean(areas))
        precisions = [average_precision_score(*pair) for pair in columns]
        assert metrics[f"zero_shot.{name}.macro_map"] == pytest.approx(np.mean(precisions))
        if name == "unseen":
            assert {word: metrics[f"zero_shot.unseen.auc.{word}"] for word in WORDS} == {
                word: pytest.approx(area) for word, area in zip(WORDS, areas, strict=True)
            }
    assert metrics["zero_shot.unseen.chance_map"] == chance_scores(labels_GK, seed=3)["macro_map"]
    orders = literal_orders(3, count=3)
    table_KK = [
        [roc_auc_score(labels_G, scores_G) for scores_G in scores["unseen"].T] for labels_G in labels_GK.T
    ]
    permuted = [np.mean([table_KK[k][order[k]] for k in range(3)]) for order in orders]
    as_good = sum(area >= metrics["zero_shot.unseen.auc"] - 1e-12 for area in permuted)
    assert as_good > 0  # of 200 orders of three words some are the right one
    assert metrics["zero_shot.permuted.auc"] == pytest.approx(np.mean(permuted))
    assert metrics["zero_shot.permuted.auc_p95"] == pytest.approx(np.quantile(permuted, 0.95))
    assert metrics["zero_shot.permuted.auc_p"] == (1 + as_good) / 201


def literal_orders(seed: int, *, count: int) -> list[list[int]]:
    rng = np.random.default_rng([seed, 3])
    return [rng.permutation(count).tolist() for _ in range(200)]


def literal_scores(run: Path) -> tuple[dict[str, Array], Array]:
    """Mean cosines of each group with the words, of the run and both baselines; and who carries them."""
    subject = open_subject(run)
    vectors, records = subject.predictor.vectors, subject.dataset.records("test")
    outputs = subject.predictor.outputs([subject.dataset.image_path(record) for record in records])
    assert vectors is not None
    assert outputs.projection is not None
    words_KD = vectors.vectors_VD[[vectors.index(word) for word in WORDS]]
    rows = {"unseen": cosine_similarity(outputs.projection, words_KD)}
    rows |= word_baselines(subject, WORDS, outputs)
    groups = list(dict.fromkeys(record.group for record in records))
    members = [[n for n, record in enumerate(records) if record.group == group] for group in groups]
    labels = [[any(k in records[n].unseen for n in some) for k in range(3)] for some in members]
    return {
        name: np.array([some_NK[some].mean(axis=0) for some in members]) for name, some_NK in rows.items()
    }, np.array(labels)


def test_intervals_hold_their_scores_and_differences_are_those_of_two_scores(
    make_run: MakeRun, make_dataset: MakeDataset
) -> None:
    metrics = zeroshot_run(make_run(make_dataset({"test": 36})))
    names = [key.removesuffix("_ci_low") for key in metrics if key.endswith("_ci_low")]
    both = [f"{name}.{key}" for name in ("ridge", "similarity") for key in ("auc", "macro_map")]
    assert sorted(names) == sorted(
        [
            *(f"zero_shot.unseen.{key}" for key in ("auc", "macro_map", *(f"auc.{word}" for word in WORDS))),
            *(f"zero_shot.{key}" for key in both),
            *(f"zero_shot.difference.{key}" for key in both),
        ]
    )
    for name in names:
        assert -1 <= metrics[f"{name}_ci_low"] <= metrics[name] <= metrics[f"{name}_ci_high"] <= 1, name
        assert metrics[f"{name}_ci_low"] < metrics[f"{name}_ci_high"], name
    for key in both:
        name, ours = f"zero_shot.difference.{key}", f"zero_shot.unseen.{key.partition('.')[2]}"
        assert metrics[name] == pytest.approx(metrics[ours] - metrics[f"zero_shot.{key}"], abs=1e-12)
        leaves_out_0 = metrics[f"{name}_ci_low"] > 0 or metrics[f"{name}_ci_high"] < 0
        assert (metrics[f"{name}_p"] < 0.05) == leaves_out_0


def test_permuted_words_equal_a_loop_and_lie_about_one_half() -> None:
    rng = np.random.default_rng(0)
    cosines_GK, labels_GK = rng.uniform(-1, 1, size=(150, 6)), rng.random((150, 6)) < 0.3
    table_KK = [[roc_auc_score(labels_G, scores_G) for scores_G in cosines_GK.T] for labels_G in labels_GK.T]
    expected = [np.mean([table_KK[k][order[k]] for k in range(6)]) for order in literal_orders(7, count=6)]
    found_S = permuted_aucs(cosines_GK, labels_GK, seed=7)
    np.testing.assert_allclose(found_S, expected)
    assert found_S.mean() == pytest.approx(0.5, abs=0.02)
    assert np.quantile(found_S, 0.95) < 0.6


def test_permuted_words_stay_below_a_perfect_run() -> None:
    labels_GK = np.random.default_rng(1).random((150, 6)) < 0.3
    found_S = permuted_aucs(labels_GK.astype(np.float64), labels_GK, seed=0)
    assert macro_auc(labels_GK.astype(np.float64), labels_GK) == (1.0, 6)
    assert np.quantile(found_S, 0.95) < 0.8


def test_words_without_both_sides_swap_too_and_have_no_auc() -> None:
    """By hand: of three words the last is carried by nobody, so swaps run over 3 and means over 2."""
    rng = np.random.default_rng(3)
    cosines_GK, labels_GK = rng.random((12, 3)), rng.random((12, 3)) < 0.5
    labels_GK[:, 2] = False
    drawn = np.random.default_rng([4, 3])
    orders = [drawn.permutation(3) for _ in range(200)]
    expected = [
        np.mean([roc_auc_score(labels_GK[:, k], cosines_GK[:, order[k]]) for k in (0, 1)]) for order in orders
    ]
    np.testing.assert_allclose(permuted_aucs(cosines_GK, labels_GK, seed=4), expected)


def test_permutations_depend_on_the_seed_alone() -> None:
    rng = np.random.default_rng(2)
    cosines_GK, labels_GK = rng.random((20, 4)), rng.random((20, 4)) < 0.5
    first, again, other = (permuted_aucs(cosines_GK, labels_GK, seed=seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_baselines_belong_to_the_test_split(make_run: MakeRun) -> None:
    run = make_run()
    for values in (zeroshot_run(run, split="val"), zeroshot_run(run, baselines=False)):
        kinds = {key.removeprefix("val.").removeprefix("zero_shot.").split(".")[0] for key in values}
        assert kinds == {"unseen", "permuted"}


def fit_temperature(run: Path, dataset: Dataset, split: str) -> None:
    model = read_description(run, ImageModel)
    fitted = Fitted(name="temperature", value=1.5, data_hash=dataset.split_hash(split))
    write_description(run, model.model_copy(update={"fitted": (fitted,)}))


def test_a_number_fitted_on_the_split_is_refused_and_nothing_is_written(
    make_run: MakeRun, make_dataset: MakeDataset, tmp_path: Path
) -> None:
    dataset = make_dataset()
    run = make_run(dataset)
    fit_temperature(run, dataset, "test")
    before = sorted(run.iterdir())
    shutil.copytree(dataset.root, tmp_path / "turned")
    dataset.table("test").reverse().write_parquet(tmp_path / "turned" / "test.parquet")
    for data in (None, tmp_path / "turned"):
        with pytest.raises(
            DataError, match=r"temperature must have been fitted on other data .* on the test split of"
        ):
            zeroshot_run(run, data=data)
    assert sorted(run.iterdir()) == before


def test_a_number_fitted_on_validation_is_welcome(make_run: MakeRun, make_dataset: MakeDataset) -> None:
    dataset = make_dataset()
    run = make_run(dataset)
    expected = zeroshot_run(run)
    fit_temperature(run, dataset, "val")
    assert zeroshot_run(run) == expected


def test_a_run_finds_words_near_its_emotions(make_run: MakeRun) -> None:
    run = make_run()
    scores = zeroshot_run(run)
    assert scores["zero_shot.unseen.auc"] > 0.7
    assert scores["zero_shot.unseen.n_tags"] == 3
    assert scores["zero_shot.unseen.n_groups"] == 9
    assert read_json(run / "metrics.json") == scores


def test_twice_the_same_bytes(make_run: MakeRun) -> None:
    run = make_run()
    zeroshot_run(run)
    first = (run / "metrics.json").read_bytes()
    zeroshot_run(run)
    assert (run / "metrics.json").read_bytes() == first


def test_another_split_has_keys_of_its_own(make_run: MakeRun, make_dataset: MakeDataset) -> None:
    run = make_run(make_dataset({"val": 9}))
    test_scores = zeroshot_run(run)
    val_scores = zeroshot_run(run, split="val")
    assert val_scores
    assert all(key.startswith("val.zero_shot.") for key in val_scores)
    assert read_json(run / "metrics.json") == {**test_scores, **val_scores}


def test_words_without_both_sides_are_refused() -> None:
    with pytest.raises(
        DataError, match="at least one of 1 unseen words must be carried by some groups and not"
    ):
        two_sided(np.ones((2, 1), dtype=np.bool_))
    with pytest.raises(DataError, match=r"at least one of 2 unseen words must .* none is"):
        two_sided(np.zeros((2, 2), dtype=np.bool_))


def test_a_network_without_projection_is_refused(make_run: MakeRun) -> None:
    run = make_run(shape="plain")
    with pytest.raises(DataError, match="zero-shot needs a network with a projection; this run has none"):
        zeroshot_run(run)
    assert not (run / "metrics.json").exists()


@pytest.mark.parametrize(
    ("file", "word", "text"),
    [
        ("tags.json", "fury", "'fury' must be in no tag; it is in 'fury'"),
        ("tags.json", "quiet fury", "'fury' must be in no tag; it is in 'quiet fury'"),
        ("emotions.json", "gloom", "'gloom' must be in no emotion; it is in 'gloom'"),
    ],
)
def test_a_word_that_was_seen_is_refused(
    make_run: MakeRun, make_dataset: MakeDataset, file: str, word: str, text: str
) -> None:
    dataset = make_dataset()
    run = make_run(dataset)
    words = read_json(dataset.root / file)
    write_json(dataset.root / file, [*words[:-1], {"name": word, "count": 1}])
    with pytest.raises(DataError, match=text):
        zeroshot_run(run)


def test_a_word_inside_another_is_not_seen(make_dataset: MakeDataset) -> None:
    dataset = make_dataset()
    words = read_json(dataset.root / "tags.json")
    write_json(dataset.root / "tags.json", [*words[:-1], {"name": "gloomless", "count": 1}])
    assert seen_words(read_dataset(dataset.root)) == []


@pytest.mark.parametrize(
    ("families", "faults"),
    [
        ({"fury": ["rage"], "gloom": ["murk"]}, []),
        ({"fury": ["rage", "red"]}, ["kin of unseen word 'fury' must be in no tag; 'red' is one"]),
        (
            {"gloom": ["sadness"]},
            [
                "kin of unseen word 'gloom' must be in no emotion; 'sadness' is one",
                "kin of unseen word 'gloom' must be in no tag; 'sadness' is one",
            ],
        ),
    ],
)
def test_kin_of_an_unseen_word_that_stayed_are_named(
    make_dataset: MakeDataset, families: dict[str, list[str]], faults: list[str]
) -> None:
    root = make_dataset().root
    write_json(root / "dataset.json", {**read_json(root / "dataset.json"), "unseen_families": families})
    assert seen_words(read_dataset(root)) == [f"{root}: {fault}" for fault in faults]


@pytest.mark.parametrize("families", [["rage"], {"fury": "rage"}, None])
def test_families_of_another_form_are_refused(make_dataset: MakeDataset, families: object) -> None:
    root = make_dataset().root
    write_json(root / "dataset.json", {**read_json(root / "dataset.json"), "unseen_families": families})
    fault = "unseen_families must be a list of tags for each word; it is not"
    assert seen_words(read_dataset(root)) == [f"{root / 'dataset.json'}: {fault}"]


def test_words_that_the_run_did_not_hold_out_are_refused(
    make_run: MakeRun, make_dataset: MakeDataset
) -> None:
    dataset = make_dataset()
    run = make_run(dataset)
    words = read_json(dataset.root / "unseen.json")
    write_json(dataset.root / "unseen.json", [*words, {"name": "envy", "count": 4}])
    with pytest.raises(
        DataError, match="'envy' must have been held out when the run was trained; it was not"
    ):
        zeroshot_run(run)


def test_a_data_set_that_holds_no_word_out_is_refused(make_run: MakeRun, make_dataset: MakeDataset) -> None:
    dataset = make_dataset()
    run = make_run(dataset)
    write_json(dataset.root / "unseen.json", [])
    for split in ("train", "val", "test"):
        table = dataset.table(split).with_columns(unseen=pl.lit([], dtype=pl.List(pl.Int32)))
        table.write_parquet(dataset.root / f"{split}.parquet")
    with pytest.raises(DataError, match="zero-shot needs unseen words; this data set holds none out"):
        zeroshot_run(run)
