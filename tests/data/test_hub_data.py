from __future__ import annotations

import importlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from emotionnet.config import SourceConfig
from emotionnet.config_files import checked
from emotionnet.data import hub_data
from emotionnet.data.opening import find_format, open_data
from emotionnet.data.store import Dataset
from emotionnet.records import SPLITS, DataError

datasets = pytest.importorskip("datasets")
ArrowWriter = importlib.import_module("datasets.arrow_writer").ArrowWriter
PutPicture = Callable[[Path], Path]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EMOTIONNET_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "hf"


@pytest.fixture
def table(tmp_path: Path, put_picture: PutPicture) -> Any:
    """Six pictures of class numbers 1, 0, 1, 0, 1 and -1, which is none, of the classes zest and awe."""
    paths = [put_picture(tmp_path / "source" / f"{number}.png") for number in range(6)]
    columns = {
        "picture": [{"bytes": path.read_bytes(), "path": None} for path in paths],
        "kind": [1, 0, 1, 0, 1, -1],
        "valence": [0.5 * number for number in range(6)],
    }
    features = {
        "picture": datasets.Image(),
        "kind": datasets.ClassLabel(names=["zest", "awe"]),
        "valence": datasets.Value("float32"),
    }
    return datasets.Dataset.from_dict(columns, features=datasets.Features(features))


def opened(root: Path | str) -> Dataset:
    return open_data(checked(SourceConfig, {"root": str(root)}, "options"))


def test_a_saved_folder_is_written_into_the_cache_once(tmp_path: Path, table: Any, cache: Path) -> None:
    saved = datasets.DatasetDict({"train": table, "validation": table.select([0]), "test": table.select([1])})
    saved.save_to_disk(tmp_path / "mine")
    assert find_format(tmp_path / "mine") == "hf"
    dataset = opened(tmp_path / "mine")
    assert (dataset.name, dataset.emotion_names) == ("mine", ("awe", "zest"))
    assert [len(dataset.records(split)) for split in SPLITS] == [6, 1, 1]
    first = dataset.records("train")[0]
    assert (first.labels, first.dimensions, dataset.dimension_names) == ((0,), (0.0,), ("valence",))
    assert dataset.records("train")[5].labels == ()
    assert (
        dataset.local_picture(first.path, first.id).read_bytes()
        == (tmp_path / "source" / "0.png").read_bytes()
    )
    [folder] = cache.iterdir()
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    assert opened(tmp_path / "mine").content_hash == dataset.content_hash
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


def test_one_table_without_splits_is_dealt_out(tmp_path: Path, table: Any) -> None:
    table.save_to_disk(tmp_path / "mine")
    dataset = opened(tmp_path / "mine")
    assert sum(len(dataset.unchecked_records(split)) for split in SPLITS) == 6
    assert dataset.records("train")[0].path.startswith("images/all-000000")


def test_bare_arrow_files_are_opened(tmp_path: Path, table: Any) -> None:
    table.save_to_disk(tmp_path / "mine")
    for path in (tmp_path / "mine").glob("*.json"):
        path.unlink()
    assert find_format(tmp_path / "mine") == "hf"
    assert opened(tmp_path / "mine").emotion_names == ("awe", "zest")


def test_a_name_of_the_hub_is_loaded_by_the_package(table: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    found = datasets.DatasetDict({"train": table, "dev": table, "test": table, "extra": table})

    def load(name: str) -> Any:
        asked.append(name)
        return found

    monkeypatch.setattr(datasets, "load_dataset", load)
    dataset = opened("hf:someone/feelings")
    assert (asked, dataset.name) == (["someone/feelings"], "feelings")
    assert [len(dataset.records(split)) for split in SPLITS] == [6, 6, 6]


def test_lists_of_classes_are_several_labels(tmp_path: Path, table: Any) -> None:
    kinds = datasets.Sequence(datasets.ClassLabel(names=["zest", "awe", "joy"]))
    table = table.remove_columns("kind").add_column("kinds", [[0, 2], [1], [0], [1], [2], [1]])
    table.cast_column("kinds", kinds).save_to_disk(tmp_path / "mine")
    dataset = opened(tmp_path / "mine")
    labels = {r.path: r.labels for split in SPLITS for r in dataset.unchecked_records(split)}
    assert labels["images/all-0000000.png"] == (2, 1)


def test_what_is_no_picture_is_left_out(
    tmp_path: Path, table: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    secret = tmp_path / "elsewhere.png"
    secret.write_bytes((tmp_path / "source" / "1.png").read_bytes())
    content = table.cast_column("picture", datasets.Image(decode=False))[0]["picture"]["bytes"]
    cells = [
        *({"bytes": b"nothing", "path": None}, {"bytes": None, "path": str(secret)}),
        *(None, {"bytes": None, "path": None}, {"bytes": content, "path": None}),
    ]
    features = datasets.Features({"picture": datasets.Image(), "label": datasets.Value("string")})
    (tmp_path / "mine").mkdir()
    with ArrowWriter(path=str(tmp_path / "mine" / "a.arrow"), features=features) as writer:
        writer.write_batch({"picture": cells, "label": ["awe"] * 4 + ["joy"]})
        writer.finalize()
    assert opened(tmp_path / "mine").emotion_names == ("joy",)
    assert "4 pictures of all are left out, since they are no pictures" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda t: t.remove_columns("picture"), "one column must be a picture; 0 are, among kind, valence"),
        (lambda t: t.map(lambda row: {"other": row["picture"]}), "one column must be a picture; 2 are"),
        (lambda t: t.remove_columns(["kind", "valence"]), "one column must be the label; found none"),
    ],
)
def test_columns_that_are_missing_are_named(tmp_path: Path, table: Any, change: Any, text: str) -> None:
    change(table).save_to_disk(tmp_path / "mine")
    with pytest.raises(DataError, match=text):
        opened(tmp_path / "mine")
    assert not list((tmp_path / "cache" / "hf").iterdir())


def test_splits_of_other_names_alone_are_refused(tmp_path: Path, table: Any) -> None:
    datasets.DatasetDict({"one": table, "two": table}).save_to_disk(tmp_path / "mine")
    with pytest.raises(DataError, match="splits must be train, validation and test; got one, two"):
        opened(tmp_path / "mine")


def test_a_broken_folder_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "dataset_dict.json").write_text(json.dumps({"splits": ["train"]}))
    with pytest.raises(DataError, match="must be a data set that datasets can load; ") as caught:
        opened(tmp_path)
    assert len(caught.value.faults) == 1


def test_without_the_package_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> Any:
        raise ImportError(name)

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(DataError, match=r"needs the package datasets; pip install 'emotionnet\[hf\]'"):
        hub_data.read_hub_data("hf:someone/feelings")
