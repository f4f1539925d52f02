"""Results on standard output."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Iterator

import pytest

from emotionnet.apps.output import print_predictions, print_result
from emotionnet.inference.results import Domain, Prediction, Score, domain_note, domains_note
from emotionnet.records import DataError

NAMES = ("/x/[/b].jpg", "/x/[red]a[/red].jpg", "/x/caf\udce9.jpg", "/x/é.jpg")
PREDICTIONS = [Prediction(name, (Score("joy", 0.5), Score("fear", 0.25)), ()) for name in NAMES]


class Terminal(io.TextIOWrapper):
    def isatty(self) -> bool:
        return True


def said(form: str, monkeypatch: pytest.MonkeyPatch, encoding: str = "utf-8") -> str:
    """What reaches a standard output that refuses what it cannot spell."""
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding, errors="strict")
    monkeypatch.setattr(sys, "stdout", stream)
    monkeypatch.setenv("COLUMNS", "200")
    print_predictions(PREDICTIONS, form)  # type: ignore[arg-type]
    stream.flush()
    buffer = stream.buffer
    assert isinstance(buffer, io.BytesIO)
    return buffer.getvalue().decode(encoding)


@pytest.mark.parametrize("form", ["csv", "table"])
def test_names_stand_as_they_are_and_what_cannot_be_spelt_as_escapes(
    form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = said(form, monkeypatch)
    for name in ("/x/[/b].jpg", "/x/[red]a[/red].jpg", "/x/caf\\udce9.jpg", "/x/é.jpg"):
        assert name in text
    assert "joy 0.500; fear 0.250" in text


@pytest.mark.parametrize("form", ["csv", "table", "json"])
def test_an_output_of_few_characters_is_no_fault(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "joy" in said(form, monkeypatch, encoding="ascii")


def test_csv_has_one_row_for_each_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = list(csv.reader(io.StringIO(said("csv", monkeypatch))))
    assert rows[0] == ["image", "emotions", "tags"]
    assert [row[1:] for row in rows[1:]] == [["joy 0.500; fear 0.250", ""]] * 4


def test_json_is_printed_as_it_comes_and_is_the_text_of_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    buffer = io.BytesIO()
    stream = io.TextIOWrapper(buffer, encoding="utf-8")
    monkeypatch.setattr(sys, "stdout", stream)
    seen: list[bytes] = []

    def results() -> Iterator[Prediction | DataError]:
        for prediction in PREDICTIONS:
            yield prediction
            seen.append(buffer.getvalue())
            yield DataError("x.png: must be a picture")

    assert print_predictions(results(), "json") == ["x.png: must be a picture"] * 4
    whole = json.dumps([prediction.to_dict() for prediction in PREDICTIONS], indent=2) + "\n"
    found = buffer.getvalue().decode()
    assert found == whole
    assert [text.count(b'"image"') for text in seen] == [1, 2, 3, 4]
    assert print_predictions([], "json") == []
    assert buffer.getvalue().decode() == f"{whole}[]\n"


def test_json_comes_back_equal(monkeypatch: pytest.MonkeyPatch) -> None:
    found = json.loads(said("auto", monkeypatch))
    assert [entry["image"] for entry in found] == list(NAMES)


def test_a_result_is_json_for_programs_and_a_table_for_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    for kind, expected in ((io.TextIOWrapper, '"run": "[/b]"'), (Terminal, "[/b]")):
        stream = kind(io.BytesIO(), encoding="utf-8")
        monkeypatch.setattr(sys, "stdout", stream)
        print_result({"run": "[/b]", "score": 0.5})
        stream.flush()
        text = stream.buffer.getvalue().decode()  # type: ignore[attr-defined]
        assert expected in text
        assert text.startswith("{") == (kind is io.TextIOWrapper)


def test_the_domain_is_told_first(capsys: pytest.CaptureFixture[str]) -> None:
    far, near = Domain("emoji", 1.5, 1.0), Domain("emoji", 1.0, 1.0)
    told = [Prediction(name, (Score("joy", 0.5),), (), domain=one) for name, one in (("a", far), ("b", near))]
    print_predictions([*told, Prediction("c", (), ())], "csv", with_domain=True)
    assert capsys.readouterr().out.splitlines() == [
        "image,domain,emotions,tags",
        "a,outside,joy 0.500,",
        "b,inside,joy 0.500,",
        "c,,,",
    ]
    values = told[0].to_dict()
    assert list(values)[:4] == ["schema_version", "image", "domain", "emotions"]
    expected = {"trained_on": "emoji", "outside": True, "distance": 1.5, "threshold": 1.0}
    assert values["domain"] == expected
    assert "domain" not in PREDICTIONS[0].to_dict()


def test_what_is_said_of_pictures_outside() -> None:
    far, near = Domain("emoji", 2.0, 1.0), Domain("emoji", 0.5, 1.0)
    assert domains_note([near, None], "run") == domains_note([], "run") == ""
    assert domains_note([far, near, None], "runs/demo") == (
        "1 of 3 pictures is unlike the pictures of 'emoji' that runs/demo was trained on: "
        "do not rely on what it says there"
    )
    assert "2 of 2 pictures are unlike those that run was" in domains_note([Domain("", 2.0, 1.0)] * 2, "run")
    assert domain_note("emoji").startswith("unlike the pictures of 'emoji' that this model was trained on:")
    assert domain_note("").startswith("unlike those that this model was trained on:")
