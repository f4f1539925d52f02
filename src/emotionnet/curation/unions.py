"""Union-find: which things belong together, pair by pair."""

from __future__ import annotations

from collections.abc import Iterable


class Unions:
    """Sets of names that grow together; the smallest name of a set stands for it."""

    def __init__(self, names: Iterable[str]) -> None:
        self._above = {name: name for name in names}

    def root(self, name: str) -> str:
        """The name that stands for the set of `name`."""
        while self._above[name] != name:
            self._above[name] = self._above[self._above[name]]
            name = self._above[name]
        return name

    def join(self, one: str, other: str) -> None:
        """Put the sets of two names together."""
        low, high = sorted((self.root(one), self.root(other)))
        self._above[high] = low
