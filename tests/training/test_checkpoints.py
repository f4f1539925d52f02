"""Checkpoints: whole, and read without running anything."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from emotionnet.records import DataError
from emotionnet.training.checkpoints import LATER, State, read_state, write_state


class Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("touch pwned",)


def test_a_state_comes_back_as_it_was(tmp_path: Path) -> None:
    state = State({"w": torch.tensor([1.0, 2.0])}, {"step": 3}, 4, 0.5, 2, [{"loss": 1.0}], ["bad.png"])
    write_state(tmp_path / "last.pt", state)
    found = read_state(tmp_path / "last.pt")
    assert torch.equal(found.module["w"], state.module["w"])
    assert (found.optimizer, found.epoch, found.best_score, found.best_epoch) == ({"step": 3}, 4, 0.5, 2)
    assert (found.history, found.skipped) == ([{"loss": 1.0}], ["bad.png"])


def test_a_checkpoint_of_an_earlier_version_is_read(tmp_path: Path) -> None:
    """Of before there were tutors and checkpoints within an epoch."""
    state = vars(State({}, {}, 4))
    torch.save({name: value for name, value in state.items() if name not in LATER}, tmp_path / "last.pt")
    found = read_state(tmp_path / "last.pt")
    assert (found.epoch, found.start, found.means, found.tutor) == (4, 0, {}, {})


def test_code_in_a_checkpoint_is_refused_and_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"module": Evil()}, tmp_path / "last.pt")
    with pytest.raises(DataError, match=r"last\.pt: must be a PyTorch file"):
        read_state(tmp_path / "last.pt")
    assert not (tmp_path / "pwned").exists()


@pytest.mark.parametrize("content", [b"", b"text", b"PK\x03\x04"])
def test_a_broken_file_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "last.pt").write_bytes(content)
    with pytest.raises(DataError, match=r"last\.pt: must be a PyTorch file"):
        read_state(tmp_path / "last.pt")


def test_another_content_is_named(tmp_path: Path) -> None:
    torch.save({"weights": {}}, tmp_path / "last.pt")
    with pytest.raises(
        DataError, match=r"last\.pt: must be a checkpoint with best_epoch, .* it holds something else"
    ):
        read_state(tmp_path / "last.pt")
