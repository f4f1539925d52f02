from pathlib import Path

import polars as pl
import pytest

from emotionnet.curation.tags import Vocabulary, clean_tags, emotion_vocabulary, family, lemma

LEXICON = emotion_vocabulary(None)


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("happy^1.2", ["happy"]),
        (" Heart_Eyes\t", ["heart eyes"]),
        ("a^b^c", []),
        ("ok", []),
        ("100", []),
        ("top10", []),
        ("x²y", []),
        (":-)", []),
        ("fée", ["fée"]),
        ("été", ["été"]),
        ("blue-square", ["blue-square"]),
        ("", []),
        ("^1.5", []),
    ],
)
def test_a_tag_is_cleaned(raw: str, clean: list[str]) -> None:
    assert [tag for tag in clean_tags(pl.Series([raw]), LEXICON) if tag is not None] == clean


def test_emotion_words_are_kept_whatever_they_look_like() -> None:
    words = Vocabulary("mine", {"xo": "xo", "4ever": "4ever"})
    cleaned = clean_tags(pl.Series(["XO", "4ever", "no", "4now", None]), words)
    assert cleaned.to_list() == ["xo", "4ever", None, None, None]


@pytest.mark.parametrize(
    ("tag", "expected"),
    [
        ("hearts", "heart"),
        ("puppies", "puppy"),
        ("dancing", "dance"),
        ("heart eyes", "heart eyes"),
        ("smiles", "smile"),
        ("kissed", "kiss"),
        ("happiness", "happy"),
        ("crying", "cry"),
        ("excited", "excited"),
        ("excitement", "excited"),
        ("exciting", "exciting"),
        ("tired", "tired"),
        ("scared", "scared"),
        ("boring", "boring"),
    ],
)
def test_lemmas(tag: str, expected: str) -> None:
    assert lemma(tag, LEXICON) == expected


def test_words_of_a_file_stand_for_themselves_and_draw_inflections() -> None:
    words = Vocabulary("mine", {"laugh": "laugh", "laughing": "laughing"})
    assert [lemma(tag, words) for tag in ("laughing", "laughs", "happiness")] == [
        "laughing",
        "laugh",
        "happiness",
    ]


@pytest.mark.parametrize(
    ("one", "other", "related"),
    [
        ("angry", "angry face", True),
        ("angry", "anger symbol", True),
        ("kiss", "face blowing kisses", True),
        ("exciting", "excitement", True),
        ("frightened", "frightening", True),
        ("disgust", "disgusting", True),
        ("bored", "boring", True),
        ("scary", "scared", True),
        ("happy", "unhappy", False),
        ("sad", "sand", False),
        ("party", "part", True),  # one stem: a tag too many is dropped rather than one too few
        ("caring", "care", True),
        ("caring", "car", False),
        ("furiously", "fury", True),
        ("madness", "mad", True),
    ],
)
def test_families(one: str, other: str, related: bool) -> None:
    assert bool(family(one, LEXICON) & family(other, LEXICON)) is related


def test_a_vocabulary_comes_from_the_lexicon_or_a_file(tmp_path: Path) -> None:
    assert LEXICON.name == "lexicon"
    assert {"happy", "sad"} < LEXICON.emotions
    assert "happiness" not in LEXICON.emotions
    path = tmp_path / "words.txt"
    path.write_text("Sad\nhappiness\n")
    words = emotion_vocabulary(path)
    assert (words.name, words.forms) == ("words.txt", {"sad": "sad", "happiness": "happiness"})


def test_the_hash_is_of_the_words_and_not_of_their_order() -> None:
    one, other = Vocabulary("a", {"sad": "sad", "mad": "mad"}), Vocabulary("b", {"mad": "mad", "sad": "sad"})
    assert one.sha256 == other.sha256 != Vocabulary("a", {"mad": "sad", "sad": "sad"}).sha256
