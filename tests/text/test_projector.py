from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from emotionnet.records import DataError
from emotionnet.text.projector import write_projector
from emotionnet.text.vectors import WordVectors, write_vectors


def save(folder: Path, words: tuple[str, ...], rows: npt.ArrayLike | None = None) -> Path:
    folder.mkdir()
    vectors_VD = np.asarray(np.arange(3.0 * len(words)).reshape(-1, 3) if rows is None else rows)
    write_vectors(WordVectors(words, vectors_VD.astype(np.float32)), folder, info={})
    return folder


def test_numbers_read_back_as_the_same_float32(tmp_path: Path) -> None:
    bits = np.random.default_rng(1).integers(0, 2**32, size=(500, 8), dtype=np.uint32).view(np.float32)
    vectors_VD = np.where(np.isfinite(bits), bits, np.float32(0.1))
    words = tuple(f"w{number}" for number in range(500))
    assert write_projector(save(tmp_path / "v", words, vectors_VD), tmp_path / "out") == 500
    lines = (tmp_path / "out" / "vectors.tsv").read_text().splitlines()
    read = np.array([[float(number) for number in line.split("\t")] for line in lines])
    assert (read.astype(np.float32).view(np.uint32) == vectors_VD.view(np.uint32)).all()


def test_a_word_by_hand(tmp_path: Path) -> None:
    write_projector(save(tmp_path / "v", ("sea",), [[0.1, -2, 1e-20]]), tmp_path / "out")
    assert (tmp_path / "out" / "vectors.tsv").read_bytes() == b"0.1\t-2.0\t1e-20\n"
    assert (tmp_path / "out" / "metadata.tsv").read_bytes() == b"sea\n"  # one column has no header


def test_words_of_the_lexicon_have_columns_and_a_header(tmp_path: Path) -> None:
    write_projector(save(tmp_path / "v", ("sea", "Adore", "admiration", "\u6d77")), tmp_path / "out")
    assert (tmp_path / "out" / "metadata.tsv").read_text(encoding="utf-8").splitlines() == [
        "word\tmikels\tekman\tpolarity",
        "sea\t\t\t",
        "Adore\t\tjoy\tpositive",
        "admiration\tawe\t\tpositive",
        "\u6d77\t\t\t",
    ]
    assert len((tmp_path / "out" / "vectors.tsv").read_text().splitlines()) == 4


@pytest.mark.parametrize("word", ["a\\tb", "a\\nb", "a\\rb", "\\ud800"])
def test_words_that_no_table_can_hold_are_named(tmp_path: Path, word: str) -> None:
    folder = save(tmp_path / "v", ("sea", "x"))
    (folder / "words.json").write_text(f'["sea", "{word}"]')
    with pytest.raises(DataError, match=r"v: a word must (hold no tab|be UTF-8)"):
        write_projector(folder, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_what_is_there_is_kept(tmp_path: Path) -> None:
    first, second = save(tmp_path / "v", ("sea",)), save(tmp_path / "w", ("tree", "hill"))
    write_projector(first, tmp_path / "out")
    with pytest.raises(DataError, match="exists already"):
        write_projector(second, tmp_path / "out")
    assert (tmp_path / "out" / "metadata.tsv").read_text() == "sea\n"
    write_projector(second, tmp_path / "out", overwrite=True)
    assert (tmp_path / "out" / "metadata.tsv").read_text() == "tree\nhill\n"
    with pytest.raises(DataError, match=r"holds other files and no vectors\.tsv"):
        write_projector(second, first, overwrite=True)
