"""Where pictures, labels and tags lie, and how they are read."""

from __future__ import annotations

from pydantic import Field, NonNegativeInt, PositiveInt, field_validator

from emotionnet.config.base import Existing, Folder, Fraction, HubName, Section, Seed, Url


class SourceConfig(Section):
    """Where pictures and their labels lie, and in which form."""

    root: HubName | Url | Existing = Field(
        description="a DATASET, a folder with one folder for each class, a CSV, JSON-lines or Parquet table, "
        "a benchmark's own folder, SHARDS, in a folder or at a URL such as s3://BUCKET/SHARDS, or "
        "hf:USER/NAME, a data set of the Hugging Face hub"
    )
    format: str = Field(
        "auto",
        description="what root is: 'dataset', 'shards', 'folders', 'table', 'hf' or a name that 'data "
        "benchmarks' lists; auto: told by what lies there, benchmarks aside",
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
    batch_size: int = Field(
        256, ge=2, description="pictures per batch, of all processes together; at least 2 for each"
    )
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
    batch_size: int = Field(
        50, ge=2, description="tag sentences per batch, of all processes together; at least 2 for each"
    )
    tag_dropout: float = Field(0.2, ge=0, lt=1, description="chance that a training sentence loses a tag")
    emotion_tags: bool = Field(True, description="whether tags that are emotions stay in the sentences")


class TextConfig(Section):
    vectors: Existing | None = Field(
        None, description="VECTORS; needed for objective.embedding 'word_vectors', and kept for zero-shot"
    )
    teacher: Folder | None = Field(
        None, description="the TEACHER folder; needed for 3branch and wherever the objective names a teacher"
    )
