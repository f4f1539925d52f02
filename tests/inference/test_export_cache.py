"""MODELs that are kept: made once, found again by all that they depend on, and not without end."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from emotionnet.inference import export as exporting
from emotionnet.inference.export import cached_export
from emotionnet.inference.exported import Form, cached_place, read_exported


def test_the_cache_makes_a_model_once_and_again_when_it_is_broken(
    random_run: Path, exported: Callable[[Form], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Path] = []

    def copied(source: Path, place: Path, *, form: Form) -> None:
        made.append(source)
        shutil.copytree(exported(form), place)

    monkeypatch.setattr(exporting, "export_run", copied)
    monkeypatch.setenv("EMOTIONNET_CACHE", str(tmp_path))
    place = cached_place(random_run, "openvino")
    assert not place.exists()
    assert cached_export(random_run, "openvino") == cached_export(random_run, "openvino") == place
    assert made == [random_run]
    (place / "network.bin").write_bytes(b"cut")
    killed = place.with_name(f".{place.name}.abc")
    (killed / "new").mkdir(parents=True)
    assert cached_export(random_run, "openvino") == place
    assert made == [random_run, random_run]
    assert read_exported(place).form == "openvino"
    assert not killed.exists()


def test_the_place_in_the_cache_stands_for_weights_words_description_and_form(
    random_run: Path, tmp_path: Path
) -> None:
    places = [cached_place(random_run, "openvino"), cached_place(random_run, "onnx")]
    for name in ("model.safetensors", "words.json", "model.json"):
        other = shutil.copytree(random_run, tmp_path / name)
        assert cached_place(other, "onnx") == places[1]
        (other / name).write_bytes((other / name).read_bytes() + b" ")
        places.append(cached_place(other, "onnx"))
    assert len({*places}) == 5


def test_models_used_longest_ago_leave_the_cache(
    random_run: Path, exported: Callable[[Form], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting, "KEPT", 3)
    monkeypatch.setenv("EMOTIONNET_CACHE", str(tmp_path))
    monkeypatch.setattr(
        exporting, "export_run", lambda _, place, form: shutil.copytree(exported(form), place)
    )
    for age, name in enumerate("abcd"):
        (tmp_path / "models" / name).mkdir(parents=True)
        (tmp_path / "models" / name / "export.json").write_text("{}")
        os.utime(tmp_path / "models" / name / "export.json", (age, age))
    newest = cached_export(random_run, "openvino")
    assert {path.name for path in (tmp_path / "models").iterdir() if path.is_dir()} == {"c", "d", newest.name}
