"""Soft labels of a text teacher for a whole data set."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from emotionnet.apps.cli import main
from emotionnet.data.check import check_dataset
from emotionnet.data.dataset_writing import write_dataset
from emotionnet.data.record_tables import table_of
from emotionnet.data.store import PARTS, Dataset, read_dataset
from emotionnet.evaluation.units import read_split
from emotionnet.files import new_folder, read_object, sha256, write_json
from emotionnet.inference.soft_labels import apply_teacher
from emotionnet.models.description import Domain, TextModel, write_description
from emotionnet.models.weights import save_weights
from emotionnet.records import SPLITS, DataError, Word
from emotionnet.runs import CONFIG, MANIFEST, MODEL, WEIGHTS
from emotionnet.text.teacher import TextTeacher
from emotionnet.training.labels import label_distributions

TAGS = (
    "blue",
    "joy",
    "sea",
    "red",
    "anger",
)  # 'sea' is in no data set; 'yellow', 'square', 'dark' are unknown
EMOTIONS = ("calm", "rage")
POSITIONS = 7


def make_teacher(folder: Path, **changes: Any) -> Path:
    """A finished TEACHER whose numbers are drawn at random."""
    folder.mkdir()
    module = TextTeacher(
        vocab_size=len(TAGS), word_dim=4, n_classes=len(EMOTIONS), width=5, max_tags=POSITIONS
    )
    save_weights(module, folder / WEIGHTS)
    domain = Domain(dataset="elsewhere", data_hash="0", licences={}, unseen=())
    model = TextModel(
        emotions=EMOTIONS,
        tags=TAGS,
        word_dim=4,
        width=5,
        max_tags=POSITIONS,
        dropout=0.5,
        static=True,
        domain=domain,
    )
    write_description(folder, model.model_copy(update=changes))
    write_json(folder / CONFIG, {})
    write_json(folder / MANIFEST, {"dataset": "elsewhere", "data_hash": "0"})
    return folder


def literal_shares(folder: Path, tags: list[str], without: tuple[str, ...] = ()) -> list[float]:
    """REFERENCE, one position at a time."""
    module = TextTeacher(
        vocab_size=len(TAGS), word_dim=4, n_classes=len(EMOTIONS), width=5, max_tags=POSITIONS
    )
    w = {name: tensor.double().numpy() for name, tensor in module.state_dict().items()}
    known = [TAGS.index(tag) for tag in tags if tag in TAGS and tag not in without]
    total = np.zeros(5)
    for position in range(POSITIONS):
        row = known[position] if position < len(known) else len(TAGS) + 1
        total += np.maximum(w["conv.weight"][:, 0] @ w["embedding.weight"][row] + w["conv.bias"], 0)
    scores = w["fc.weight"] @ (total / POSITIONS / np.sqrt(1 + 1e-5)) + w["fc.bias"]
    powers = np.exp(scores)
    return [float(power / powers.sum()) for power in powers]


@pytest.mark.parametrize("without", [(), ("joy", "anger")])
def test_labels_are_the_teachers_softmax(make_dataset: Any, tmp_path: Path, without: tuple[str, ...]) -> None:
    data, folder = make_dataset(), make_teacher(tmp_path / "teacher", without=without)
    made = apply_teacher(folder, data.root, tmp_path / "out")
    assert made.emotion_names == EMOTIONS
    for split in SPLITS:
        for before, after in zip(data.records(split), made.records(split), strict=True):
            expected = literal_shares(folder, [data.tag_names[tag] for tag in before.tags], without)
            assert after.labels == (0, 1)
            assert after.label_weights == pytest.approx(expected, rel=1e-5)
            assert sum(after.label_weights) == pytest.approx(1, abs=1e-12)
            assert replace(after, labels=before.labels, label_weights=()) == before
    rows_MC = label_distributions(made.records("train"), 2)
    assert rows_MC[0].tolist() == pytest.approx(made.records("train")[0].label_weights)


def test_the_result_is_a_data_set_whose_pictures_are_links(make_dataset: Any, tmp_path: Path) -> None:
    data, folder = make_dataset(), make_teacher(tmp_path / "teacher")
    before = {path: path.read_bytes() for path in sorted(data.root.rglob("*")) if path.is_file()}
    made = apply_teacher(folder, data.root, tmp_path / "out")
    assert not check_dataset(made.root).faults
    for split in SPLITS:
        for path in read_split(made, split, EMOTIONS).paths:
            assert isinstance(path, Path)
            original = data.root / path.relative_to(made.root)
            assert path.stat().st_ino == original.stat().st_ino
    assert {path: path.read_bytes() for path in sorted(data.root.rglob("*")) if path.is_file()} == before
    assert made.info["teacher"] == {"trained_on": "elsewhere", "sha256": sha256(folder / WEIGHTS)}
    assert made.info["variant_of"] == data.content_hash
    assert made.info["licences"] == data.info["licences"]
    assert (made.tags, made.unseen) == (data.tags, data.unseen)
    groups = {record.group for split in SPLITS for record in data.records(split)}
    assert made.emotions == tuple(Word(name, len(groups)) for name in EMOTIONS)
    again = apply_teacher(folder, data.root, tmp_path / "again")
    assert again.content_hash == made.content_hash


def _with(data: Dataset, folder: Path, **changes: Any) -> Dataset:
    """The same data set, its first training record changed, without a test split, with keywords."""
    with new_folder(folder, parts=PARTS, overwrite=False) as root:
        shutil.copytree(data.root / "images", root / "images")
        first, *rest = data.records("train")
        tables = {
            "train": table_of([replace(first, **changes), *rest]),
            "val": table_of(data.records("val")),
            "test": table_of([]),
        }
        words = {"emotions": data.emotions, "tags": data.tags, "unseen": data.unseen}
        write_dataset(
            root,
            info={"name": "changed"},
            words=words,
            tables=tables,
            rejects=[pl.DataFrame({"id": ["x"], "reason": ["y"]})],
        )
    return read_dataset(folder)


def test_sentences_without_known_tag_are_padding_and_counted(make_dataset: Any, tmp_path: Path) -> None:
    """And columns that only some data sets have are kept, and a split may be empty."""
    folder = make_teacher(tmp_path / "teacher")
    data = _with(make_dataset(), tmp_path / "changed", tags=(4, 6), keywords=("sun",), label_weights=(3.0,))
    made = apply_teacher(folder, data.root, tmp_path / "out")
    first, second, *_ = made.records("train")
    known = [
        set(TAGS) & {data.tag_names[t] for t in r.tags} for s in SPLITS for r in data.unchecked_records(s)
    ]
    assert not known[0]
    assert made.info["without_known_tag"] == sum(not tags for tags in known)
    assert first.label_weights == pytest.approx(literal_shares(folder, []), rel=1e-5)
    assert first.keywords == ("sun",)
    assert second.keywords == ()
    assert made.unchecked_records("test") == ()


def test_the_command_prints_what_it_wrote(
    make_dataset: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, folder = make_dataset(), make_teacher(tmp_path / "teacher")
    call = ["text", "apply", str(folder), str(data.root), "--out", str(tmp_path / "out")]
    main(call)
    printed = capsys.readouterr().out
    counts = read_object(tmp_path / "out" / "dataset.json")["counts"]
    assert f'"train": {counts["train"]}' in printed
    assert '"without_known_tag": 0' in printed
    with pytest.raises(SystemExit, match="2"):
        main(call)
    assert "add --overwrite" in capsys.readouterr().err
    main([*call, "--overwrite"])


def test_mistakes_are_named_and_nothing_is_written(make_dataset: Any, tmp_path: Path) -> None:
    data, folder, out = make_dataset(), make_teacher(tmp_path / "teacher"), tmp_path / "out"
    with pytest.raises(DataError, match="must be another folder than the data set that is labelled"):
        apply_teacher(folder, data.root, data.root, overwrite=True)
    with pytest.raises(DataError, match="nowhere"):
        apply_teacher(tmp_path / "nowhere", data.root, out)
    with pytest.raises(DataError, match="must be a DATASET folder"):
        apply_teacher(folder, tmp_path / "nowhere", out)
    told = make_teacher(tmp_path / "told", emotions=("fury", "joy"))
    with pytest.raises(DataError, match="held-out words must be no labels; the teacher tells fury"):
        apply_teacher(told, data.root, out)
    broken = _with(data, tmp_path / "broken", tags=(99,))
    with pytest.raises(DataError, match=r"train\.parquet: .*tags must be in 0\.\.7; got 99"):
        apply_teacher(folder, broken.root, out)
    lost = _with(data, tmp_path / "lost", path="images/none.png")
    with pytest.raises(DataError, match=r"picture images/none\.png not found"):
        apply_teacher(folder, lost.root, out)
    mute = make_teacher(tmp_path / "mute", without=tuple(TAGS))
    with pytest.raises(DataError, match=r"some picture must have a tag that the teacher .*mute knows; none"):
        apply_teacher(mute, data.root, out)
    (folder / MODEL).write_text("{}")
    with pytest.raises(DataError, match=r"model\.json"):
        apply_teacher(folder, data.root, out)
    assert not out.exists()
