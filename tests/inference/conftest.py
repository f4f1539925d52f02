"""A RUN with random weights, and what it is exported to."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from emotionnet.data.images import Preprocessing
from emotionnet.files import write_json
from emotionnet.inference.export import export_run
from emotionnet.inference.exported import Form
from emotionnet.models.description import Domain, ImageModel, write_description
from emotionnet.models.network import SHAPES, EmotionNet
from emotionnet.models.trunks import create_trunk
from emotionnet.models.weights import save_weights
from emotionnet.text.vectors import WordVectors, write_vectors

VECTORS = WordVectors(("rage", "delight"), np.eye(2, 4, dtype=np.float32))


@pytest.fixture(scope="session")
def make_random_run() -> Callable[..., Path]:
    """A factory: `make_random_run(folder, trunk="test_resnet", size=32, shape="3branch", dimensions=2)`."""
    return _write_run


@pytest.fixture(scope="session")
def random_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A RUN of three branches with two dimensions; whoever changes it copies it first."""
    return _write_run(tmp_path_factory.mktemp("export") / "run")


@pytest.fixture(scope="session")
def exported(random_run: Path) -> Callable[[Form], Path]:
    """The MODEL of the run in each form, made once; whoever changes one copies it first."""

    def model(form: Form) -> Path:
        place = random_run.parent / form
        if not place.exists():
            export_run(random_run, place, form=form)
        return place

    return model


def _write_run(
    folder: Path, *, trunk: str = "test_resnet", size: int = 32, shape: str = "3branch", dimensions: int = 2
) -> Path:
    """A RUN with random weights; of each head another number of outputs."""
    folder.mkdir()
    kept = SHAPES[shape]
    model = ImageModel.model_validate(
        {
            "trunk": trunk,
            "weights": "none",
            "shape": shape,
            "emotions": ("anger", "joy", "sadness"),
            "dimensions": ("valence", "arousal")[:dimensions],
            "embedding_size": 4 if kept.projection else None,
            "aux_emotions": ("a", "b", "c", "d", "e") if kept.aux else None,
            "preprocessing": Preprocessing(size, 1.0, (0.5,) * 3, (0.25,) * 3),
            "domain": Domain(dataset="none", data_hash="", licences={}, unseen=()),
        }
    )
    network = EmotionNet(
        create_trunk(trunk, "none", seed=1),
        shape,
        3,
        model.embedding_size,
        5,
        n_dimensions=dimensions,
        seed=1,
    )
    save_weights(network, folder / "model.safetensors")
    write_description(folder, model)
    write_json(folder / "config.json", {})
    if model.embedding_size:
        write_vectors(VECTORS, folder, info={"method": "by hand"})
    return folder
