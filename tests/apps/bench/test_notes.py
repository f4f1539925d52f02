from __future__ import annotations

from pathlib import Path

from emotionnet.apps.bench.notes import leave_note, read_notes


def test_notes_add_up(tmp_path: Path) -> None:
    assert read_notes(tmp_path) == {}
    leave_note(tmp_path, "some.chosen", "bfloat16")
    leave_note(tmp_path, "other.chosen", "float32")
    assert read_notes(tmp_path) == {"some.chosen": "bfloat16", "other.chosen": "float32"}
