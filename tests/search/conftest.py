"""An INDEX of a tiny MODEL over squares of plain colours."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from PIL import Image

from emotionnet.search import rows
from emotionnet.search.build import Built, build_index
from emotionnet.search.layout import row_schema
from emotionnet.search.picture_facts import read_with_facts
from emotionnet.search.ranking import Column, Vectors
from emotionnet.search.retrieval import Retrieval
from emotionnet.search.store import Index
from tests.conftest import MakeExported

Colour = tuple[int, int, int]
SQUARES: Mapping[str, Colour] = {
    "blue/dark.png": (0, 0, 120),
    "blue/light.png": (90, 120, 255),
    "green.png": (0, 200, 0),
    "grey.png": (128, 128, 128),
    "red/dark.png": (120, 0, 0),
    "red/light.png": (255, 90, 90),
}

LEVELS = (40, 90, 140, 190, 240)
RANGE = {
    f"{name}-{level}.png": tuple(level if place == row else 20 for place in range(3))
    for row, name in enumerate(("red", "green", "blue"))
    for level in LEVELS
}  # pictures of three colours, five of each

MakeIndex = Callable[..., Index]


def save_squares(folder: Path, squares: Mapping[str, Colour], side: int = 8) -> None:
    """Pictures of one colour each."""
    for name, colour in squares.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (side, side), colour).save(folder / name)


@pytest.fixture
def make_index(tmp_path: Path, make_exported: MakeExported) -> MakeIndex:
    """A factory: `make_index(squares=SQUARES, name="index", model=None, **described) -> Index`.

    Pictures lie in `tmp_path / "pictures"`. The model is that of `make_exported`: features are the means of
    red, green and blue, less 0.5 and times 4, and words are red, green and blue; `described` changes its
    `model.json`.
    """
    pytest.importorskip("lancedb")

    def make(
        squares: Mapping[str, Colour] = SQUARES,
        *,
        name: str = "index",
        model: Path | None = None,
        **described: Any,
    ) -> Index:
        save_squares(tmp_path / "pictures", squares)
        if model is None:
            model = tmp_path / "model"
            model = model if model.is_dir() else make_exported(**described)
        build_index(model, [tmp_path / "pictures"], tmp_path / name)
        return Index.open(tmp_path / name)

    return make


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    save_squares(tmp_path / "pictures", SQUARES)
    return tmp_path / "pictures"


@pytest.fixture
def model(make_exported: MakeExported) -> Path:
    return make_exported()


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the files that are put through the network."""
    names: list[str] = []

    def counted(path: Path, how: Any) -> Any:
        names.append(path.name)
        return read_with_facts(path, how)

    monkeypatch.setattr(rows, "read_with_facts", counted)
    return names


def whole(folder: Path) -> pa.Table:
    index = Index.open(folder)
    return index.table(row_schema(index.info).names)


def counts(made: Built) -> tuple[int, int, int, int, int]:
    return made.pictures, made.added, made.changed, made.removed, made.unchanged


def ids_of(index: Index, *names: str) -> list[str]:
    """Of pictures whose name begins so."""
    found = index.table(["id", "name"]).to_pylist()
    return [row["id"] for row in found if row["name"].startswith(names)]


def vectors_in(index: Index) -> Vectors:
    """Of all pictures of an index, by column."""
    columns: list[Column] = ["features", "projection", "log_probabilities"]
    return Retrieval(index).vectors(columns, index.ids).__getitem__


@pytest.fixture
def no_sentence_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """Words without a vector have none, whatever is installed."""
    monkeypatch.setattr("emotionnet.inference.words.has_sentence_model", lambda: False)
