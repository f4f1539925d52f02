"""Held-out words with all their kin: by hand, on a small source with planted kin, on the real emoji."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from emotionnet.config import CurateConfig, SplitSizes, TeacherConfig, VectorsConfig
from emotionnet.config_files import load_config
from emotionnet.curation.curate import curate
from emotionnet.curation.families import (
    Incidence,
    Kinship,
    carrying_groups,
    cooccurrence,
    hold_out,
    word_directions,
    word_parts,
)
from emotionnet.curation.tag_lists import TagLists
from emotionnet.curation.tags import emotion_vocabulary
from emotionnet.data.store import Dataset
from emotionnet.evaluation.zeroshot import seen_words
from emotionnet.models.description import TextModel, read_description
from emotionnet.models.teachers import tag_bags
from emotionnet.records import SPLITS, DataError, Word
from emotionnet.text.build import make_vectors
from emotionnet.text.sentence import sentence_vectors
from emotionnet.text.vectors import WordVectors, write_vectors
from emotionnet.training.teacher_job import teacher_job
from emotionnet.training.text_side import mean_word_vectors

LEXICON = emotion_vocabulary(None)
NOWHERE = np.zeros(0, dtype=np.int64)


def by_parts(*tags: str) -> Kinship:
    """Kin by their words alone."""
    apart = Incidence(NOWHERE, NOWHERE, len(tags))
    return Kinship(tags, word_parts(tags, LEXICON), apart, None, cosine=0.8, cooccurrence=0.8)


def carried(*groups: str) -> Incidence:
    """By five groups: '11000' is a tag of the first two."""
    pairs = [(tag, group) for tag, line in enumerate(groups) for group, on in enumerate(line) if on == "1"]
    tags_P, features_P = np.array(pairs).T
    return Incidence(tags_P, features_P, len(groups))


def held_out(ranked: list[Word], labels: list[str], *, number: int, floor: int) -> list[str]:
    kinship = by_parts(*(word.name for word in ranked), *labels)
    return list(hold_out(kinship, ranked, labels, LEXICON.emotions, number=number, floor=floor))


RANKED = [
    Word("happy", 30),
    Word("face", 29),
    Word("angry", 9),
    Word("exciting", 8),
    Word("mad", 7),
    Word("gloomy", 4),
    Word("sorrow", 3),
]


@pytest.mark.parametrize(
    ("number", "floor", "expected"),
    [
        (9, 4, ["angry", "mad", "gloomy"]),
        (2, 4, ["angry", "mad"]),
        (9, 3, ["angry", "mad", "gloomy", "sorrow"]),
        (0, 1, []),
    ],
)
def test_the_most_frequent_other_emotions_are_held_out(number: int, floor: int, expected: list[str]) -> None:
    labels = ["happy", "excited"]  # exciting is kin of a label, face is no emotion
    kinship = by_parts("excited", *(word.name for word in RANKED))
    chosen = hold_out(kinship, RANKED, labels, LEXICON.emotions, number=number, floor=floor)
    assert list(chosen) == expected


def test_two_held_out_words_are_never_kin() -> None:
    ranked = [Word("scared", 5), Word("scary", 4), Word("bored", 4), Word("boring", 4)]
    assert held_out(ranked, ["happy"], number=9, floor=1) == ["scared", "bored"]


def test_tags_that_name_a_held_out_word_are_its_family() -> None:
    kinship = by_parts("angry", "happy", "angry face", "anger symbol", "face", "hungry", "angrily")
    families = hold_out(kinship, [Word("angry", 1)], ["happy"], LEXICON.emotions, number=1, floor=1)
    assert families == {"angry": ["anger symbol", "angrily", "angry face"]}


def test_cooccurrence_by_hand() -> None:
    # 4 of 5 and 4 of 5 groups; 4 and 5; 4 and 1; 4 and another 1
    tags = carried("11110", "01111", "11111", "10000", "00001")
    expected = [1.0, 3 / 4, 4 / math.sqrt(20), 1 / 2, 0.0]
    assert cooccurrence(tags, 0).tolist() == pytest.approx(expected, rel=1e-15)


def test_cooccurrence_counts_groups_not_records() -> None:
    lists = TagLists.of(np.array([0, 0, 1, 1, 2, 3]), np.array([1, 0, 1, 0, 1, 0]), 4)
    tags = carrying_groups(lists, np.array([5, 5, 2, 0]), 2)
    assert tags.counts.tolist() == [2, 2]
    assert cooccurrence(tags, 0).tolist() == [1, 0.5]


def test_what_equals_a_threshold_is_no_kin() -> None:
    tags = ("one", "two", "three")
    groups = carried("1111100000", "1111010000", "1111111110")  # 4 / 5, and 5 / sqrt(45)
    parts = Incidence(NOWHERE, NOWHERE, 3)
    directions_TD = np.array([[1, 0], [0.8, 0.6], [0, 1]])
    kinship = Kinship(tags, parts, groups, directions_TD, cosine=0.8, cooccurrence=0.8)
    assert kinship.of("one").tolist() == [True, False, False]
    nearer = Kinship(tags, parts, groups, directions_TD, cosine=0.79, cooccurrence=0.8)
    assert nearer.of("one").tolist() == [True, True, False]
    oftener = Kinship(tags, parts, groups, directions_TD, cosine=0.8, cooccurrence=0.74)
    assert oftener.of("one").tolist() == [True, True, True]


def test_at_one_neither_sense_makes_kin() -> None:
    same_TD = np.full((2, 3), 1 / math.sqrt(3))
    kinship = Kinship(
        ("one", "two"),
        Incidence(NOWHERE, NOWHERE, 2),
        carried("110", "110"),
        same_TD,
        cosine=1.0,
        cooccurrence=1.0,
    )
    assert kinship.of("one").tolist() == [True, False]


def test_directions_have_length_one_or_none(tmp_path: Path) -> None:
    path = tmp_path / "vectors.txt"
    path.write_text("2 2\nfury 0 3\nred_face 3 4\n")
    rows_TD = word_directions(["red face", "odd", "fury"], path)
    assert rows_TD is not None
    assert rows_TD.tolist() == [[0.6, 0.8], [0, 0], [0, 1]]
    assert word_directions(["fury"], None) is None


def test_vectors_of_no_tag_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "vectors.txt"
    path.write_text("1 2\nfury 0 3\n")
    with pytest.raises(DataError, match="must hold at least one of the 1 words asked for; holds none"):
        word_directions(["cat"], path)


# (1, 0) is fury's way, (0, 1) bored's, (-1, 0) happy's; storm's cosine with fury is 0.8 sharp.
DIRECTIONS = {
    "fury": (2, 0),
    "boiling": (9, 1),
    "rage": (5, 1),
    "storm": (4, 3),
    "bored": (0, 1),
    "tedious": (1, 9),
    "happy": (-1, 0),
    "glad": (-9, 1),
    "sad": (0, -1),
}
FAMILIES = {
    "fury": ["boiling", "furious face", "furiously", "rage", "steam"],
    "bored": ["tedious"],
}
HIDDEN = {"boredom", *FAMILIES, *(tag for kin in FAMILIES.values() for tag in kin)}


def planted_tags(number: int) -> list[str]:
    """Tags of the happy (0 to 11) and the sad (12 to 23); each planted kin is on groups of its own choice."""
    where = {
        "fury": range(0, 24, 3),
        "furious face": [1],
        "furiously": [2],
        "boiling": [4, 7],
        "rage": [5, 8, 11, 14],
        "storm": [10, 13],
        "steam": range(3, 24, 3),  # 7 of fury's 8 groups: 7 / sqrt(56) = 0.94
        "smoke": [*range(6, 24, 3), 16, 19],  # 6 of them and 2 more: 6 / 8
        "glad": range(13, 22),  # by its vector kin of happy
        "gloomy": range(12, 21),  # 9 of the 12 sad groups: 9 / sqrt(108) = 0.87
        "bored": [2, 7, 17, 20],
        "boredom": [22],  # a form that is merged into bored before anything is hidden
        "tedious": [23],
    }
    planted = [tag for tag, numbers in where.items() if number in numbers]
    return ["happy" if number < 12 else "sad", f"thing {chr(97 + number)}", *planted]


@pytest.fixture
def planted(tmp_path: Path) -> Dataset:
    rows, rng = [], np.random.default_rng(1)
    for number in range(24):
        coarse = rng.integers(0, 256, size=(16, 16, 3), dtype=np.uint8)
        Image.fromarray(coarse).resize((64, 64), Image.Resampling.NEAREST).save(tmp_path / f"{number}.png")
        rows.append({"id": f"{number}", "image": f"{number}.png", "tags": planted_tags(number)})
    source, vectors = tmp_path / "records.jsonl", tmp_path / "kin.txt"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    lines = [f"{word} {x} {y}\n" for word, (x, y) in DIRECTIONS.items()]
    vectors.write_text(f"{len(lines)} 2\n" + "".join(lines))
    sizes = SplitSizes(test=2, val=2, train=50)
    config = CurateConfig(
        source=source, splits=sizes, unseen=2, unseen_vectors=vectors, out=tmp_path / "dataset"
    )
    return curate(config)


def permitted(dataset: Dataset, split: str) -> list[list[str]]:
    """The tags of the source, less those that are hidden."""
    numbers = [int(record.id.split("/")[-1]) for record in dataset.records(split)]
    return [sorted(tag for tag in planted_tags(number) if tag not in HIDDEN) for number in numbers]


def test_the_data_set_tells_what_was_hidden_for_which_word(planted: Dataset) -> None:
    assert planted.info["unseen_families"] == FAMILIES
    assert planted.unseen_names == ("fury", "bored")
    assert seen_words(planted) == []


def test_no_kin_is_a_label_or_in_a_tag_sentence(planted: Dataset) -> None:
    assert planted.emotion_names == ("happy", "sad")
    assert not HIDDEN & set(planted.tag_names)
    assert {"storm", "smoke", "glad", "gloomy"} <= set(planted.tag_names)
    for split in SPLITS:
        records = planted.records(split)
        sentences = [sorted(planted.tag_names[tag] for tag in record.tags) for record in records]
        assert sentences == permitted(planted, split)
        assert {planted.emotion_names[label] for record in records for label in record.labels} == {
            "happy",
            "sad",
        }


def drawn_vectors(dataset: Dataset, folder: Path) -> WordVectors:
    """A vector for every word, hidden ones too, so that one that leaked would be felt."""
    words = tuple(sorted({*dataset.tag_names, *HIDDEN}))
    rows = np.random.default_rng(2).normal(size=(len(words), 5)).astype(np.float32)
    vectors = WordVectors(words, rows)
    folder.mkdir()
    write_vectors(vectors, folder, info={})
    return vectors


def test_no_kin_is_in_what_the_text_teacher_reads(planted: Dataset, tmp_path: Path) -> None:
    drawn_vectors(planted, tmp_path / "drawn")
    options: dict[str, Any] = {
        "data.root": str(planted.root),
        "text.vectors": str(tmp_path / "drawn"),
        "out": str(tmp_path / "teacher"),
    }
    job = teacher_job(load_config(TeacherConfig, None, options), planted)
    (tmp_path / "teacher").mkdir()
    job.describe(tmp_path / "teacher")
    model = read_description(tmp_path / "teacher", TextModel)
    tags = model.tags
    assert not HIDDEN & set(tags)
    for split in SPLITS:
        bags = tag_bags(planted, planted.records(split), model)
        assert [sorted(tags[tag] for tag in bag) for bag in bags] == permitted(planted, split)


@pytest.mark.parametrize("split", SPLITS)
def test_embedding_targets_are_means_over_permitted_tags(
    planted: Dataset, tmp_path: Path, split: str
) -> None:
    vectors = drawn_vectors(planted, tmp_path / "drawn")
    rows = dict(zip(vectors.words, vectors.vectors_VD.tolist(), strict=True))
    expected = [
        [sum(rows[tag][axis] for tag in tags) / len(tags) for axis in range(5)]
        for tags in permitted(planted, split)
    ]
    found = mean_word_vectors(planted, planted.records(split), vectors, seed=0)
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-4, atol=1e-6)


def test_word2vec_learns_no_kin(planted: Dataset, tmp_path: Path) -> None:
    pytest.importorskip("gensim")
    vectors = make_vectors(
        VectorsConfig(
            data=planted.root, method="word2vec", size=4, min_count=1, epochs=1, out=tmp_path / "learned"
        )
    )
    assert set(vectors.words) == {tag for tags in permitted(planted, "train") for tag in tags}


@pytest.mark.slow
def test_no_emoji_tag_is_kin_of_an_unseen_word(demo_dataset: Dataset) -> None:
    """Counted once more from the data set's rows, pair by pair."""
    dataset, carriers = demo_dataset, defaultdict(set)
    for split in SPLITS:
        for record in dataset.records(split):
            for name in (
                *(dataset.tag_names[tag] for tag in record.tags),
                *(dataset.emotion_names[label] for label in record.labels),
                *(dataset.unseen_names[word] for word in record.unseen),
            ):
                carriers[name].add(record.group)
    names = sorted({*dataset.tag_names, *dataset.emotion_names})
    vectors = sentence_vectors([*names, *dataset.unseen_names])
    rows = {
        word: row / np.linalg.norm(row) for word, row in zip(vectors.words, vectors.vectors_VD, strict=True)
    }
    for word in dataset.unseen_names:
        for name in names:
            both = len(carriers[word] & carriers[name])
            assert both**2 <= 0.64 * len(carriers[word]) * len(carriers[name]) + 1e-9, (word, name)
            assert float(rows[word] @ rows[name]) <= 0.8 + 1e-5, (word, name)
    assert seen_words(dataset) == []
    assert set(dataset.info["unseen_families"]) == set(dataset.unseen_names)
    assert "cute" in dataset.info["unseen_families"]["adorable"]
