from __future__ import annotations

from emotionnet.evaluation.every_score import all_scores_table
from emotionnet.evaluation.score_list import SCORES
from emotionnet.evaluation.score_tables import NONE, Cell


def scored(key: str, value: float) -> dict[str, float]:
    return {key: value, f"{key}_ci_low": value - 0.1, f"{key}_ci_high": value + 0.1}


SEVERAL = {**scored("test.macro_map", 0.4), **scored("test.hit_rate", 0.5), "test.n_groups": 9}
MORE = {
    **SEVERAL,
    **scored("test.ccc", 0.3),
    **scored("test.ccc.valence", 0.2),
    **scored("test.ccc.arousal", 0.4),
    **scored("test.ece", 0.2),
    **scored("test.scaled.ece", 0.1),
    "val.temperature": 1.5,
    **scored("test.ap.joy", 0.4),
}


def test_there_is_no_table_of_what_stands_beside_the_baselines_already() -> None:
    assert all_scores_table(SEVERAL).rows == ()


def test_every_score_has_its_definition_and_its_parts() -> None:
    table = all_scores_table(MORE)
    assert table.columns == ("by group (9)",)
    assert [row.name for row in table.rows] == [
        "macro mAP",
        "hit rate",
        "ECE",
        "CCC",
        "CCC, arousal",
        "CCC, valence",
        "ECE, scaled",
    ]
    assert table.rows[0].note == SCORES["macro_map"].definition
    assert table.rows[-1].note.startswith("scores divided by the temperature 1.50")
    assert table.rows[4].cells == (Cell("0.400", ("0.30 to 0.50",)),)


def test_derived_dimensions_are_marked_and_are_of_groups_alone() -> None:
    derived = {
        key: value
        for name in ("ccc", "ccc.valence", "rmse", "rmse.valence")
        for key, value in scored(f"test.derived.{name}", 0.5).items()
    }
    table = all_scores_table(SEVERAL | derived)
    assert [row.name for row in table.rows] == [
        "macro mAP",
        "hit rate",
        "CCC, derived",
        "CCC, derived, valence",
        "RMSE, derived",
        "RMSE, derived, valence",
    ]
    assert table.rows[2].note.startswith("not learned: valence and arousal")
    persons = {**scored("test.person.macro_map", 0.35), "test.person.n_persons": 20}
    assert all_scores_table(SEVERAL | derived | persons).rows[2].cells[1] == Cell(NONE)


def test_persons_have_a_column_of_their_own() -> None:
    metrics = MORE | scored("test.person.macro_map", 0.35) | {"test.person.n_persons": 20}
    table = all_scores_table(metrics)
    assert table.columns == ("by image (9)", "by person (20)")
    assert table.rows[0].cells == (Cell("0.400", ("0.30 to 0.50",)), Cell("0.350", ("0.25 to 0.45",)))
    assert table.rows[1].cells[1] == Cell(NONE)
    assert "resampled together" in table.terms["by person"]
