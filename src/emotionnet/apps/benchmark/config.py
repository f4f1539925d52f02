"""What a benchmark is told: its stages, its label spaces, and the rows of an ablation."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, NonNegativeInt, PositiveInt

from emotionnet.config import Folder, Section


class RowConfig(Section):
    """One row of a benchmark: the image network trained in one way."""

    about: str = Field("", description="what is trained, in a sentence of its own for the page")
    title: str = Field(description="name of the row")
    place: PositiveInt = Field(description="its place among the rows")
    against: str = Field("", description="the row (its file's name) that it is held against; empty: none")
    leaves_open: str = Field("", description="what that difference does not show: '... does not show X'")
    train: dict[str, Any] = Field({}, description="what it changes in train.json")


class SpaceConfig(Section):
    """One label space of a benchmark: a data set of its own."""

    title: str = Field("", description="its heading on the page")
    about: str = Field("", description="what it is, in a sentence for the page")
    curate: dict[str, Any] = Field({}, description="what it changes in curate.json")
    unit: Literal["group", "picture"] = Field(
        "group",
        description="what is scored: a group with all its pictures, or each picture by itself; intervals "
        "resample groups either way",
    )


class BenchmarkConfig(Section):
    """`benchmark`: folds x seeds, so that differences can be told from the luck of one split."""

    about: str = Field("", description="what this benchmark is, and why these settings")
    stages: Folder = Field(description="folder with curate.json, vectors.json, teacher.json and train.json")
    rows: Folder | None = Field(
        None, description="folder with a file for each row of an ablation; null: the benchmark's own methods"
    )
    spaces: dict[Annotated[str, Field(pattern="^[a-z][a-z0-9_]*$")], SpaceConfig] | None = Field(
        None, min_length=1, description="label spaces by name; null: the emoji's tags, and their families"
    )
    folds: int = Field(5, ge=3, description="parts of the groups; each is the test part once for every seed")
    seeds: PositiveInt = Field(3, description="how often groups are dealt anew and networks trained anew")
    workers: NonNegativeInt = Field(0, description="processes, of one thread each; 0: one for each core")
    out: Path = Field(Path("benchmark"), description="folder for what each part found, and for the page")
