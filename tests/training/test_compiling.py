"""Steps of a compiled module; PyTorch's own compiler, with a backend that counts and compiles nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from emotionnet import runs
from emotionnet.config import TrainConfig
from emotionnet.config_files import load_config
from emotionnet.files import sha256
from emotionnet.models.weights import read_tensors
from emotionnet.records import ConfigError
from emotionnet.training.compiling import compiled_steps
from emotionnet.training.run import train, train_teacher

COMPILE = nn.Module.compile


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    torch.compiler.reset()
    yield
    torch.compiler.reset()


@pytest.fixture
def graphs(monkeypatch: pytest.MonkeyPatch) -> list[list[torch.Size]]:
    """The shapes of the pictures of each graph that was compiled."""
    found: list[list[torch.Size]] = []

    def count(graph: torch.fx.GraphModule, inputs: list[Any]) -> Callable[..., Any]:
        found.append([one.shape for one in inputs if isinstance(one, torch.Tensor) and one.ndim == 4])
        return graph.forward

    monkeypatch.setattr(nn.Module, "compile", lambda module: COMPILE(module, backend=count))
    return found


def test_other_sizes_run_uncompiled(graphs: list[list[torch.Size]]) -> None:
    module = nn.Linear(2, 3)
    module.compile()
    rows = torch.randn(5, 2, generator=torch.Generator().manual_seed(0))
    with compiled_steps(usual=False):
        plain = module(rows)
    assert not graphs
    for count in (5, 4, 5, 3):
        with compiled_steps(usual=count == 5):
            assert torch.equal(module(rows[:count]), plain[:count])
    assert len(graphs) == 1


def test_a_compiled_run_is_the_same_run(
    ready: dict[str, Any], tmp_path: Path, graphs: list[list[torch.Size]]
) -> None:
    """18 pictures, 5 a batch, 3 epochs, validation: only batches of 5 in training are compiled, once."""
    run = train(load_config(TrainConfig, None, ready | {"compile": "on"}))
    batches = {shape for shapes in graphs for shape in shapes if shape[1:] == (3, 32, 32)}
    assert batches == {(5, 3, 32, 32)}
    assert len(graphs) == len({str(shapes) for shapes in graphs})
    plain = train(load_config(TrainConfig, None, ready | {"compile": "off", "out": str(tmp_path / "plain")}))
    assert sha256(run / runs.WEIGHTS) == sha256(plain / runs.WEIGHTS)
    assert read_tensors(run / runs.WEIGHTS).keys() == read_tensors(plain / runs.WEIGHTS).keys()


@pytest.mark.usefixtures("graphs")
@pytest.mark.filterwarnings("ignore")  # the compiler tells what it leaves to Python
def test_a_text_model_can_be_compiled(ready: dict[str, Any], tmp_path: Path, teacher_config: Any) -> None:
    from emotionnet.data.store import read_dataset

    data, vectors = read_dataset(Path(ready["data.root"])), Path(ready["text.vectors"])
    run, plain = (
        train_teacher(teacher_config(data, vectors, tmp_path / word, compile=word, epochs=1))
        for word in ("on", "off")
    )
    torch.testing.assert_close(read_tensors(run / runs.WEIGHTS), read_tensors(plain / runs.WEIGHTS))


def test_a_machine_that_cannot_compile_is_one_line(
    ready: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Any) -> None:
        raise RuntimeError("no compiler here\nand much more")

    monkeypatch.setattr(nn.Module, "compile", lambda module: COMPILE(module, backend=fails))
    settings = load_config(TrainConfig, None, ready | {"compile": "on"})
    expected = (
        r"^compile: must be 'off' or 'auto' where torch\.compile fails; got 'on' \(.*no compiler here\)$"
    )
    with pytest.raises(ConfigError, match=expected):
        train(settings)
    assert not settings.out.exists()
