"""A look at the steps of a pickle before any of them is done, and at what they would cost.

A pickle names earlier parts by number, so that a few bytes can double a tuple 40 times. Its hash, which a
dict asks for, would then never end. A number is also a place in a table, as long as the largest number says.
Files have millions of steps: each is told by its byte, and arguments are stepped over where nothing hangs on
them. What this look lets pass and is still broken, the unpickler itself refuses.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping

MAX_REPEATED = 2**27
_DIGITS = 16  # of a long number count as one more entry, since its hash reads all of them

_Part = tuple[int, int]  # entries of a tuple, inner ones too, and its depth; (1, 0) for all else
_OTHER: _Part = (1, 0)


def require_cheap(content: bytes, max_depth: int) -> None:
    """Check that reading a pickle takes time and memory in proportion to its size.

    Lists and dicts count as one entry, since nothing looks into them while they are read; calls that do
    have to pay for it (`pickles`).

    Args:
        content: The pickle.
        max_depth: How deep tuples may be nested.

    Raises:
        UnpicklingError: Numbers of parts are too large, tuples too deep, or named again too often.
        Exception: It is broken, in any other way.
    """
    _Steps(content, max_depth).look()


class _Steps:
    """The stack, the marks on it (its heights) and the numbered parts, as the unpickler would have them."""

    def __init__(self, content: bytes, max_depth: int) -> None:
        self.content, self.max_depth = content, max_depth
        self.stack: list[_Part] = []
        self.marks: list[int] = []
        self.memo: dict[int, _Part] = {}
        self.repeated = self.step = 0

    def look(self) -> None:
        content, push, at, step = self.content, self.stack.append, 0, 0
        plain, counted, special = _PLAIN, _COUNTED, _SPECIAL
        try:
            while (code := content[at]) != _STOP:
                if length := plain[code]:
                    at += length
                    push(_OTHER)
                elif length := counted[code]:
                    at += 1 + length + int.from_bytes(content[at + 1 : at + 1 + length], "little")
                    push(_OTHER)
                else:
                    self.step = step
                    at = special[code](self, at + 1)
                step += 1
        except KeyError:
            raise pickle.UnpicklingError("each step must be known, and so must the parts it names") from None
        except IndexError:
            cut = at >= len(content)
            reason = "pickle exhausted before seeing STOP" if cut else "a step takes more than there is"
            raise pickle.UnpicklingError(reason) from None

    def put(self, number: int) -> None:
        if not 0 <= number <= self.step:
            raise pickle.UnpicklingError("parts must be numbered from 0, one after the other")
        self.memo[number] = self.stack[-1]

    def repeat(self, part: _Part) -> None:
        self.stack.append(part)
        self.repeated += part[0]
        if self.repeated > MAX_REPEATED:
            raise pickle.UnpicklingError("its parts must not be named again and again")

    def join(self, parts: list[_Part]) -> None:
        """Put a tuple of parts on the stack."""
        depth = 1 + max((depth for _, depth in parts), default=0)
        if depth > self.max_depth:
            raise pickle.UnpicklingError(f"it must be nested at most {self.max_depth} deep; it is deeper")
        self.stack.append((1 + sum(entries for entries, _ in parts), depth))

    def above_mark(self) -> list[_Part]:
        """Take everything above the last mark, and the mark."""
        height = self.marks.pop()
        parts = self.stack[height:]
        del self.stack[height:]
        return parts

    def line(self, at: int) -> tuple[bytes, int]:
        """The text up to the end of the line, and where the next begins."""
        end = self.content.index(b"\n", at)
        return self.content[at:end], end + 1

    def number(self, at: int, length: int) -> int:
        """A length or number in bytes; at the end of the file it may be cut off, and is then the last."""
        return int.from_bytes(self.content[at : at + length], "little")


_Step = Callable[[_Steps, int], int]  # what it does; takes and gives a place in the pickle


def _mark(steps: _Steps, at: int) -> int:
    steps.marks.append(len(steps.stack))
    return at


def _pop(steps: _Steps, at: int) -> int:
    if steps.marks and steps.marks[-1] == len(steps.stack):
        steps.marks.pop()
    else:
        steps.stack.pop()
    return at


def _dup(steps: _Steps, at: int) -> int:
    steps.repeat(steps.stack[-1])
    return at


def _memoize(steps: _Steps, at: int) -> int:
    steps.memo[len(steps.memo)] = steps.stack[-1]
    return at


def _put_line(steps: _Steps, at: int) -> int:
    text, at = steps.line(at)
    steps.put(int(text))
    return at


def _get_line(steps: _Steps, at: int) -> int:
    text, at = steps.line(at)
    steps.repeat(steps.memo[int(text)])
    return at


def _put(length: int) -> _Step:
    def step(steps: _Steps, at: int) -> int:
        steps.put(steps.number(at, length))
        return at + length

    return step


def _get(length: int) -> _Step:
    def step(steps: _Steps, at: int) -> int:
        steps.repeat(steps.memo[steps.number(at, length)])
        return at + length

    return step


def _skip(length: int) -> _Step:
    return lambda steps, at: at + length  # noqa: ARG005


def _lines(count: int) -> _Step:
    """Something that is spelled in lines of text, such as a number, a string or a name."""

    def step(steps: _Steps, at: int) -> int:
        start = at
        for _ in range(count):
            _, at = steps.line(at)
        steps.stack.append((1 + (at - start) // _DIGITS, 0))
        return at

    return step


def _long(bytes_of_length: int) -> _Step:
    """A long number, or a text of Python 2, behind its length; of four bytes it has a sign."""

    def step(steps: _Steps, at: int) -> int:
        length = steps.number(at, bytes_of_length)
        if length >= 2**31:
            raise pickle.UnpicklingError("a length must be at least 0; it is less")
        steps.stack.append((1 + length // _DIGITS, 0))
        return at + bytes_of_length + length

    return step


def _instance(steps: _Steps, at: int) -> int:
    steps.above_mark()
    return _lines(2)(steps, at)


def _tuple(steps: _Steps, at: int) -> int:
    steps.join(steps.above_mark())
    return at


def _tuple_of(count: int) -> _Step:
    def step(steps: _Steps, at: int) -> int:
        steps.join([steps.stack.pop() for _ in range(count)])
        return at

    return step


def _made_of(count: int) -> _Step:
    """Takes so many parts and makes something that is no tuple of them."""

    def step(steps: _Steps, at: int) -> int:
        for _ in range(count):
            steps.stack.pop()
        steps.stack.append(_OTHER)
        return at

    return step


def _made_above_mark(steps: _Steps, at: int) -> int:
    steps.above_mark()
    steps.stack.append(_OTHER)
    return at


def _filled_by(count: int) -> _Step:
    """Takes so many parts into the one below, which stays what it is: with nothing to take, even a tuple."""

    def step(steps: _Steps, at: int) -> int:
        for _ in range(count):
            steps.stack.pop()
        return at

    return step


def _filled_above_mark(steps: _Steps, at: int) -> int:
    steps.above_mark()
    return at


_STOP = ord(".")
# How many bytes a step takes that puts one part on the stack and does nothing else; 0 for others.
_PLAIN = bytearray(256)
for _codes, _length in (
    (b"N\x88\x89])}\x8f\x97", 1),
    (b"K\x82", 2),
    (b"M\x83", 3),
    (b"J\x84", 5),
    (b"G", 9),
):
    for _code in _codes:
        _PLAIN[_code] = _length
# How many bytes the length of a text takes that follows it; 0 for others.
_COUNTED = bytearray(256)
for _codes, _length in ((b"\x8cUC", 1), (b"XB", 4), (b"\x8d\x8e\x96", 8)):
    for _code in _codes:
        _COUNTED[_code] = _length

_SPECIAL: Mapping[int, _Step] = {
    ord(code): step
    for codes, step in (
        ("ILFSVP", _lines(1)),
        ("c", _lines(2)),
        ("T\x8b", _long(4)),
        ("\x8a", _long(1)),
        ("(", _mark),
        ("0", _pop),
        ("2", _dup),
        ("1eu\x90", _filled_above_mark),
        ("ab", _filled_by(1)),
        ("s", _filled_by(2)),
        ("t", _tuple),
        ("\x85", _tuple_of(1)),
        ("\x86", _tuple_of(2)),
        ("\x87", _tuple_of(3)),
        ("ldo\x91", _made_above_mark),
        ("i", _instance),
        ("Q", _made_of(1)),
        ("R\x81\x93", _made_of(2)),
        ("\x92", _made_of(3)),
        ("\x94", _memoize),
        ("p", _put_line),
        ("q", _put(1)),
        ("r", _put(4)),
        ("g", _get_line),
        ("h", _get(1)),
        ("j", _get(4)),
        ("\x98", _skip(0)),
        ("\x80", _skip(1)),
        ("\x95", _skip(8)),
    )
    for code in codes
}
