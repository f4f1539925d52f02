import os
import pickle
from argparse import Namespace
from collections import Counter, OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from emotionnet.data.pickles import read_pickle
from emotionnet.data.vocabularies import read_vocabulary, read_words
from emotionnet.records import DataError

STOCKEMOTION = Path(
    os.environ.get("EMOTIONNET_STOCKEMOTION", Path(__file__).parents[2] / "../shared/stockemotion")
)
needs_stockemotion = pytest.mark.skipif(
    not STOCKEMOTION.is_dir(), reason="needs the 2020 vocabulary files (EMOTIONNET_STOCKEMOTION)"
)


def text_file(folder: Path, content: str | bytes) -> Path:
    path = folder / "words.txt"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def pickle_file(folder: Path, content: Any, protocol: int = 4) -> Path:
    path = folder / "words.pkl"
    path.write_bytes(pickle.dumps(content, protocol=protocol))
    return path


@pytest.mark.parametrize("read", [read_words, read_vocabulary])
def test_words_come_in_file_order_without_comments(tmp_path: Path, read: Any) -> None:
    path = text_file(tmp_path, "\ufeff# emotions\nsad \n\n  broken heart\r\n(angry\n# end\n")
    assert read(path) == ("sad", "broken heart", "(angry")


def test_words_that_stand_twice_are_all_named(tmp_path: Path) -> None:
    path = text_file(tmp_path, "sad\nmad\nsad\nmad\n")
    with pytest.raises(DataError) as caught:
        read_words(path)
    assert caught.value.faults == (
        f"{path}:3: every word must stand once; 'sad' stands in line 1 too",
        f"{path}:4: every word must stand once; 'mad' stands in line 2 too",
    )


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("# nothing\n", "must hold at least one word, one a line; it holds none"),
        (b"caf\xe9", "cannot be read as text"),
    ],
)
def test_other_text_files_are_refused(tmp_path: Path, content: str | bytes, reason: str) -> None:
    with pytest.raises(DataError, match=reason):
        read_words(text_file(tmp_path, content))


@pytest.mark.parametrize("read", [read_words, read_vocabulary])
def test_a_missing_file_is_named(tmp_path: Path, read: Any) -> None:
    with pytest.raises(DataError, match=r"none\.txt: file not found"):
        read(tmp_path / "none.txt")


@pytest.mark.parametrize("protocol", [0, 1, 2, 4, 5])
@pytest.mark.parametrize(("forward", "backward"), [("key2idx", "idx2key"), ("tag2idx", "idx2tag")])
def test_a_pickle_gives_its_words_by_id(tmp_path: Path, forward: str, backward: str, protocol: int) -> None:
    content = {forward: {"sad": 7, "angry": 0}, backward: {0: "angry", 7: "sad"}}
    assert read_vocabulary(pickle_file(tmp_path, content, protocol)) == ("angry", "sad")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (["sad"], "must be a dict with key2idx and idx2key or tag2idx and idx2tag; it is not"),
        ({"key2idx": {"sad": 0}}, "must be a dict with key2idx and idx2key"),
        ({"key2idx": ["sad"], "idx2key": {0: "sad"}}, "key2idx and idx2key must be dicts"),
        (
            {"key2idx": {"sad": "0"}, "idx2key": {"0": "sad"}},
            "must map words to ids from 0; got 'sad' to '0'",
        ),
        ({"key2idx": {"sad": -1}, "idx2key": {-1: "sad"}}, "must map words to ids from 0; got 'sad' to -1"),
        ({"key2idx": {"sad": True}, "idx2key": {True: "sad"}}, "got 'sad' to True"),
        ({"key2idx": {1: 0}, "idx2key": {0: 1}}, "must map words to ids from 0; got 1 to 0"),
        (
            {"key2idx": {"sad": 0, "mad": 0}, "idx2key": {0: "mad"}},
            "idx2key must map 0 back to 'sad'; got 'mad'",
        ),
        ({"key2idx": {"sad": 0}, "idx2key": {0: "sad", 1: "mad"}}, "must have one size; got 1 and 2"),
        ({"key2idx": {}, "idx2key": {}}, "must hold at least one word"),
    ],
)
def test_other_pickles_are_refused(tmp_path: Path, content: Any, reason: str) -> None:
    with pytest.raises(DataError, match=reason):
        read_vocabulary(pickle_file(tmp_path, content))


@needs_stockemotion
def test_the_three_vocabularies_of_2020_are_read_and_consistent() -> None:
    emotions = read_vocabulary(STOCKEMOTION / "etag2idx.pkl.keep")
    tags = read_vocabulary(STOCKEMOTION / "tag2idx.pkl.keep")
    assert (len(emotions), len(tags)) == (690, 36534)
    assert (emotions[0], emotions[1], tags[0]) == ("abandoned", "abuse", "0")
    assert tags[512] == "abandoned"
    assert read_vocabulary(STOCKEMOTION / "etag2tagidx.pkl.keep") == emotions
    assert set(emotions) <= set(tags)


@needs_stockemotion
def test_the_three_vocabularies_of_2020_give_one_word_one_id() -> None:
    emotions, tags, emotion_ids = (
        read_pickle(STOCKEMOTION / f"{name}.pkl.keep") for name in ("etag2idx", "tag2idx", "etag2tagidx")
    )
    assert list(emotions["idx2key"]) == list(range(690))
    assert list(tags["idx2tag"]) == list(range(36534))
    assert emotion_ids["tag2idx"].keys() == emotions["key2idx"].keys()
    assert all(tags["tag2idx"][word] == index for word, index in emotion_ids["tag2idx"].items())
    assert all(tags["idx2tag"][index] == word for index, word in emotion_ids["idx2tag"].items())


@pytest.mark.parametrize("kind", [list, Namespace, Counter, OrderedDict, np.ndarray])
def test_an_id_that_repeats_itself_without_end_is_told_by_its_kind(tmp_path: Path, kind: type) -> None:
    value: Any = []
    for _ in range(40):
        value = [value, value]
    wraps: dict[type, Any] = {Namespace: Namespace(x=value), Counter: Counter({"x": value}), list: value}
    wraps |= {OrderedDict: OrderedDict(x=value)}
    array = np.empty(1, dtype=object)
    array[0] = value
    path = tmp_path / "v.pkl"
    path.write_bytes(pickle.dumps({"key2idx": {"love": wraps.get(kind, array)}, "idx2key": {0: "love"}}, 2))
    with pytest.raises(DataError, match=r"must map words to ids from 0; got 'love' to a \w+$"):
        read_vocabulary(path)


def test_an_id_of_many_digits_is_a_fault(tmp_path: Path) -> None:
    path = tmp_path / "v.pkl"
    path.write_bytes(pickle.dumps({"key2idx": {"love": 10**5000}, "idx2key": {10**5000: "love"}}, 2))
    with pytest.raises(DataError, match=r"got 'love' to a int$"):
        read_vocabulary(path)
