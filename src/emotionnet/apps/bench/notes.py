"""Texts that a section leaves in its folder beside the numbers it gives."""

from __future__ import annotations

from pathlib import Path

from emotionnet.files import read_object, write_json

NOTES = "notes.json"


def leave_note(work: Path, key: str, text: str) -> None:
    """Add a text to those of a section; `work` is its folder."""
    write_json(work / NOTES, {**read_notes(work), key: text})


def read_notes(work: Path) -> dict[str, str]:
    """What a section left, by key."""
    return read_object(work / NOTES) if (work / NOTES).is_file() else {}
