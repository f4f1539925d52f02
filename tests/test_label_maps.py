import numpy as np
import pytest

from emotionnet.emotions import LABEL_SETS
from emotionnet.label_maps import TARGETS, LabelMap, Link, _table, places, table_map
from emotionnet.records import DataError

EIGHT, SIX, MANY = (LABEL_SETS[name] for name in TARGETS)


@pytest.mark.parametrize("target", TARGETS)
def test_a_space_maps_onto_itself_label_by_label(target: str) -> None:
    names = LABEL_SETS[target]
    found = table_map(names, names)
    assert [link.targets for link in found.links] == [(name,) for name in names]
    assert found.unmapped == found.unreached == ()


def test_every_row_of_the_table_names_labels_that_exist_and_a_reason() -> None:
    for label, row in _table().items():
        assert label == label.lower()
        assert row["reason"]
        for target in TARGETS:
            assert set(row[target].split(";")) - {""} <= set(LABEL_SETS[target]), label


@pytest.mark.parametrize("source", TARGETS)
@pytest.mark.parametrize("target", TARGETS)
def test_a_label_of_one_space_that_another_has_keeps_its_name(source: str, target: str) -> None:
    theirs = {name.lower(): name for name in LABEL_SETS[target]}
    for label in LABEL_SETS[source]:
        if label.lower() in theirs:
            assert places(label, target)[0] == (theirs[label.lower()],)


def test_eight_to_six_by_hand() -> None:
    found = table_map(EIGHT, SIX)
    told = {link.label: link.targets for link in found.links}
    assert told["amusement"] == told["contentment"] == told["excitement"] == ("joy",)
    assert told["awe"] == ("surprise",)
    assert found.unreached == ()


def test_what_has_no_counterpart_is_counted() -> None:
    found = table_map(MANY, EIGHT)
    assert "Fatigue" in found.unmapped
    assert found.unreached == ()
    assert table_map(SIX, EIGHT).unmapped == ("surprise",)
    assert table_map(SIX, EIGHT).unreached == ("awe",)


def test_tags_find_their_family_in_the_lexicon_and_their_category_by_its_words() -> None:
    found = table_map(["lonely", "furious", "chair"], EIGHT)
    assert [link.targets for link in found.links] == [("sadness",), ("anger",), ()]
    assert places("furious", "emotic26") == (("Anger",), "a word of EMOTIC's category")
    assert places("chair", "mikels8") == ((), "no table knows this word")


def test_a_target_with_labels_of_its_own_is_reached_by_name() -> None:
    seven = (*SIX, "neutral")
    found = table_map(["neutral", "happiness", "surprise(positive)"], seven)
    assert [link.targets for link in found.links] == [("neutral",), ("joy",), ("surprise",)]


def test_shares_add_up_and_single_probabilities_compete() -> None:
    links = (Link("a", ("x",), ""), Link("b", ("x", "y"), ""), Link("c", (), ""))
    found = LabelMap(("a", "b", "c"), ("x", "y", "z"), links)
    rows = np.array([[0.2, 0.3, 0.5]])
    np.testing.assert_allclose(found.scores(rows, shared=True), [[0.5, 0.3, 0.0]])
    np.testing.assert_allclose(found.scores(rows, shared=False), [[0.3, 0.3, 0.0]])
    with pytest.raises(ValueError, match=r"of shape \(N, 3\); got \(1, 2\)"):
        found.scores(rows[:, :2], shared=True)


def test_a_target_that_is_none_of_the_three_is_refused() -> None:
    with pytest.raises(
        DataError, match="at least two of mikels8, ekman6, emotic26 to be mapped to; got cat, dog"
    ):
        table_map(EIGHT, ["cat", "dog"])


def test_labels_told_apart_by_a_remark_alone_are_told_alike() -> None:
    found = table_map(("amazement", "joy"), ("Joy", "surprise(positive)", "surprise(negative)", "fear"))
    assert found.links[0].targets == ("surprise(positive)", "surprise(negative)")
    assert found.unreached == ("fear",)
    assert table_map(("(a)",), ("anger", "fear", "(b)")).unmapped == ("(a)",)
