"""A look at the steps of a pickle before any of them is done, and at what they would cost.

A pickle names earlier parts by number, so that a few bytes can double a tuple 40 times. Its hash, which a
dict asks for, would then never end. A number is also a place in a table, as long as the largest number says.
"""

from __future__ import annotations

import pickle
import pickletools
from typing import Any

MAX_REPEATED = 2**27
_PUTS = ("PUT", "BINPUT", "LONG_BINPUT")
_GETS = ("GET", "BINGET", "LONG_BINGET")
_TUPLES = ("TUPLE", "TUPLE1", "TUPLE2", "TUPLE3")

_Part = tuple[int, int]  # entries of a tuple, inner ones too, and its depth; (1, 0) for all else
_OTHER: _Part = (1, 0)
_MARK: _Part = (0, 0)


def require_cheap(content: bytes, max_depth: int) -> None:
    """Check that reading a pickle takes time and memory in proportion to its size.

    Lists and dicts count as one entry, since nothing looks into them while they are read.

    Args:
        content: The pickle.
        max_depth: How deep tuples may be nested.

    Raises:
        UnpicklingError: Numbers of parts are too large, tuples too deep, or named again too often.
        Exception: It is broken, in any other way.
    """
    stack: list[_Part] = []
    memo: dict[int, _Part] = {}
    repeated = 0
    argument: Any  # an int where a part has a number
    for step, (code, argument, _) in enumerate(pickletools.genops(content)):
        if code.name in _PUTS:
            if not 0 <= argument <= step:
                raise pickle.UnpicklingError("parts must be numbered from 0, one after the other")
            memo[argument] = stack[-1]
        elif code.name == "MEMOIZE":
            memo[len(memo)] = stack[-1]
        elif code.name in _GETS or code.name == "DUP":
            stack.append(stack[-1] if code.name == "DUP" else memo[argument])
            repeated += stack[-1][0]
        elif code.name == "MARK":
            stack.append(_MARK)
        else:
            taken = _take(stack, code)
            made = _joined(taken) if code.name in _TUPLES else _OTHER
            stack.extend([made] * len(code.stack_after))
        if repeated > MAX_REPEATED:
            raise pickle.UnpicklingError("its parts must not be named again and again")
        if stack and stack[-1][1] > max_depth:
            raise pickle.UnpicklingError(f"it must be nested at most {max_depth} deep; it is deeper")


def _take(stack: list[_Part], code: pickletools.OpcodeInfo) -> list[_Part]:
    """Take from the stack what a step takes: everything above the last mark, and a fixed number more."""
    before, taken = list(code.stack_before), []
    if pickletools.markobject in before:
        while (part := stack.pop()) is not _MARK:
            taken.append(part)
        before = before[: before.index(pickletools.markobject)]
    taken += [stack.pop() for _ in before]
    return taken


def _joined(parts: list[_Part]) -> _Part:
    return 1 + sum(entries for entries, _ in parts), 1 + max((depth for _, depth in parts), default=0)
