"""`emotionnet zeroshot` with words, pictures and CLIP models, from the command line to the files."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from emotionnet.apps.cli import main
from emotionnet.apps.zeroshot import Asking
from emotionnet.data.store import Dataset
from emotionnet.evaluation.zeroshot_spaces import Reading
from emotionnet.inference.results import Score, ZeroShotPrediction

MakeDataset = Callable[..., Dataset]
CLIP = "open_clip:tiny@none"


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    """Pictures by class, as `train` takes them: one folder for each label."""
    rng = np.random.default_rng(0)
    for label in ("Joy", "human_grief"):
        (tmp_path / "own" / label).mkdir(parents=True)
        for number in range(20):
            pixels = rng.integers(0, 255, (32, 32, 3)).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / "own" / label / f"{number}.png")
    return tmp_path / "own"


def refused(tokens: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as end:
        main(["zeroshot", *tokens])
    assert end.value.code == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    return captured.err.splitlines()[-1]


def test_a_run_on_words(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def score(*what: Any) -> dict[str, float]:
        asked.append(what)
        return {"a": 1}

    monkeypatch.setattr("emotionnet.apps.zeroshot.score", score)
    main(["zeroshot", "runs/x", "--labels", "joy=joy+happy,grief", "--space", "sentence"])
    words = {"joy": ("joy", "happy"), "grief": ("grief",)}
    assert asked == [("runs/x", Asking(words=words, reading=Reading(space="sentence")))]
    assert json.loads(capsys.readouterr().out) == {"a": 1}


def test_a_run_on_pictures(
    folders: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = folders / "Joy" / "0.png"
    told = ZeroShotPrediction(str(picture), (Score("grief", 0.5), Score("joy", 0.25)))
    asked: list[Any] = []

    def rank(*what: Any, **how: Any) -> tuple[list[ZeroShotPrediction], list[str]]:
        asked.append((what, how))
        return [told], []

    monkeypatch.setattr("emotionnet.apps.zeroshot.rank_files", rank)
    main(["zeroshot", "runs/x", str(picture), "--labels", "joy,grief", "--vectors", "v"])
    words = {"joy": ("joy",), "grief": ("grief",)}
    assert asked == [(("runs/x", [picture], words), {"vectors": Path("v"), "reading": Reading()})]
    assert json.loads(capsys.readouterr().out) == [told.to_dict()]


def test_a_clip_model_ranks_labels_for_pictures(
    tiny_clip: str, folders: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folders / "Joy" / "bad.png").write_bytes(b"no picture")
    with pytest.raises(SystemExit) as end:
        main(["zeroshot", CLIP, str(folders / "Joy"), "nothing.png", "--labels", "joy,grief,awe"])
    assert end.value.code == 2
    captured = capsys.readouterr()
    found = json.loads(captured.out)
    assert len(found) == 20
    assert {label["name"] for label in found[0]["labels"]} == {"joy", "grief", "awe"}
    values = [label["cosine"] for label in found[0]["labels"]]
    assert values == sorted(values, reverse=True)
    faults = captured.err.splitlines()[-2:]
    assert faults[0].startswith("error: nothing.png: must name a picture")
    assert "bad.png: must be a picture" in faults[1]


def test_a_clip_model_on_folders(
    tiny_clip: str, folders: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "clip"
    main(["zeroshot", CLIP, "--data", str(folders), "--out", str(out)])
    found = json.loads(capsys.readouterr().out)
    assert {"zero_shot.labels.accuracy", "zero_shot.labels.accuracy_ci_low"} <= set(found)
    assert found["zero_shot.labels.n_classes"] == 2
    assert found == json.loads((out / "metrics.json").read_text())
    main(["zeroshot", CLIP, "--data", str(folders), "--format", "folders", "--labels", "joy,human grief,awe"])
    words = json.loads(capsys.readouterr().out)
    assert words["zero_shot.words.chance_accuracy"] == pytest.approx(1 / 3)
    assert words["zero_shot.words.n_without_truth"] == 1


def test_what_does_not_go_together(
    tiny_clip: str, folders: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = str(folders / "Joy" / "0.png")
    for tokens, fault in {
        ("runs/x", picture): "--labels: must be given with pictures; got none",
        ("runs/x", picture, "--labels", "joy", "--data", "d"): "--on, --data and --out are for data sets; "
        "leave them out with pictures",
        ("runs/x", "--out", "o"): "--out: is for open_clip models; the scores of a RUN go into the RUN",
        ("runs/x", "--labels", "joy,,"): "--labels: must be labels with commas between them, each a word or "
        "label=word+word, or a JSON file; got '' in 'joy,,'",
        (CLIP,): f"--data: must be given for {CLIP}; it has no data set of its own",
        (
            CLIP,
            "--data",
            "d",
            "--pool",
            "max",
        ): "--vectors, --space, --pool, --teacher and --on unseen are for "
        "RUNs; leave them out with an open_clip model",
        (
            "open_clip:none-such",
            "--data",
            str(folders),
        ): "open_clip:none-such: must be open_clip:ARCH, one that open_clip knows; got 'none-such'",
    }.items():
        assert refused(list(tokens), capsys) == f"error: {fault}"
