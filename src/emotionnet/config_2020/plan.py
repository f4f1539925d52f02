"""From a 2020 config file to a plan: what it asks for, with a recipe and our own options over it."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emotionnet.config import TrainConfig
from emotionnet.config_2020.keys import MEANINGLESS, Old, is_2020, read_2020
from emotionnet.config_2020.translation import (
    TEXT_LOADERS,
    has_projection,
    has_second_head,
    needs_teacher,
    translate,
    uses_teacher,
)
from emotionnet.config_files import with_options
from emotionnet.files import read_object
from emotionnet.records import ConfigError

SECTIONS = ("optimizer", "schedule", "data", "text", "model", "objective")
DATASET, TEACHER = "dataset", "teacher"  # folders inside the RUN that hold what was converted
TEXT_KEYS = (
    *("alpha", "beta", "sent_len", "max_length", "word_dim", "filter_dim", "text_ckpt"),
    *("text_embed", "tag_embeddings", "tag2idx", "idx2tag"),
)


@dataclass(frozen=True)
class Recipe:
    """What a script did that no key of its config says: `values` lie over the translation, by dotted key."""

    help: str
    values: Mapping[str, Any]


RECIPES: Mapping[str, Recipe] = {
    "exact": Recipe(
        "the release's accidents: BatchNorm of frozen layers moves, a transform does not train",
        {"model.frozen_statistics": "moving", "objective.train_transform": False},
    ),
    "softmax": Recipe(
        "classification alone", {"objective.embedding": "none", "objective.distillation": "none"}
    ),
    "embedding": Recipe(
        "embedding alone",
        {
            "objective.classification": "none",
            "objective.distillation": "none",
            "objective.criterion": "loss",
        },
    ),
    "transform": Recipe("a transform of the text model's feature", {"objective.embedding": "transform"}),
    "attention": Recipe(
        "attention over the tags in place of their mean", {"objective.embedding": "attention"}
    ),
    "mixed": Recipe("distillation mixed into the labels", {"objective.distillation": "labels"}),
    "head": Recipe("distillation to the second head of 3branch", {"objective.distillation": "head"}),
    "bce": Recipe("each label by itself, binary cross-entropy", {"objective.classification": "bce"}),
    "hardest": Recipe("of an image's labels the hardest alone", {"objective.classification": "hardest"}),
}


@dataclass(frozen=True)
class Plan:
    """What a 2020 config asks for: the config, values of a `TrainConfig`, and keys that nothing reads.

    What is to be converted has the place that it will have, `dataset` and `teacher` inside the RUN folder.
    """

    old: Old
    values: dict[str, Any]

    @property
    def run(self) -> Path:
        return Path(self.values["out"])

    @property
    def converts_data(self) -> bool:
        """Whether the data set is yet to be made of the annotation files."""
        return bool(self.values["data"]["root"] == str(self.run / DATASET))

    @property
    def converts_teacher(self) -> bool:
        """Whether the text model is yet to be made of its checkpoint."""
        return bool(self.values["text"]["teacher"] == str(self.run / TEACHER))

    @property
    def tags_by_teacher(self) -> bool:
        """Whether the rows' tag ids are those of the text model, and need no vocabulary of their own."""
        return self.old.loader == "image_text" and self.values["text"]["teacher"] is not None

    @property
    def max_tags_key(self) -> str | None:
        """The key that holds the text model's number of positions, if any does."""
        names = ("sent_len", "max_length")
        first = "max_length" if self.old.loader == "image_cls_text_textembed" else "sent_len"
        given = self.old.given((first, *names))
        return given[0] if given else None

    @property
    def unused(self) -> tuple[str, ...]:
        """Keys that the file gives and nothing reads."""
        used: set[str | None] = set()
        objective, text = self.values["objective"], self.values["text"]
        if text["teacher"] is not None:
            used |= {"text_ckpt", self.max_tags_key, "word_dim", "filter_dim"}
        if text["vectors"] is not None:
            used |= {"text_embed" if self.old.text_embed is not None else "tag_embeddings", "word_dim"}
        if objective["embedding"] != "none" and has_projection(self.values):
            used.add("alpha")
        if objective["distillation"] == "head" and has_second_head(self.values):
            used.add("beta")
        if self.converts_data and self.old.loader in TEXT_LOADERS and not self.tags_by_teacher:
            used |= {"tag2idx", "idx2tag"}
        return self.old.given([*MEANINGLESS, *(name for name in TEXT_KEYS if name not in used)])

    def remark(self, file: Path) -> str:
        """One line that names what is `unused`."""
        return f"{file}: given, but without meaning for this run: {', '.join(self.unused)}"


def plan_training(file: Path, recipe: str | None = None, options: Mapping[str, Any] | None = None) -> Plan:
    """Read a 2020 config file and say what it asks for; no other file is read.

    Args:
        file: The config file.
        recipe: Names of `RECIPES`, split at commas; the later lies over the earlier.
        options: Our own dotted keys over all that, such as `{"epochs": 2}`; relative paths among them start
            from the current folder.

    Raises:
        DataError: One line for each fault of the file, or for what it lacks for what it asks.
    """
    content = read_object(file)
    if not is_2020(content):
        raise ConfigError(
            f"{file}: must be a config file of the 2020 system; it has neither arch nor dataset"
        )
    old = read_2020(content, file.parent, str(file))
    overrides: dict[str, Any] = {}
    for name in _recipes(recipe, str(file)):
        overrides |= RECIPES[name].values
    overrides |= options or {}
    if overrides.get("out") is None:
        overrides["out"] = str(_run_folder(old, file))
    values = with_options(TrainConfig, translate(old), overrides)
    odd = [name for name in SECTIONS if not isinstance(values[name], Mapping)]
    if odd:
        raise ConfigError(f"options: {name} must be a section; got {values[name]!r}" for name in odd)
    plan = Plan(old, _with_sources(values, old))
    faults = [f"{file}: {fault}" for fault in _missing(plan)]
    if faults:
        raise ConfigError(faults)
    return plan


def describe_recipes() -> str:
    """The recipes as lines of help."""
    lines = [f"{name}  {recipe.help}" for name, recipe in RECIPES.items()]
    return "Recipes for a config file of the 2020 system:\n\n" + "\n\n".join(lines)


def _recipes(text: str | None, where: str) -> tuple[str, ...]:
    names = tuple(part.strip() for part in text.split(",")) if text else ()
    faults = []
    for name in names:
        if name not in RECIPES:
            near = difflib.get_close_matches(name, RECIPES, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            faults.append(f"{where}: --recipe: must be one of {', '.join(RECIPES)}; got {name!r}{hint}")
    if faults:
        raise ConfigError(faults)
    return names


def _run_folder(old: Old, file: Path) -> Path:
    """Where the RUN goes without `--out`: `save_directory`, else `runs/<name>` of the current folder."""
    if old.save_directory is not None:
        return old.save_directory
    name = old.name or file.stem
    if Path(name).name != name or name in (".", "..") or "\0" in name:
        raise ConfigError(
            f"{file}: name: must be a plain name where no save_directory is given; got {name!r}"
        )
    return Path("runs").absolute() / name


def _with_sources(values: Mapping[str, Any], old: Old) -> dict[str, Any]:
    """The data set, vectors and teacher where the file names them and the network uses them."""
    out, text = Path(values["out"]), dict(values["text"])
    data = {**values["data"], "root": values["data"]["root"] or str(out / DATASET)}
    vectors = old.text_embed or old.tag_embeddings
    if text["vectors"] is None and vectors is not None and has_projection(values):
        text["vectors"] = str(vectors)
    if text["teacher"] is None and old.text_ckpt is not None and uses_teacher(values):
        text["teacher"] = str(old.text_ckpt if old.text_ckpt.is_dir() else out / TEACHER)
    return {**values, "data": data, "text": text}


def _missing(plan: Plan) -> Iterator[str]:
    old, objective, text = plan.old, plan.values["objective"], plan.values["text"]
    if plan.converts_data:
        files = {**old.annotation_files, "test": ""}
        yield from (f"{name}_file: must be given" for name, path in files.items() if path is None)
        if old.images is None:
            yield "data_dir: must be given; it is where the pictures lie"
        if old.num_classes is None:
            yield "num_classes: must be given"
    by_vectors = has_projection(plan.values) and objective["embedding"] == "word_vectors"
    if by_vectors and text["vectors"] is None:
        yield "tag_embeddings: must be given, or text_embed; the projection learns from word vectors"
    by_teacher = needs_teacher(plan.values)
    if by_teacher and text["teacher"] is None:
        yield "text_ckpt: must be given; the network learns from a text model"
    named = old.given(("tag2idx", "idx2tag")) or (old.loader == "image_text" and by_teacher)
    if plan.converts_data and old.loader in TEXT_LOADERS and (by_vectors or by_teacher) and not named:
        yield "tag2idx: must be given, or idx2tag; it names the tags of the rows"
