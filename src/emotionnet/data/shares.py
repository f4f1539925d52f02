"""One share of a job that several processes or machines do together, such as '3/16'."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from emotionnet.data.shards.member import PictureFile, ShardMember
from emotionnet.records import DataError

Item = TypeVar("Item")


@dataclass(frozen=True)
class Share:
    """Share `number` of `count` equal ones; the first is 0.

    Raises:
        DataError: The number is not one of the count's.

    Example:
        >>> share = Share.parse("1/3")
        >>> share.of("abcdefgh"), str(share)
        (['b', 'e', 'h'], '1/3')
    """

    number: int
    count: int

    def __post_init__(self) -> None:
        if not 0 <= self.number < self.count:
            raise _fault(str(self))

    @classmethod
    def parse(cls, text: str) -> Share:
        """Read a share as the command line has it.

        Raises:
            DataError: It is not i/n with 0 <= i < n.
        """
        if not (found := re.fullmatch(r"([0-9]{1,9})/([0-9]{1,9})", text)):
            raise _fault(text)
        return cls(int(found[1]), int(found[2]))

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"

    def of(self, items: Sequence[Item]) -> list[Item]:
        """Every `count`-th item from place `number` on: together the shares hold each item once."""
        return list(items[self.number :: self.count])

    def of_pictures(self, files: Sequence[PictureFile]) -> list[PictureFile]:
        """As `of`; of pictures in tar files those that lie side by side: few of them are read twice."""
        inside = [file for file in files if isinstance(file, ShardMember)]
        alone = [file for file in files if not isinstance(file, ShardMember)]
        first, end = (len(inside) * number // self.count for number in (self.number, self.number + 1))
        return [*self.of(alone), *inside[first:end]]


def _fault(text: str) -> DataError:
    return DataError(f"shard must be i/n with 0 <= i < n (the first is 0/n); got {text!r}")
