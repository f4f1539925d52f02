"""`shards.json`: which shards there are, of which data set they were made, and the sums of everything."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from emotionnet.config_files import description_error
from emotionnet.files import read_json, write_json

SHARDS = "shards.json"

Sum = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]  # SHA-256 in hexadecimal
ShardName = Annotated[str, Field(pattern=r"^[0-9A-Za-z_][0-9A-Za-z_.-]{0,200}\.tar$")]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class ShardInfo(_Part):
    """One tar file."""

    name: ShardName
    split: Literal["train", "val", "test"]
    samples: Annotated[int, Field(ge=1)] = Field(description="pictures")
    bytes: Annotated[int, Field(ge=1, lt=2**50)]
    sha256: Sum


class Origin(_Part):
    """The data set that shards were made of, as a RUN that was trained on it knows it."""

    content_hash: Sum
    split_hashes: Mapping[str, Sum]


class ShardIndex(_Part):
    """What `shards.json` says."""

    format: Literal[1] = 1
    dataset_sha256: Sum = Field(description="of dataset.json, which lists the sums of the tables")
    origin: Origin
    shards: tuple[ShardInfo, ...]

    @model_validator(mode="after")
    def _each_once(self) -> ShardIndex:
        twins = [name for name, count in Counter(one.name for one in self.shards).items() if count > 1]
        if twins:
            raise ValueError(f"a shard must stand once; {twins[0]} stands twice")
        return self


def read_index(folder: Path) -> ShardIndex:
    """Read `shards.json`.

    Raises:
        DataError: It is missing, broken or of a later version; a line for each fault.
    """
    path = folder / SHARDS
    return parsed_index(json.dumps(read_json(path)), path)


def parsed_index(content: str | bytes, path: Path | str) -> ShardIndex:
    """What `shards.json` holds.

    Raises:
        DataError: It is broken or of a later version; a line for each fault, which names the path.
    """
    try:
        return ShardIndex.model_validate_json(content)
    except ValidationError as error:
        raise description_error(path, error) from None


def write_index(folder: Path, index: ShardIndex) -> None:
    """Write `shards.json`, whole or not at all."""
    write_json(folder / SHARDS, index.model_dump(mode="json"))
