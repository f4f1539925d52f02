"""From a RUN to a MODEL: what it tells, what it holds, and that nothing is left of what fails."""

from __future__ import annotations

import logging
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch

from emotionnet.files import read_json, sha256, write_json
from emotionnet.inference import export as exporting
from emotionnet.inference.export import export_run
from emotionnet.inference.export_forms import named, open_file
from emotionnet.inference.exported import BESIDE, FILES, Form, cached_place, network_identity, read_exported
from emotionnet.inference.guard import Guard, read_guard, write_guard
from emotionnet.inference.networks import read_network
from emotionnet.models.description import GuardFit, ImageModel, read_description, write_description
from emotionnet.models.network import SHAPES, EmotionNet
from emotionnet.models.trunks import create_trunk
from emotionnet.records import DataError
from emotionnet.runs import GUARD

MakeRun = Callable[..., Path]
FORMS: tuple[Form, ...] = get_args(Form)
WORDS = set(BESIDE) - {GUARD}


def network_tells(run: Path, images: np.ndarray) -> dict[str, np.ndarray]:
    network, _ = read_network(run)
    with torch.no_grad():
        output = network(torch.from_numpy(images))
    return {name: value.numpy() for name, value in output._asdict().items() if value is not None}


def noise(count: int, size: int = 32) -> np.ndarray:
    return np.random.default_rng(7).standard_normal((count, 3, size, size), dtype=np.float32)


@pytest.mark.parametrize("form", FORMS)
def test_a_model_tells_what_its_run_tells(
    random_run: Path, exported: Callable[[Form], Path], form: Form
) -> None:
    folder = exported(form)
    compute, told = open_file(folder / FILES[form][0]), read_exported(folder).outputs
    assert told == ("features", "scores", "projection", "dimensions")
    for count in (1, 2, 5):
        expected = network_tells(random_run, noise(count))
        for name, value in zip(told, compute(noise(count)), strict=True):
            np.testing.assert_allclose(value, expected[name], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("form", FORMS)
def test_a_model_holds_what_inference_needs_and_says_how_it_was_made(
    random_run: Path, exported: Callable[[Form], Path], form: Form
) -> None:
    folder = exported(form)
    names = {path.name for path in folder.iterdir()}
    assert names == {"export.json", "model.json", *FILES[form], *WORDS}
    assert read_description(folder, ImageModel) == read_description(random_run, ImageModel)
    assert all((folder / name).read_bytes() == (random_run / name).read_bytes() for name in WORDS)
    assert (
        network_identity(folder) == network_identity(random_run) == sha256(random_run / "model.safetensors")
    )
    says = read_exported(folder)
    assert (says.form, says.int8, says.batch, says.scores) == (form, False, None, {})
    assert {*says.checks} == {f"{name}.batch_{count}" for name in says.outputs for count in (1, 3)}
    assert all(0 <= value < 1e-5 for value in says.checks.values())
    assert says.versions["torch"] == torch.__version__.partition("+")[0]


@pytest.mark.parametrize("form", FORMS)
def test_nothing_of_this_machine_stands_in_a_model(exported: Callable[[Form], Path], form: Form) -> None:
    here = str(Path(exporting.__file__).parents[2]).encode()
    for path in exported(form).iterdir():
        content = path.read_bytes()
        assert here not in content
        assert b"site-packages" not in content


def test_a_batch_of_one_size_and_a_network_without_projection(
    make_random_run: MakeRun, tmp_path: Path
) -> None:
    run = make_random_run(tmp_path / "run", shape="plain", dimensions=0)
    says = export_run(run, tmp_path / "model", form="openvino", batch=2)
    assert (says.batch, says.outputs, {*says.checks}) == (
        2,
        ("features", "scores"),
        {"features.batch_2", "scores.batch_2"},
    )
    told = open_file(tmp_path / "model" / "network.xml")(noise(2))
    np.testing.assert_allclose(told[1], network_tells(run, noise(2))["scores"], rtol=1e-4, atol=1e-5)
    assert not (tmp_path / "model" / "words.json").exists()


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dimensions", [0, 2])
def test_each_shape_gives_its_outputs_by_name_and_none_of_its_second_head(
    shape: str, dimensions: int
) -> None:
    network = EmotionNet(create_trunk("test_resnet", "none"), shape, 3, 4, 5, n_dimensions=dimensions)
    module = named(network)
    expected = {"features": 0, "scores": 3} | ({} if shape == "plain" else {"projection": 4})
    expected |= {"dimensions": 2} if dimensions else {}
    with torch.no_grad():
        told = module(torch.zeros(1, 3, 32, 32))
    assert module.names == tuple(expected)
    assert [value.shape[1] for value in told][1:] == [*expected.values()][1:]


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("trunk", "size", "shape"),
    [
        ("resnet18", 64, "plain"),
        ("tf_efficientnet_lite0", 64, "3branch"),
        ("vit_tiny_patch16_224", 224, "joint"),
        ("convnext_atto", 64, "2branch"),
        ("mobilenetv3_small_100", 64, "3branch"),
    ],
)
def test_families_of_trunks(
    make_random_run: MakeRun, tmp_path: Path, trunk: str, size: int, shape: str, form: Form
) -> None:
    run = make_random_run(tmp_path / "run", trunk=trunk, size=size, shape=shape)
    for batch in (None, 2):
        says = export_run(run, tmp_path / f"model{batch}", form=form, batch=batch)
        assert max(says.checks.values()) < 1e-4


def test_a_network_of_another_family(make_random_run: MakeRun, tmp_path: Path) -> None:
    run = make_random_run(tmp_path / "run", trunk="test_efficientnet", shape="joint", dimensions=0)
    says = export_run(run, tmp_path / "model", form="onnx", batch=1)
    assert says.outputs == ("features", "scores", "projection")
    assert max(says.checks.values()) < 1e-5


def test_exporting_changes_nothing_around_it_and_says_one_line(
    random_run: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    before = torch.get_rng_state(), torch.is_grad_enabled(), torch.get_default_dtype(), [*warnings.filters]
    level = logging.getLogger("torch.onnx").level
    export_run(random_run, tmp_path / "model", form="openvino", batch=1)
    after = torch.get_rng_state(), torch.is_grad_enabled(), torch.get_default_dtype(), [*warnings.filters]
    assert torch.equal(before[0], after[0])
    assert before[1:] == after[1:]
    assert logging.getLogger("torch.onnx").level == level
    assert capfd.readouterr() == ("", f"{random_run}: the network is exported as openvino\n")


def test_a_network_that_cannot_be_exported_is_one_line_and_leaves_nothing(
    random_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise RuntimeError("Check failed\nSummary:\n-- no rule for aten.odd")

    monkeypatch.setitem(exporting.SAVERS, "onnx", refuse)
    with pytest.raises(DataError) as caught:
        export_run(random_run, tmp_path / "model", form="onnx")
    reason = "(Check failed Summary: -- no rule for aten.odd)"
    assert caught.value.faults == (
        f"{random_run}: the trunk test_resnet cannot be exported as onnx {reason}",
    )
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize("value", [0.002, float("nan")])
def test_a_network_that_tells_something_else_is_refused(
    random_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: float
) -> None:
    monkeypatch.setitem(exporting.SAVERS, "onnx", lambda *_: None)
    monkeypatch.setattr(
        exporting, "differences", lambda *_: {"features.batch_1": 1e-6, "scores.batch_1": value}
    )
    with pytest.raises(DataError, match=rf"up to 0.001 .* got scores.batch_1 {value:.1e}; nothing"):
        export_run(random_run, tmp_path / "model", form="onnx")
    assert [*tmp_path.iterdir()] == []


def test_faults_of_the_caller(random_run: Path, exported: Callable[[Form], Path], tmp_path: Path) -> None:
    model = exported("openvino")
    with pytest.raises(DataError, match="batch must be at least 1; got 0"):
        export_run(random_run, tmp_path / "model", form="onnx", batch=0)
    with pytest.raises(DataError, match="batch must be at most 4096; got 5000"):
        export_run(random_run, tmp_path / "model", form="onnx", batch=5000)
    with pytest.raises(DataError, match="openvino: exists already"):
        export_run(random_run, model, form="onnx")
    with pytest.raises(DataError, match=r"holds other files and no export\.json"):
        export_run(random_run, random_run, form="onnx", overwrite=True)
    with pytest.raises(DataError, match=r"must be a finished RUN; config\.json, model\.safetensors not"):
        export_run(model, tmp_path / "model", form="onnx")
    with pytest.raises(DataError, match="must be a RUN folder; it does not exist"):
        export_run(tmp_path / "none", tmp_path / "model", form="onnx")
    teacher = shutil.copytree(random_run, tmp_path / "teacher")
    text = {"kind": "text", "emotions": ["joy"], "tags": ["sea"], "word_dim": 2, "width": 2, "max_tags": 2}
    domain = read_json(random_run / "model.json")["domain"]
    write_json(teacher / "model.json", {**text, "dropout": 0.0, "static": True, "domain": domain})
    with pytest.raises(DataError, match=r"must be a run of an image network; its model\.json says kind"):
        export_run(teacher, tmp_path / "model", form="onnx")
    assert {path.name for path in tmp_path.iterdir()} == {"teacher"}


def test_the_guard_of_a_run_goes_along(random_run: Path, tmp_path: Path) -> None:
    run = shutil.copytree(random_run, tmp_path / "run")
    write_guard(Guard(np.eye(2, read_network(run)[0].n_features, dtype=np.float16), 1, 0.5), run)
    fit = GuardFit(neighbours=1, pictures=2, threshold=0.5, quantile=0.95, groups=3, data_hash="")
    write_description(run, read_description(run, ImageModel).model_copy(update={"guard": fit}))
    export_run(run, tmp_path / "model", form="onnx")
    ours, theirs = read_guard(tmp_path / "model"), read_guard(run)
    assert ours is not None
    assert theirs is not None
    np.testing.assert_array_equal(ours.kept_RF, theirs.kept_RF)
    assert cached_place(run, "onnx") != cached_place(random_run, "onnx")


def test_int8_is_a_network_of_its_own(exported: Callable[[Form], Path], tmp_path: Path) -> None:
    identities = {network_identity(exported("onnx"))}
    for name, content in (("one", "0" * 64), ("two", "1" * 64)):
        folder = shutil.copytree(exported("onnx"), tmp_path / name)
        (folder / "network.onnx").write_text(content)
        files = {"network.onnx": sha256(folder / "network.onnx")}
        write_json(folder / "export.json", read_json(folder / "export.json") | {"int8": True, "files": files})
        identities.add(network_identity(folder))
    assert len(identities) == 3


def test_weights_that_are_gone_have_no_identity(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"model\.safetensors: cannot be read \(No such file"):
        network_identity(tmp_path)
