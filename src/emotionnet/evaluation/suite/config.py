"""What a suite is: its columns, and the CLIP model beside the runs."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from emotionnet.config import Section, Seed, SourceConfig


class SuiteEntry(SourceConfig):
    """One column of a suite's table: a benchmark, and how runs are held against it."""

    name: str = Field(
        pattern=r"^\w[\w.-]{0,99}$", description="what the column is called; one of each in a suite"
    )
    how: Literal["probe", "labels", "map", "zeroshot"] = Field(
        "probe",
        description="probe: a linear probe on the run's features; labels: the run's own emotions, which must "
        "be those of the data; map: the same through the table of label maps; zeroshot: by the labels' words",
    )
    score: str = Field(
        "auto",
        description="the score that stands in the table; auto: the benchmark's own, else that of its labels",
    )
    split: Literal["train", "val", "test"] = Field("test", description="the split that is scored")


class SuiteConfig(Section):
    """`evaluate RUN... --suite`: which benchmarks, scored how; a column each."""

    about: str = Field("", description="what this suite is: command, machine, wall time, expected scores")
    benchmarks: tuple[SuiteEntry, ...] = Field(description="the columns of the table")
    clip: str | None = Field(
        "open_clip:ViT-B-32@laion2b_s34b_b79k",
        description="an open_clip model as a row of its own, 'not run here' where its weights cannot be had; "
        "null: no such row",
    )
    seed: Seed = Field(0, description="seed of the resamples of every interval")

    @field_validator("benchmarks")
    @classmethod
    def _once(cls, value: tuple[SuiteEntry, ...]) -> tuple[SuiteEntry, ...]:
        names = [entry.name for entry in value]
        twice = sorted({name for name in names if names.count(name) > 1})
        if not value:
            raise ValueError("at least one benchmark must be given; got none")
        if twice:
            raise ValueError(f"each benchmark must have a name of its own; {', '.join(twice)} stands twice")
        return value
