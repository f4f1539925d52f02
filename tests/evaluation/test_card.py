from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import huggingface_hub
import pytest

from emotionnet.data.store import read_dataset
from emotionnet.evaluation.card import plain, weights_licence
from emotionnet.evaluation.report import report_run
from emotionnet.files import read_json, write_json
from emotionnet.models.description import ImageModel, read_description, write_description

MakeRun = Callable[..., Path]


def write_card(run: Path) -> Path:
    return report_run(run)[1]


def test_the_card_says_what_the_model_is_and_is_not(scored_run: Path) -> None:
    card = write_card(scored_run)
    text = card.read_text(encoding="utf-8")
    metrics = read_json(scored_run / "metrics.json")
    assert card == scored_run / "README.md"
    for part in (
        "# What the pictures of squares may evoke",
        "| train | 18 | 12 |",
        f"| this run: mean over a group's pictures | {metrics['test.macro_map']:.3f} (",
        f"logistic regression | {metrics['baseline.frozen.macro_map']:.3f} (",
        f"| minus frozen trunk | {metrics['difference.frozen.macro_map']:+.3f} (",
        "| minus ridge regression | ",
        "* p: how often the choice of groups alone",
        "It does not tell what a person feels",
        "It says nothing about pictures of another kind.",
        "* pictures of oil: CC-BY-4.0",
        "none, the trunk began with random weights",
        "* word vectors: of a source that this run does not name",
        "The emotions that it tells least above chance: ",
        "Intervals cover the choice of test groups",
    ):
        assert part in text


@pytest.mark.parametrize("root", [None, "hf:me/1e5"])
def test_the_hub_reads_its_part_of_the_card(
    scored_run: Path, monkeypatch: pytest.MonkeyPatch, root: str | None
) -> None:
    if root is not None:  # the pictures come from the hub
        config = read_json(scored_run / "config.json")
        data = scored_run.parent / "dataset"
        write_json(scored_run / "config.json", config | {"data": config["data"] | {"root": root}})
        dataset = read_dataset(data)
        monkeypatch.setattr("emotionnet.evaluation.findings.open_run_data", lambda *_, **__: dataset)
    told = huggingface_hub.ModelCard.load(write_card(scored_run)).data.to_dict()
    wanted = {
        "library_name": "emotionnet",
        "pipeline_tag": "image-classification",
        "tags": ["emotion", "affective-computing"],
    }
    assert told == wanted | ({} if root is None else {"datasets": ["me/1e5"]})


def test_probabilities_are_called_what_they_are(scored_run: Path) -> None:
    assert "* Probabilities sum to 1 over its 3 emotions" in write_card(scored_run).read_text(
        encoding="utf-8"
    )
    model = read_description(scored_run, ImageModel)
    write_description(scored_run, model.model_copy(update={"activation": "sigmoid"}))
    assert "has a probability of its own" in write_card(scored_run).read_text(encoding="utf-8")


def test_a_model_of_emoji_says_nothing_about_photographs(scored_run: Path) -> None:
    info = scored_run.parent / "dataset" / "dataset.json"
    licences = [{"source": "google", "licence": "Apache-2.0", "pictures": 9}]
    write_json(info, read_json(info) | {"name": "pictograms", "source": "emoji", "licences": licences})
    text = write_card(scored_run).read_text(encoding="utf-8")
    assert (
        "It was trained on emoji, drawn signs with a settled meaning. It says nothing about photographs."
        in text
    )
    assert "* pictures of google: Apache-2.0\n" in text


@pytest.mark.parametrize(
    ("method", "text"), [("sentence", "Apache-2.0"), ("word2vec", "this data set's own tags")]
)
def test_vectors_are_named_by_their_method(scored_run: Path, method: str, text: str) -> None:
    write_json(scored_run / "vectors.json", {"method": method})
    line = next(
        line
        for line in write_card(scored_run).read_text(encoding="utf-8").splitlines()
        if "word vectors:" in line
    )
    assert text in line


@pytest.mark.parametrize(
    ("weights", "text"),
    [
        ("embedded", "Apache-2.0"),
        ("hub", "model card on the hub"),
        ("none", "random weights"),
        ("/home/me/trunk.pth", "the file trunk.pth;"),
        ("unknown", "of an origin and a licence that this run does not name"),
    ],
)
def test_trunk_weights_are_named_by_their_source(make_run: MakeRun, weights: str, text: str) -> None:
    model = read_description(make_run(), ImageModel).model_copy(update={"weights": weights})
    assert text in weights_licence(model)
    assert "/home" not in weights_licence(model)


def test_names_from_outside_stay_names() -> None:
    assert plain("a|b\n# *c* <b> [x](y)") == r"a\|b \# \*c\* \<b\> \[x\](y)"


def test_every_line_of_a_table_has_as_many_cells(scored_run: Path) -> None:
    text = write_card(scored_run).read_text(encoding="utf-8")
    tables = [block.splitlines() for block in text.split("\n\n") if block.startswith("| |")]
    assert len(tables) == 4
    for lines in tables:
        assert len({line.count("|") for line in lines}) == 1
