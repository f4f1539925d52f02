import polars as pl
import pytest

from emotionnet.curation.tag_lists import TagLists
from emotionnet.curation.tag_numbers import TagNumbers, encode_tags
from emotionnet.curation.tags import Vocabulary, emotion_vocabulary

LEXICON = emotion_vocabulary(None)
Tags = list[str | None] | None


def merged(*batches: list[Tags], numbers: TagNumbers | None = None) -> list[set[str]]:
    """The names of each record's tags, in the end."""
    numbers = TagNumbers(LEXICON) if numbers is None else numbers
    lists = [
        numbers.lists(encode_tags(pl.Series(batch, dtype=pl.List(pl.String)), LEXICON)) for batch in batches
    ]
    tags = numbers.merged()
    names = TagLists.joined(lists).mapped(tags.numbers_V).series()
    return [{tags.names[number] for number in record} for record in names]


def test_a_tag_counts_once_in_a_record() -> None:
    numbers = TagNumbers(LEXICON)
    batch = pl.Series([["sad", "cat", "SAD^2", None, "a1"], None, [], ["cat"]], dtype=pl.List(pl.String))
    lists = numbers.lists(encode_tags(batch, LEXICON))
    assert lists.lengths_N.tolist() == [2, 0, 0, 1]
    assert lists.series().to_list() == [[0, 1], [], [], [1]]
    assert (len(numbers), numbers.emotional().tolist()) == (2, [True, False])


def test_no_records_at_all() -> None:
    assert merged([]) == []
    assert len(TagNumbers(LEXICON).merged().names) == 0


def test_forms_merge_into_the_lemma_that_was_seen() -> None:
    assert merged([["hearts", "dog"], ["heart", "hearts"]]) == [{"heart", "dog"}, {"heart"}]


def test_forms_merge_into_an_emotion_even_when_only_a_form_was_seen() -> None:
    assert merged([["kissed"], ["gladness"]]) == [{"kiss"}, {"glad"}]


def test_forms_merge_into_the_most_frequent_one_when_the_lemma_was_not_seen() -> None:
    assert merged([["dances"], ["dancing"]], [["dances", "dances^1"]]) == [{"dances"}] * 3


@pytest.mark.parametrize("order", [["dancing", "dances"], ["dances", "dancing"]])
def test_equally_frequent_forms_merge_into_the_alphabetically_first(order: list[str]) -> None:
    assert merged([[tag] for tag in order]) == [{"dances"}] * 2


def test_a_lemma_that_comes_in_a_later_batch_counts_as_seen() -> None:
    assert merged([["hearts"]], [["heart"]]) == [{"heart"}] * 2


def test_the_dictionary_must_know_each_word_of_a_tag_that_is_no_emotion() -> None:
    tags: list[Tags] = [["maison", "house", "blue-square", "blue maison", "happy", "maison^2"]]
    english = TagNumbers(LEXICON, "en")
    assert merged(tags, numbers=english) == [{"house", "blue-square", "happy"}]
    assert english.foreign == 2
    words = Vocabulary("mine", {"maison": "maison"})
    mine = TagNumbers(words, "en")
    assert mine.lists(encode_tags(pl.Series(tags), words)).lengths_N.tolist() == [4]
