"""Training whole runs on a tiny data set."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

from emotionnet import runs
from emotionnet.config import TrainConfig
from emotionnet.config_files import load_config
from emotionnet.data.store import read_dataset
from emotionnet.files import sha256
from emotionnet.models.trunks import create_trunk
from emotionnet.records import ConfigError, DataError, TrainingError
from emotionnet.text.vectors import read_info
from emotionnet.training import loop
from emotionnet.training.checkpoints import LAST, read_state, write_state
from emotionnet.training.image_job import image_job
from emotionnet.training.run import FREE, train, train_teacher
from emotionnet.training.speed import settled


def config(options: dict[str, Any], **more: Any) -> TrainConfig:
    return load_config(TrainConfig, None, options | more)


def test_a_run_holds_all_that_inference_needs(ready: dict[str, Any]) -> None:
    run = train(config(ready))
    for name in (runs.CONFIG, runs.MANIFEST, runs.METRICS, runs.HISTORY, runs.MODEL, runs.WEIGHTS):
        assert (run / name).is_file(), name
    assert (run / "words.json").is_file()
    assert read_info(run)["method"] == "drawn at random"
    assert any((run / runs.TENSORBOARD).iterdir())
    history = runs.read_history(run)
    assert [entry["epoch"] for entry in history] == [0, 1, 2]
    assert history[-1]["train.loss"] == pytest.approx(
        sum(history[-1][f"train.{term}"] for term in ("classification", "embedding", "distillation")),
        rel=1e-5,
    )
    best = max(history, key=lambda entry: entry["val.macro_map"])
    assert runs.read_metrics(run)["val.macro_map"] == best["val.macro_map"]


def test_same_seed_same_weights_and_numbers(ready: dict[str, Any], tmp_path: Path) -> None:
    first = train(config(ready, out=str(tmp_path / "a")))
    second = train(config(ready, out=str(tmp_path / "b")))
    other = train(config(ready, out=str(tmp_path / "c"), seed=1))
    assert sha256(first / runs.WEIGHTS) == sha256(second / runs.WEIGHTS)
    assert (first / runs.METRICS).read_bytes() == (second / runs.METRICS).read_bytes()
    assert sha256(first / runs.WEIGHTS) != sha256(other / runs.WEIGHTS)


@pytest.mark.parametrize("stop", [0, 1, 2])
def test_an_interrupted_run_ends_with_the_same_bits(
    ready: dict[str, Any], tmp_path: Path, stop: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped in the middle of an epoch, after some of its steps."""
    settings = config(ready, out=str(tmp_path / "cut"), **{"optimizer.momentum": 0.9})
    whole = train(config(ready, out=str(tmp_path / "whole"), **{"optimizer.momentum": 0.9}))
    original, calls = loop._Run._backward, 0

    def stops(self: Any, *arguments: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls > stop * 4 + 2:  # 18 pictures, 5 a batch: 4 batches an epoch
            raise KeyboardInterrupt
        return original(self, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(loop._Run, "_backward", stops)
        with pytest.raises(KeyboardInterrupt):
            train(settings)
    assert not (settings.out / runs.WEIGHTS).exists()
    cut = train(settings, resume=True)
    assert sha256(cut / runs.WEIGHTS) == sha256(whole / runs.WEIGHTS)
    assert (cut / runs.METRICS).read_bytes() == (whole / runs.METRICS).read_bytes()
    assert [entry["train.loss"] for entry in runs.read_history(cut)] == [
        entry["train.loss"] for entry in runs.read_history(whole)
    ]


@pytest.mark.parametrize(("steps", "accumulate", "calls"), [(1, 1, 7), (1, 2, 7), (2, 1, 8)])
def test_a_run_stopped_after_a_checkpoint_within_an_epoch_ends_with_the_same_bits(
    ready: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    steps: int,
    accumulate: int,
    calls: int,
) -> None:
    """Of 4 batches an epoch, the second epoch is stopped after 2 or 3, and gone on with behind the second."""
    more = {"checkpoint_steps": steps, "optimizer.accumulate": accumulate, "objective.embedding": "transform"}
    whole = train(config(ready, out=str(tmp_path / "whole"), **more))
    settings = config(ready, out=str(tmp_path / "cut"), **more)
    original, seen = loop._Run._backward, []

    def stops(self: Any, part: Any, batch: Any, at: Any, *arguments: Any) -> Any:
        seen.append(at)
        if len(seen) == calls:
            raise KeyboardInterrupt
        return original(self, part, batch, at, *arguments)

    monkeypatch.setattr(loop._Run, "_backward", stops)
    with pytest.raises(KeyboardInterrupt):
        train(settings)
    cut = train(settings, resume=True)
    assert seen[calls] == (1, 2), "it went on behind the second batch"
    assert sha256(cut / runs.WEIGHTS) == sha256(whole / runs.WEIGHTS)
    assert (cut / runs.METRICS).read_bytes() == (whole / runs.METRICS).read_bytes()
    curves = [[entry["train.loss"] for entry in runs.read_history(run)] for run in (cut, whole)]
    assert curves[0] == curves[1]


def test_a_run_of_before_these_keys_goes_on(ready: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    settings = config(ready)
    with monkeypatch.context() as patch:
        stop_after_epochs(1, patch)
        with pytest.raises(KeyboardInterrupt):
            train(settings)
    file = settings.out / runs.CONFIG
    kept = {key: value for key, value in json.loads(file.read_text()).items() if key not in FREE}
    file.write_text(json.dumps(kept))
    train(config(ready, checkpoint_steps=1, **{"distributed.timeout_seconds": 5.0}), resume=True)
    assert len(runs.read_history(settings.out)) == 3


def test_too_few_pictures_are_told_without_one_that_is_unread(
    ready: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "LEAST", 30)
    with pytest.raises(
        DataError, match=r"at least 30 training pictures of a batch must be readable; of 18 there"
    ):
        train(config(ready))


def test_a_finished_run_is_left_as_it_is(ready: dict[str, Any]) -> None:
    run = train(config(ready))
    before = {path: path.stat().st_mtime_ns for path in run.rglob("*")}
    train(config(ready), resume=True)
    assert {path: path.stat().st_mtime_ns for path in run.rglob("*")} == before


def test_resume_without_a_run_begins_one(ready: dict[str, Any], tmp_path: Path) -> None:
    fresh = train(config(ready, out=str(tmp_path / "fresh")), resume=True)
    assert (fresh / runs.WEIGHTS).is_file()


def test_resume_with_another_config_names_what_differs(ready: dict[str, Any]) -> None:
    train(config(ready, epochs=1))
    with pytest.raises(DataError, match=r"--resume needs the run's own config; epochs, optimizer differ"):
        train(config(ready, epochs=2, **{"optimizer.lr": 0.5}), resume=True)


def test_a_run_is_not_replaced_unasked(ready: dict[str, Any]) -> None:
    run = train(config(ready, epochs=1))
    with pytest.raises(DataError, match="holds a run already"):
        train(config(ready, epochs=1))
    before = sha256(run / runs.WEIGHTS)
    train(config(ready, epochs=1, seed=4), overwrite=True)
    assert sha256(run / runs.WEIGHTS) != before


def test_resume_and_overwrite_exclude_each_other(ready: dict[str, Any]) -> None:
    with pytest.raises(DataError, match="give one of them"):
        train(config(ready), overwrite=True, resume=True)


def test_resume_on_other_data_is_refused(ready: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    settings = config(ready)
    stop_after_epochs(1, monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        train(settings)
    table = Path(ready["data.root"]) / "train.parquet"
    pl.read_parquet(table).reverse().write_parquet(table)
    with pytest.raises(DataError, match="they have changed"):
        train(settings, resume=True)


def stop_after_epochs(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    original = loop._Run._train_epoch

    def stops(self: Any, part: Any, epoch: int) -> Any:
        if epoch == count:
            raise KeyboardInterrupt
        return original(self, part, epoch)

    monkeypatch.setattr(loop._Run, "_train_epoch", stops)


def content(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): sha256(path) for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError, TrainingError, DataError, MemoryError])
def test_a_run_that_fails_at_once_gives_back_what_it_was_to_replace(
    ready: dict[str, Any], monkeypatch: pytest.MonkeyPatch, error: type[BaseException]
) -> None:
    run = train(config(ready, epochs=1))
    (run / "dataset").mkdir()
    before = content(run)

    def fails(self: Any, *_: Any) -> None:
        assert not (self.run / runs.WEIGHTS).exists()
        raise error("stopped")

    monkeypatch.setattr(loop._Run, "_train_epoch", fails)
    with pytest.raises(error, match="stopped"):
        train(config(ready, epochs=1, seed=4), overwrite=True)
    assert content(run) == before
    assert not (run / runs.REPLACED).exists()
    with pytest.raises(error, match="stopped"):
        train(config(ready, epochs=1, out=str(run.parent / "fresh")))
    assert not (run.parent / "fresh").exists()


def test_a_run_that_fails_after_a_checkpoint_stays_to_go_on(
    ready: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = train(config(ready, epochs=1))
    stop_after_epochs(1, monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        train(config(ready, epochs=2), overwrite=True)
    assert (run / runs.CHECKPOINT).is_file()
    assert not (run / runs.WEIGHTS).exists()
    assert not (run / runs.REPLACED).exists()


@pytest.mark.parametrize("size", [90, 1])
def test_a_size_that_the_trunk_does_not_take_is_one_line(ready: dict[str, Any], size: int) -> None:
    options = {"model.trunk": "test_vit", "data.image_size": size}
    with pytest.raises(
        ConfigError, match=rf"image_size: must be a size that the trunk test_vit takes; got {size} \("
    ) as error:
        train(config(ready, **options))
    assert len(error.value.faults) == 1
    assert not Path(ready["out"]).exists()


def test_a_size_that_no_memory_holds_is_not_tried(ready: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=r"data\.image_size: must be at most 8192; got 1000000"):
        train(config(ready, **{"data.image_size": 1_000_000}))


def test_a_teacher_of_absurd_width_is_refused(
    ready: dict[str, Any], tmp_path: Path, teacher_config: Any
) -> None:
    dataset = read_dataset(Path(ready["data.root"]))
    settings = teacher_config(dataset, Path(ready["text.vectors"]), tmp_path / "t", **{"model.width": 10**9})
    with pytest.raises(ConfigError, match=r"model\.width: must be at most 65536; got 1000000000"):
        train_teacher(settings)


def test_one_training_record_is_too_few(
    make_dataset: Any, ready: dict[str, Any], tmp_path: Path, teacher_config: Any
) -> None:
    dataset = make_dataset({"train": 1}, folder=tmp_path / "one")
    with pytest.raises(DataError, match="the train split must hold at least 2 pictures"):
        train_teacher(teacher_config(dataset, Path(ready["text.vectors"]), tmp_path / "t"))
    with pytest.raises(DataError, match="the train split must hold at least 2 pictures"):
        train(config(ready, **{"data.root": str(dataset.root)}))
    assert not (tmp_path / "t").exists()
    assert not Path(ready["out"]).exists()


def test_the_trial_of_a_trunk_leaves_it_and_chance_as_they_were(ready: dict[str, Any]) -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    job = image_job(config(ready), read_dataset(Path(ready["data.root"])))
    assert torch.equal(torch.rand(3), expected)
    fresh = create_trunk("test_efficientnet", "none", seed=0).state_dict()
    for name, tensor in fresh.items():
        assert torch.equal(job.module.state_dict()[f"trunk.{name}"], tensor), name
    assert all(part.training for part in job.module.modules())


def test_a_checkpoint_of_another_network_is_named(ready: dict[str, Any]) -> None:
    settings = config(ready)
    run = train(settings)
    (run / runs.WEIGHTS).unlink()
    state = read_state(run / runs.CHECKPOINTS / LAST)
    write_state(run / runs.CHECKPOINTS / LAST, replace(state, module={"fc.weight": torch.zeros(2, 2)}))
    with pytest.raises(DataError, match=r"last\.pt: weights must fit: missing"):
        train(settings, resume=True)


def test_weights_that_overflow_in_the_last_step_stop_too(ready: dict[str, Any]) -> None:
    """One step only: its own loss is still finite."""
    settings = config(
        ready, epochs=1, **{"data.batch_size": 18, "optimizer.lr": 1e38, "model.shape": "plain"}
    )
    with pytest.raises(TrainingError, match="the validation scores are not finite after epoch 1"):
        train(settings)
    assert not settings.out.exists()


def test_a_runs_own_config_trains_it_again(ready: dict[str, Any], tmp_path: Path) -> None:
    run = train(config(ready, epochs=1))
    again = train(load_config(TrainConfig, run / runs.CONFIG, {"out": str(tmp_path / "again")}))
    assert sha256(again / runs.WEIGHTS) == sha256(run / runs.WEIGHTS)


def test_a_loss_that_is_not_finite_stops_and_keeps_the_last_good_checkpoint(ready: dict[str, Any]) -> None:
    settings = config(
        ready,
        **{"optimizer.lr": 1e30, "schedule.name": "multistep", "schedule.warmup_epochs": 0, "epochs": 3},
    )
    with pytest.raises(
        TrainingError, match=r"training must stay finite; the loss is (nan|inf) in epoch 1, step \d"
    ):
        train(settings)
    assert not (settings.out / runs.WEIGHTS).exists()
    assert not list((settings.out).rglob("last.pt"))


@pytest.mark.parametrize(
    ("shape", "terms"), [("plain", set()), ("2branch", {"embedding"}), ("joint", {"embedding"})]
)
def test_every_shape_trains_with_its_own_terms(ready: dict[str, Any], shape: str, terms: set[str]) -> None:
    run = train(config(ready, epochs=1, **{"model.shape": shape}))
    found = {name for name in ("embedding", "distillation") if f"train.{name}" in runs.read_history(run)[0]}
    assert found == terms


def test_frozen_parts_and_their_batch_norm_stay_as_they_were(ready: dict[str, Any]) -> None:
    from emotionnet.models.weights import read_tensors

    run = train(config(ready, epochs=1, **{"model.freeze": ["trunk"]}))
    start = create_trunk("test_efficientnet", "none", seed=0).state_dict()
    trained = read_tensors(run / runs.WEIGHTS)
    for name, tensor in start.items():
        assert torch.equal(trained[f"trunk.{name}"], tensor), name


def test_accumulated_batches_are_one_large_batch(ready: dict[str, Any], tmp_path: Path) -> None:
    """Without BatchNorm and dropout, 2 x 9 pictures and 18 at once take the same step."""
    from emotionnet.models.weights import read_tensors

    common = {"epochs": 1, "schedule.name": "constant", "model.freeze": ["trunk"], "optimizer.lr": 0.1}
    one = train(config(ready, out=str(tmp_path / "one"), **common, **{"data.batch_size": 18}))
    two = train(
        config(
            ready, out=str(tmp_path / "two"), **common, **{"data.batch_size": 9, "optimizer.accumulate": 2}
        )
    )
    torch.testing.assert_close(read_tensors(one / runs.WEIGHTS), read_tensors(two / runs.WEIGHTS))


def test_gradients_are_clipped(ready: dict[str, Any], tmp_path: Path) -> None:
    from emotionnet.models.weights import read_tensors

    common = {
        "epochs": 1,
        "schedule.name": "constant",
        "optimizer.momentum": 0.0,
        "optimizer.weight_decay": 0.0,
    }
    common |= {"data.batch_size": 18, "model.freeze": ["trunk"], "optimizer.lr": 1.0}
    run = train(config(ready, **common, **{"optimizer.clip_norm": 1e-3}))
    free = train(config(ready, out=str(tmp_path / "free"), **common))

    def moved(folder: Path) -> float:
        start = train(
            config(ready, out=str(tmp_path / f"{folder.name}-start"), **common | {"optimizer.lr": 1e-12})
        )
        before, after = read_tensors(start / runs.WEIGHTS), read_tensors(folder / runs.WEIGHTS)
        return float(sum(float((after[name] - before[name]).square().sum()) for name in before) ** 0.5)

    assert moved(run) == pytest.approx(1e-3, rel=1e-2)
    assert moved(free) > 1e-2


def test_gradients_whose_norm_is_not_finite_stop_before_anything_is_kept(
    ready: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The loss is finite, its gradients are not: found at the end of the epoch that they end."""
    original = loop._Run._step

    def breaks(self: Any, at: tuple[int, int], *rest: Any) -> None:
        if at == (1, 3):  # the last step of the second epoch
            next(self.plain.parameters()).grad.fill_(float("inf"))
        original(self, at, *rest)

    monkeypatch.setattr(loop._Run, "_step", breaks)
    settings = config(ready, **{"optimizer.clip_norm": 1.0})
    with pytest.raises(
        TrainingError, match=r"the norm of the gradients is (inf|nan) in epoch 2, step 4 .*keeps epoch 1"
    ):
        train(settings)
    assert read_state(settings.out / runs.CHECKPOINT).epoch == 1


def test_losses_on_a_gpu_are_looked_at_together_and_the_first_bad_step_is_named(
    ready: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if the device were one: nothing is looked at before the end of the epoch."""
    original, steps = loop._Run._backward, 0

    def counts(self: Any, *arguments: Any) -> Any:
        nonlocal steps
        steps += 1
        return original(self, *arguments)

    monkeypatch.setattr(loop._Run, "_backward", counts)
    monkeypatch.setattr(loop._Run, "_waits", property(lambda _: True))
    settings = config(ready, **{"optimizer.lr": 1e30, "schedule.name": "constant"})
    with pytest.raises(TrainingError, match=r"the loss is (nan|inf) in epoch 1, step 2 \("):
        train(settings)
    assert steps == 4
    assert not settings.out.exists()


def test_bfloat16_trains(ready: dict[str, Any]) -> None:
    run = train(config(ready, epochs=1, precision="bfloat16"))
    assert np.isfinite(runs.read_history(run)[0]["train.loss"])


def test_what_was_left_open_stands_in_the_runs_config(ready: dict[str, Any]) -> None:
    """Too short a run to be timed: what all runs had before there was a choice."""
    settings = config(ready, epochs=1)
    assert (settings.precision, settings.memory_format, settings.compile) == ("auto", "auto", "auto")
    run = train(settings)
    kept = json.loads((run / runs.CONFIG).read_text())
    chosen = {name: kept[name] for name in ("precision", "memory_format", "compile")}
    assert chosen == {"precision": "float32", "memory_format": "channels_last", "compile": "off"}


def test_a_run_goes_on_with_what_it_chose(
    ready: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever would be chosen now; one that asks for something else is not this run."""
    whole = train(config(ready, out=str(tmp_path / "whole"), precision="bfloat16"))
    with monkeypatch.context() as patch:
        stop_after_epochs(1, patch)
        with pytest.raises(KeyboardInterrupt):
            train(config(ready, precision="bfloat16"))
    with pytest.raises(ConfigError, match=r"--resume needs the run's own config; precision differ$"):
        train(config(ready, precision="float32"), resume=True)
    run = train(config(ready), resume=True)
    assert json.loads((run / runs.CONFIG).read_text())["precision"] == "bfloat16"
    assert sha256(run / runs.WEIGHTS) == sha256(whole / runs.WEIGHTS)
    train(config(ready), resume=True)  # finished: left as it is


@pytest.mark.parametrize("memory_format", ["channels_last", "contiguous"])
def test_weights_and_pictures_lie_in_memory_as_the_config_says(
    ready: dict[str, Any], memory_format: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = loop._Run._inputs
    seen: list[tuple[torch.Size, bool]] = []

    def looks(self: Any, part: Any, batch: Any) -> Any:
        inputs = original(self, part, batch)
        weight = self.plain.trunk.conv_stem.weight
        seen.extend((one.shape, one.is_contiguous(memory_format=layout)) for one in (*inputs, weight))
        return inputs

    layout = {"channels_last": torch.channels_last, "contiguous": torch.contiguous_format}[memory_format]
    monkeypatch.setattr(loop._Run, "_inputs", looks)
    train(config(ready, epochs=1, memory_format=memory_format))
    assert {shape[1:] for shape, _ in seen} == {(3, 32, 32), (3, 3, 3)}
    assert all(lies for _, lies in seen)


def test_a_part_prepares_what_its_module_sees(ready: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Twice the pictures, by the part or by whoever calls it."""
    settings = config(ready, epochs=1)
    job = image_job(settings, read_dataset(Path(ready["data.root"])))
    doubled = replace(job.train, prepare=lambda values: job.train.prepare(values) * 2)
    state = loop.fit(job.module, doubled, job.val, settled(settings, job)[0], settings.out)
    expected = image_job(settings, read_dataset(Path(ready["data.root"])))
    original = loop._Run._inputs

    def doubles(self: Any, part: Any, batch: Any) -> Any:
        factor = 2 if part.order.shuffle else 1
        return [value * factor for value in original(self, part, batch)]

    monkeypatch.setattr(loop._Run, "_inputs", doubles)
    again = loop.fit(
        expected.module, expected.train, expected.val, settled(settings, expected)[0], settings.out / "again"
    )
    assert state.history[0]["train.loss"] == again.history[0]["train.loss"]


def test_a_batch_of_which_one_picture_is_left_teaches_nothing(ready: dict[str, Any]) -> None:
    """Else BatchNorm would end the run: this trunk has one pixel left in the end. Five in four batches."""
    images = Path(ready["data.root"]) / "images"
    for path in sorted(images.glob("*-train-*"))[5:]:
        path.write_bytes(b"not a picture")
    settings = config(ready, epochs=8)
    found = runs.read_history(train(settings))
    assert len(found) == 8


def test_an_unreadable_picture_is_skipped_counted_and_listed(ready: dict[str, Any]) -> None:
    broken = Path(ready["data.root"]) / "images" / "oil-train-002.png"
    broken.write_bytes(b"not a picture")
    run = train(config(ready, epochs=2))
    assert runs.read_metrics(run)["train.skipped"] == 1
    skipped = json.loads((run / runs.MANIFEST).read_text())["skipped"]
    assert len(skipped) == 1
    assert skipped[0].startswith("images/oil-train-002.png: must be a picture")


def test_nothing_readable_is_a_fault(ready: dict[str, Any]) -> None:
    for path in (Path(ready["data.root"]) / "images").glob("*train*"):
        path.unlink()
    with pytest.raises(DataError, match="at least 2 training pictures of a batch must be readable"):
        train(config(ready))


def test_missing_text_parts_are_all_named(ready: dict[str, Any]) -> None:
    options = {key: value for key, value in ready.items() if not key.startswith("text.")}
    with pytest.raises(DataError) as error:
        train(config(options))
    assert [fault.split(":")[0] for fault in error.value.faults] == ["text.vectors", "text.teacher"]
    assert not Path(ready["out"]).exists()


def test_an_empty_split_is_a_fault(ready: dict[str, Any]) -> None:
    table = Path(ready["data.root"]) / "val.parquet"
    pl.read_parquet(table).clear().write_parquet(table)
    with pytest.raises(DataError, match="the val split must hold at least one picture"):
        train(config(ready))
    assert not Path(ready["out"]).exists()


def test_the_teacher_learns_its_tags(ready: dict[str, Any], tmp_path: Path, teacher_config: Any) -> None:
    dataset = read_dataset(Path(ready["data.root"]))
    settings = teacher_config(dataset, Path(ready["text.vectors"]), tmp_path / "t", epochs=30)
    history = runs.read_history(train_teacher(settings))
    assert history[-1]["val.loss"] < history[0]["val.loss"]
    assert max(entry["val.macro_map"] for entry in history) > 0.9


def test_the_best_epoch_is_the_first_with_the_highest_criterion(
    make_dataset: Any, ready: dict[str, Any], tmp_path: Path, teacher_config: Any
) -> None:
    """Hit rate for the teacher, macro mAP for pictures."""
    settings = teacher_config(
        make_dataset(folder=tmp_path / "d"), Path(ready["text.vectors"]), tmp_path / "t2"
    )
    for run, name in ((train_teacher(settings), "val.hit_rate"), (train(config(ready)), "val.macro_map")):
        scores = [entry[name] for entry in runs.read_history(run)]
        assert runs.read_metrics(run)["val.best_epoch"] == scores.index(max(scores)) + 1


def test_a_run_is_no_teacher(ready: dict[str, Any], tmp_path: Path) -> None:
    run = train(config(ready, epochs=1))
    with pytest.raises(DataError, match=r"must be a run of a text model \(a TEACHER\)"):
        train(config(ready, out=str(tmp_path / "other"), **{"text.teacher": str(run)}))
