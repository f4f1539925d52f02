import numpy as np
import pytest

from emotionnet.text.nearest_labels import label_words, nearest_dimensions, nearest_map
from emotionnet.text.vectors import WordVectors
from emotionnet.word_dimensions import dimensions_of


def _vectors(**rows: list[float]) -> WordVectors:
    return WordVectors(tuple(rows), np.array(list(rows.values()), dtype=np.float32))


VECTORS = _vectors(
    fury=[1, 0.1, 0],
    anger=[2, 0, 0],
    joy=[0, 1, 0],
    doubt=[0, 0, 1],
    confusion=[0, 1, 1],
    gloom=[0.1, 0, 3],
    sadness=[0, 0, 5],
)


def test_each_label_goes_to_the_nearest_by_cosine() -> None:
    found = nearest_map(("Fury", "gloom", "quaint"), ("anger", "joy", "sadness", "awe"), VECTORS)
    assert [(link.targets, link.reason) for link in found.links] == [
        (("anger",), "cosine 1.00"),  # 1 / sqrt(1.01) = 0.995
        (("sadness",), "cosine 1.00"),
        ((), "no word vector"),
    ]
    assert found.unmapped == ("quaint",)
    assert found.unreached == ("joy", "awe")


def test_a_label_of_several_words_is_their_mean() -> None:
    # doubt + confusion = (0, 1, 2): cosine 2 / sqrt 5 to sadness, 1 / sqrt 5 to joy
    found = nearest_map(("Doubt/Confusion",), ("joy", "sadness"), VECTORS)
    assert found.links[0].targets == ("sadness",)
    assert found.links[0].reason == "cosine 0.89"


def test_without_a_vector_in_the_target_nothing_is_mapped() -> None:
    found = nearest_map(("joy",), ("awe",), VECTORS)
    assert found.unmapped == ("joy",)
    assert found.links[0].reason == "no label of the target has a word vector"


def test_a_word_of_the_norms_is_itself_and_another_the_nearest_of_them() -> None:
    found = nearest_dimensions(("joy", "enraged", "gloom", "quaint"), VECTORS)
    assert [(place.source, place.values) for place in found] == [
        ("norms", dimensions_of("joy")),
        ("norms: rage", dimensions_of("rage")),
        ("nearest: sadness", dimensions_of("sadness")),
        ("none", None),
    ]


def test_without_its_own_place_a_word_is_told_by_another_stem() -> None:
    vectors = _vectors(anger=[1, 0], angry=[1, 0], rage=[1, 0.5], joy=[0, 1])
    (found,) = nearest_dimensions(("anger",), vectors, own=False)
    assert (found.source, found.values) == ("nearest: rage", dimensions_of("rage"))


@pytest.mark.parametrize("vectors", [None, _vectors(gloom=[1.0, 0.0])])
def test_without_vectors_of_the_norms_there_is_nothing_near(vectors: WordVectors | None) -> None:
    (found,) = nearest_dimensions(("gloom",), vectors)
    assert (found.source, found.values) == ("none", None)


def test_words_of_labels() -> None:
    assert label_words(["Doubt/Confusion", "joy", "surprise(negative)"]) == (
        "doubt/confusion",
        "doubt",
        "confusion",
        "joy",
        "surprise",
    )
