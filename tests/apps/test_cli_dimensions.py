import json
from pathlib import Path

import numpy as np
import pytest

from emotionnet.apps.cli import main
from emotionnet.data.benchmarks.findingemo import LABELS
from emotionnet.text.vectors import WordVectors, write_vectors


@pytest.fixture
def vectors(tmp_path: Path) -> Path:
    rows = {"gloom": [1, 0.1], "sadness": [1, 0], "joy": [0, 1], "rage": [1, 0.5]}
    (tmp_path / "vectors").mkdir()
    found = WordVectors(tuple(rows), np.array(list(rows.values()), dtype=np.float32))
    write_vectors(found, tmp_path / "vectors", info={})
    return tmp_path / "vectors"


def test_words_tell_their_place_and_where_it_comes_from(
    vectors: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["text", "dimensions", "joy", "gloom", "quaint", "--vectors", str(vectors)])
    joy, gloom, quaint = json.loads(capsys.readouterr().out)
    assert joy == {
        "word": "joy",
        "valence": 8.21,
        "arousal": 5.55,
        "dominance": 7.0,
        "source": "norms",
        "derived": True,
    }
    assert (gloom["valence"], gloom["source"]) == (2.4, "nearest: sadness")
    assert (quaint["valence"], quaint["source"]) == (None, "none")


def test_words_of_the_norms_need_no_vectors(capsys: pytest.CaptureFixture[str]) -> None:
    main(["text", "dimensions", "Anger"])
    assert json.loads(capsys.readouterr().out)[0]["arousal"] == 5.93


def test_against_a_file_of_annotations(
    tmp_path: Path, vectors: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = ["image_path,valence,arousal,emotion"]
    rows = (("joy", 3, 3), ("sadness", -2, 2), ("rage", -3, 6), ("pensiveness", 0, 1))
    assert {name for name, *_ in rows} <= set(LABELS)
    lines += [f"/Run_1/{name}.jpg,{valence},{arousal},{name.capitalize()}" for name, valence, arousal in rows]
    file = tmp_path / "some.ann"
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    main(["text", "dimensions", "--against", str(file), "--vectors", str(vectors)])
    found = json.loads(capsys.readouterr().out)
    assert found["annotations"] == 4
    # of norms and people both: joy 8.21 and 3, sadness 2.4 and -2, rage 2.5 and -3
    assert found["norms.valence.spearman"] == 0.5
    assert found["norms.arousal.spearman"] == 1.0
    assert (found["norms.n_unmapped"], found["norms.unmapped"]) == (1, "pensiveness")
    # joy is told by rage, the others by each other: 2.5, 2.5 and 2.4
    assert found["nearest.valence.spearman"] == pytest.approx(0.8660, abs=1e-4)
    assert found["nearest.n_unmapped"] == 1


@pytest.mark.parametrize("arguments", [[], ["joy", "--against", "findingemo"]])
def test_words_or_annotations_must_be_given(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["text", "dimensions", *arguments])
    assert capsys.readouterr().err == "error: text dimensions: either words or --against must be given\n"
