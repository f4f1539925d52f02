"""What the bench found as Markdown: one column for each machine."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from emotionnet.apps.output import print_json

RATE, SPREAD = ".per_second", ".spread"

Result = Mapping[str, Any]


def print_results(result: Result) -> None:
    """One result: tables when a person reads, JSON elsewhere."""
    if sys.stdout.isatty():
        print(table([result]))  # noqa: T201
    else:
        print_json(result)


def table(results: Sequence[Result]) -> str:
    """A table of figures, one of rates with their spreads, then notes and machines as a list.

    Args:
        results: What `bench` gave, each on one machine.
    """
    heads = [_head(result["machine"]) for result in results]
    keys = list(dict.fromkeys(key for result in results for key in result if _is_number(result[key])))
    figures = [key for key in keys if not key.endswith((RATE, SPREAD))]
    rates = [key.removesuffix(RATE) for key in keys if key.endswith(RATE)]
    remarks = [
        f"* {head}: {line}" for head, one in zip(heads, results, strict=True) for line in _remarks(one)
    ]
    parts = [
        _grid(["figure", *heads], figures, results, lambda one, key: _number(one.get(key))),
        _grid(["items per second (spread)", *heads], rates, results, _rate),
        "\n".join(remarks),
    ]
    return "\n\n".join(parts)


def _head(machine: Mapping[str, Any]) -> str:
    return str(machine["gpu"] or f"{machine['cores']} cores")


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _grid(
    heads: Sequence[str],
    keys: Sequence[str],
    results: Sequence[Result],
    cell: Callable[[Result, str], str],
) -> str:
    rows = [[f"`{key}`", *(cell(one, key) for one in results)] for key in keys]
    lines = [" | ".join(cells) for cells in (heads, ["---", *["---:"] * len(results)], *rows)]
    return "\n".join(f"| {line} |" for line in lines)


def _number(value: Any) -> str:
    """Three digits that count; a dash where a machine has no such figure."""
    return "-" if value is None else f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _rate(result: Result, key: str) -> str:
    if key + RATE not in result:
        return "-"
    spread = f" ({result[key + SPREAD]:.0%})" if key + SPREAD in result else ""
    return f"{_number(result[key + RATE])}{spread}"


def _remarks(result: Result) -> list[str]:
    """What texts say of one result: the machine, the notes, and what was too noisy to tell."""
    facts = {key: value for key, value in result["machine"].items() if key != "versions" and value}
    flags = {**facts, "flags": " ".join(facts.get("flags", ()))}
    lines = ["; ".join(f"{key} {value}" for key, value in flags.items() if value)]
    versions = result["machine"]["versions"].items()
    lines += ["; ".join(f"{key} {value}" for key, value in versions if value)]
    lines += [f"`{key}`: {text}" for key, text in result["notes"].items()]
    return lines + [f"too noisy to tell: {', '.join(result['noisy'])}"] * bool(result["noisy"])
