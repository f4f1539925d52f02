"""A tiny RUN on the data set of coloured squares, its heads solved for in place of trained."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from sklearn.linear_model import Ridge
from sklearn.metrics.pairwise import cosine_similarity

from emotionnet import runs
from emotionnet.config import ImageDataConfig, ModelConfig, TrainConfig
from emotionnet.config_files import portable
from emotionnet.data.store import Dataset
from emotionnet.evaluation.ridge_words import ALPHAS
from emotionnet.evaluation.scoring import evaluate_run
from emotionnet.evaluation.zeroshot import zeroshot_run
from emotionnet.files import write_json, write_text
from emotionnet.inference.torch_backend import run_network
from emotionnet.models.description import Domain, ImageModel, write_description
from emotionnet.models.network import EmotionNet
from emotionnet.models.trunks import create_trunk, preprocessing
from emotionnet.models.weights import save_weights
from emotionnet.text.vectors import WordVectors, write_vectors

MakeDataset = Callable[..., Dataset]
MakeRun = Callable[..., Path]
Array = npt.NDArray[Any]
LiteralRidge = Callable[[tuple[Array, Array], tuple[Array, Array], Array], tuple[Array, float]]
TRUNK = "test_resnet"
SYNONYMS = {"fury": "anger", "delight": "joy", "gloom": "sadness"}


@pytest.fixture
def make_run(tmp_path: Path, make_dataset: MakeDataset) -> MakeRun:
    """A factory: `make_run(dataset=None, shape="2branch", name="run") -> Path`.

    The trunk is random (seed 3); the heads are the least-squares map from its features of
    the training pictures to their labels and to their first emotion's word vector, in which
    a held-out word lies near its emotion.
    """

    def make(dataset: Dataset | None = None, *, shape: str = "2branch", name: str = "run") -> Path:
        dataset = dataset or make_dataset()
        run = tmp_path / name
        config = TrainConfig(
            data=ImageDataConfig(root=dataset.root.absolute(), image_size=32),
            model=ModelConfig(trunk=TRUNK, weights="none", shape="plain"),
            seed=3,
            out=run,
        )
        model = _describe(dataset, shape)
        vectors = _vectors(dataset)
        network = _solve(dataset, model, vectors)
        save_weights(network, run / runs.WEIGHTS)
        write_description(run, model)
        write_json(run / runs.CONFIG, portable(config, run))
        if model.embedding_size is not None:
            write_vectors(vectors, run, info={"method": "by hand"})
        write_json(run / runs.MANIFEST, {"seed": 3, "device": "cpu", "versions": {"python": "3.11"}})
        lines = [
            {
                "epoch": epoch,
                "train.loss": 2 - epoch / 2,
                "val.loss": 2.5 - epoch / 2,
                "val.macro_map": epoch / 3,
            }
            for epoch in (0, 1, 2)
        ]
        write_text(run / runs.HISTORY, "".join(json.dumps(line) + "\n" for line in lines))
        return run

    return make


@pytest.fixture
def scored_run(make_run: MakeRun, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A RUN after `evaluate` and `zeroshot`, computed once and copied for each test with its data set."""
    kept = tmp_path_factory.getbasetemp() / "scored"
    if kept.exists():
        shutil.copytree(kept, tmp_path, dirs_exist_ok=True)
        return tmp_path / "run"
    run = make_run()
    evaluate_run(run)
    zeroshot_run(run)
    shutil.copytree(tmp_path, kept)
    return run


def _describe(dataset: Dataset, shape: str) -> ImageModel:
    return ImageModel(
        trunk=TRUNK,
        weights="none",
        shape=shape,
        emotions=dataset.emotion_names,
        embedding_size=4 if shape == "2branch" else None,
        aux_emotions=None,
        preprocessing=preprocessing(TRUNK, "none", 32, 1.0),
        domain=Domain(
            dataset=dataset.name,
            data_hash=dataset.content_hash,
            licences={"oil": "CC-BY-4.0", "ink": "MIT"},
            unseen=dataset.unseen_names,
        ),
    )


def _vectors(dataset: Dataset) -> WordVectors:
    """Emotions at right angles, held-out words near theirs, other tags at random."""
    rng = np.random.default_rng(0)
    axes = {name: np.eye(4)[place] for place, name in enumerate(dataset.emotion_names)}
    words = tuple(dict.fromkeys([*dataset.tag_names, *dataset.emotion_names, *dataset.unseen_names]))
    rows = [axes.get(SYNONYMS.get(word, word), rng.normal(size=4)) + rng.normal(0, 0.05, 4) for word in words]
    return WordVectors(words, np.array(rows, dtype=np.float32))


def _solve(dataset: Dataset, model: ImageModel, vectors: WordVectors) -> EmotionNet:
    network = EmotionNet(
        create_trunk(model.trunk, "none", seed=3),
        model.shape,
        n_emotions=len(model.emotions),
        embedding_size=model.embedding_size,
    )
    records = dataset.records("train")
    paths = [dataset.image_path(record) for record in records]
    features_NF = run_network(network, model.preprocessing, paths).features
    labels_NC = np.array([[i in record.labels for i in range(len(model.emotions))] for record in records])
    target_ND, _ = vectors.matrix([model.emotions[record.labels[0]] for record in records])
    _set(network.fc, features_NF, 8.0 * labels_NC)
    if network.proj is not None:
        _set(network.proj, features_NF, target_ND)
    return network


def _set(layer: torch.nn.Linear, features_NF: np.ndarray, target_NK: np.ndarray) -> None:
    padded = np.column_stack([features_NF, np.ones(len(features_NF))]).astype(np.float64)
    solved = np.linalg.solve(padded.T @ padded + 1e-3 * np.eye(padded.shape[1]), padded.T @ target_NK)
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(solved[:-1].T))
        layer.bias.copy_(torch.from_numpy(solved[-1]))


@pytest.fixture
def literal_ridge() -> LiteralRidge:
    """The ridge regression of `ridge_words`, written out with scikit-learn's."""
    return _literal_ridge


def _literal_ridge(
    train: tuple[Array, Array], val: tuple[Array, Array], test_NF: Array
) -> tuple[Array, float]:
    """Standardised by hand, one Ridge for each alpha; the points and the alpha that was best."""
    mean_F, deviation_F = train[0].mean(axis=0), train[0].std(axis=0)
    deviation_F = np.where(deviation_F == 0, 1.0, deviation_F)
    best, found = -np.inf, (test_NF, 0.0)
    for alpha in ALPHAS:
        model = Ridge(alpha=alpha).fit((train[0] - mean_F) / deviation_F, train[1])
        guess_ND = model.predict((val[0] - mean_F) / deviation_F)
        mean = np.mean([cosine_similarity([a], [b])[0, 0] for a, b in zip(guess_ND, val[1], strict=True)])
        if mean > best:
            best, found = mean, (model.predict((test_NF - mean_F) / deviation_F), alpha)
    return found
