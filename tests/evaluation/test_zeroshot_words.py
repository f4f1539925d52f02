"""Words of labels: every benchmark's, and the caller's."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from emotionnet.data.benchmarks.catalogue import BENCHMARKS
from emotionnet.emotions import EMOTIC_WORDS
from emotionnet.evaluation.zeroshot_words import label_words, plain, read_word_sets, spoken
from emotionnet.records import DataError


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Contempt", ("contempt",)),
        ("surprise(positive)", ("surprise",)),
        ("Doubt/Confusion", ("doubt", "confusion")),
        ("human_rights  violation", ("human rights violation",)),
        ("Active (energetic, Adventurous)", ("active", "energetic", "adventurous")),
        ("(x)", ("(x)",)),
        ("__", ("__",)),
        ("joy/Joy", ("joy",)),
    ],
)
def test_a_label_as_one_would_say_it(name: str, words: tuple[str, ...]) -> None:
    assert spoken(name) == words


def test_emotics_word_sets_stand_for_its_categories_however_they_are_written() -> None:
    lower = [name.lower() for name in reversed(list(EMOTIC_WORDS))]
    assert label_words(lower) == {name: EMOTIC_WORDS[name.title()] for name in lower}
    some = label_words(["Peace", "Doubt/Confusion"])  # a few of its categories are not it
    assert some == {"Peace": ("peace",), "Doubt/Confusion": ("doubt", "confusion")}


def test_every_label_of_every_benchmark_has_words() -> None:
    for benchmark in BENCHMARKS.values():
        words = label_words(benchmark.labels)
        assert tuple(words) == benchmark.labels
        said = [word for some in words.values() for word in some]
        assert len(said) >= len(words)
        assert not [word for word in said if not re.fullmatch(r"[a-z][a-z '-]*", word)], benchmark.name


def test_spelled_as_curation_spells_tags() -> None:
    assert [plain(word) for word in ("Ice_Cream", " joy ", "love^heart^2", "a \t_b")] == [
        "ice cream",
        "joy",
        "love",
        "a b",
    ]


def test_words_on_the_command_line() -> None:
    assert read_word_sets("joy, grief ,Nostalgia") == {
        "joy": ("joy",),
        "grief": ("grief",),
        "Nostalgia": ("nostalgia",),
    }
    assert read_word_sets("joy=joy+ happy,low spirits") == {
        "joy": ("joy", "happy"),
        "low spirits": ("low spirits",),
    }


def test_words_of_a_file(tmp_path: Path) -> None:
    file = tmp_path / "words.JSON"
    file.write_text('{"joy": ["joy", "happy", "joy"], "grief": "Loss, of all"}')
    assert read_word_sets(str(file)) == {"joy": ("joy", "happy"), "grief": ("Loss, of all",)}


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "must be labels with commas between them, .* got '' in ''"),
        ("joy,,grief", "got '' in 'joy,,grief'"),
        ("joy=", "got 'joy=' in"),
        ("=happy", "got '=happy' in"),
        ("joy=a++b", r"got 'joy=a\+\+b' in"),
        ("joy,grief,joy", "every label must stand once; 'joy' stands twice"),
    ],
)
def test_faults_on_the_command_line(text: str, fault: str) -> None:
    with pytest.raises(DataError, match=fault):
        read_word_sets(text)


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ("{}", "must name at least one label; it is empty"),
        ("[1]", "must be a JSON object; got list"),
        ('{"joy": []}', "'joy': must have a list of at least one word; got \\[\\]"),
        ('{"joy": ["a", 3]}', "'joy': must have a list of at least one word; got \\['a', 3\\]"),
        ('{"": ["a"]}', "'': must have a list"),
        ('{"a": {"b": 1}}', "'a': must have a list"),
        ("{", "must be JSON"),
    ],
)
def test_faults_of_a_file(tmp_path: Path, content: str, fault: str) -> None:
    (tmp_path / "w.json").write_text(content)
    with pytest.raises(DataError, match=rf"w\.json: .*{fault}"):
        read_word_sets(str(tmp_path / "w.json"))
    with pytest.raises(DataError, match=r"none\.json: file not found"):
        read_word_sets(str(tmp_path / "none.json"))
