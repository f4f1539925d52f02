"""Words that an index is taught: what is kept of them, and that they work wherever words do."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.special import expit

from emotionnet.files import write_json
from emotionnet.inference.loading import load_predictor
from emotionnet.inference.words import open_words
from emotionnet.records import DataError
from emotionnet.search import teaching as room
from emotionnet.search.build import build_index
from emotionnet.search.query import parse_query
from emotionnet.search.searcher import Searcher
from emotionnet.search.store import Index
from emotionnet.search.tagging import TaggedPicture, open_tagger
from emotionnet.search.teaching import Taught, forget, plain_word, taught_words, teach
from tests.search.conftest import MakeIndex

LEVELS = (40, 90, 140, 190, 240)
RANGE = {
    f"{name}-{level}.png": tuple(level if place == row else 20 for place in range(3))
    for row, name in enumerate(("red", "green", "blue"))
    for level in LEVELS
}  # pictures of three colours, five of each


@pytest.fixture
def index(make_index: MakeIndex) -> Index:
    return make_index(RANGE)


def ids_of(index: Index, *names: str) -> list[str]:
    """Of pictures whose name begins so."""
    found = index.table(["id", "name"]).to_pylist()
    return [row["id"] for row in found if row["name"].startswith(names)]


def test_a_word_is_learned_and_kept(index: Index) -> None:
    yes, no = ids_of(index, "red-190", "red-240", "red-140"), ids_of(index, "blue-240")
    taught = teach(index, " Warm  Evening", yes, no)
    assert taught.word == "warm evening"
    assert (set(taught.yes), taught.no) == (set(yes), tuple(no))
    assert taught.marks == dict.fromkeys(yes, True) | dict.fromkeys(no, False)
    assert taught.n_background == 11
    assert taught.identity == index.info.identity
    assert taught.score is not None
    assert taught.chance is not None
    assert taught.chance < taught.score <= 1
    assert taught.word_weights is None
    assert taught_words(index.folder) == {"warm evening": taught}
    assert taught.to_dict() == {
        "word": "warm evening",
        "yes": 3,
        "no": 1,
        "background": 11,
        "score": taught.score,
        "chance": taught.chance,
    }
    told_N = taught.probabilities(index.features, index.projection)
    best = [index.ids[row] for row in np.argsort(-told_N)[:4]]
    assert set(best) == set(ids_of(index, "red-90", "red-140", "red-190", "red-240"))


def test_probabilities_are_those_of_its_numbers(index: Index) -> None:
    taught = Taught(
        word="w", identity="i", yes=("a",), no=(), n_background=1, score=None, chance=None, why="few",
        weights=(1.0, -2.0, 0.5), word_weights=(0.0, 3.0, 1.0), intercept=-0.25,
    )  # fmt: skip
    features_NF = np.array([[3.0, 0.0, 4.0], [0.0, 2.0, 0.0]], dtype=np.float32)
    projection_ND = np.array([[0.0, 5.0, 0.0], [1.0, 0.0, 0.0]], dtype=np.float32)
    logits_N = [0.6 + 0.5 * 0.8 + 3 - 0.25, -2 - 0.25]
    told_N = taught.probabilities(features_NF, projection_ND)
    assert told_N.dtype == np.float32
    np.testing.assert_allclose(told_N, expit(logits_N), rtol=1e-6)
    np.testing.assert_allclose(taught.decision(7 * features_NF, projection_ND), logits_N, rtol=1e-5)
    assert taught.to_dict()["why"] == "few"
    with pytest.raises(ValueError, match="'w' was taught with a projection; got none"):
        taught.probabilities(features_NF, None)


def test_a_known_word_learns_from_its_own_point_too(index: Index) -> None:
    yes = ids_of(index, "red-190")
    known, alone = teach(index, "red", yes, words=open_words(index.folder)), teach(index, "own", yes)
    assert known.word_weights is not None
    assert alone.word_weights is None
    assert known.why == ("a score needs at least 3 pictures marked yes that do not look alike; there is 1")
    assert known.score is None
    assert index.projection is not None
    told_N = known.probabilities(index.features, index.projection)
    assert {index.ids[row] for row in np.argsort(-told_N)[:3]} <= set(ids_of(index, "red"))


def test_a_word_without_a_vector_does_without(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("emotionnet.inference.words.has_sentence_model", lambda: False)
    taught = teach(index, "grandma's house", ids_of(index, "red-190"), words=open_words(index.folder))
    assert taught.word_weights is None


def test_search_and_tags_know_it_at_once(index: Index, tmp_path: Path) -> None:
    words = open_words(index.folder)
    yes, no = ids_of(index, "green-190", "green-240"), ids_of(index, "red")
    for word in ("green", "homely"):  # one that the model knows, and one of the user's own
        taught = teach(index, word, yes, no, words=words)
        results = Searcher(index).search(parse_query(word.title(), k=4))
        told_N = taught.decision(index.features, index.projection)
        best = [index.ids[row] for row in np.argsort(-told_N, kind="stable")[:4]]
        assert [hit.picture.id for hit in results.hits] == best
    assert Searcher(index).suggestions("ho") == ["homely"]
    files = sorted((tmp_path / "pictures").glob("*.png"))
    tagger = open_tagger(tmp_path / "model", thresholds=["joy=1"], index=index.folder, backend="onnxruntime")
    told = [one for one in tagger.tag_files(files) if isinstance(one, TaggedPicture)]
    tagged = {Path(one.image).name: tags_of(one) for one in told}
    assert sorted(tagged) == sorted(file.name for file in files)
    told_N = taught_words(index.folder)["homely"].probabilities(index.features, index.projection)
    expected = {name: p for name, p in zip(names_of(index), told_N.tolist(), strict=True) if p >= 0.5}
    assert expected
    assert {name: tags["homely"] for name, tags in tagged.items() if "homely" in tags} == pytest.approx(
        expected, abs=1e-5
    )


def tags_of(tagged: TaggedPicture) -> dict[str, float]:
    return {tag.name: tag.value for tag in tagged.tags}


def names_of(index: Index) -> list[str]:
    return list(index.table(["name"])["name"].to_pylist())


def test_more_marks_come_to_those_of_before(index: Index) -> None:
    first, second = ids_of(index, "red-190"), ids_of(index, "red-240")
    teach(index, "warm", first, ids_of(index, "blue"))
    taught = teach(index, "WARM", second, first)
    assert taught.yes == tuple(second)
    assert set(taught.no) == {*first, *ids_of(index, "blue")}
    assert list(taught_words(index.folder)) == ["warm"]


def test_same_marks_same_file(index: Index) -> None:
    yes = ids_of(index, "red-190", "red-240", "green-40")
    teach(index, "warm", yes)
    (file,) = (index.folder / "taught").iterdir()
    before = file.read_bytes()
    teach(index, "warm", yes)
    assert file.read_bytes() == before


def test_words_are_read_once_and_again_when_they_change(
    index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    teach(index, "warm", ids_of(index, "red-190"))
    teach(index, "cold", ids_of(index, "blue-190"))
    reads: list[str] = []
    real = Path.read_bytes

    def read_bytes(path: Path) -> bytes:
        reads.append(path.name)
        return real(path)

    monkeypatch.setattr(Path, "read_bytes", read_bytes)
    assert list(taught_words(index.folder)) == ["cold", "warm"]
    first = len(reads)
    assert taught_words(index.folder) == taught_words(index.folder)
    assert len(reads) == first
    teach(index, "warm", ids_of(index, "red-240"))
    assert len(taught_words(index.folder)["warm"].yes) == 2
    assert len([name for name in reads[first:] if name.endswith(".json") and len(name) == 21]) == 1


def test_words_outlive_their_pictures_and_the_index_being_brought_up_to_date(
    index: Index, tmp_path: Path
) -> None:
    taught = teach(index, "warm", ids_of(index, "red-190", "red-240"))
    (tmp_path / "pictures" / "red-190.png").unlink()
    build_index(tmp_path / "model", [tmp_path / "pictures"], index.folder)
    later = Index.open(index.folder)
    assert len(later) == len(RANGE) - 1
    assert taught_words(index.folder) == {"warm": taught}
    assert len(Searcher(later).search(parse_query("warm", k=3)).hits) == 3
    assert len(teach(later, "warm", ids_of(later, "red-140")).yes) == 2
    build_index(tmp_path / "model", [tmp_path / "pictures"], index.folder, overwrite=True)
    assert list(taught_words(index.folder)) == ["warm"]


def test_a_word_is_forgotten(index: Index) -> None:
    teach(index, "warm", ids_of(index, "red-190"))
    with pytest.raises(DataError, match=r"'warn' must be a word that was taught to .*index; those are warm"):
        forget(index.folder, "Warn")
    forget(index.folder, " WARM ")
    assert taught_words(index.folder) == {}
    assert list((index.folder / "taught").iterdir()) == []
    with pytest.raises(DataError, match=r"'warm' must be a word .*; there is none"):
        forget(index.folder, "warm")


@pytest.mark.parametrize("word", ["", "  ", "a" * 65, "a\x00b", "a\u202eb", "\ud800"])
def test_words_that_cannot_be(word: str) -> None:
    with pytest.raises(DataError, match="a word must have 1 to 64 characters that can be seen; got '"):
        plain_word(word)


def test_words_differ_by_neither_capitals_nor_spaces_nor_spelling() -> None:
    assert plain_word("  Straße\t am  Meer ") == "strasse am meer"
    assert plain_word("cafe\u0301") == plain_word("CAF\u00c9") == "caf\u00e9"
    assert plain_word("a" * 64) == "a" * 64


def test_nothing_is_written_of_what_cannot_be_learned(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match="none has the id 'nothing'"):
        teach(index, "warm", ["nothing"])
    with pytest.raises(DataError, match="must hold a picture that is not marked yes"):
        teach(index, "warm", index.ids)
    assert not (index.folder / "taught").exists()
    monkeypatch.setattr(room, "MAX_WORDS", 1)
    teach(index, "warm", index.ids[:2])
    teach(index, "warm", index.ids[2:3])
    with pytest.raises(DataError, match="index: must have at most 1 taught words; forget one first"):
        teach(index, "cold", index.ids[:2])


def test_threads_teach_and_read_at_once(index: Index) -> None:
    faults: list[BaseException] = []

    def work(word: str) -> None:
        try:
            for _ in range(3):
                teach(index, word, ids_of(index, "red-190"))
                assert word in taught_words(index.folder)
        except BaseException as error:  # told by the test
            faults.append(error)

    threads = [threading.Thread(target=work, args=(word,)) for word in ("one", "two", "three")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    assert sorted(taught_words(index.folder)) == ["one", "three", "two"]


def broken(file: Path, values: dict[str, Any]) -> None:
    file.write_text("{" * 100)


def missing(file: Path, values: dict[str, Any]) -> None:
    write_json(file, {key: value for key, value in values.items() if key != "weights"})


def more(file: Path, values: dict[str, Any]) -> None:
    write_json(file, values | {"run": "rm"})


def no_number(file: Path, values: dict[str, Any]) -> None:
    file.write_text(json.dumps(values | {"intercept": float("nan")}))


def short(file: Path, values: dict[str, Any]) -> None:
    write_json(file, values | {"weights": [1.0]})


def long_point(file: Path, values: dict[str, Any]) -> None:
    write_json(file, values | {"word_weights": [1.0]})


def other_model(file: Path, values: dict[str, Any]) -> None:
    write_json(file, values | {"identity": "f" * 64})


def other_word(file: Path, values: dict[str, Any]) -> None:
    write_json(file, values | {"word": "cold"})


def huge(file: Path, values: dict[str, Any]) -> None:
    file.write_bytes(b" " * (room.MAX_BYTES + 1))


def folder(file: Path, values: dict[str, Any]) -> None:
    file.unlink()
    file.mkdir()


def pipe(file: Path, values: dict[str, Any]) -> None:
    file.unlink()
    os.mkfifo(file)


OF_ANOTHER = "must be of the index's model and named after its word; it is of another: delete it"
NO_FILE = "must be a file of at most 4194304 bytes; delete it and teach the word again"


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (broken, "Invalid JSON"),
        (missing, "weights: Field required"),
        (more, "run: Extra inputs are not permitted"),
        (no_number, "intercept: "),
        (short, OF_ANOTHER),
        (long_point, OF_ANOTHER),
        (other_model, OF_ANOTHER),
        (other_word, OF_ANOTHER),
        (huge, NO_FILE),
        (folder, NO_FILE),
        (pipe, NO_FILE),
    ],
)
def test_a_spoiled_word_is_a_line_with_its_file(index: Index, spoil: Any, told: str) -> None:
    taught = teach(index, "warm", ids_of(index, "red-190"))
    (file,) = (index.folder / "taught").iterdir()
    spoil(file, taught.model_dump(mode="json"))
    with pytest.raises(DataError) as caught:
        taught_words(index.folder)
    assert str(caught.value).startswith(f"{file}: ")
    assert told in str(caught.value)


def test_other_files_beside_the_words_are_left_alone(index: Index) -> None:
    teach(index, "warm", ids_of(index, "red-190"))
    (index.folder / "taught" / ".0123456789abcdef.json.tmp").write_text("half")
    (index.folder / "taught" / "notes.txt").write_text("mine")
    assert list(taught_words(index.folder)) == ["warm"]


def test_no_index(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="must be an INDEX folder"):
        taught_words(tmp_path / "none")


def test_a_place_that_cannot_be_read(index: Index) -> None:
    (index.folder / "taught").write_text("no folder")
    with pytest.raises(DataError, match="taught: cannot be read"):
        taught_words(index.folder)


def test_the_predictor_has_the_vectors_that_a_word_stands_on(index: Index, tmp_path: Path) -> None:
    """What the index keeps and what the model says of a file give one answer."""
    taught = teach(index, "red", ids_of(index, "red-190", "red-240"), words=open_words(index.folder))
    outputs = load_predictor(tmp_path / "model").outputs(index.table(["path"])["path"].to_pylist())
    np.testing.assert_allclose(
        taught.probabilities(outputs.features, outputs.projection),
        taught.probabilities(index.features, index.projection),
        rtol=1e-4,
    )
