"""Processes meet in a store that may hold what earlier ones left: torchrun keeps it when it restarts them."""

from __future__ import annotations

import json
import time
import uuid
from typing import Protocol

from emotionnet.records import TrainingError

PAUSE = 0.02  # seconds


class Store(Protocol):
    """What is used of a store of torch.distributed."""

    def set(self, key: str, value: str) -> None: ...

    def get(self, key: str) -> bytes: ...

    def check(self, keys: list[str]) -> bool: ...


def meet(store: Store, rank: int, world: int, *, seconds: float) -> str:
    """A name that these processes share, and no earlier ones had.

    Each says a new word of its own. Process 0 writes down the words that it finds, again and again; each
    answers the list that has its own word, and the list that all have answered holds.

    Args:
        store: Where they meet.
        rank: Which of them this is.
        world: How many there are.
        seconds: How long they wait for each other.

    Raises:
        TrainingError: Not all have come in time.
    """
    word, deadline = uuid.uuid4().hex, time.monotonic() + seconds
    store.set(f"word/{rank}", word)
    while time.monotonic() < deadline:
        if rank == 0 and store.check(keys := [f"word/{number}" for number in range(world)]):
            store.set("words", json.dumps([store.get(key).decode() for key in keys]))
        if store.check(["words"]):
            words = json.loads(store.get("words"))
            name = uuid.uuid5(uuid.NAMESPACE_OID, "".join(words)).hex
            answers = [f"{name}/{number}" for number in range(world)]
            if len(words) == world and words[rank] == word:
                store.set(answers[rank], "")
                if rank == 0 and store.check(answers):
                    store.set(f"{name}/all", "")
                if store.check([f"{name}/all"]):
                    return name
        time.sleep(PAUSE)
    raise TrainingError(f"{world} processes must meet within {seconds:.0f} s; rank {rank} has not met all")
