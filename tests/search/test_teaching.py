"""Teaching words: what is learned, and that they work wherever words do."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest

from emotionnet.inference.label_points import unit_rows
from emotionnet.inference.loading import load_predictor
from emotionnet.inference.outputs import Array
from emotionnet.records import DataError
from emotionnet.search import teaching as room
from emotionnet.search.query import parse_query
from emotionnet.search.ranking import Column, log_probabilities
from emotionnet.search.searcher import Searcher
from emotionnet.search.store import Index
from emotionnet.search.tagging import TaggedPicture, open_tagger
from emotionnet.search.taught import taught_words
from emotionnet.search.teaching import teach
from emotionnet.text.vectors import WordVectors, write_vectors
from tests.conftest import MakeExported
from tests.search.conftest import RANGE, MakeIndex, ids_of, vectors_in

pytestmark = pytest.mark.usefixtures("no_sentence_model")


@pytest.fixture
def index(make_index: MakeIndex) -> Index:
    return make_index(RANGE)


def test_a_word_is_learned_and_kept(index: Index) -> None:
    yes, no = ids_of(index, "red-190", "red-240", "red-140"), ids_of(index, "blue-240")
    taught = teach(Searcher(index), " Warm  Evening", yes, no)
    assert taught.word == "warm evening"
    assert (set(taught.yes), taught.no) == (set(yes), tuple(no))
    assert taught.marks == dict.fromkeys(yes, True) | dict.fromkeys(no, False)
    assert taught.n_background == 11
    assert taught.identity == index.info.identity
    assert taught.score is not None
    assert taught.chance is not None
    assert taught.chance < taught.score <= 1
    assert (taught.word_weights, taught.emotion_weights) == (None, None)
    assert taught_words(index.folder) == {"warm evening": taught}
    assert taught.to_dict() == {
        "word": "warm evening",
        "yes": 3,
        "no": 1,
        "background": 11,
        "score": taught.score,
        "chance": taught.chance,
    }
    told_N = taught.probabilities(vectors_in(index))
    best = [index.ids[row] for row in np.argsort(-told_N)[:4]]
    assert set(best) == set(ids_of(index, "red-90", "red-140", "red-190", "red-240"))


def test_a_known_word_learns_from_its_own_point_too(index: Index) -> None:
    yes = ids_of(index, "red-190")
    known, alone = (teach(Searcher(index), word, yes) for word in ("red", "own"))
    assert known.word_weights is not None
    assert alone.word_weights is None
    assert known.why == ("a score needs at least 3 pictures marked yes that do not look alike; there is 1")
    assert known.score is None
    assert known.emotion_weights is None
    told_N = known.probabilities(vectors_in(index))
    assert {index.ids[row] for row in np.argsort(-told_N)[:3]} <= set(ids_of(index, "red"))


def test_a_word_near_to_an_emotion_learns_from_that_too_however_often_it_is_taught(
    make_index: MakeIndex, make_exported: MakeExported
) -> None:
    """Taught again, it stands on its own point and not on what it was taught before."""
    model, points = make_exported(), np.array([[1, 0, 0], [0.8, 0.6, 0]], dtype=np.float32)
    write_vectors(WordVectors(("joy", "delight"), points), model, info={})
    index = make_index(RANGE, model=model)
    yes = ids_of(index, "red-190", "red-240")
    first, again = (teach(Searcher(index), "delight", yes) for _ in range(2))
    assert first == again
    assert first.word_weights is not None
    assert first.emotion_weights is not None
    assert unit_rows(np.array([first.word_weights]))[0] == pytest.approx([0.8, 0.6, 0], abs=1e-4)
    place = index.info.emotions.index("joy")
    assert [at for at, weight in enumerate(first.emotion_weights) if weight] == [place]


def test_without_words_an_emotion_learns_from_its_probability(
    index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with a model that has no projection."""
    monkeypatch.setattr(Searcher, "known_words", lambda _: None)
    taught = teach(Searcher(index), "joy", ids_of(index, "red-190"))
    assert taught.word_weights is None
    assert taught.emotion_weights is not None
    place = index.info.emotions.index("joy")
    assert [at for at, weight in enumerate(taught.emotion_weights) if weight] == [place]


def test_search_and_tags_know_it_at_once(index: Index, tmp_path: Path) -> None:
    yes, no = ids_of(index, "green-190", "green-240"), ids_of(index, "red")
    for word in ("green", "homely"):  # one that the model knows, and one of the user's own
        taught = teach(Searcher(index), word, yes, no)
        results = Searcher(index).search(parse_query(word.title(), k=4))
        told_N = taught.measure.of(vectors_in(index))
        best = [index.ids[row] for row in np.argsort(-told_N, kind="stable")[:4]]
        assert [hit.picture.id for hit in results.hits] == best
    assert Searcher(index).suggestions("ho") == ["homely"]
    files = sorted((tmp_path / "pictures").glob("*.png"))
    tagger = open_tagger(tmp_path / "model", thresholds=["joy=1"], index=index.folder, backend="onnxruntime")
    told = [one for one in tagger.tag_files(files) if isinstance(one, TaggedPicture)]
    tagged = {Path(one.image).name: tags_of(one) for one in told}
    assert sorted(tagged) == sorted(file.name for file in files)
    told_N = taught_words(index.folder)["homely"].probabilities(vectors_in(index))
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
    teach(Searcher(index), "warm", first, ids_of(index, "blue"))
    taught = teach(Searcher(index), "WARM", second, first)
    assert taught.yes == tuple(second)
    assert set(taught.no) == {*first, *ids_of(index, "blue")}
    assert list(taught_words(index.folder)) == ["warm"]


def test_same_marks_same_file(index: Index) -> None:
    yes = ids_of(index, "red-190", "red-240", "green-40")
    teach(Searcher(index), "warm", yes)
    (file,) = (index.folder / "taught").iterdir()
    before = file.read_bytes()
    teach(Searcher(index), "warm", yes)
    assert file.read_bytes() == before


def test_nothing_is_written_of_what_cannot_be_learned(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match="none has the id 'nothing'"):
        teach(Searcher(index), "warm", ["nothing"])
    with pytest.raises(DataError, match="must hold a picture that is not marked yes"):
        teach(Searcher(index), "warm", index.ids)
    assert not (index.folder / "taught").exists()
    monkeypatch.setattr(room, "MAX_WORDS", 1)
    teach(Searcher(index), "warm", index.ids[:2])
    teach(Searcher(index), "warm", index.ids[2:3])
    with pytest.raises(DataError, match="index: must have at most 1 taught words; forget one first"):
        teach(Searcher(index), "cold", index.ids[:2])


def test_threads_teach_and_read_at_once(index: Index) -> None:
    faults: list[BaseException] = []

    def work(word: str) -> None:
        try:
            for _ in range(3):
                teach(Searcher(index), word, ids_of(index, "red-190"))
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


def test_the_predictor_has_the_vectors_that_a_word_stands_on(index: Index, tmp_path: Path) -> None:
    """What the index keeps and what the model says of a file give one answer."""
    taught = teach(Searcher(index), "red", ids_of(index, "red-190", "red-240"))
    predictor = load_predictor(tmp_path / "model")
    outputs = predictor.outputs(index.table(["path"])["path"].to_pylist())
    assert outputs.projection is not None
    vectors: dict[Column, Array] = {
        "features": unit_rows(outputs.features),
        "projection": unit_rows(outputs.projection),
        "log_probabilities": log_probabilities(predictor.probabilities(outputs)),
    }
    told_N = taught.probabilities(vectors.__getitem__)
    np.testing.assert_allclose(told_N, taught.probabilities(vectors_in(index)), rtol=1e-4)
