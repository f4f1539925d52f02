"""Configs: files and options become one checked model, and every fault is told at once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from emotionnet.config import CurateConfig, TeacherConfig, TrainConfig
from emotionnet.config_files import keys, load_config, portable
from emotionnet.records import ConfigError, DataError


def write(path: Path, values: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(values))
    return path


def faults(model: Any, file: Path | None, options: dict[str, Any] | None = None) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as error:
        load_config(model, file, options or {})
    return error.value.faults


def test_paths_are_relative_to_the_config_file_and_options_to_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a" / "data").mkdir(parents=True)
    (tmp_path / "b" / "words").mkdir(parents=True)
    file = write(tmp_path / "a" / "train.json", {"data": {"root": "data"}, "out": "run"})
    monkeypatch.chdir(tmp_path / "b")
    config = load_config(TrainConfig, file, {"text.vectors": "words"})
    assert config.data.root == tmp_path / "a" / "data"
    assert config.out == tmp_path / "a" / "run"
    assert config.text.vectors == tmp_path / "b" / "words"


def test_unknown_key_wrong_type_and_missing_folder_are_three_lines(tmp_path: Path) -> None:
    file = write(tmp_path / "c.json", {"data": {"root": "none"}, "epochs": "many", "optimiser": {"lr": 1}})
    lines = faults(TrainConfig, file)
    assert len(lines) == 3
    assert any("data.root: must exist" in line and str(tmp_path / "none") in line for line in lines)
    assert any('epochs: input should be a valid integer; got "many"' in line for line in lines)
    assert any("optimiser: unknown key; did you mean optimizer?" in line for line in lines)
    assert all(line.startswith(f"{file}: ") for line in lines)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("seed", -1),
        ("seed", 2**32),
        ("data.batch_size", 1),
        ("data.crop_scale", [1.0, 0.1]),
        ("text.vectors", "x" * 5000),
    ],
)
def test_what_would_crash_later_is_refused_at_once(tmp_path: Path, option: str, value: Any) -> None:
    lines = faults(TrainConfig, None, {"data.root": str(tmp_path), option: value})
    assert len(lines) == 1
    assert lines[0].startswith(f"options: {option}: ")


def test_a_list_is_shown_as_one_writes_it(tmp_path: Path) -> None:
    lines = faults(TrainConfig, None, {"data.root": str(tmp_path), "model.freeze": "trunk"})
    assert lines == ('options: model.freeze: must be a JSON list, such as ["trunk"]; got "trunk"',)


def test_a_missing_section_asks_for_its_required_keys() -> None:
    assert faults(TrainConfig, None) == ("options: data.root: must be given",)


@pytest.mark.parametrize("value", ["0.1", True, None, [1], float("nan"), 0.0, -1.0])
def test_a_rate_of_another_type_or_range_is_refused(tmp_path: Path, value: Any) -> None:
    options = {"data.root": str(tmp_path), "optimizer.lr": value}
    lines = faults(TrainConfig, None, options)
    assert len(lines) == 1
    assert lines[0].startswith("options: optimizer.lr: ")


def test_nested_unknown_key_names_its_place_and_a_near_one(tmp_path: Path) -> None:
    lines = faults(
        TrainConfig, None, {"data.root": str(tmp_path), "optimizer.learning": 1, "data.batchsize": 3}
    )
    assert "options: data.batchsize: unknown key; did you mean data.batch_size?" in lines


def test_a_required_key_is_asked_for() -> None:
    assert faults(TrainConfig, None, {"data.image_size": 8}) == ("options: data.root: must be given",)


def test_a_choice_lists_what_there_is(tmp_path: Path) -> None:
    lines = faults(TrainConfig, None, {"data.root": str(tmp_path), "model.shape": "4branch"})
    assert len(lines) == 1
    assert "model.shape" in lines[0]
    assert "'3branch'" in lines[0]
    assert '"4branch"' in lines[0]


def test_a_union_of_word_and_path_gives_one_fault(tmp_path: Path) -> None:
    lines = faults(TrainConfig, None, {"data.root": str(tmp_path), "model.weights": "no/such.pt"})
    assert len(lines) == 1
    assert "model.weights: must exist" in lines[0]


def test_a_word_of_a_union_stays_a_word() -> None:
    assert load_config(CurateConfig, None, {"source": "emoji"}).source == "emoji"


@pytest.mark.parametrize(
    ("content", "text"), [("{", "must be JSON"), ("[1]", "must be a JSON object; got list")]
)
def test_a_file_that_is_no_config(tmp_path: Path, content: str, text: str) -> None:
    (tmp_path / "c.json").write_text(content)
    with pytest.raises(DataError, match=text):
        load_config(TrainConfig, tmp_path / "c.json", {})


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="file not found"):
        load_config(TrainConfig, tmp_path / "c.json", {})


def test_an_option_cannot_be_value_and_section(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="data is given both"):
        load_config(TrainConfig, None, {"data": 3, "data.root": str(tmp_path)})


def test_a_portable_config_can_be_loaded_again(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    config = load_config(
        TrainConfig, None, {"data.root": str(tmp_path / "data"), "out": str(tmp_path / "run")}
    )
    values = portable(config, tmp_path / "run")
    assert values["data"]["root"] == "../data"
    assert values["model"]["weights"] == "hub"
    assert load_config(TrainConfig, write(tmp_path / "run" / "config.json", values), {}) == config


def test_every_key_is_described() -> None:
    for model in (CurateConfig, TeacherConfig, TrainConfig):
        for name, _, description in keys(model):
            assert description, name


def test_configs_are_frozen(tmp_path: Path) -> None:
    config = load_config(TrainConfig, None, {"data.root": str(tmp_path)})
    with pytest.raises(ValueError, match="frozen"):
        config.epochs = 3  # type: ignore[misc]


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("", "must be given; it is empty"),
        ("a\0b", "must be made of characters"),
        ("~nosuchuser/x", "~nosuchuser/x: could not determine"),
    ],
)
def test_a_path_that_stands_for_nothing_is_named(tmp_path: Path, path: str, reason: str) -> None:
    """An empty --out would be the current folder."""
    (line,) = faults(TrainConfig, None, {"data.root": str(tmp_path), "out": path})
    assert reason in line
    assert line.startswith("options: out: ")


@pytest.mark.parametrize("root", ["hf:..", "hf:../..", "hf:me/..", "hf:.", "hf:me/a/b"])
def test_a_repository_of_the_hub_is_no_way_to_a_folder(root: str) -> None:
    with pytest.raises(ConfigError, match=r"data\.root: must exist; hf:"):
        load_config(TrainConfig, None, {"data.root": root})


def test_a_repository_of_the_hub_stays_a_name() -> None:
    assert load_config(TrainConfig, None, {"data.root": "hf:me/my.data-1"}).data.root == "hf:me/my.data-1"
