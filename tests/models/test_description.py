"""model.json."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from emotionnet.data.images import Preprocessing
from emotionnet.files import read_object, write_json
from emotionnet.models.description import Domain, ImageModel, TextModel, read_description, write_description
from emotionnet.records import DataError
from emotionnet.runs import MODEL

DOMAIN = Domain(dataset="squares", data_hash="0", licences={"oil": "MIT"}, unseen=("fury",))
IMAGE = ImageModel(
    trunk="resnet50",
    weights="none",
    shape="2branch",
    emotions=("joy", "fear"),
    embedding_size=6,
    aux_emotions=None,
    preprocessing=Preprocessing(32, 0.875, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
    domain=DOMAIN,
)
TEXT = TextModel(
    emotions=("joy", "fear"),
    tags=("sun",),
    word_dim=6,
    width=8,
    max_tags=100,
    dropout=0.5,
    static=True,
    domain=DOMAIN,
)


@pytest.mark.parametrize("model", [IMAGE, TEXT])
def test_what_was_written_is_read(tmp_path: Path, model: Any) -> None:
    write_description(tmp_path, model)
    assert read_description(tmp_path, type(model)) == model


@pytest.mark.parametrize(
    ("model", "key", "value"),
    [
        *((TEXT, key, value) for key in ("word_dim", "width", "max_tags") for value in (0, -1, 10**12)),
        *((TEXT, "dropout", value) for value in (-0.1, 1.5, 5)),
        (TEXT, "tags", []),
        (TEXT, "architecture", "cnn"),
        (TEXT, "emotions", []),
        (IMAGE, "emotions", []),
        (IMAGE, "aux_emotions", []),
        (IMAGE, "embedding_size", 0),
        (IMAGE, "embedding_size", 10**12),
        (IMAGE, "preprocessing", {"image_size": 10**9, "crop_pct": 1, "mean": [0, 0, 0], "std": [1, 1, 1]}),
        (IMAGE, "preprocessing", {"image_size": 0, "crop_pct": 1, "mean": [0, 0, 0], "std": [1, 1, 1]}),
    ],
)
def test_sizes_that_no_network_has_are_named_in_one_line(
    tmp_path: Path, model: Any, key: str, value: Any
) -> None:
    write_description(tmp_path, model)
    write_json(tmp_path / MODEL, read_object(tmp_path / MODEL) | {key: value})
    with pytest.raises(DataError) as error:
        read_description(tmp_path, type(model))
    (fault,) = error.value.faults
    assert fault.startswith(f"{tmp_path / MODEL}: {model.kind}.{key}: ")
    assert len(fault.splitlines()) == 1


def test_a_text_model_that_names_no_architecture_is_nlt_and_reads_all_tags(tmp_path: Path) -> None:
    write_description(tmp_path, TEXT)
    older = read_object(tmp_path / MODEL)
    del older["architecture"], older["without"]
    write_json(tmp_path / MODEL, older)
    assert read_description(tmp_path, TextModel) == TEXT
    assert (TEXT.architecture, TEXT.without) == ("nlt", ())


def test_the_other_kind_is_refused(tmp_path: Path) -> None:
    write_description(tmp_path, TEXT)
    with pytest.raises(
        DataError, match=r"must be a run of an image network; its model\.json says kind 'text'"
    ):
        read_description(tmp_path, ImageModel)
