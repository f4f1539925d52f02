import numpy as np
import pytest

from emotionnet.emotions import LABEL_SETS
from emotionnet.records import DataError
from emotionnet.word_dimensions import NAMES, derived_dimensions, dimensions_of, norm_word, norms, rescaled


def test_every_mean_is_a_rating_and_words_stand_in_order() -> None:
    assert list(norms()) == sorted(set(norms()))
    assert all(1 <= value <= 9 for point in norms().values() for value in point)


@pytest.mark.parametrize("names", [LABEL_SETS["mikels8"], LABEL_SETS["ekman6"]])
def test_the_eight_and_the_six_all_have_a_place(names: tuple[str, ...]) -> None:
    assert None not in [dimensions_of(name) for name in names]


def test_a_label_is_found_by_itself_its_lemma_or_a_word_of_its_lemma() -> None:
    assert norm_word("Anger") == "anger"
    assert norm_word("surprise(negative)") == "surprise"
    assert norm_word("enraged") == "rage"  # its lemma in the lexicon
    assert norm_word("Suffering") == "suffer"  # the norms have no suffering, which is the lemma of suffer
    assert norm_word("neutral") is None
    assert dimensions_of("neutral") is None


def test_pleasant_is_above_unpleasant() -> None:
    pleasant, unpleasant = ("joy", "contentment", "amusement"), ("anger", "fear", "sadness", "disgust")
    places = {name: dimensions_of(name) for name in (*pleasant, *unpleasant)}
    lowest = min(point[0] for name, point in places.items() if point and name in pleasant)
    highest = max(point[0] for name, point in places.items() if point and name in unpleasant)
    assert lowest > highest


def test_derived_by_hand() -> None:
    # joy 8.21 5.55 7.0, fear 2.93 6.14 3.32; neutral has no place: 0.3 and 0.1 become 0.75 and 0.25
    found = derived_dimensions(np.array([[0.3, 0.6, 0.1], [0.0, 1.0, 0.0]]), ("joy", "neutral", "fear"))
    np.testing.assert_allclose(found.values_NK[0], [6.89, 5.6975, 6.08])
    np.testing.assert_allclose(found.values_NK[1], [5.57, 5.845, 5.16])  # nothing told: the plain mean
    assert found.names == NAMES
    assert found.unmapped == ("neutral",)


def test_two_dimensions_in_the_order_that_is_asked_for() -> None:
    found = derived_dimensions(np.array([[1.0]], dtype=np.float32), ["joy"], ("arousal", "valence"))
    assert found.values_NK.tolist() == [[5.55, 8.21]]


def test_derived_says_what_it_needs() -> None:
    with pytest.raises(DataError, match=r"at least one emotion must be in the norms.*; got neutral, other"):
        derived_dimensions(np.ones((1, 2)), ("neutral", "other"))
    with pytest.raises(ValueError, match=r"shape \(N, 2\); got \(1, 3\)"):
        derived_dimensions(np.ones((1, 3)), ("joy", "fear"))


def test_rescaled_moves_the_ends_and_the_middle() -> None:
    assert rescaled(np.array([1.0, 5.0, 9.0]), -3, 3).tolist() == [-3, 0, 3]
    both = rescaled(np.array([[1.0, 9.0], [5.0, 5.0]]), (-3, 0), (3, 6))
    assert both.tolist() == [[-3, 6], [0, 3]]
