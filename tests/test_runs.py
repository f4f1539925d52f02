"""The RUN folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from emotionnet import runs
from emotionnet.files import write_json
from emotionnet.records import DataError


def test_a_run_is_not_replaced_unasked_and_its_neighbours_never(tmp_path: Path) -> None:
    (tmp_path / "dataset").mkdir()
    runs.prepare(tmp_path, overwrite=False, resume=False)
    write_json(tmp_path / runs.CONFIG, {})
    (tmp_path / runs.CHECKPOINTS).mkdir()
    with pytest.raises(DataError, match="holds a run already"):
        runs.prepare(tmp_path, overwrite=False, resume=False)
    runs.prepare(tmp_path, overwrite=False, resume=True)
    assert (tmp_path / runs.CONFIG).exists()
    runs.prepare(tmp_path, overwrite=True, resume=False)
    assert [path.name for path in tmp_path.iterdir()] == ["dataset"]


def test_a_file_is_no_run(tmp_path: Path) -> None:
    (tmp_path / "x").touch()
    with pytest.raises(DataError, match="it is a file"):
        runs.prepare(tmp_path / "x", overwrite=True, resume=False)


def test_scores_are_merged(tmp_path: Path) -> None:
    assert runs.read_metrics(tmp_path) == {}
    runs.merge_metrics(tmp_path, {"b": 1.0, "a": 2.0})
    assert runs.merge_metrics(tmp_path, {"b": 3.0}) == {"a": 2.0, "b": 3.0}
    assert runs.read_metrics(tmp_path) == {"a": 2.0, "b": 3.0}


def test_broken_scores_are_named(tmp_path: Path) -> None:
    write_json(tmp_path / runs.METRICS, [1])
    with pytest.raises(DataError, match=r"metrics\.json: must be a JSON object; got list"):
        runs.read_metrics(tmp_path)


def test_an_unfinished_run_says_what_it_lacks(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="it does not exist"):
        runs.require_run(tmp_path / "none")
    write_json(tmp_path / runs.CONFIG, {})
    with pytest.raises(DataError, match=r"model\.json, model\.safetensors not found"):
        runs.require_run(tmp_path)


def test_versions_name_python_packages_and_commit() -> None:
    found = runs.versions()
    assert set(runs.PACKAGES) | {"python", "commit"} == set(found)
    assert all(found.values())


def test_a_folder_of_another_kind_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("mine")
    for overwrite in (False, True):
        with pytest.raises(DataError, match=r"holds files of another kind \(README\.md\)"):
            runs.prepare(tmp_path, overwrite=overwrite, resume=False)
    assert (tmp_path / "README.md").read_text() == "mine"


@pytest.mark.parametrize(
    ("content", "text"), [(b"{", "line 1: must be JSON"), (b"\xff", "line 1"), (b"[1]", "list")]
)
def test_a_broken_history_is_named(tmp_path: Path, content: bytes, text: str) -> None:
    (tmp_path / runs.HISTORY).write_bytes(content)
    with pytest.raises(DataError, match=text):
        runs.read_history(tmp_path)


def test_scores_must_be_numbers(tmp_path: Path) -> None:
    write_json(tmp_path / runs.METRICS, {"test.macro_map": "x"})
    with pytest.raises(DataError, match=r"test\.macro_map: must be a number; got 'x'"):
        runs.read_metrics(tmp_path)
