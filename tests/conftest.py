"""Fixtures that several rooms share: a tiny DATASET whose right answers are plain to see."""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from PIL import Image

from emotionnet.data.dataset_writing import write_dataset
from emotionnet.data.store import PARTS, Dataset, read_dataset
from emotionnet.files import cache_folder, new_folder, sha256, write_json
from emotionnet.records import SPLITS, Word
from emotionnet.text.vectors import WordVectors, write_vectors

sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]  # tests send nothing

EMOTIONS = ("anger", "joy", "sadness")
COLOURS = ((200, 40, 40), (235, 200, 50), (50, 80, 200))
TAGS = (*EMOTIONS, "red", "yellow", "blue", "square", "dark")
UNSEEN = ("fury", "delight", "gloom")
SOURCES = (("oil", "CC-BY-4.0"), ("ink", "MIT"))

LICENCES = [{"source": source, "licence": licence, "pictures": 1} for source, licence in SOURCES]

MakeDataset = Callable[..., Dataset]
MakeExported = Callable[..., Path]


@pytest.fixture(scope="session", autouse=True)
def cache_of_the_tests(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What tests compute stays out of the user's cache; of that they see the emoji only."""
    own = tmp_path_factory.mktemp("cache")
    (own / "npm").symlink_to(cache_folder() / "npm")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EMOTIONNET_CACHE", str(own))
        yield


@pytest.fixture
def make_dataset(tmp_path: Path) -> MakeDataset:
    """A factory: `make_dataset(groups={"train": 12, "val": 6, "test": 9}, folder=None, seed=0) -> Dataset`.

    Pictures are 32 px squares whose colour tells the emotion: red is anger, yellow joy, blue
    sadness; every fourth group carries the next emotion too, on its right half. A dark picture carries
    the held-out word of its emotion (fury, delight, gloom), which stands in no label and no tag.
    Each group has one picture of source 'oil' and, every other group, one of source 'ink'.
    """

    def make(groups: dict[str, int] | None = None, *, folder: Path | None = None, seed: int = 0) -> Dataset:
        sizes = {"train": 12, "val": 6, "test": 9} | (groups or {})
        target = folder or tmp_path / "dataset"
        rng = np.random.default_rng(seed)
        with new_folder(target, parts=PARTS, overwrite=False) as root:
            (root / "images").mkdir()
            rows = {split: _rows(root, split, sizes[split], rng) for split in SPLITS}
            write_dataset(
                root,
                info={"name": "squares", "source": "test", "licences": LICENCES},
                words={"emotions": _words(EMOTIONS), "tags": _words(TAGS), "unseen": _words(UNSEEN)},
                tables={split: pl.DataFrame(rows[split], schema_overrides=_LISTS) for split in SPLITS},
                rejects=[pl.DataFrame({"id": ["oil/none"], "reason": ["no emotion label"]})],
            )
        return read_dataset(target)

    return make


_LISTS = {name: pl.List(pl.Int32()) for name in ("labels", "tags", "unseen")}


def _words(names: tuple[str, ...]) -> list[Word]:
    return [Word(name, 10) for name in names]


def _rows(root: Path, split: str, count: int, rng: np.random.Generator) -> list[dict[str, Any]]:
    return [
        _row(root, f"{split}-{number:03d}", number, source, rng)
        for number in range(count)
        for source in range(1 + number % 2)
    ]


def _row(root: Path, group: str, number: int, source: int, rng: np.random.Generator) -> dict[str, Any]:
    first, dark = number % 3, number // 3 % 2 == 1
    labels = [first, (first + 1) % 3] if number % 4 == 3 else [first]
    pixels_HW3 = np.empty((32, 32, 3))
    pixels_HW3[:], pixels_HW3[:, 16:] = COLOURS[labels[0]], COLOURS[labels[-1]]
    pixels_HW3 *= 0.45 if dark else 1.0
    pixels_HW3 += rng.normal(0, 4, size=pixels_HW3.shape)
    name, licence = SOURCES[source]
    path = f"images/{name}-{group}.png"
    Image.fromarray(pixels_HW3.clip(0, 255).astype(np.uint8)).save(root / path)
    return {
        "id": f"{name}/{group}",
        "path": path,
        "labels": sorted(labels),
        "tags": [*sorted(labels), 3 + first, TAGS.index("square"), *([TAGS.index("dark")] if dark else [])],
        "unseen": [first] if dark else [],
        "group": group,
        "source": name,
        "licence": licence,
        "sha256": sha256(root / path),
    }


@pytest.fixture
def make_exported(tmp_path: Path) -> MakeExported:
    """A factory of a MODEL: `make_exported(form="onnx", batch=None, name="model", image_size=8, **more)`.

    Its network is plain to see: the features are the means of red, green and blue, the scores of EMOTIONS and
    the projection the same times 2 and 3. `more` changes what `model.json` says.
    """
    pytest.importorskip("onnx")

    def make(
        form: str = "onnx",
        *,
        batch: int | None = None,
        name: str = "model",
        image_size: int = 8,
        **more: Any,
    ) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        write_means(folder, form, batch=batch, image_size=image_size, **more)
        return folder

    return make


def write_means(
    folder: Path, form: str = "onnx", *, batch: int | None = None, image_size: int = 8, **more: Any
) -> None:
    """Fill a folder with the MODEL of `make_exported`."""
    from emotionnet.inference import exported as room
    from emotionnet.inference.packages import import_fast, openvino_core

    onnx = _means_in_onnx(batch, image_size)
    if form == "onnx":
        (folder / "network.onnx").write_bytes(onnx)
    else:
        openvino = import_fast("openvino")
        network = openvino_core().read_model(onnx)
        openvino.save_model(network, folder / "network.xml", compress_to_fp16=False)
    write_json(folder / "model.json", means_described(image_size) | more)
    vectors = WordVectors(("red", "green", "blue"), np.eye(3, dtype=np.float32))
    write_vectors(vectors, folder, info={})
    files = {file: sha256(folder / file) for file in room.FILES[form]}
    described = {"form": form, "batch": batch, "outputs": room.OUTPUTS[:3], "weights_sha256": "0" * 64}
    write_json(folder / room.EXPORT, {"files": files, **described})


def _means_in_onnx(batch: int | None, image_size: int) -> bytes:
    import onnx
    from onnx import helper, numpy_helper

    any_size = "batch" if batch is None else batch
    single = onnx.TensorProto.FLOAT
    nodes = [
        helper.make_node("ReduceMean", ["images", "axes"], ["features"], keepdims=0),
        helper.make_node("Mul", ["features", "two"], ["scores"]),
        helper.make_node("Mul", ["features", "three"], ["projection"]),
    ]
    weights = {"axes": np.array([2, 3]), "two": np.array([2], np.float32), "three": np.array([3], np.float32)}
    graph = helper.make_graph(
        nodes,
        "means",
        [helper.make_tensor_value_info("images", single, [any_size, 3, image_size, image_size])],
        [
            helper.make_tensor_value_info(name, single, [any_size, 3])
            for name in ("features", "scores", "projection")
        ],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    content: bytes = model.SerializeToString()
    return content


def means_described(image_size: int) -> dict[str, Any]:
    """What its model.json says."""
    how = {"image_size": image_size, "crop_pct": 1.0, "mean": [0.5] * 3, "std": [0.25] * 3}
    domain = {"dataset": "none", "data_hash": "", "licences": {}, "unseen": []}
    return {
        "kind": "image",
        "trunk": "means",
        "weights": "none",
        "shape": "2branch",
        "emotions": EMOTIONS,
        "embedding_size": 3,
        "aux_emotions": None,
        "preprocessing": how,
        "domain": domain,
    }


@pytest.fixture
def tiny_clip(tmp_path: Path) -> str:
    """The name of an architecture of open_clip, `tiny`, known from here on: one layer, 32 px, 16 tokens."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        open_clip = pytest.importorskip("open_clip")
    towers = {
        "vision_cfg": {"image_size": 32, "layers": 1, "width": 32, "patch_size": 16, "head_width": 16},
        "text_cfg": {"context_length": 16, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 1},
    }
    file = tmp_path / "tiny.json"
    file.write_text(json.dumps({"embed_dim": 16, **towers}))
    open_clip.add_model_config(file)
    return "tiny"
