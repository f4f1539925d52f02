from collections import Counter

import pytest

from emotionnet.emotions import EMOTIC_WORDS, LABEL_SETS, POLARITIES, EmotionWord, lexicon, word_families

WORDS = {word.word: word for word in lexicon()}


@pytest.mark.parametrize(("name", "size"), [("mikels8", 8), ("ekman6", 6), ("se30k8", 8), ("emotic26", 26)])
def test_label_sets_have_the_size_in_their_name_and_no_label_twice(name: str, size: int) -> None:
    assert len(LABEL_SETS[name]) == len(set(LABEL_SETS[name])) == size


def test_mikels_eight_are_in_the_order_of_flickr_and_instagram() -> None:
    assert list(LABEL_SETS["mikels8"]) == sorted(LABEL_SETS["mikels8"])


def test_the_orders_of_the_other_sets_are_those_of_their_files() -> None:
    assert (LABEL_SETS["se30k8"][4], LABEL_SETS["se30k8"][6]) == ("neutral", "surprise(negative)")
    assert tuple(EMOTIC_WORDS) == LABEL_SETS["emotic26"]


def test_every_category_of_emotic_has_words_of_its_own_spelling() -> None:
    assert EMOTIC_WORDS["Doubt/Confusion"] == ("doubt", "confusion")
    sizes = Counter(len(words) for words in EMOTIC_WORDS.values())
    assert sizes == {2: 3, 3: 3, 4: 10, 5: 7, 6: 1, 7: 1, 8: 1}


def test_the_lexicon_knows_a_word() -> None:
    assert WORDS["happiness"] == EmotionWord("happiness", "happy", "contentment", "joy", "positive")
    assert WORDS["jealousy"] == EmotionWord("jealousy", "jealous", "", "anger", "negative")


def test_every_word_of_the_lexicon_stands_once_in_order_and_in_lower_case() -> None:
    names = [word.word for word in lexicon()]
    assert names == sorted(set(names))
    assert all(name.isalpha() and name.islower() for name in names)
    assert len({word.lemma for word in lexicon()}) > 300


def test_families_and_polarities_are_known_ones() -> None:
    assert {word.mikels for word in lexicon()} == {*LABEL_SETS["mikels8"], ""}
    assert {word.ekman for word in lexicon()} == {*LABEL_SETS["ekman6"], ""}
    assert {word.polarity for word in lexicon()} == set(POLARITIES)


def test_a_lemma_stands_for_itself_and_shares_the_families_of_its_forms() -> None:
    for word in lexicon():
        lemma = WORDS[word.lemma]
        assert lemma.lemma == lemma.word
        assert (lemma.mikels, lemma.ekman, lemma.polarity) == (word.mikels, word.ekman, word.polarity)


def test_adjectives_that_are_emotions_of_their_own_are_not_merged() -> None:
    assert {WORDS[word].lemma for word in ("excited", "exciting", "tired", "bored", "boring")} == {
        "excited",
        "exciting",
        "tired",
        "bored",
        "boring",
    }


def test_words_go_to_the_family_that_the_lexicon_names() -> None:
    mikels, ekman = word_families("mikels8"), word_families("ekman6")
    assert (mikels["sad"], mikels["terrified"], ekman["terrified"]) == ("sadness", "fear", "fear")
    assert "jealous" not in mikels
    assert set(mikels.values()) == set(LABEL_SETS["mikels8"])
    assert set(ekman.values()) == set(LABEL_SETS["ekman6"])
