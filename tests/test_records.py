"""What the whole package means by a name."""

from __future__ import annotations

import pytest

from emotionnet.records import is_name


@pytest.mark.parametrize("value", ["joy", "喜び", "\N{SMILING FACE WITH SUNGLASSES}", " "])
def test_a_name_is_a_text(value: str) -> None:
    assert is_name(value)


@pytest.mark.parametrize("value", ["", "a\ud800", "\udfffa", 5, None, ["joy"], b"joy"])
def test_no_name_is_what_no_file_can_hold_or_no_text(value: object) -> None:
    assert not is_name(value)
