from pathlib import Path

import polars as pl
import pytest

from emotionnet.curation.tags import Vocabulary, emotion_vocabulary, family, lemma, merge_forms, tag_table

LEXICON = emotion_vocabulary(None)


def records(*tags: list[str] | None) -> pl.DataFrame:
    frame = pl.DataFrame({"tags": tags}, schema={"tags": pl.List(pl.String)})
    return frame.with_row_index("row")


def by_row(table: pl.DataFrame) -> dict[int, list[str]]:
    return dict(table.group_by("row", maintain_order=True).agg("tag").iter_rows())


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
    assert by_row(tag_table(records([raw]), LEXICON)).get(0, []) == clean


def test_emotion_words_are_kept_whatever_they_look_like() -> None:
    words = Vocabulary("mine", {"xo": "xo", "4ever": "4ever"})
    assert by_row(tag_table(records(["XO", "4ever", "no", "4now"]), words)) == {0: ["xo", "4ever"]}


def test_a_tag_stands_once_in_a_record_in_the_first_ones_place() -> None:
    table = tag_table(records(["sad", "cat", "SAD^2"], None, [], ["cat"]), LEXICON)
    assert by_row(table) == {0: ["sad", "cat"], 3: ["cat"]}


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


def test_forms_merge_into_the_lemma_that_was_seen() -> None:
    table = tag_table(records(["hearts", "dog"], ["heart", "hearts"]), LEXICON)
    assert by_row(merge_forms(table, LEXICON)) == {0: ["heart", "dog"], 1: ["heart"]}


def test_forms_merge_into_an_emotion_even_when_only_a_form_was_seen() -> None:
    table = tag_table(records(["kissed"], ["gladness"]), LEXICON)
    assert by_row(merge_forms(table, LEXICON)) == {0: ["kiss"], 1: ["glad"]}


def test_forms_merge_into_the_most_frequent_one_when_the_lemma_was_not_seen() -> None:
    table = tag_table(records(["dances"], ["dancing"], ["dances"]), LEXICON)
    assert by_row(merge_forms(table, LEXICON)) == {0: ["dances"], 1: ["dances"], 2: ["dances"]}


def test_equally_frequent_forms_merge_into_the_alphabetically_first() -> None:
    for order in (["dancing", "dances"], ["dances", "dancing"]):
        table = tag_table(records(*([tag] for tag in order)), LEXICON)
        assert by_row(merge_forms(table, LEXICON)) == {0: ["dances"], 1: ["dances"]}


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
