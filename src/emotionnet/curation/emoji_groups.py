"""Which emoji are variants of one another, from Unicode's structure and names.

A score over emoji counts groups: the cartwheeling person, man and woman are one drawing
with three heads, and a network that saw one in training has seen the others. Two emoji
are of one group when
* their code points are equal once skin tones, hair, gender signs, directions and
  presentation selectors are gone and man, woman and person are one (Unicode Technical
  Standard 51, sections 1.4 and 2.3, says how sequences are built), or
* their names are equal once the words for these are one, for the forms that Unicode
  encodes separately: man dancing and woman dancing, leftwards and rightwards hand.
Ages stay apart, and so do up and down: thumbs up is no variant of thumbs down.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from emotionnet.data.joined import Joined

_JOINER = 0x200D
_PERSON = 0x1F9D1
_PEOPLE = {0x1F468, 0x1F469, _PERSON}
_MODIFIERS = {0xFE0F, *range(0x1F3FB, 0x1F400)}
_HAIR = set(range(0x1F9B0, 0x1F9B4))
_GENDERS = {0x2640, 0x2642}
_DIRECTIONS = {0x27A1, 0x2B05, 0x2194, 0x2195}
_VARIANTS = _HAIR | _GENDERS | _DIRECTIONS

# Titles whose forms share no word; the first stands for all.
_TITLES = (
    ("person with crown", "prince", "princess"),
    ("mx claus", "santa claus", "mrs. claus"),
    ("older person", "old man", "old woman"),
    ("child", "boy", "girl"),
)
_TITLE_OF = {form: forms[0] for forms in _TITLES for form in forms}
_SUMMARIES = ("family", "kiss", "couple with heart", "person")
_PERSON_WORDS = re.compile(r"\b(?:men|man|women|woman|people|person)\b")
_SEVERAL = re.compile(r"\bperson(?:(?:,| and) person)+\b")
_SIDES = re.compile(r"\b(?:left|right)(?:wards)?\b")


def emoji_groups(names: Mapping[str, str]) -> dict[str, str]:
    """The group of each emoji.

    Args:
        names: CLDR short name ('woman dancing') by code points in hexadecimal, joined by
            hyphens ('1F483', '1F468-200D-1F9B0').

    Returns:
        Group by code points: those of the simplest member (fewest code points, then lowest),
        in lower case.
    """
    codes = list(names)
    keys: list[object] = [*map(_structure, codes), *(_residue(names[code]) for code in codes)]
    rows = [*range(len(codes))] * 2
    first: dict[object, int] = {}
    sets = Joined(len(codes))
    sets.join([first.setdefault(key, row) for key, row in zip(keys, rows, strict=True)], rows)
    members: dict[int, list[str]] = {}
    for code, root in zip(codes, sets.smallest().tolist(), strict=True):
        members.setdefault(root, []).append(code)
    simplest = {code: min(together, key=_simplicity) for together in members.values() for code in together}
    return {code: simplest[code].lower() for code in codes}


def _simplicity(code: str) -> tuple[int, tuple[int, ...]]:
    points = tuple(int(part, 16) for part in code.split("-"))
    return len(points), points


def _structure(code: str) -> tuple[int, ...]:
    """Code points without what only varies a person."""
    points: list[int] = []
    for part in code.split("-"):
        point = int(part, 16)
        if point in _MODIFIERS:
            continue
        if point in _VARIANTS and points and points[-1] == _JOINER:
            points.pop()
            continue
        points.append(_PERSON if point in _PEOPLE else point)
    return tuple(points)


def _residue(name: str) -> str:
    """A name with one word for all persons and one for both sides."""
    text = name.lower()
    text = _TITLE_OF.get(text, text)
    text = _SEVERAL.sub("person", _PERSON_WORDS.sub("person", text))
    head = text.partition(":")[0]
    if head in _SUMMARIES or text.endswith(": facing right"):
        text = head
    return _SIDES.sub("side", text)
