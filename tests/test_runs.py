"""The RUN folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from emotionnet import runs
from emotionnet.files import write_json
from emotionnet.records import DataError


def begin(run: Path) -> None:
    write_json(run / runs.MANIFEST, {"dataset": "squares", "data_hash": "0"})
    write_json(run / runs.CONFIG, {})


def begin_in_vain(run: Path) -> None:
    with runs.writing(run, overwrite=False, resume=False):
        begin(run)
        raise KeyError


def test_a_run_is_not_replaced_unasked_and_its_neighbours_never(tmp_path: Path) -> None:
    (tmp_path / "dataset").mkdir()
    with runs.writing(tmp_path, overwrite=False, resume=False):
        begin(tmp_path)
        (tmp_path / runs.CHECKPOINTS).mkdir()
    with (
        pytest.raises(DataError, match="holds a run already"),
        runs.writing(tmp_path, overwrite=False, resume=False),
    ):
        pytest.fail("it was to be refused")
    with runs.writing(tmp_path, overwrite=False, resume=True):
        assert (tmp_path / runs.CONFIG).exists()
    with runs.writing(tmp_path, overwrite=True, resume=False):
        assert sorted(path.name for path in tmp_path.iterdir()) == [runs.REPLACED, "dataset"]
    assert [path.name for path in tmp_path.iterdir()] == ["dataset"]


def test_a_run_that_came_to_nothing_leaves_no_folder(tmp_path: Path) -> None:
    for run, kept in ((tmp_path / "a" / "run", False), (tmp_path / "own", True)):
        if kept:
            run.mkdir()
        with pytest.raises(KeyError):
            begin_in_vain(run)
        assert run.exists() == kept
        assert not kept or list(run.iterdir()) == []


def test_a_file_is_no_run(tmp_path: Path) -> None:
    (tmp_path / "x").touch()
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for name, text in (("x", "it is a file"), ("link", "it is a link to nothing")):
        with (
            pytest.raises(DataError, match=text),
            runs.writing(tmp_path / name, overwrite=True, resume=False),
        ):
            pytest.fail("it was to be refused")


@pytest.mark.parametrize("manifest", [None, {}, {"dataset": "x"}, []])
def test_a_model_folder_of_another_program_is_never_touched(tmp_path: Path, manifest: object) -> None:
    """Such as one from a model hub: it has a config, weights and a card of the very names."""
    for name in (runs.CONFIG, runs.WEIGHTS, runs.CARD):
        (tmp_path / name).write_text("theirs")
    if manifest is not None:
        write_json(tmp_path / runs.MANIFEST, manifest)
    names = sorted(path.name for path in tmp_path.iterdir())
    for options in ({"overwrite": True, "resume": False}, {"overwrite": False, "resume": True}):
        with (
            pytest.raises(DataError, match=r"holds files of another kind \(README\.md, config\.json"),
            runs.writing(tmp_path, **options),
        ):
            pytest.fail("it was to be refused")
    assert sorted(path.name for path in tmp_path.iterdir()) == names


def test_a_run_that_waited_while_its_successor_was_killed_comes_back(tmp_path: Path) -> None:
    """A killed process restores nothing; the next one that fails does."""
    begin(tmp_path / runs.REPLACED)
    (tmp_path / runs.REPLACED / runs.WEIGHTS).write_text("good")
    begin(tmp_path)
    with (
        pytest.raises(DataError, match="holds a run already"),
        runs.writing(tmp_path, overwrite=False, resume=False),
    ):
        pytest.fail("it was to be refused")
    with pytest.raises(RuntimeError), runs.writing(tmp_path, overwrite=True, resume=False):
        raise RuntimeError
    assert (tmp_path / runs.WEIGHTS).read_text() == "good"
    assert not (tmp_path / runs.REPLACED).exists()


def test_scores_are_merged(tmp_path: Path) -> None:
    assert runs.read_metrics(tmp_path) == {}
    runs.merge_metrics(tmp_path, {"b": 1.0, "a": 2.0})
    assert runs.merge_metrics(tmp_path, {"b": 3.0}) == {"a": 2.0, "b": 3.0}
    assert runs.merge_metrics(tmp_path, {"b.x": 4.0}, replacing=("a", "b.")) == {"b": 3.0, "b.x": 4.0}
    assert runs.merge_metrics(tmp_path, {"b.y": 5.0}, replacing=("b.",)) == {"b": 3.0, "b.y": 5.0}
    assert runs.read_metrics(tmp_path) == {"b": 3.0, "b.y": 5.0}


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
