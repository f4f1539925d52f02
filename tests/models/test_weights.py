import os
from collections.abc import Mapping
from pathlib import Path

import pytest
import safetensors.torch
import torch
from torch import nn

from emotionnet.models.weights import load_weights, put_tensors, read_tensors, save_weights
from emotionnet.records import DataError


def _network(seed: int, *, classes: int = 2) -> nn.Sequential:
    torch_state = torch.get_rng_state()
    torch.manual_seed(seed)
    network = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, classes))
    torch.set_rng_state(torch_state)
    return network


def _same(first: Mapping[str, torch.Tensor], second: Mapping[str, torch.Tensor]) -> bool:
    return list(first) == list(second) and all(torch.equal(first[name], second[name]) for name in first)


def test_round_trip(tmp_path: Path) -> None:
    source, target = _network(0), _network(1)
    save_weights(source, tmp_path / "model.safetensors")
    assert load_weights(target, tmp_path / "model.safetensors") == ()
    assert _same(source.state_dict(), target.state_dict())
    assert os.listdir(tmp_path) == ["model.safetensors"]  # noqa: PTH208 (nothing left beside)


def test_equal_weights_are_equal_files(tmp_path: Path) -> None:
    save_weights(_network(0), tmp_path / "a.safetensors")
    save_weights(_network(0), tmp_path / "b.safetensors")
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()


def test_tied_and_transposed_weights_are_saved(tmp_path: Path) -> None:
    tied = nn.Sequential(nn.Linear(3, 3, bias=False), nn.Linear(3, 3, bias=False))
    tied[0].weight = tied[1].weight = nn.Parameter(torch.arange(9.0).reshape(3, 3).T)
    save_weights(tied, tmp_path / "tied.safetensors")
    read = read_tensors(tmp_path / "tied.safetensors")
    assert {name: tensor.tolist() for name, tensor in read.items()} == {
        name: [[0, 3, 6], [1, 4, 7], [2, 5, 8]] for name in ("0.weight", "1.weight")
    }


@pytest.mark.parametrize("prefix", ["", "module."])
@pytest.mark.parametrize("wrapped", [False, True])
def test_torch_files_with_and_without_prefix_and_state_dict(
    tmp_path: Path, prefix: str, wrapped: bool
) -> None:
    source, target = _network(0), _network(1)
    state = {prefix + name: tensor for name, tensor in source.state_dict().items()}
    torch.save({"epoch": 3, "state_dict": state} if wrapped else state, tmp_path / "model.pth")
    load_weights(target, tmp_path / "model.pth")
    assert _same(source.state_dict(), target.state_dict())


def test_files_older_than_the_batch_counter_load(tmp_path: Path) -> None:
    source, target = _network(0), _network(1)
    state = {n: t for n, t in source.state_dict().items() if not n.endswith("num_batches_tracked")}
    torch.save(state, tmp_path / "model.pth")
    assert load_weights(target, tmp_path / "model.pth") == ()
    assert torch.equal(source.state_dict()["0.weight"], target.state_dict()["0.weight"])


def test_lenient_leaves_what_does_not_fit_and_names_it(tmp_path: Path) -> None:
    source, target = _network(0), _network(1, classes=5)
    save_weights(source, tmp_path / "model.safetensors")
    head = target.state_dict()["2.weight"].clone()
    left = load_weights(target, tmp_path / "model.safetensors", strict=False)
    assert left == ("2.weight", "2.bias")
    assert torch.equal(target.state_dict()["2.weight"], head)
    assert torch.equal(source.state_dict()["0.weight"], target.state_dict()["0.weight"])


def test_lenient_still_refuses_a_file_that_has_nothing_to_give(tmp_path: Path) -> None:
    torch.save({"other": torch.zeros(1)}, tmp_path / "model.pth")
    with pytest.raises(DataError, match="no tensor fits by name and shape; the module has names"):
        load_weights(_network(0), tmp_path / "model.pth", strict=False)


def test_misfits_are_named_by_kind_and_nothing_changes(tmp_path: Path) -> None:
    path, target = tmp_path / "model.pth", _network(1)
    before = {name: tensor.clone() for name, tensor in target.state_dict().items()}
    state = dict(_network(0).state_dict())
    del state["2.bias"]
    state |= {f"extra{number}": torch.zeros(1) for number in range(5)}
    state["0.weight"] = torch.zeros(4, 7)
    torch.save(state, path)
    with pytest.raises(DataError, match="weights must fit") as error:
        load_weights(target, path)
    assert error.value.faults == (
        f"{path}: weights must fit: missing (1): 2.bias",
        f"{path}: weights must fit: unexpected (5): extra0, extra1, extra2 and 2 more",
        f"{path}: weights must fit: other shapes (1): 0.weight must be (4, 3), got (4, 7)",
    )
    assert _same(before, target.state_dict())


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (torch.full((4,), torch.nan), "0.bias: weights must be finite; some are NaN or infinite"),
        (torch.zeros(4, dtype=torch.int64), "0.bias: must be a plain float tensor; got torch.int64"),
        (torch.zeros(4).to_sparse(), "0.bias: must be a plain float tensor; got torch.float32, torch.sparse"),
    ],
)
def test_unusable_tensors_are_refused(tmp_path: Path, value: torch.Tensor, text: str) -> None:
    torch.save({**_network(0).state_dict(), "0.bias": value}, tmp_path / "model.pth")
    with pytest.raises(DataError) as error:
        load_weights(_network(1), tmp_path / "model.pth")
    assert text in str(error.value)


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize(
    ("value", "text"),
    [
        (torch.empty(3, 4, device="meta"), "must be a plain tensor; it is without content"),
        (torch.nested.nested_tensor([torch.zeros(3), torch.zeros(2)], layout=torch.jagged), "it is nested"),
    ],
)
def test_tensors_without_plain_content_are_refused(value: torch.Tensor, text: str, strict: bool) -> None:
    module = torch.nn.Linear(4, 3)
    with pytest.raises(DataError, match=rf"here: weight: .*{text}"):
        put_tensors(module, {"weight": value, "bias": torch.zeros(3)}, "here", strict=strict)


def test_tensor_that_claims_a_huge_shape_costs_no_memory(tmp_path: Path) -> None:
    huge = torch.zeros(1).expand(10**15)
    torch.save({**_network(0).state_dict(), "0.bias": huge}, tmp_path / "model.pth")
    with pytest.raises(DataError, match=r"0.bias must be \(4,\), got \(1000000000000000,\)"):
        load_weights(_network(1), tmp_path / "model.pth")


class _Exploit:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("touch exploited",)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (_Exploit(), "must be a PyTorch file of plain values and tensors"),
        ([torch.zeros(1)], "must hold a dict of named tensors; got list"),
        ({}, "must hold a dict of named tensors; got an empty one"),
        ({"state_dict": {}}, "must hold a dict of named tensors; got an empty one"),
        ({"a": 3}, "'a': must be a tensor with a name; got int"),
        ({7: torch.zeros(1)}, "7: must be a tensor with a name"),
        ({"a": torch.zeros(1), "module.a": torch.zeros(1)}, "some names stand twice"),
    ],
)
def test_other_contents_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: object, text: str
) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save(content, tmp_path / "model.pth")
    with pytest.raises(DataError) as error:
        read_tensors(tmp_path / "model.pth")
    assert len(error.value.faults) == 1
    assert str(error.value).startswith(f"{tmp_path / 'model.pth'}: ")
    assert text in str(error.value)
    assert not (tmp_path / "exploited").exists()


@pytest.mark.parametrize("name", ["model.safetensors", "model.pth"])
@pytest.mark.parametrize("length", [0, 7, 60, 300])
def test_truncated_files_are_refused(tmp_path: Path, name: str, length: int) -> None:
    whole = tmp_path / f"whole-{name}"
    if name.endswith(".pth"):
        torch.save(_network(0).state_dict(), whole)
    else:
        save_weights(_network(0), whole)
    (tmp_path / name).write_bytes(whole.read_bytes()[:length])
    with pytest.raises(DataError, match=r"must be a (safetensors|PyTorch) file") as error:
        read_tensors(tmp_path / name)
    assert len(str(error.value).splitlines()) == 1


def test_safetensors_header_that_lies_is_refused(tmp_path: Path) -> None:
    content = safetensors.torch.save({"a": torch.zeros(4)}).replace(b"[4]", b"[9]")
    (tmp_path / "a.safetensors").write_bytes(content)
    with pytest.raises(DataError, match="must be a safetensors file"):
        read_tensors(tmp_path / "a.safetensors")


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.pth: weights file not found"):
        read_tensors(tmp_path / "none.pth")
