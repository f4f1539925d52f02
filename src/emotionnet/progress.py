"""Progress of long work on standard error: a bar while a person watches, plain lines at milestones."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sized
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

Item = TypeVar("Item")
_silent: ContextVar[bool] = ContextVar("silent", default=False)


class _Speed(ProgressColumn):
    """How many a second."""

    def __init__(self, unit: str) -> None:
        super().__init__()
        self.unit = unit

    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:.0f} {self.unit}/s" if task.speed else "", style="progress.data.speed")


def track(
    items: Iterable[Item],
    description: str,
    total: int | None = None,
    *,
    amount: Callable[[Item], int] = lambda _: 1,
    unit: str = "",
) -> Iterator[Item]:
    """Give the items one by one, and show how far they are.

    Nothing is written unless standard error is a terminal, so logs and pipes stay clean.

    Args:
        items: What is worked on.
        description: What is done, in a few words.
        total: Sum of all amounts, when `items` has no length.
        amount: How much of the total an item is.
        unit: What the speed counts; empty: no speed is shown.
    """
    if _silent.get() or not sys.stderr.isatty():
        yield from items
        return
    columns = [TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn()]
    columns += [_Speed(unit)] if unit else []
    if total is None and isinstance(items, Sized):
        total = len(items)
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, redirect_stdout=False) as progress:
        task = progress.add_task(description, total=total)
        for item in items:
            yield item
            progress.advance(task, amount(item))


def message(text: str) -> None:
    """One line for the person who waits; results go to standard output, this does not."""
    if not _silent.get():
        print(text, file=sys.stderr, flush=True)  # noqa: T201


@contextmanager
def silent() -> Iterator[None]:
    """Within the block nothing is told: another process of the same work does."""
    token = _silent.set(True)
    try:
        yield
    finally:
        _silent.reset(token)
