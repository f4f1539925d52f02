import numpy as np
import pytest
from scipy.stats import spearmanr

from emotionnet.data.benchmarks.findingemo import (
    LABELS,
    FindingEmoRow,
    installed_annotations,
    read_annotations,
)
from emotionnet.evaluation.word_dimensions_score import (
    EmotionMean,
    emotion_means,
    rank_agreement,
    score_words,
)
from emotionnet.records import DataError
from emotionnet.text.nearest_labels import WordPlace, nearest_dimensions


def _row(name: str, valence: int, arousal: int) -> FindingEmoRow:
    return FindingEmoRow("a.jpg", LABELS.index(name), valence, arousal)


def test_means_of_each_emotion_by_hand() -> None:
    rows = [_row("joy", 3, 2), _row("grief", -3, 5), _row("joy", 2, 4)]
    assert emotion_means(rows) == (EmotionMean("joy", 2, 2.5, 3.0), EmotionMean("grief", 1, -3.0, 5.0))


def test_rank_agreement_is_spearmans() -> None:
    rng = np.random.default_rng(1)
    told, true = rng.normal(size=20), rng.integers(5, size=20).astype(float)  # with equal values
    found = rank_agreement(told, true, seed=3)
    assert found.emotions == 20
    assert found.spearman == pytest.approx(spearmanr(told, true).statistic)
    assert -1 <= found.low <= found.spearman <= found.high <= 1
    assert found.high - found.low > 0.3
    assert found == rank_agreement(told, true, seed=3)


def test_equal_and_opposite_orders_are_one_and_minus_one() -> None:
    up = np.arange(6.0)
    assert rank_agreement(up, up**3).spearman == pytest.approx(1)
    assert rank_agreement(up, -up).spearman == pytest.approx(-1)


MEANS = tuple(EmotionMean(name, 1, float(place), float(-place)) for place, name in enumerate("abcd"))


def test_words_without_a_place_are_named_and_left_out() -> None:
    places = [
        WordPlace(name, (value, value, 5.0), "norms") for name, value in zip("abc", (1, 2, 3), strict=True)
    ]
    found = score_words(MEANS, [*places, WordPlace("d", None, "none")])
    assert found.unmapped == ("d",)
    assert found.valence.emotions == 3
    assert found.valence.spearman == pytest.approx(1)
    assert found.to_dict()["arousal"]["spearman"] == -1.0
    assert found.to_dict()["unmapped"] == ["d"]


def test_errors_say_what_must_hold() -> None:
    none = [WordPlace(name, None, "none") for name in "abcd"]
    with pytest.raises(DataError, match="at least 3 emotions must have a place to be ranked; got 0"):
        score_words(MEANS, none)
    with pytest.raises(ValueError, match="the same emotions in the same order"):
        score_words(MEANS, none[::-1])


@pytest.mark.skipif(installed_annotations() is None, reason="the package findingemo-light is not installed")
def test_the_norms_order_emotions_as_people_do() -> None:
    path = installed_annotations()
    assert path is not None
    means = emotion_means(read_annotations(path))
    found = score_words(means, nearest_dimensions([mean.emotion for mean in means], None))
    assert found.unmapped == ("pensiveness",)
    assert found.valence.spearman == pytest.approx(0.8979, abs=1e-4)
    assert found.arousal.spearman == pytest.approx(0.5901, abs=1e-4)
