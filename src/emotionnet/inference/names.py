"""What a name that someone gives for a model stands for. No torch in here."""

from __future__ import annotations

from pathlib import Path

CLIP = "open_clip:"


def is_clip(name: str | Path) -> bool:
    """Whether a name stands for a CLIP model, `open_clip:ARCH@WEIGHTS`, and not for a RUN."""
    return str(name).startswith(CLIP)
