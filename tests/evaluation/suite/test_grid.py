from dataclasses import replace

import numpy as np
import pytest

from emotionnet.evaluation.intervals import Resampled, resample_hit_rate
from emotionnet.evaluation.resampling import draw_weights
from emotionnet.evaluation.suite.grid import Cell, Column, Grid
from emotionnet.evaluation.suite.published import published_for, published_results
from emotionnet.evaluation.suite.rendering import comma_separated, latex, markdown

FI = Column("fi", "hit_rate", "probe", "higher", 200, "pictures")
LOW = Column("fi", "hit_rate", "probe", "lower", 200, "pictures")


def share(right: int, *, shift: int = 0) -> Resampled:
    """The hit rate of predictions of which `right` of 200 are right, the first ones from `shift` on."""
    labels = np.tile([True, False], (200, 1))
    told = np.zeros((200, 2))
    told[:, 1] = 0.5
    told[np.arange(shift, shift + right) % 200, 0] = 1.0
    return resample_hit_rate(told, labels, draw_weights(200, seed=0))


def grid(samples: dict[str, Resampled | None], column: Column = FI) -> Grid:
    cells = {(row, column.name): Cell(sample) for row, sample in samples.items()}
    return Grid(tuple(samples), (column,), cells)


def test_a_row_leads_when_every_paired_difference_leaves_out_0() -> None:
    assert grid({"a": share(160), "b": share(100), "c": share(90)}).leader(FI) == "a"


def test_no_row_leads_when_one_difference_includes_0() -> None:
    found = grid({"a": share(160), "b": share(158, shift=30), "c": share(90)})
    assert found.leader(FI) is None


def test_equal_rows_and_a_row_by_itself_lead_nothing() -> None:
    assert grid({"a": share(160), "b": share(160)}).leader(FI) is None
    assert grid({"a": share(160), "b": None}).leader(FI) is None


def test_where_less_is_better_the_lowest_row_leads() -> None:
    assert grid({"a": share(160), "b": share(100)}, LOW).leader(LOW) == "b"


def test_markdown_has_bold_intervals_and_the_reason_of_an_empty_cell() -> None:
    found = grid({"a": share(160), "b": share(100), "clip": None})
    text = markdown(found)
    sample = share(160).estimate()
    assert f"| a | **0.800** <sub>{sample.low:.3f} to {sample.high:.3f}</sub> |" in text
    assert "| b | 0.500 <sub>" in text
    assert "| clip | not run here |" in text
    assert r"fi: hit\_rate (probe; 200 pictures)" in text


def test_names_are_no_markup() -> None:
    text = markdown(grid({"a|b*<i>": share(160)}))
    assert r"a\|b\*\<i\>" in text


def test_published_results_stand_apart_and_are_never_bold() -> None:
    text = markdown(grid({"a": share(160), "b": share(100)}), published_for(["fi"]))
    ours, theirs = text.split("## Published results")
    assert "WSCNet" not in ours
    assert "70.07" in theirs
    assert "ICCV 2023" in theirs
    assert "**" not in theirs


def test_published_figures_are_those_of_the_sources() -> None:
    found = {(one.benchmark, one.method): one.value for one in published_results()}
    assert len(found) == len(published_results()) == 35
    assert found["emotic", "EmotiCon"] == 35.48
    assert found["emoset", "Stimuli-aware"] == 78.40
    assert found["fi", "MDAN"] == 76.41
    assert all(one.source and one.split for one in published_results())


def test_csv_has_every_number_in_full() -> None:
    lines = comma_separated(grid({"a": share(160), "b": share(100), "clip": None})).splitlines()
    found = share(160).estimate()
    assert lines[1] == f"a,fi,hit_rate,probe,pictures,200,{found.value},{found.low},{found.high},1,"
    assert lines[2].endswith(",0,")
    assert lines[3] == "clip,fi,hit_rate,probe,pictures,200,,,,0,not run here"


@pytest.mark.parametrize(("name", "shown"), [("a_b & 5%", r"a\_b \& 5\%"), ("x^2", r"x\textasciicircum{}2")])
def test_latex_escapes_names_and_sets_the_leader_in_bold(name: str, shown: str) -> None:
    text = latex(grid({name: share(160), "b": share(100)}))
    assert rf"{shown} & \textbf{{0.800}} {{\scriptsize [" in text
    assert text.count(r"\textbf") == 1


def test_rows_that_are_no_pair_lead_nothing() -> None:
    wide, narrow = share(160), share(100)
    other = replace(narrow, counts=(50, 50))  # as a mean over other dimensions
    assert grid({"a": wide, "b": narrow}).leader(FI) == "a"
    assert grid({"a": wide, "b": other}).leader(FI) is None


def test_a_name_never_breaks_a_line_or_a_column() -> None:
    found = grid({"a\n| b\r\x0b": share(160)}, replace(FI, score="ap.a|b"))
    page, tex = markdown(found), latex(found)
    assert page.splitlines()[2].startswith(r"| a \| b  | 0.800")
    assert r"ap.a\|b" in page.splitlines()[0]
    assert len([line for line in tex.splitlines() if line.startswith("a | b ")]) == 1
