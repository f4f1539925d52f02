from __future__ import annotations

from pathlib import Path

import pytest
import torch

from emotionnet.models.checkpoints_2020 import our_names, start_tensors, their_names
from emotionnet.models.weights import save_weights


@pytest.mark.parametrize("prefix", ["", "module."])
@pytest.mark.parametrize("wrapped", [False, True])
def test_a_training_begins_from_a_2020_file_by_our_names(tmp_path: Path, prefix: str, wrapped: bool) -> None:
    names = ("conv1.weight", "layer1.0.bn1.running_var", "fc.weight", "proj.bias", "fc_aux.bias")
    state = {prefix + name: torch.full((1,), float(place)) for place, name in enumerate(names)}
    torch.save({"state_dict": state, "epoch": 3} if wrapped else state, tmp_path / "old.pth.tar")
    found = start_tensors(tmp_path / "old.pth.tar")
    assert {name: int(tensor) for name, tensor in found.items()} == {
        "trunk.conv1.weight": 0,
        "trunk.layer1.0.bn1.running_var": 1,
        "fc.weight": 2,
        "proj.bias": 3,
        "fc_aux.bias": 4,
    }
    assert [*their_names(found)] == [*names]


def test_a_run_and_a_text_model_keep_their_names(tmp_path: Path) -> None:
    module = torch.nn.ModuleDict({"trunk": torch.nn.Linear(2, 2), "fc": torch.nn.Linear(2, 1)})
    save_weights(module, tmp_path / "model.safetensors")
    names = {"trunk.weight", "trunk.bias", "fc.weight", "fc.bias"}
    assert set(start_tensors(tmp_path)) == set(start_tensors(tmp_path / "model.safetensors")) == names
    text = {"embedding.weight": torch.zeros(3, 2), "conv.bias": torch.zeros(2)}
    assert [*our_names(text)] == [*text]
