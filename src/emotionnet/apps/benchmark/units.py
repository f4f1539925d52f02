"""One unit: its fold's data, its training, its predictions; in a process of its own, on one thread."""

from __future__ import annotations

import io
import shutil
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from threadpoolctl import threadpool_limits

from emotionnet import runs
from emotionnet.apps.benchmark.config import BenchmarkConfig
from emotionnet.apps.benchmark.folder import write_found
from emotionnet.apps.benchmark.plan import Unit, curate_config, left_out_source, stage, train_config
from emotionnet.config import TeacherConfig, TrainConfig, VectorsConfig
from emotionnet.curation.curate import curate
from emotionnet.data.folds import fold_splits, group_folds, shuffled_groups, write_variant
from emotionnet.data.store import Dataset, read_dataset
from emotionnet.evaluation.baselines import (
    fit_on_validation,
    pixel_features,
    trunk_features,
)
from emotionnet.evaluation.neighbours import cosines, nearest_scores
from emotionnet.evaluation.ridge_words import mean_tag_vectors, ridge_points, taught_records
from emotionnet.evaluation.units import Split, read_split, read_splits
from emotionnet.evaluation.zeroshot import carried
from emotionnet.evaluation.zeroshot_baselines import word_cosines
from emotionnet.files import write_bytes
from emotionnet.inference.loading import load_predictor
from emotionnet.models.network import SHAPES
from emotionnet.models.teachers import load_teacher
from emotionnet.models.trunks import preprocessing
from emotionnet.records import SPLITS
from emotionnet.text.build import make_vectors
from emotionnet.text.vectors import read_vectors
from emotionnet.training.run import train, train_teacher
from emotionnet.training.text_side import uses_teacher

FEATURES = "features.npz"


def prepare_space(config: BenchmarkConfig, space: str) -> None:
    """Curate a label space, make word vectors, compute features of the pictures; what is there stays."""
    folder = config.out / space
    dataset, vectors, features = folder / "dataset", folder / "vectors", folder / FEATURES
    if not dataset.is_dir():
        curate(curate_config(config, space, out=dataset))
    if not vectors.is_dir():
        make_vectors(stage(config, VectorsConfig, data=dataset, out=vectors))
    if not features.is_file() or _hash_of(features) != read_dataset(dataset).content_hash:
        _write_features(config, read_dataset(dataset), features)


def run_unit(config: BenchmarkConfig, unit: Unit) -> float:
    """Run a unit, or go on with it, and keep its predictions; its work folder is deleted.

    Its facts hold what it was made from: hash of the data, versions, and seconds of the last attempt.

    Returns:
        Seconds of this attempt.

    Raises:
        DataError: A stage's config or the data cannot be used.
        TrainingError: A loss is not finite.
    """
    started = time.perf_counter()
    work = config.out / "work" / unit.name
    base = read_dataset(config.out / unit.space / "dataset")
    dataset = _variant(config, unit, base, work / "dataset")
    test = read_split(dataset, "test", base.emotion_names)
    with threadpool_limits(limits=1):
        said = _METHODS.get(unit.method, _train)(_Task(config, unit, dataset, test, work))
    seconds = round(time.perf_counter() - started, 1)
    write_found(
        config.out,
        unit,
        test.records,
        {
            **said.facts,
            "seconds": seconds,
            "data_hash": base.content_hash,
            "versions": runs.versions(),
        },
        labels=test.labels,
        scores=said.scores,
        unseen=carried(test.records, len(base.unseen)) if said.cosines.shape[1] else said.cosines,
        cosines=said.cosines,
    )
    shutil.rmtree(work)
    return seconds


@dataclass(frozen=True)
class _Task:
    config: BenchmarkConfig
    unit: Unit
    dataset: Dataset
    test: Split
    work: Path


@dataclass(frozen=True)
class _Said:
    """`scores` (M, C) and `cosines` (M, K) of the test pictures."""

    scores: npt.NDArray[Any]
    cosines: npt.NDArray[Any]
    facts: Mapping[str, Any]


def _variant(config: BenchmarkConfig, unit: Unit, base: Dataset, out: Path) -> Dataset:
    """The unit's data: its fold is the test split, the next val; some leave a source out or swap labels."""
    split_of = fold_splits(group_folds(base, config.folds, seed=unit.seed), unit.fold, config.folds)
    left_out: dict[str, Collection[str]] = {}
    if unit.method.endswith("_without"):
        sources = sorted(base.licences)
        unseen = left_out_source(unit, sources)
        others = [source for source in sources if source != unseen]
        left_out = {"train": [unseen], "val": [unseen], "test": others}
    borrowed: dict[str, str] = {}
    if unit.method == "shuffled":
        learnt = [group for group, split in split_of.items() if split != "test"]
        borrowed = shuffled_groups(learnt, seed=unit.seed)
    return write_variant(base, out, split_of, left_out=left_out, borrowed=borrowed, overwrite=True)


def _train(task: _Task) -> _Said:
    """Train a network, with a teacher where its loss calls for one, and predict the test pictures."""
    vectors, run = task.config.out / task.unit.space / "vectors", task.work / "run"
    options: dict[str, Any] = {"data__root": task.dataset.root, "seed": task.unit.seed}
    settings = train_config(task.config, task.unit.method, **options, out=run)
    text: dict[str, Any] = {}
    if SHAPES[settings.model.shape].projection:
        text["text__vectors"] = vectors
    if uses_teacher(settings):
        text["text__teacher"] = _teacher(task, vectors)
    _fit(train, train_config(task.config, task.unit.method, **options, **text, out=run))
    predictor = load_predictor(run, backend="torch")
    outputs = predictor.outputs(task.test.paths)
    scores = outputs.probabilities
    if settings.objective.classification == "none":
        scores = _scores_by_words(task, settings, outputs.projection)
    words = task.dataset.unseen_names if predictor.vectors is not None else ()
    found: npt.NDArray[Any] = np.zeros((len(task.test.paths), 0))
    if words:
        found = predictor.label_cosines(outputs, {word: (word,) for word in words})
    metrics = runs.read_metrics(run)
    facts: dict[str, Any] = {
        name: metrics[name] for name in ("val.macro_map", "val.best_epoch") if name in metrics
    }
    return _Said(scores, found, facts)


def _teacher(task: _Task, vectors: Path) -> Path:
    """Train the text model on the unit's own training tags: a second here, so rows need not share it."""
    out = task.work / "teacher"
    settings = stage(
        task.config,
        TeacherConfig,
        data__root=task.dataset.root,
        seed=task.unit.seed,
        text__vectors=vectors,
        out=out,
    )
    _fit(train_teacher, settings)
    return out


def _scores_by_words(
    task: _Task, settings: TrainConfig, projection_MD: npt.NDArray[np.float32] | None
) -> npt.NDArray[np.float32]:
    """Scores of a network without a trained head: cosines with the emotions' words; shape (M, C).

    A word stands where its tag would: at the text model's feature of it, or at its word vector.
    """
    assert projection_MD is not None  # a loss without labels is refused without one
    names = task.dataset.emotion_names
    if settings.objective.embedding == "word_vectors":
        vectors = read_vectors(task.config.out / task.unit.space / "vectors")
        return word_cosines(projection_MD, names, vectors)
    teacher, model = load_teacher(task.work / "teacher")
    place = {tag: number for number, tag in enumerate(model.tags)}
    tags_C = torch.tensor([place.get(name, len(model.tags)) for name in names])
    with torch.inference_mode():
        words_CD = teacher.eval().tag_features(tags_C).numpy()
    return cosines(projection_MD, words_CD)


def _fit(fit: Callable[..., Path], config: TrainConfig | TeacherConfig) -> None:
    """Go on with a run that was stopped; one that was stopped before it could be gone on with begins anew."""
    resume = (config.out / runs.CHECKPOINTS / "last.pt").is_file()
    if not resume and config.out.exists():
        shutil.rmtree(config.out)
    fit(config, resume=resume)


def _probe(task: _Task, *, kind: str) -> _Said:
    splits = read_splits(task.dataset, task.dataset.emotion_names)
    fitted = fit_on_validation(_features(task, kind), splits)
    return _Said(fitted.test_scores, np.zeros((len(task.test.paths), 0)), {"c": fitted.c})


def _ridge(task: _Task) -> _Said:
    """Zero-shot without training the network: from features of the frozen trunk to word vectors."""
    vectors = read_vectors(task.config.out / task.unit.space / "vectors")
    features = _features_by_id(task, "trunk")
    taught = {
        split: taught_records(task.dataset, task.dataset.records(split), vectors)
        for split in ("train", "val")
    }
    inputs = [
        np.stack([features[record.id] for record in records])
        for records in (*taught.values(), task.test.records)
    ]
    means = [mean_tag_vectors(task.dataset, records, vectors) for records in taught.values()]
    points_MD = ridge_points(inputs[0], means[0], inputs[1], means[1], inputs[2])
    found = word_cosines(points_MD, task.dataset.unseen_names, vectors)
    return _Said(np.zeros((len(found), 0)), found, {})


def _nearest(task: _Task) -> _Said:
    splits = read_splits(task.dataset, task.dataset.emotion_names)
    train_NF, _, test_MF = splits.divide(_features(task, "trunk"))
    scores_MC = nearest_scores(cosines(test_MF, train_NF), splits.train.labels)
    return _Said(scores_MC, np.zeros((len(task.test.paths), 0)), {})


# All others are trainings.
_METHODS: Mapping[str, Callable[[_Task], _Said]] = {
    "frozen": lambda task: _probe(task, kind="trunk"),
    "frozen_without": lambda task: _probe(task, kind="trunk"),
    "pixels": lambda task: _probe(task, kind="pixels"),
    "nearest": _nearest,
    "ridge": _ridge,
}


def _write_features(config: BenchmarkConfig, dataset: Dataset, path: Path) -> None:
    settings = stage(config, TrainConfig, data__root=dataset.root, model__shape="plain")
    weights = str(settings.model.weights)
    how = preprocessing(settings.model.trunk, weights, settings.data.image_size, settings.data.crop_pct)
    splits = read_splits(dataset, dataset.emotion_names)
    records = (*splits.train.records, *splits.val.records, *splits.test.records)
    buffer = io.BytesIO()
    np.savez(
        buffer,
        data_hash=np.array(dataset.content_hash),
        ids=np.array([record.id for record in records]),
        trunk=trunk_features(settings.model.trunk, weights, how, splits.paths, seed=settings.seed),
        pixels=pixel_features(splits.paths),
    )
    write_bytes(path, buffer.getvalue())


def _features(task: _Task, kind: str) -> npt.NDArray[Any]:
    """Features of the variant's pictures in the order of train, val and test."""
    features = _features_by_id(task, kind)
    return np.stack([features[record.id] for split in SPLITS for record in task.dataset.records(split)])


def _features_by_id(task: _Task, kind: str) -> dict[str, npt.NDArray[Any]]:
    with np.load(task.config.out / task.unit.space / FEATURES, allow_pickle=False) as kept:
        return dict(zip(kept["ids"].tolist(), kept[kind], strict=True))


def _hash_of(features: Path) -> str:
    """Of the data set that features were computed for; empty when they do not say."""
    with np.load(features, allow_pickle=False) as kept:
        return str(kept["data_hash"]) if "data_hash" in kept else ""
