"""Fixtures that several rooms share: a tiny DATASET whose right answers are plain to see."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from PIL import Image

from emotionnet.data.store import PARTS, Dataset, read_dataset, write_dataset
from emotionnet.files import cache_folder, new_folder, sha256
from emotionnet.records import SPLITS, Word

EMOTIONS = ("anger", "joy", "sadness")
COLOURS = ((200, 40, 40), (235, 200, 50), (50, 80, 200))
TAGS = (*EMOTIONS, "red", "yellow", "blue", "square", "dark")
UNSEEN = ("fury", "delight", "gloom")
SOURCES = (("oil", "CC-BY-4.0"), ("ink", "MIT"))

LICENCES = [{"source": source, "licence": licence, "pictures": 1} for source, licence in SOURCES]

MakeDataset = Callable[..., Dataset]


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
                rejects=pl.DataFrame({"id": ["oil/none"], "reason": ["no emotion label"]}),
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
