from __future__ import annotations

from pathlib import Path

from emotionnet.apps.bench.tagged import tagged
from emotionnet.data.store import read_dataset
from emotionnet.models.teachers import load_teacher
from emotionnet.text.vectors import read_vectors


def test_folders_of_the_sizes_of_2020(tmp_path: Path) -> None:
    made = tagged(tmp_path, pictures=5, files=3, width=34, height=26)
    dataset, vectors = read_dataset(made.dataset), read_vectors(made.vectors)
    _, teacher = load_teacher(made.teacher)
    records = dataset.records("train")
    assert (len(records), len(dataset.emotions), len(teacher.emotions)) == (5, 690, 690)
    assert (len(dataset.tags), vectors.size) == (2000, 300)
    assert {(len(record.tags), len(record.labels)) for record in records} == {(30, 3)}
    assert [path.name for path in made.files] == [f"0000{number}.jpg" for number in (0, 1, 2, 0, 1)]
    assert [dataset.image_path(record) for record in records] == made.files


def test_equal_arguments_give_equal_data(tmp_path: Path) -> None:
    hashes = {
        read_dataset(tagged(tmp_path / name, pictures=2, files=2, width=34, height=26).dataset).content_hash
        for name in ("one", "other")
    }
    assert len(hashes) == 1
